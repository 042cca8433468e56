//! The start: everything is probed, opened and made before the first connection is accepted, or nothing is left behind.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use super::port::{IN_CALLBACK, ShardPort};
use super::{Server, ServerHandle, ShardInfo, StartError};
use crate::config::{Steering, ValidConfig};
use crate::handler::Handler;
use crate::handler::places::ServerPlaces;
use crate::http::Routes;
use crate::ring::probe::{self, Wanted};
use crate::ring::{SPARE_DESCRIPTORS, UringOptions, UringRing};
use crate::shard::mailbox::{Mailbox, Outbound};
use crate::shard::queues::{self, CommandQueue, ParcelReceiver, ParcelSender};
use crate::shard::{Seat, Shard};
use crate::sys::socket::{self, ListenOptions};
use crate::sys::waker::Waker;
use crate::sys::{affinity, limits, steering};
use crate::topic::histories::Histories;
use crate::topic::history::{Epoch, Offset};
use crate::topic::journal::{JournalPort, Journaling, Kept};
use crate::topic::name::NameLimits;
use crate::topic::settings::TopicRules;

pub(super) fn start<H, F>(
    config: ValidConfig,
    routes: Arc<Routes>,
    open: Vec<TcpListener>,
    kept: Option<Kept>,
    handler: Arc<F>,
) -> Result<Server, StartError>
where
    H: Handler,
    F: Fn(ShardInfo) -> H + Send + Sync + 'static,
{
    let cores = affinity::allowed_cores();
    let count = config.shard_count(cores.len());
    let pins = config.pins(count, &cores);
    check_pins(&pins, &cores)?;
    // Direct descriptors are bounded by this limit; what cannot be raised shows in the probe.
    let nofile = limits::raise_nofile().or_else(|_| limits::nofile()).map_or(0, |limit| limit.soft);
    probe::require(&Wanted::new(&config, count))?;
    let (addr, listeners) = listen(&config, count, &open)?;
    if open.is_empty() {
        steer(&config, &pins, &listeners)?;
    } else if config.steering != Steering::Off {
        tracing::warn!(
            "steering = cpu has no effect on sockets that were passed on: connections are not dealt out by core"
        );
    }
    let links = links(count, &config)?;
    let ports = links.iter().map(Link::port).collect();
    let names = NameLimits::new(&config);
    let topic_rules = Arc::new(TopicRules::new(&config));
    let common = Common {
        connections_max: connections_max(&config, count, nofile),
        places: Arc::new(ServerPlaces::new(config.connections_max)),
        wakers: links.iter().map(|link| Arc::clone(&link.waker)).collect(),
        config,
        routes: Arc::clone(&routes),
        topic_rules: Arc::clone(&topic_rules),
    };
    let inheritances = inheritances(listeners, links, kept);
    let threads = spawn_all(&Arc::new(common), &handler, inheritances, &pins)?;
    Ok(Server { handle: ServerHandle::new(addr, routes, ports, names, topic_rules), threads })
}

/// Connections that each shard has descriptors for: its share, which the probe found room for, and as much more as it may.
fn connections_max(config: &ValidConfig, count: usize, nofile: u64) -> u32 {
    let table = u32::try_from(nofile).unwrap_or(u32::MAX).saturating_sub(SPARE_DESCRIPTORS);
    config.connections_room(count).min(table).max(config.connections_share(count, 0))
}

fn check_pins(pins: &[Option<usize>], cores: &[usize]) -> Result<(), StartError> {
    let wrong = pins
        .iter()
        .enumerate()
        .find_map(|(shard, pin)| pin.filter(|core| !cores.contains(core)).map(|core| (shard, core)));
    wrong.map_or(Ok(()), |(shard, core)| Err(StartError::Pin { shard, core, allowed: cores.to_vec() }))
}

/// Listeners of its own, or those that are `open`, if any is.
fn listen(config: &ValidConfig, count: usize, open: &[TcpListener]) -> Result<(SocketAddr, Vec<OwnedFd>), StartError> {
    let bytes = |bytes: Option<usize>| bytes.map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX));
    let options = ListenOptions {
        backlog: config.listen_backlog,
        tcp_nodelay: config.tcp_nodelay,
        send_buffer_bytes: bytes(config.socket_send_buffer_bytes),
        recv_buffer_bytes: bytes(config.socket_recv_buffer_bytes),
        notsent_lowat_bytes: bytes(config.tcp_notsent_lowat),
    };
    let addr = config.listen;
    let listeners =
        if open.is_empty() { socket::listen_all(addr, count, options) } else { socket::share(open, count, options) };
    listeners.map_err(|error| StartError::Listen { addr, error })
}

