//! Hostile peers against a node of its own: what they cost it in memory, and what they cost a polite neighbour.
//!
//! Each attack runs beside one connection that plays ping-pong. Its 99th percentile is taken over windows of round trips, before
//! and during, and the medians of the windows are compared: one hiccup of the machine spoils one window, not the verdict.
//! An attack that is repeated must come to find all of its memory again, not take more each time; that no slot and no buffer is held afterwards is asserted
//! by the same attacks on a server in this process, in `hostile::leaks`.

mod attacks;
mod leaks;

use std::time::{Duration, Instant};

use crate::common::{Alone, Node, Raw};

use attacks::Attack;

/// Round trips of one window: enough for a 99th percentile that is not the worst value.
const WINDOW: usize = 300;

/// Least number of windows, and least time that they take together: the attack must be in full swing.
const WINDOWS: usize = 7;
const MEASURED: Duration = Duration::from_millis(1500);

/// How often an attack is repeated at most, and how long each repetition takes.
const REPETITIONS: usize = 4;
const AGAIN: Duration = Duration::from_millis(400);

/// What a node may hold beyond what it held before in a repeated attack, in KiB: no more than chance.
const GROWN_KIB_MAX: u64 = 24 * 1024;

/// Round-trip times of one connection.
struct Neighbour(Raw);

impl Neighbour {
    /// 99th percentiles of windows, sorted.
    fn windows(&mut self) -> Vec<Duration> {
        let begin = Instant::now();
        let mut windows = Vec::new();
        while windows.len() < WINDOWS || begin.elapsed() < MEASURED {
            windows.push(self.window());
        }
        windows.sort_unstable();
        windows
    }

    fn window(&mut self) -> Duration {
        let mut trips: Vec<_> = (0..WINDOW).map(|_| self.round_trip()).collect();
        trips.sort_unstable();
        trips[WINDOW * 99 / 100]
    }

    fn round_trip(&mut self) -> Duration {
        let begin = Instant::now();
        self.0.send_text("are you there?");
        assert_eq!(self.0.text(), "are you there?");
        begin.elapsed()
    }
}

/// Others may use the machine too, and take from either side of the comparison: a node that suffers does so every time.
const ATTEMPTS: usize = 3;

/// Holds the verdict on an attack.
fn withstand(attack: Attack) {
    let _machine = Alone::wait();
    let verdicts: Vec<_> = (0..ATTEMPTS).map_while(|_| suffering(attack).err()).collect();
    assert!(verdicts.len() < ATTEMPTS, "the neighbour suffers every time:\n{}", verdicts.join("\n"));
}

/// Runs an attack on a fresh node; an error says how the neighbour suffered.
fn suffering(attack: Attack) -> Result<(), String> {
    let mut arguments = vec!["echo", "--message-bytes-max=256KiB", "--send-queue-bytes-max=512KiB"];
    arguments.extend(attack.arguments);
    let node = Node::start(&arguments);
    let mut neighbour = Neighbour(Raw::open(node.addr));
    neighbour.window();
    let calm = neighbour.windows();
    let resident = node.rss_kib();
    let (stormy, held) = attack.beside(node.addr, || (neighbour.windows(), node.rss_kib()));
    let (before, during) = (calm[calm.len() / 2], stormy[stormy.len() / 2]);
    let verdict = format!(
        "{}: median p99 {before:?} of {} windows → {during:?} of {}, worst {:?} → {:?}; memory {resident} → {held} KiB",
        attack.name,
        calm.len(),
        stormy.len(),
        calm[calm.len() - 1],
        stormy[stormy.len() - 1],
    );
    println!("{verdict}");
    assert!(held <= resident + attack.held_kib_max, "memory is not bounded. {verdict}");
    if let Err(grown) = repeat(attack, &node, &mut neighbour, held.max(resident)) {
        panic!("every repetition takes more: {grown:?} KiB. {verdict}");
    }
    if during <= attack.floor.max(2 * before) { Ok(()) } else { Err(verdict) }
}

/// Attacks again until the node takes no more than before; what it held each time, in KiB, if it always takes more.
///
/// What an allocator keeps for the next time is no leak, nor is what comes on top of it once: on a busy machine a later attack
/// may be the first in full swing. A leak grows every time.
fn repeat(attack: Attack, node: &Node, neighbour: &mut Neighbour, held: u64) -> Result<(), Vec<u64>> {
    let mut most = vec![held];
    for _ in 0..REPETITIONS {
        let last = most[most.len() - 1];
        let again = attack.beside(node.addr, || {
            let begin = Instant::now();
            while begin.elapsed() < AGAIN {
                neighbour.window();
            }
            node.rss_kib()
        });
        if again <= last + GROWN_KIB_MAX {
            return Ok(());
        }
        most.push(again);
    }
    Err(most)
}

macro_rules! withstood {
    ($($name:ident)*) => {
        $(
        #[test]
        fn $name() {
            withstand(attacks::$name());
        }
        )*
    };
}

withstood! {
    dripping_heads dripping_frames readers_that_never_read half_open pings fragments_of_one_byte tiny_frames
    takers_of_every_recv_buffer
    resets_at_every_state connects_and_aborts huge_lengths a_full_server
}
