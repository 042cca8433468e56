//! `kill -9` while two threads publish: what was acknowledged is there, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use fastrand::Rng;

use super::node::*;
use crate::config::{Fsync, JournalConfig};
use crate::edge::journal::{Journal, Problem};
use crate::topic::journal::{Ack, JournalEntry, JournalPort};

const ROUNDS: u64 = 50;
/// A directory is killed so often before a new one is taken.
const ROUNDS_OF_ONE: u64 = 10;
const TOPICS: [&str; 2] = ["a", "b.c"];

/// Names the child's directory and its policy.
const DIR: &str = "RINGWIRE_TEST_JOURNAL";
const FSYNC: &str = "RINGWIRE_TEST_FSYNC";

/// Offsets by topic.
type Offsets = BTreeMap<String, BTreeSet<u64>>;

#[test]
fn fifty_kills_lose_nothing_that_was_acknowledged_and_invent_nothing() {
    let mut random = Rng::with_seed(1);
    let (mut dir, mut acked, mut acked_count) = (TempDir::new(), Offsets::new(), 0);
    for round in 0..ROUNDS {
        if round % ROUNDS_OF_ONE == 0 {
            (dir, acked) = (TempDir::new(), Offsets::new());
        }
        let fsync = ["always", "3ms", "never"][(round % 3) as usize];
        let is_early = round % 7 == 6;
        let new = kill_one(&dir.0, fsync, Duration::from_micros(random.u64(..25_000)), is_early);
        acked_count += new.values().map(BTreeSet::len).sum::<usize>();
        new.into_iter().for_each(|(topic, offsets)| acked.entry(topic).or_default().extend(offsets));
        check(&dir, &acked, &format!("round {round}, {fsync}"));
    }
    assert!(acked_count > 1000, "{acked_count} messages were acknowledged: nothing was tested");
}

/// Lets a process publish for so long, and kills it; what it had acknowledged.
fn kill_one(dir: &Path, fsync: &str, after: Duration, is_early: bool) -> Offsets {
    let mut child = child(dir, fsync);
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    if !is_early {
        assert!(lines.any(|line| line == "publishing"), "the child fails: run it with --ignored and {DIR}=DIR");
    }
    thread::sleep(after);
    child.kill().expect("it runs until it is killed");
    child.wait().expect("it was killed");
    let mut acked = Offsets::new();
    for line in lines {
        // The last line may be torn, but for its end.
        let Some((topic, offset)) = line.strip_prefix("ack ").and_then(|ack| ack.strip_suffix('.')?.split_once(' '))
        else {
            continue;
        };
        let is_new = acked.entry(topic.into()).or_default().insert(offset.parse().expect("a number"));
        assert!(is_new, "acknowledged twice: {line}");
    }
    acked
}

fn child(dir: &Path, fsync: &str) -> Child {
    let exe = std::env::current_exe().expect("this test");
    let name = concat!(module_path!(), "::publishes_until_it_is_killed");
    let name = name.split_once("::").expect("the crate's name is before it").1;
    let args = ["--exact", name, "--ignored", "--nocapture", "--test-threads=1"];
    let mut command = Command::new(exe);
    command.args(args).env(DIR, dir).env(FSYNC, fsync).stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().expect("it starts")
}

/// Every acknowledged message is there, and every message that is there was published.
fn check(dir: &TempDir, acked: &Offsets, what: &str) {
    let Journal { recovered, .. } = dir.open(&JournalConfig::default());
    let is_torn = |problem: &Problem| matches!(problem, Problem::Torn { .. });
    assert!(recovered.problems.iter().all(is_torn), "{what}: {:?}", recovered.problems);
    for (topic, _) in &recovered.topics {
        assert!(TOPICS.contains(&&**topic), "{what}: {topic}");
    }
    for (topic, acked) in acked {
        let held: BTreeSet<_> = offsets(&recovered, topic).into_iter().collect();
        let lost: Vec<_> = acked.difference(&held).collect();
        assert!(lost.is_empty(), "{what}: {topic} lost {lost:?}");
    }
}

/// The process that is killed; alone, it does nothing.
#[test]
#[ignore = "fifty_kills_lose_nothing_that_was_acknowledged_and_invent_nothing runs it, fifty times"]
fn publishes_until_it_is_killed() {
    let (Some(dir), Ok(fsync)) = (std::env::var_os(DIR), std::env::var(FSYNC)) else { return };
    let fsync: Fsync = fsync.parse().expect("a policy");
    let config = JournalConfig { fsync, segment_bytes_max: 50_000, queue_count: 64, ..JournalConfig::default() };
    let Journal { recovered, task, port, .. } = open(Path::new(&dir), &config);
    let running = Running::start(task, port);
    // The harness has begun a line.
    say("\npublishing");
    thread::scope(|scope| {
        for topic in TOPICS {
            let head = history(&recovered, topic).map_or(recovered.floor, |history| history.head().offset);
            let port = running.port.clone();
            scope.spawn(move || publish(&port, topic, head.0));
        }
    });
}

/// Without end.
fn publish(port: &JournalPort, topic: &'static str, head: u64) {
    for offset in head + 1.. {
        let ack = Ack::new(move |durability| {
            durability.expect("the disk is good");
            say(&format!("ack {topic} {offset}."));
        });
        let mut entry = JournalEntry { ack: Some(ack), ..message(topic, offset) };
        while let Err(refused) = push(port, entry) {
            entry = refused;
            thread::sleep(Duration::from_micros(100));
        }
    }
}

/// A line that leaves at once.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}