/// Leads connections to the shard of the core that they come in on, where each has one.
fn steer(config: &ValidConfig, pins: &[Option<usize>], listeners: &[OwnedFd]) -> Result<(), StartError> {
    if config.steering == Steering::Off {
        return Ok(());
    }
    match pins.iter().copied().collect::<Option<Vec<usize>>>() {
        Some(cores) => steering::steer(&listeners[0], &cores).map_err(StartError::Steering),
        None => {
            tracing::warn!(
                "steering = cpu has no effect: there are more shards than cores, so that they are not pinned"
            );
            Ok(())
        }
    }
}

/// A shard's queues, before its thread has them.
struct Link {
    commands: Arc<CommandQueue>,
    waker: Arc<Waker>,
    inbound: Vec<ParcelReceiver>,
    /// With the shard that each leads to.
    outbound: Vec<(usize, ParcelSender)>,
}

impl Link {
    fn port(&self) -> ShardPort {
        ShardPort { commands: Arc::clone(&self.commands), waker: Arc::clone(&self.waker) }
    }
}

fn links(count: usize, config: &ValidConfig) -> Result<Vec<Link>, StartError> {
    let link = |shard| {
        let waker = Arc::new(Waker::new().map_err(|error| StartError::Shard { shard, error })?);
        let commands = CommandQueue::new(config.command_queue_count as usize, config.command_queue_bytes_max);
        Ok(Link { commands: Arc::new(commands), waker, inbound: Vec::new(), outbound: Vec::new() })
    };
    let mut links = (0..count).map(link).collect::<Result<Vec<_>, StartError>>()?;
    for from in 0..count {
        for to in (0..count).filter(|&to| to != from) {
            let (sender, receiver) = queues::parcels(config.shard_queue_count as usize, config.shard_queue_bytes_max);
            links[from].outbound.push((to, sender));
            links[to].inbound.push(receiver);
        }
    }
    Ok(links)
}

/// What a shard's thread tells the starting one, and what all shards learn from each other.
struct Greeting {
    shard: usize,
    ring: Result<RawFd, StartError>,
}

/// A shard's one chance to greet. Greeting gives it up, so that the starting thread does not wait for one who panicked.
struct Greeter {
    shard: usize,
    greet: Sender<Greeting>,
}

impl Greeter {
    fn greet(self, ring: Result<RawFd, StartError>) {
        // The starting thread may have given up already, because of another shard.
        let _ = self.greet.send(Greeting { shard: self.shard, ring });
    }
}

/// What all shards are given alike.
struct Common {
    config: ValidConfig,
    routes: Arc<Routes>,
    wakers: Vec<Arc<Waker>>,
    /// Of one shard.
    connections_max: u32,
    places: Arc<ServerPlaces>,
    topic_rules: Arc<TopicRules>,
}

