//! When a run tells nothing of the server.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::units::{count, time};
use super::{Connections, Group, Report, ThreadUse};

/// What makes a run invalid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// p99 of the offer lag above which the load was not the one that was asked for.
    pub offer_lag_max: Duration,
    /// Share of a core above which a thread of the generator counts as having no time left, 0 to 1.
    pub generator_share_max: f64,
    /// Share of the window for which a thread of a closed loop may wait for its core, 0 to 1: its answers wait as long, and it has
    /// no planned times that would show it.
    pub generator_wait_max: f64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { offer_lag_max: Duration::from_millis(1), generator_share_max: 0.95, generator_wait_max: 0.1 }
    }
}

/// Why a run is invalid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// Fewer connections than were asked for came about.
    FewerConnections {
        /// Of which group.
        group: String,
        /// Asked for.
        wanted: u64,
        /// Opened.
        opened: u64,
    },
    /// Where opening is measured, the generator could not begin what was planned: too many before did not end.
    FewerBegun {
        /// In which group.
        group: String,
        /// Connections planned in the window.
        planned: u64,
        /// Of those, begun.
        begun: u64,
    },
    /// The generator sent later than it was to.
    OfferLag {
        /// In which group.
        group: String,
        /// p99 of the lag.
        p99: u64,
        /// What it may be.
        bound: u64,
    },
    /// A thread of the generator had no time left, and no thread of the server is known to have had less.
    GeneratorSaturated {
        /// Which.
        thread: String,
        /// Share of a core that it used.
        cpu_share: f64,
    },
    /// A thread of a closed loop waited for its core: what it measured is that too.
    GeneratorWaited {
        /// Which.
        thread: String,
        /// Share of the window.
        waited_share: f64,
    },
    /// Publications could not be made: what was to be seen was not shown.
    NotPublished {
        /// Planned in the window.
        planned: u64,
        /// Of those, made.
        sent: u64,
    },
    /// Nothing came at all.
    NothingReceived {
        /// In which group.
        group: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewerConnections { group, wanted, opened } => {
                let (wanted, opened) = (count(*wanted), count(*opened));
                write!(out, "{group}: {opened} connections were opened of the {wanted} asked for")
            }
            Self::FewerBegun { group, planned, begun } => {
                let (planned, begun) = (count(*planned), count(*begun));
                write!(
                    out,
                    "{group}: {begun} connections were begun of the {planned} planned: those before them neither opened nor ended \
                     in time: lower --rate or --hold"
                )
            }
            Self::OfferLag { group, p99, bound } => {
                let (p99, bound) = (time(*p99), time(*bound));
                write!(
                    out,
                    "{group}: the generator sent too late, by {p99} at p99, above {bound}: lower --rate or add --threads"
                )
            }
            Self::GeneratorSaturated { thread, cpu_share } => {
                let percent = cpu_share * 100.0;
                write!(
                    out,
                    "the generator was the bottleneck: its thread {thread} was {percent:.0} % busy: add --threads"
                )
            }
            Self::GeneratorWaited { thread, waited_share } => {
                let percent = waited_share * 100.0;
                write!(
                    out,
                    "the generator's thread {thread} waited for its core {percent:.0} % of the time, and its answers with it: leave it a \
                     core of its own"
                )
            }
            Self::NotPublished { planned, sent } => {
                let (planned, sent) = (count(*planned), count(*sent));
                write!(
                    out,
                    "{sent} of the {planned} planned publications were made: a publisher was lost or held up, or the server refused \
                     them, as was told during the run"
                )
            }
            Self::NothingReceived { group } => write!(out, "{group}: messages were sent or expected, and none came"),
        }
    }
}

impl Report {
    /// Fills in `invalid` and `generator.saturated` from what is there.
    pub fn check_validity(&mut self, bounds: Bounds) {
        self.invalid = self.groups.iter().flat_map(|group| of_group(group, bounds)).collect();
        self.invalid.extend(self.not_published());
        self.invalid.extend(self.saturated_thread(bounds.generator_share_max));
        self.invalid.extend(self.waiting_thread(bounds.generator_wait_max));
        self.generator.saturated =
            self.generator.threads.iter().any(|thread| thread.cpu_share > bounds.generator_share_max);
    }

    /// Once for all groups that looked at the same publications.
    fn not_published(&self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for group in self.groups.iter().filter(|group| group.unsent > 0) {
            let reason = Reason::NotPublished { planned: group.sent + group.unsent, sent: group.sent };
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        reasons
    }

    /// The thread of a closed loop that waited longest, if that was too long. An open loop's offer lag shows it.
    fn waiting_thread(&self, share_max: f64) -> Option<Reason> {
        let threads = self.generator.threads.iter().filter(|_| self.settings.contains_key("depth"));
        let longest = threads.max_by(|a, b| a.waited_share.total_cmp(&b.waited_share))?;
        let ThreadUse { name, waited_share, .. } = longest.clone();
        (waited_share > share_max).then_some(Reason::GeneratorWaited { thread: name, waited_share })
    }

    /// Of the threads that had less time left than the server of the same run, the busiest.
    fn saturated_thread(&self, share_max: f64) -> Option<Reason> {
        let threads = self.generator.threads.iter();
        let to_blame = threads.filter(|thread| {
            thread.cpu_share > share_max && thread.server_share.is_none_or(|server| thread.cpu_share > server)
        });
        let busiest = to_blame.max_by(|a, b| a.cpu_share.total_cmp(&b.cpu_share))?;
        Some(Reason::GeneratorSaturated { thread: busiest.name.clone(), cpu_share: busiest.cpu_share })
    }
}

/// What makes one group's figures worthless.
fn of_group(group: &Group, bounds: Bounds) -> impl Iterator<Item = Reason> + use<> {
    let (name, Connections { wanted, opened, .. }) = (|| group.name.clone(), group.connections);
    let bound = bounds.offer_lag_max.as_nanos() as u64;
    let lag = group.latencies.offer_lag.as_ref().map_or(0, |lag| lag.p99);
    // What was to be opened is the server's business where opening is measured, but for what was not begun.
    let few = opened < wanted && !group.measures_opening;
    let unbegun = group.measures_opening && group.sent < group.expected;
    let silent = !group.measures_opening && group.received == 0 && (group.sent > 0 || group.expected > 0);
    let reasons = [
        few.then(|| Reason::FewerConnections { group: name(), wanted, opened }),
        unbegun.then(|| Reason::FewerBegun { group: name(), planned: group.expected, begun: group.sent }),
        (lag > bound).then(|| Reason::OfferLag { group: name(), p99: lag, bound }),
        silent.then(|| Reason::NothingReceived { group: name() }),
    ];
    reasons.into_iter().flatten()
}
