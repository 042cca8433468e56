//! The attacks. Each runs in a few threads until it is told that it is over, or its own bound is reached.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ringwire::proto::Opcode;
use socket2::SockRef;

use crate::common::raw::{frame, text, upgrade_head};

/// One way of being hostile.
#[derive(Clone, Copy)]
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// Options of the node beside the usual ones.
    pub(crate) arguments: &'static [&'static str],
    /// What a node may hold at most while it is attacked so, in KiB.
    pub(crate) held_kib_max: u64,
    /// Below this the neighbour's percentile is fine whatever it was before.
    pub(crate) floor: Duration,
    /// Attacks from one thread until it is over.
    run: fn(SocketAddr, &AtomicBool),
}

impl Attack {
    /// Attacks `addr` for as long as `meanwhile` takes.
    pub(crate) fn beside<T>(self, addr: SocketAddr, meanwhile: impl FnOnce() -> T) -> T {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let attackers: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| (self.run)(addr, &over))).collect();
            let outcome = panic::catch_unwind(AssertUnwindSafe(meanwhile));
            over.store(true, Ordering::Relaxed);
            attackers.into_iter().for_each(|attacker| attacker.join().expect("an attacker only attacks"));
            outcome.unwrap_or_else(|cause| panic::resume_unwind(cause))
        })
    }
}

/// What a neighbour may suffer: attackers, node and neighbour share two cores here.
const FLOOR: Duration = Duration::from_millis(4);

/// Threads that attack at the same time.
const THREADS: usize = 2;

fn attack(name: &'static str, run: fn(SocketAddr, &AtomicBool)) -> Attack {
    Attack { name, arguments: &[], held_kib_max: 32 * 1024, floor: FLOOR, run }
}

/// A breath between two steps, so that an attack is bounded by the clock and not by how many cores it can take.
const BREATH: Duration = Duration::from_millis(2);

fn is_over(over: &AtomicBool) -> bool {
    thread::sleep(BREATH);
    over.load(Ordering::Relaxed)
}

/// A connection that never blocks its attacker.
fn connect(addr: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect_timeout(&addr, Duration::from_secs(2)).ok()?;
    stream.set_nodelay(true).ok()?;
    stream.set_nonblocking(true).ok()?;
    Some(stream)
}

/// A connection that asked for a WebSocket, and has its answer.
fn open(addr: SocketAddr) -> Option<TcpStream> {
    let mut stream = connect(addr)?;
    stream.write_all(upgrade_head("/", "").as_bytes()).ok()?;
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let mut answer = [0; 512];
    let read = stream.read(&mut answer).ok()?;
    stream.set_nonblocking(true).ok()?;
    answer[..read].starts_with(b"HTTP/1.1 101").then_some(stream)
}

fn open_many(addr: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count).filter_map(|_| open(addr)).collect()
}

/// Writes what the socket takes; false when the connection is gone.
fn push(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    let written = stream.write(bytes);
    written.map_or_else(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted), |_| true)
}

/// Throws away what came.
fn drain(stream: &mut TcpStream) {
    let mut sink = [0; 64 * 1024];
    while stream.read(&mut sink).is_ok_and(|read| read > 0) {}
}

fn reset(stream: TcpStream) {
    // An attacker does not care whether it worked.
    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
}

/// Sends `pattern` over and over on `count` connections, as much as each takes, and reads if `reads`.
fn flood(addr: SocketAddr, over: &AtomicBool, count: usize, pattern: &[u8], reads: bool) {
    // Cut anywhere by full sockets, so the rest of the pattern must be sent first.
    let mut streams: Vec<_> = open_many(addr, count).into_iter().map(|stream| (stream, 0)).collect();
    while !is_over(over) {
        for (stream, at) in &mut streams {
            while let Ok(sent) = stream.write(&pattern[*at..]) {
                *at = (*at + sent) % pattern.len();
                if *at != 0 || reads {
                    break;
                }
            }
            if reads {
                drain(stream);
            }
        }
    }
}

/// 200 heads, a byte each at a time.
pub(crate) fn dripping_heads() -> Attack {
    attack("dripping heads", |addr, over| {
        let mut streams: Vec<_> = (0..100).filter_map(|_| connect(addr)).collect();
        let head = upgrade_head("/", &format!("X-Long: {}\r\n", "x".repeat(4000)));
        for byte in head.as_bytes().iter().cycle() {
            streams.retain_mut(|stream| push(stream, &[*byte]));
            if is_over(over) {
                return;
            }
        }
    })
}

/// 200 messages of 200 KiB, a few bytes of each at a time.
pub(crate) fn dripping_frames() -> Attack {
    attack("dripping frames", |addr, over| {
        let message = frame(Opcode::Binary, true, &[7; 200 * 1024]);
        let mut streams = open_many(addr, 100);
        for piece in message.chunks(3) {
            streams.retain_mut(|stream| push(stream, piece));
            if is_over(over) {
                return;
            }
        }
    })
}

