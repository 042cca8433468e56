//! What a tuning profile sets of Ringwire itself: busy polling, and steering to cores.

use std::thread;
use std::time::{Duration, Instant};

use ringwire::Config;
use ringwire::config::{Pin, Shards, Steering};
use tungstenite::Message as Theirs;

use crate::common::{Log, Probe, TestServer, config, eventually, polite};

fn echo(config: Config) -> TestServer {
    TestServer::start(config, move || Probe(Log::default()))
}

/// Messages come back while it polls, after it has slept, and it wakes for other threads.
#[test]
fn a_shard_that_polls_answers_sleeps_and_wakes() {
    let server = echo(Config { busy_poll: Some(Duration::from_millis(2)), ..config(1) });
    let mut client = polite(server.addr(), "/");
    for pause in [0, 1, 5, 30, 0, 0] {
        thread::sleep(Duration::from_millis(pause));
        client.send(Theirs::text("hello")).unwrap();
        assert_eq!(client.read().unwrap(), Theirs::text("hello"), "after {pause} ms");
    }
    for _ in 0..20 {
        assert_eq!(server.gauges().connections, 1);
    }
    client.close(None).unwrap();
    while client.read().is_ok() {}
    server.finish();
}

/// It looks no longer than it may: an idle shard takes no turns, and its thread no time.
#[test]
fn a_shard_that_polls_sleeps_when_nothing_comes() {
    let server = echo(Config { busy_poll: Some(Duration::from_millis(1)), ..config(1) });
    let turns = || server.handle().stats().expect("it runs").counters.turns;
    eventually("it rests", || {
        let (before, began) = (turns(), Instant::now());
        thread::sleep(Duration::from_millis(200));
        // The two questions are turns, and a timer may be one.
        turns() - before < 6 && began.elapsed() < Duration::from_secs(2)
    });
    server.finish();
}

/// On loopback, packets are taken in on the core of who sent them.
#[test]
fn connections_are_steered_to_the_shard_of_their_core() {
    let cores: Vec<usize> = core_affinity::get_core_ids().expect("cores").iter().map(|core| core.id).collect();
    let (shards, pin) = (Shards::Count(cores.len()), Pin::List(cores.clone()));
    let server = echo(Config { shards, pin, steering: Steering::Cpu, ..config(1) });
    let addr = server.addr();
    for (shard, &core) in cores.iter().enumerate() {
        let clients = thread::spawn(move || {
            assert!(core_affinity::set_for_current(core_affinity::CoreId { id: core }));
            (0..40).map(|_| polite(addr, "/")).collect::<Vec<_>>()
        });
        let clients = clients.join().unwrap();
        let handle = server.handle();
        let stats = handle.shards().nth(shard).expect("one for each core").stats().expect("it runs").wait();
        let here = stats.expect("it runs").counters.accepted;
        // A SYN that was sent again by a timer comes from wherever that ran.
        assert!(here >= clients.len() as u64 - 2, "{here} of {} came to shard {shard} on core {core}", clients.len());
    }
    server.finish();
}
