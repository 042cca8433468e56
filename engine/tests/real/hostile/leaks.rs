//! The same attacks on a server in this process: when they are over, no slot, buffer, segment or byte is held.

use std::time::{Duration, Instant};

use ringwire::{Config, Conn, Handler, Message};

use super::attacks;
use crate::common::{Raw, TestServer, config};

struct Echo;

impl Handler for Echo {
    type Data = ();

    fn on_message(&mut self, conn: &mut Conn<'_, ()>, message: Message<'_>) {
        let _ = conn.send(message);
    }
}

#[test]
fn nothing_is_left_of_any_attack() {
    let limits = Config {
        message_bytes_max: 256 * 1024,
        send_queue_bytes_max: 512 * 1024,
        handshake_timeout: Duration::from_millis(500),
        close_timeout: Duration::from_millis(200),
        ..config(2)
    };
    let server = TestServer::start(limits, || Echo);
    for attack in [
        attacks::dripping_heads(),
        attacks::dripping_frames(),
        attacks::readers_that_never_read(),
        attacks::half_open(),
        attacks::pings(),
        attacks::fragments_of_one_byte(),
        attacks::tiny_frames(),
        attacks::resets_at_every_state(),
        attacks::connects_and_aborts(),
        attacks::huge_lengths(),
        attacks::a_full_server(),
    ] {
        attack.beside(server.addr(), || {
            let mut neighbour = Raw::open(server.addr());
            for _ in 0..5000 {
                neighbour.send_text("still served?");
                assert_eq!(neighbour.text(), "still served?", "{}", attack.name);
            }
        });
        println!("{}", attack.name);
        server.settle();
    }
    server.finish();
}

/// Rule 6 of the ring: with far too few recv buffers, everybody still gets their turn.
#[test]
fn few_recv_buffers_starve_nobody() {
    let few = Config { recv_buffer_count: 8, recv_buffer_bytes: 4096, ..config(1) };
    let server = TestServer::start(few, || Echo);
    for attack in [attacks::fragments_of_one_byte(), attacks::tiny_frames(), attacks::pings()] {
        attack.beside(server.addr(), || {
            let mut neighbours: Vec<_> = (0..10).map(|_| Raw::open(server.addr())).collect();
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(700) {
                neighbours.iter_mut().for_each(|neighbour| neighbour.send_text("still served?"));
                neighbours.iter_mut().for_each(|neighbour| assert_eq!(neighbour.text(), "still served?"));
            }
        });
        server.settle();
    }
    let counters = server.handle().stats().unwrap().counters;
    assert!(counters.recv_buffers_exhausted > 0, "there were enough: {counters:?}");
    server.finish();
}
