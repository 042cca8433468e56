//! Whole turns of a shard, from completions to sends, without the kernel: our own work for an echo and for a delivery.

use ringwire::bench::Turns;

use super::{Job, RINGWIRE, frame};

pub(super) fn jobs() -> Vec<Job> {
    vec![
        echo("turn, 50 echoes of 20 B", 50, 20),
        echo("turn, 500 echoes of 20 B", 500, 20),
        fan_out(100),
        fan_out(1000),
    ]
}

fn echo(group: &'static str, connections: u32, bytes: usize) -> Job {
    let mut turns = Turns::new(connections);
    turns.load(&frame(1, true, &vec![b'x'; bytes]));
    // A reply's header has two bytes.
    Job::new(group, RINGWIRE, connections.into(), move || turns.receive() / (bytes as u64 + 2))
}

fn fan_out(subscribers: u32) -> Job {
    let group = if subscribers == 100 { "turn, 100 B to 100 subscribers" } else { "turn, 100 B to 1,000 subscribers" };
    let (mut turns, text) = (Turns::new(subscribers), "x".repeat(100));
    Job::new(group, RINGWIRE, subscribers.into(), move || turns.publish(&text) / 102)
}
