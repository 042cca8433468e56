//! `cargo run --release -p ringwire-bench --bin steering`: how many packets come in on the core of the thread that reads them, with
//! connections steered to cores and with the kernel's hash.
//!
//! A thread on each core accepts, echoes, and asks the kernel after each read which core took in the connection's last packet
//! (`SO_INCOMING_CPU`). A client on each core opens connections one after the other. On loopback a packet is taken in on the core
//! that sent it, as an interface with a queue for each core takes in a flow always on the same one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result};
use core_affinity::CoreId;
use socket2::SockRef;

const ROUNDS: usize = 5;
const CONNECTIONS: usize = 200;
const MESSAGES: usize = 50;
const MESSAGE: [u8; 20] = [7; 20];

/// Packets that were read, and those of them that came in on the reader's own core.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    all: u64,
    own: u64,
}

fn main() -> Result<()> {
    let cores: Vec<usize> = core_affinity::get_core_ids().context("no cores")?.iter().map(|core| core.id).collect();
    println!("| round | by the hash | steered |\n|---|---:|---:|");
    for round in 1..=ROUNDS {
        let [hash, steered] =
            [run(&cores, false)?, run(&cores, true)?].map(|count| 100.0 * count.own as f64 / count.all as f64);
        println!("| {round} | {hash:.1} % | {steered:.1} % |");
    }
    println!(
        "\nPackets read on the core that took them in, of {} for each figure: {} cores, {CONNECTIONS} connections from each, {MESSAGES} messages on each connection.",
        cores.len() * CONNECTIONS * MESSAGES,
        cores.len()
    );
    Ok(())
}

fn run(cores: &[usize], steered: bool) -> Result<Count> {
    let (addr, listeners) = ringwire::bench::listeners(cores, steered)?;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let is_over = &is_over;
        let servers: Vec<_> = cores
            .iter()
            .zip(listeners)
            .map(|(&core, listener)| scope.spawn(move || on(core, || serve(&listener, core, is_over))))
            .collect();
        let clients: Vec<_> = cores.iter().map(|&core| scope.spawn(move || on(core, || connect(addr)))).collect();
        let clients: Result<Vec<()>> = clients.into_iter().map(|client| client.join().expect("no panic")).collect();
        is_over.store(true, Ordering::Release);
        clients?;
        let counts = servers.into_iter().map(|server| server.join().expect("no panic"));
        counts.sum::<Result<Count>>()
    })
}

fn on<T>(core: usize, job: impl FnOnce() -> Result<T>) -> Result<T> {
    anyhow::ensure!(core_affinity::set_for_current(CoreId { id: core }), "core {core} cannot be had");
    job()
}

fn serve(listener: &TcpListener, core: usize, is_over: &AtomicBool) -> Result<Count> {
    let mut count = Count::default();
    listener.set_nonblocking(true)?;
    while !is_over.load(Ordering::Acquire) {
        match listener.accept() {
            Ok((stream, _)) => count += echo(stream, core)?,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => thread::yield_now(),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(count)
}

fn echo(mut stream: TcpStream, core: usize) -> Result<Count> {
    let mut count = Count::default();
    stream.set_nonblocking(false)?;
    let mut message = MESSAGE;
    while stream.read_exact(&mut message).is_ok() {
        count.all += 1;
        count.own += u64::from(SockRef::from(&stream).cpu_affinity()? == core);
        stream.write_all(&message)?;
    }
    Ok(count)
}

fn connect(addr: SocketAddr) -> Result<()> {
    for _ in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        let mut back = MESSAGE;
        for _ in 0..MESSAGES {
            stream.write_all(&MESSAGE)?;
            stream.read_exact(&mut back)?;
        }
    }
    Ok(())
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.all += other.all;
        self.own += other.own;
    }
}

impl std::iter::Sum for Count {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |mut sum, count| {
            sum += count;
            sum
        })
    }
}