/// They send what is to be echoed and never read: bounded queues, and no more input from them.
pub(crate) fn readers_that_never_read() -> Attack {
    // 40 connections with a send queue of 512 KiB each, and what was received before the recv could be cancelled.
    let run = |addr, over: &_| flood(addr, over, 20, &frame(Opcode::Binary, true, &[1; 60_000]), false);
    Attack { held_kib_max: 40 * 4096, ..attack("readers that never read", run) }
}

/// Open, then silence; a few of them in the middle of a head, a handshake, a frame.
pub(crate) fn half_open() -> Attack {
    attack("half open", |addr, over| {
        let mut streams: Vec<_> = (0..150).filter_map(|_| connect(addr)).collect();
        streams.extend(open_many(addr, 150));
        for (index, stream) in streams.iter_mut().enumerate() {
            let begun: &[u8] = [&b"GET / HT"[..], b"", &[0x82, 0xff, 0, 0], &[0x01]][index % 4];
            push(stream, begun);
        }
        while !is_over(over) {}
    })
}

/// Pings with the largest payload, whose pongs are read only now and then.
pub(crate) fn pings() -> Attack {
    attack("pings", |addr, over| flood(addr, over, 4, &frame(Opcode::Ping, true, &[9; 125]).repeat(100), true))
}

/// Messages that never end, in fragments of one byte.
pub(crate) fn fragments_of_one_byte() -> Attack {
    attack("fragments of one byte", |addr, over| {
        let mut pattern = frame(Opcode::Binary, false, b"x");
        pattern.extend(frame(Opcode::Continuation, false, b"x").repeat(3000));
        pattern.extend(frame(Opcode::Continuation, true, b"x"));
        flood(addr, over, 4, &pattern, true);
    })
}

/// Empty messages and messages of one byte.
pub(crate) fn tiny_frames() -> Attack {
    attack("tiny frames", |addr, over| flood(addr, over, 4, &[text(""), text("x")].concat().repeat(300), true))
}

/// More input at any time than all recv buffers hold.
pub(crate) fn takers_of_every_recv_buffer() -> Attack {
    let run = |addr, over: &_| flood(addr, over, 4, &frame(Opcode::Binary, true, b"x").repeat(200_000), true);
    let arguments = &["--recv-buffer-count=8", "--recv-buffer-bytes=4KiB"];
    // Who waits longest has the next buffer, and waiting is counted in timer ticks of 8 ms.
    Attack { arguments, floor: 10 * FLOOR, ..attack("takers of every recv buffer", run) }
}

/// Resets before the head, in it, behind it, in a frame, with echoes unread, in the closing handshake.
pub(crate) fn resets_at_every_state() -> Attack {
    attack("resets at every state", |addr, over| {
        let head = upgrade_head("/", "").into_bytes();
        let large = frame(Opcode::Binary, true, &[3; 100_000]);
        let states = [
            vec![],
            head[..40].to_vec(),
            head.clone(),
            [&head[..], &large[..5000]].concat(),
            [&head[..], &large].concat(),
            [&head[..], &frame(Opcode::Text, true, &[0xff]), &large].concat(),
            [&head[..], &crate::common::raw::close(1000, ""), &large[..100]].concat(),
        ];
        let mut next = 0;
        while !is_over(over) {
            for _ in 0..4 {
                next += 1;
                let Some(mut stream) = connect(addr) else { continue };
                push(&mut stream, &states[next % states.len()]);
                if next % 3 == 0 {
                    thread::yield_now();
                }
                reset(stream);
            }
        }
    })
}

/// 10,000 connections that are gone again at once, half of them by a reset.
pub(crate) fn connects_and_aborts() -> Attack {
    attack("connects and aborts", |addr, _| {
        for count in 0..5000 {
            let Some(stream) = connect(addr) else { continue };
            if count % 2 == 0 {
                reset(stream);
            }
            if count % 20 == 0 {
                thread::sleep(BREATH);
            }
        }
    })
}

/// Frames that announce as much as may be, or far more, and send almost nothing of it.
pub(crate) fn huge_lengths() -> Attack {
    attack("huge lengths", |addr, over| {
        let allowed = &frame(Opcode::Binary, true, &[0; 256 * 1024])[..20];
        let forbidden = [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4];
        let mut kept = Vec::new();
        while !is_over(over) {
            if kept.len() < 500
                && let Some(mut stream) = open(addr)
            {
                push(&mut stream, allowed);
                kept.push(stream);
            }
            if let Some(mut stream) = open(addr) {
                push(&mut stream, &forbidden);
            }
        }
    })
}

/// More who knock than there are places.
pub(crate) fn a_full_server() -> Attack {
    let run: fn(SocketAddr, &AtomicBool) = |addr, over| {
        let mut kept = Vec::new();
        while !is_over(over) {
            match open(addr) {
                Some(stream) => kept.push(stream),
                None if kept.len() > 20 => drop(kept.split_off(10)),
                None => {}
            }
        }
    };
    Attack { arguments: &["--connections-max=60"], ..attack("a full server", run) }
}
