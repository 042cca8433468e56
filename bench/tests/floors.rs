//! The floors under an echo give back what they are sent, to each its own; those under a fan-out give it to all.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running floor; dropping it ends it.
struct Floor(Child);

impl Floor {
    fn start(program: &str) -> (Self, String) {
        let mut child = Command::new(program).stdout(Stdio::piped()).spawn().expect("it was built");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it says where it listens");
        let address = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
        (Self(child), address)
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn echoes(program: &str) {
    let (_floor, address) = Floor::start(program);
    let mut clients: Vec<_> = (0..20).map(|_| TcpStream::connect(&address).expect("it listens")).collect();
    for round in 0..50_u8 {
        for (index, client) in clients.iter_mut().enumerate() {
            client.write_all(&vec![round ^ index as u8; 1 + usize::from(round) * 300]).expect("it reads");
        }
        for (index, client) in clients.iter_mut().enumerate() {
            client.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
            let mut back = vec![0; 1 + usize::from(round) * 300];
            client.read_exact(&mut back).expect("it comes back");
            assert!(back.iter().all(|&byte| byte == round ^ index as u8), "round {round}, client {index}");
        }
        // Others come and go meanwhile.
        drop(TcpStream::connect(&address).expect("it listens"));
    }
}

#[test]
fn the_ring_echoes() {
    echoes(env!("CARGO_BIN_EXE_ring-echo"));
}

#[test]
fn epoll_echoes() {
    echoes(env!("CARGO_BIN_EXE_epoll-echo"));
}

#[test]
fn tokio_uring_echoes() {
    echoes(env!("CARGO_BIN_EXE_tokio-uring-echo"));
}

fn passes_on(program: &str) {
    let (_floor, address) = Floor::start(program);
    let connect = |_| {
        let mut client = TcpStream::connect(&address).expect("it listens");
        client.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        client.read_exact(&mut [0]).expect("a greeting");
        client
    };
    let mut clients: Vec<_> = (0..20).map(connect).collect();
    for round in 0..40_u8 {
        let sender = usize::from(round) % clients.len();
        let message = vec![round; 1 + usize::from(round) * 100];
        clients[sender].write_all(&message).expect("it reads");
        for (index, client) in clients.iter_mut().enumerate() {
            let mut heard = vec![0; message.len()];
            client.read_exact(&mut heard).expect("it comes to all");
            assert_eq!(heard, message, "round {round}, client {index}");
        }
        // Who leaves is left out.
        if round % 4 == 0 {
            clients.pop();
        }
    }
}

#[test]
fn the_ring_passes_on() {
    passes_on(env!("CARGO_BIN_EXE_ring-sends"));
}

#[test]
fn epoll_passes_on() {
    passes_on(env!("CARGO_BIN_EXE_epoll-sends"));
}

#[test]
fn tokio_uring_passes_on() {
    passes_on(env!("CARGO_BIN_EXE_tokio-uring-sends"));
}