fn spawn_all<H, F>(
    common: &Arc<Common>,
    handler: &Arc<F>,
    inheritances: Vec<Inheritance>,
    pins: &[Option<usize>],
) -> Result<Vec<JoinHandle<()>>, StartError>
where
    H: Handler,
    F: Fn(ShardInfo) -> H + Send + Sync + 'static,
{
    let count = inheritances.len();
    let (greet, greetings) = channel();
    let mut threads = Vec::with_capacity(count);
    let mut starts = Vec::with_capacity(count);
    for (index, inheritance) in inheritances.into_iter().enumerate() {
        let (start, started) = channel();
        starts.push(start);
        let info = ShardInfo { index, count, core: pins[index] };
        let birth = Birth { info, inheritance, common: Arc::clone(common) };
        let (greeter, handler) = (Greeter { shard: index, greet: greet.clone() }, Arc::clone(handler));
        let body = move || birth.run(greeter, &started, &*handler);
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
    let mut rings = vec![None; count];
    // Ends when all have greeted or are gone.
    for Greeting { shard, ring } in greetings {
        rings[shard] = Some(ring?);
    }
    let silent = |shard| StartError::Shard { shard, error: io::Error::other("its thread panicked") };
    rings.into_iter().enumerate().map(|(shard, ring)| ring.ok_or_else(|| silent(shard))).collect()
}

/// All that a shard's thread is given.
struct Birth {
    info: ShardInfo,
    inheritance: Inheritance,
    common: Arc<Common>,
}

/// What is a shard's own.
struct Inheritance {
    listener: OwnedFd,
    link: Link,
    kept: Kept,
}

/// Without a journal, every start numbers anew.
fn inheritances(listeners: Vec<OwnedFd>, links: Vec<Link>, kept: Option<Kept>) -> Vec<Inheritance> {
    let kept = kept.unwrap_or_else(|| {
        // Drawn from the keys of a hash map: different for every start.
        let epoch = Epoch(RandomState::new().hash_one(0));
        Kept { epoch, floor: Offset::ZERO, histories: Vec::new(), port: None }
    });
    let both = listeners.into_iter().zip(links);
    both.map(|(listener, link)| Inheritance { listener, link, kept: kept.clone() }).collect()
}

impl Birth {
    fn run<H: Handler>(self, greeter: Greeter, started: &Receiver<Arc<[RawFd]>>, handler: &dyn Fn(ShardInfo) -> H) {
        IN_CALLBACK.set(true);
        let shard = self.info.index;
        if let Some(core) = self.info.core
            && !affinity::pin_to(core)
        {
            let allowed = affinity::allowed_cores();
            return greeter.greet(Err(StartError::Pin { shard, core, allowed }));
        }
        let options = self.uring_options();
        let Inheritance { listener, link, kept } = self.inheritance;
        let ring = match UringRing::new(options, Some(listener), Arc::clone(&link.waker)) {
            Ok(ring) => ring,
            Err(error) => return greeter.greet(Err(StartError::Shard { shard, error })),
        };
        greeter.greet(Ok(ring.fd()));
        // Another shard failed, and with it the start.
        let Ok(rings) = started.recv() else { return };
        let Common { config, routes, wakers, connections_max, places, topic_rules } = &*self.common;
        let seat = Seat {
            index: shard,
            count: self.info.count,
            journal: kept.port.as_ref().map(|port| journaling(port, config, &link.waker)),
            histories: histories(kept, config),
            mailbox: mailbox(link, wakers, &rings),
            connections_max: *connections_max,
            places: Arc::clone(places),
            topic_rules: Arc::clone(topic_rules),
        };
        let handler = handler(self.info);
        if let Err(error) = Shard::new(ring, handler, config, Arc::clone(routes), seat).run() {
            tracing::error!(shard, %error, "the ring failed; this shard has ended");
        }
    }

    fn uring_options(&self) -> UringOptions {
        let config = &self.common.config;
        UringOptions {
            entries: config.ring_entries,
            descriptors: self.common.connections_max + SPARE_DESCRIPTORS,
            buffer_count: config.recv_buffer_count as u16,
            buffer_bytes: config.recv_buffer_bytes as u32,
            accepts: config.accepts_in_flight,
            busy_poll: config.busy_poll,
        }
    }
}

/// The replica that a shard begins with.
fn histories(kept: Kept, config: &ValidConfig) -> Histories {
    let mut histories = Histories::new(kept.epoch, kept.floor, config.topics_max, config.history_bytes_max);
    kept.histories.into_iter().for_each(|(name, history)| histories.adopt(name, history));
    histories
}

/// No more publishers of a shard wait for the journal than messages may.
fn journaling(port: &JournalPort, config: &ValidConfig, waker: &Arc<Waker>) -> Journaling {
    let waker = Arc::clone(waker);
    Journaling::new(port.clone(), config.journal.queue_count as usize, Box::new(move || waker.wake()))
}

fn mailbox(link: Link, wakers: &[Arc<Waker>], rings: &[RawFd]) -> Mailbox {
    let outbound = link.outbound.into_iter();
    let outbound = outbound.map(|(to, queue)| Outbound::new(to, queue, Arc::clone(&wakers[to]), rings[to]));
    Mailbox { commands: link.commands, waker: link.waker, inbound: link.inbound, outbound: outbound.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What [`Birth::run`] does with its greeter, as far as the starting thread sees it.
    fn shard(greeter: Greeter, started: &Receiver<()>) {
        if greeter.shard == 1 {
            std::panic::resume_unwind(Box::new("before its greeting"));
        }
        greeter.greet(Ok(7));
        assert!(started.recv().is_err(), "the start failed");
    }

    #[test]
    fn a_shard_that_panics_before_its_greeting_fails_the_start() {
        let (greet, greetings) = channel();
        let (start, started): (Vec<_>, Vec<_>) = (0..3).map(|_| channel()).unzip();
        let threads = started.into_iter().enumerate().map(|(index, started)| {
            let greeter = Greeter { shard: index, greet: greet.clone() };
            thread::spawn(move || shard(greeter, &started))
        });
        let threads: Vec<_> = threads.collect();
        drop(greet);
        // Elsewhere, so that a hang fails the test.
        let (tell, outcome) = channel();
        thread::spawn(move || tell.send(collect_rings(&greetings, 3)));
        let outcome = outcome.recv_timeout(std::time::Duration::from_secs(10)).expect("no hang");
        assert!(outcome.unwrap_err().to_string().starts_with("shard 1 cannot start: its thread panicked"));
        drop(start);
        assert_eq!(threads.into_iter().map(|thread| thread.join().is_ok()).collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn rings_are_ordered_by_shard() {
        let (greet, greetings) = channel();
        for (shard, ring) in [(1, 5), (0, 9)] {
            Greeter { shard, greet: greet.clone() }.greet(Ok(ring));
        }
        drop(greet);
        assert_eq!(collect_rings(&greetings, 2).expect("both greeted")[..], [9, 5]);
    }
}
