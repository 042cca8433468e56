//! The start: everything is probed, opened and made before the first connection is accepted, or nothing is left behind.

use std::net::SocketAddr;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use crossbeam_queue::ArrayQueue;

use super::port::{IN_CALLBACK, ShardPort};
use super::{Server, ServerHandle, ShardInfo, StartError};
use crate::config::ValidConfig;
use crate::handler::Handler;
use crate::http::Routes;
use crate::ring::probe::{self, Wanted};
use crate::ring::{SPARE_DESCRIPTORS, UringOptions, UringRing};
use crate::shard::mailbox::{Mailbox, Outbound};
use crate::shard::{Seat, Shard};
use crate::sys::socket::{self, ListenOptions};
use crate::sys::waker::Waker;
use crate::sys::{affinity, limits};
use crate::topic::outbox::Batch;

pub(super) fn start<H, F>(config: ValidConfig, routes: Arc<Routes>, handler: Arc<F>) -> Result<Server, StartError>
where
    H: Handler,
    F: Fn(ShardInfo) -> H + Send + Sync + 'static,
{
    let cores = affinity::allowed_cores();
    let count = config.shard_count(cores.len());
    let pins = config.pins(count, &cores);
    check_pins(&pins, &cores)?;
    // Direct descriptors are bounded by this limit; what cannot be raised shows in the probe.
    let _ = limits::raise_nofile();
    probe::require(&Wanted::new(&config, count))?;
    let (addr, listeners) = listen(&config, count)?;
    let config = Arc::new(config);
    let links = links(count, &config)?;
    let ports = links.iter().map(Link::port).collect();
    let threads = spawn_all(&config, &routes, &handler, listeners, links, &pins)?;
    Ok(Server { handle: ServerHandle::new(addr, ports), threads })
}

fn check_pins(pins: &[Option<usize>], cores: &[usize]) -> Result<(), StartError> {
    let wrong = pins
        .iter()
        .enumerate()
        .find_map(|(shard, pin)| pin.filter(|core| !cores.contains(core)).map(|core| (shard, core)));
    wrong.map_or(Ok(()), |(shard, core)| Err(StartError::Pin { shard, core, allowed: cores.to_vec() }))
}

fn listen(config: &ValidConfig, count: usize) -> Result<(SocketAddr, Vec<OwnedFd>), StartError> {
    let bytes = |bytes: Option<usize>| bytes.map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX));
    let options = ListenOptions {
        backlog: config.listen_backlog,
        tcp_nodelay: config.tcp_nodelay,
        send_buffer_bytes: bytes(config.socket_send_buffer_bytes),
        recv_buffer_bytes: bytes(config.socket_recv_buffer_bytes),
        notsent_lowat_bytes: bytes(config.tcp_notsent_lowat),
    };
    let addr = config.listen;
    socket::listen_all(addr, count, options).map_err(|error| StartError::Listen { addr, error })
}

/// A shard's queues, before its thread has them.
struct Link {
    commands: Arc<ArrayQueue<crate::shard::command::Command>>,
    waker: Arc<Waker>,
    inbound: Vec<rtrb::Consumer<Arc<Batch>>>,
    /// With the shard that each leads to.
    outbound: Vec<(usize, rtrb::Producer<Arc<Batch>>)>,
}

impl Link {
    fn port(&self) -> ShardPort {
        ShardPort { commands: Arc::clone(&self.commands), waker: Arc::clone(&self.waker) }
    }
}

fn links(count: usize, config: &ValidConfig) -> Result<Vec<Link>, StartError> {
    let link = |shard| {
        let waker = Arc::new(Waker::new().map_err(|error| StartError::Shard { shard, error })?);
        let commands = Arc::new(ArrayQueue::new(config.command_queue_count as usize));
        Ok(Link { commands, waker, inbound: Vec::new(), outbound: Vec::new() })
    };
    let mut links = (0..count).map(link).collect::<Result<Vec<_>, StartError>>()?;
    for from in 0..count {
        for to in (0..count).filter(|&to| to != from) {
            let (producer, consumer) = rtrb::RingBuffer::new(config.shard_queue_count as usize);
            links[from].outbound.push((to, producer));
            links[to].inbound.push(consumer);
        }
    }
    Ok(links)
}

/// What a shard's thread tells the starting one, and what all shards learn from each other.
struct Greeting {
    shard: usize,
    ring: Result<RawFd, StartError>,
}

