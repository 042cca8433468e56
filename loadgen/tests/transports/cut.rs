//! A way to a node on which the publisher's connection is cut after a while; all others are left alone.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Listens on a free port until the test's process ends, and forwards to `node`. What asks for `/connect` is cut after `life`.
pub(crate) fn publishers(node: SocketAddr, life: Duration) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let addr = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || forward(client, node, life));
        }
    });
    addr
}

fn forward(mut client: TcpStream, node: SocketAddr, life: Duration) -> io::Result<()> {
    let mut server = TcpStream::connect(node)?;
    let (client_again, server_again) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || copy(server_again, client_again));
    let mut first = [0; 4096];
    let length = client.read(&mut first)?;
    if first.starts_with(b"GET /connect ") {
        let doomed = client.try_clone()?;
        thread::spawn(move || {
            thread::sleep(life);
            doomed.shutdown(Shutdown::Both)
        });
    }
    server.write_all(&first[..length])?;
    copy(client, server)
}

/// Copies until one of them ends, and ends the other.
fn copy(mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    let copied = io::copy(&mut from, &mut to);
    to.shutdown(Shutdown::Both)?;
    copied.map(drop)
}
