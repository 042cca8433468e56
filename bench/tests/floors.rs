//! The floors under an echo give back what they are sent, to each its own.

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