fn spawn_all<H, F>(
    config: &Arc<ValidConfig>,
    routes: &Arc<Routes>,
    handler: &Arc<F>,
    listeners: Vec<OwnedFd>,
    links: Vec<Link>,
    pins: &[Option<usize>],
) -> Result<Vec<JoinHandle<()>>, StartError>
where
    H: Handler,
    F: Fn(ShardInfo) -> H + Send + Sync + 'static,
{
    let count = links.len();
    let (greet, greetings) = channel();
    let wakers: Arc<[Arc<Waker>]> = links.iter().map(|link| Arc::clone(&link.waker)).collect();
    let mut threads = Vec::with_capacity(count);
    let mut starts = Vec::with_capacity(count);
    for (index, (listener, link)) in listeners.into_iter().zip(links).enumerate() {
        let (start, started) = channel();
        starts.push(start);
        let info = ShardInfo { index, count, core: pins[index] };
        let birth = Birth {
            info,
            listener,
            link,
            config: Arc::clone(config),
            routes: Arc::clone(routes),
            wakers: Arc::clone(&wakers),
        };
        let (greet, handler) = (greet.clone(), Arc::clone(handler));
        let body = move || birth.run(&greet, &started, &*handler);
        let thread = thread::Builder::new().name(format!("shard-{index}")).spawn(body);
        threads.push(thread.map_err(|error| StartError::Shard { shard: index, error })?);
    }
    drop(greet);
    match collect_rings(&greetings, count) {
        Ok(rings) => {
            // A shard that is gone already has said why, or panicked; `join` brings that up.
            starts.into_iter().for_each(|start| drop(start.send(Arc::clone(&rings))));
            Ok(threads)
        }
        Err(error) => {
            // The others end when their start does not come; then nothing is left behind, and the port is free.
            drop(starts);
            threads.into_iter().for_each(|thread| drop(thread.join()));
            Err(error)
        }
    }
}

/// The rings of all shards, or the first error; shards that wait for a start end when their channel does.
fn collect_rings(greetings: &Receiver<Greeting>, count: usize) -> Result<Arc<[RawFd]>, StartError> {
    let mut rings = vec![-1; count];
    for Greeting { shard, ring } in greetings.iter().take(count) {
        rings[shard] = ring?;
    }
    Ok(rings.into())
}

/// All that a shard's thread is given.
struct Birth {
    info: ShardInfo,
    listener: OwnedFd,
    link: Link,
    config: Arc<ValidConfig>,
    routes: Arc<Routes>,
    wakers: Arc<[Arc<Waker>]>,
}

impl Birth {
    fn run<H: Handler>(
        self,
        greet: &Sender<Greeting>,
        started: &Receiver<Arc<[RawFd]>>,
        handler: &dyn Fn(ShardInfo) -> H,
    ) {
        IN_CALLBACK.set(true);
        let shard = self.info.index;
        if let Some(core) = self.info.core
            && !affinity::pin_to(core)
        {
            let allowed = affinity::allowed_cores();
            let _ = greet.send(Greeting { shard, ring: Err(StartError::Pin { shard, core, allowed }) });
            return;
        }
        let ring = match UringRing::new(self.uring_options(), self.listener, Arc::clone(&self.link.waker)) {
            Ok(ring) => ring,
            Err(error) => {
                let _ = greet.send(Greeting { shard, ring: Err(StartError::Shard { shard, error }) });
                return;
            }
        };
        let _ = greet.send(Greeting { shard, ring: Ok(ring.fd()) });
        // Another shard failed, and with it the start.
        let Ok(rings) = started.recv() else { return };
        let mailbox = mailbox(self.link, &self.wakers, &rings);
        let seat = Seat { index: shard, count: self.info.count, mailbox };
        let handler = handler(self.info);
        if let Err(error) = Shard::new(ring, handler, &self.config, self.routes, seat).run() {
            tracing::error!(shard, %error, "the ring failed; this shard has ended");
        }
    }

    fn uring_options(&self) -> UringOptions {
        UringOptions {
            entries: self.config.ring_entries,
            descriptors: self.config.connections_share(self.info.count, self.info.index) + SPARE_DESCRIPTORS,
            buffer_count: self.config.recv_buffer_count as u16,
            buffer_bytes: self.config.recv_buffer_bytes as u32,
            accepts: self.config.accepts_in_flight,
        }
    }
}

fn mailbox(link: Link, wakers: &[Arc<Waker>], rings: &[RawFd]) -> Mailbox {
    let outbound = link.outbound.into_iter();
    let outbound = outbound.map(|(to, queue)| Outbound { queue, waker: Arc::clone(&wakers[to]), ring: rings[to] });
    Mailbox { commands: link.commands, waker: link.waker, inbound: link.inbound, outbound: outbound.collect() }
}
