//! What is measured: each cell is one load, put on every contender in turn.

use std::fmt;

/// The most that may be under way at once: more than this measures the machine's memory.
const UNDER_WAY_MAX: u64 = 512 << 20;

/// Messages from here on are large.
const LARGE_BYTES: u64 = 1 << 20;

/// One load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Load {
    /// Each connection sends its next message when one came back.
    Echo { bytes: u64, connections: u32, depth: u32 },
    /// Messages at fixed times, whether or not answers are missing.
    Open { rate: Rate },
    /// Some publish, and everybody hears it.
    Fanout { publishers: u32, subscribers: u32, rate: u32 },
    /// Connections that are only held.
    Idle { connections: u32 },
    /// Connections that are opened and closed.
    Connect { rate: u32 },
}

/// Messages per second of an open loop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rate {
    /// The same for everybody.
    Common(u32),
    /// Percent of what the server echoed in the closed loop of [`CAPACITY`].
    OfCapacity(u32),
}

/// The closed loop that tells what a server can do, of which open loops take shares.
pub(crate) const CAPACITY: Load = Load::Echo { bytes: 512, connections: 50, depth: 1 };

/// Connections of an open loop, and bytes of its messages: those of [`CAPACITY`].
pub(crate) const OPEN_CONNECTIONS: u32 = 50;
pub(crate) const OPEN_BYTES: u64 = 512;

/// What a server must be able to do for a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Echo,
    Broadcast,
}

impl Load {
    pub(crate) const fn mode(self) -> Mode {
        match self {
            Self::Fanout { .. } => Mode::Broadcast,
            Self::Echo { .. } | Self::Open { .. } | Self::Idle { .. } | Self::Connect { .. } => Mode::Echo,
        }
    }

    /// Those that vary little, and take long, run once.
    pub(crate) const fn rounds(self, asked: u32) -> u32 {
        if matches!(self, Self::Idle { .. }) { 1 } else { asked }
    }

    /// How long it is measured, of `asked` seconds: in a shorter time a slow server would not answer 10,000 connections once, nor
    /// any that has so many bytes under way; and what large messages cost would be the memory that a fresh server touches first.
    pub(crate) fn seconds(self, asked: f64) -> f64 {
        match self {
            Self::Echo { connections: 10_000.., .. } | Self::Fanout { subscribers: 10_000.., .. } => asked.max(2.0),
            Self::Echo { .. } if under_way(self) >= 64 << 20 => asked.max(3.0),
            Self::Echo { bytes: LARGE_BYTES.., .. } => asked.max(1.0),
            Self::Idle { .. } => 1.0,
            _ => asked,
        }
    }

    /// Connections that it has at least.
    pub(crate) const fn connections(self) -> usize {
        match self {
            Self::Echo { connections, .. } | Self::Idle { connections } => connections as usize,
            Self::Open { .. } => OPEN_CONNECTIONS as usize,
            Self::Fanout { subscribers, .. } => subscribers as usize,
            Self::Connect { .. } => 1,
        }
    }

    /// What one message, in whose CPU time servers are compared, is called.
    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::Echo { .. } | Self::Open { .. } => "message",
            Self::Fanout { .. } => "delivery",
            Self::Idle { .. } | Self::Connect { .. } => "connection",
        }
    }
}

/// Its name in raw data, unique and stable.
impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Echo { bytes, connections, depth } => write!(f, "echo {} × {connections} × {depth}", Bytes(bytes)),
            Self::Open { rate: Rate::Common(rate) } => write!(f, "open loop {rate}/s"),
            Self::Open { rate: Rate::OfCapacity(percent) } => write!(f, "open loop {percent} %"),
            Self::Fanout { publishers, subscribers, rate } => {
                write!(f, "fan-out {publishers} to {subscribers}, {rate}/s")
            }
            Self::Idle { connections } => write!(f, "idle {connections}"),
            Self::Connect { rate } => write!(f, "handshakes {rate}/s"),
        }
    }
}

struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes >= 1 << 20 && bytes % (1 << 20) == 0 => write!(f, "{} MiB", bytes >> 20),
            bytes if bytes >= 1 << 10 && bytes % (1 << 10) == 0 => write!(f, "{} KiB", bytes >> 10),
            bytes => write!(f, "{bytes} B"),
        }
    }
}

/// Every cell: hours.
pub(crate) fn full() -> Vec<Load> {
    let mut all = Vec::new();
    for bytes in [20, 512, 16 << 10, 1 << 20] {
        for connections in [1, 50, 500, 10_000] {
            for depth in [1, 16] {
                all.push(Load::Echo { bytes, connections, depth });
            }
        }
    }
    all.retain(|load| under_way(*load) <= UNDER_WAY_MAX);
    all.extend([25, 50, 75].map(|percent| Load::Open { rate: Rate::OfCapacity(percent) }));
    all.push(Load::Open { rate: Rate::Common(10_000) });
    all.extend(fan_outs());
    all.extend([Load::Idle { connections: 10_000 }, Load::Connect { rate: 1_000 }]);
    all
}

/// One of each kind, within a quarter of an hour for all peers.
pub(crate) fn quick() -> Vec<Load> {
    let echo = |bytes, connections, depth| Load::Echo { bytes, connections, depth };
    let mut all = vec![echo(20, 50, 1), echo(20, 500, 1), echo(20, 50, 16), CAPACITY, echo(16 << 10, 50, 1)];
    all.push(Load::Open { rate: Rate::OfCapacity(50) });
    let [one, _, many, _] = fan_outs();
    all.extend([one, many, Load::Idle { connections: 10_000 }, Load::Connect { rate: 1_000 }]);
    all
}

/// 200,000 deliveries a second and more: what most peers can just do.
fn fan_outs() -> [Load; 4] {
    [(1, 1_000, 200), (1, 10_000, 20), (100, 100, 3_000), (1_000, 1_000, 500)]
        .map(|(publishers, subscribers, rate)| Load::Fanout { publishers, subscribers, rate })
}

/// Bytes at once.
fn under_way(load: Load) -> u64 {
    match load {
        Load::Echo { bytes, connections, depth } => bytes * u64::from(connections) * u64::from(depth),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_the_quick_ones_are_of_the_full() {
        let full = full();
        let mut names: Vec<_> = full.iter().map(Load::to_string).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), full.len());
        assert!(quick().iter().all(|load| full.contains(load)));
        assert_eq!(CAPACITY.to_string(), "echo 512 B × 50 × 1");
    }

    #[test]
    fn memory_bounds_what_is_under_way() {
        let echo = |bytes, connections, depth| Load::Echo { bytes, connections, depth };
        assert!(full().contains(&echo(1 << 20, 500, 1)));
        assert!(!full().contains(&echo(1 << 20, 500, 16)));
    }

    #[test]
    fn the_capacity_is_measured_before_shares_of_it() {
        for cells in [full(), quick()] {
            let at = |wanted: &dyn Fn(&Load) -> bool| cells.iter().position(wanted);
            let capacity = at(&|load| *load == CAPACITY).expect("it is measured");
            let share = at(&|load| matches!(load, Load::Open { rate: Rate::OfCapacity(_) })).expect("one of each kind");
            assert!(capacity < share);
        }
    }
}
