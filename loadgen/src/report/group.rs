//! What came of connections that did the same.

use serde::{Deserialize, Serialize};

use super::ServerUse;
use crate::latency::{Bucket, Summary};
use crate::ledger::Checks;

/// Connections that did the same, and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// What they did: `echo`, or a transport such as `short-poll 250ms`.
    pub name: String,
    /// How many there were.
    pub connections: Connections,
    /// How long they were measured; rates are per this.
    pub seconds: f64,
    /// Messages sent.
    pub sent: u64,
    /// Publications that were planned too, and could not be made: their connection was lost, or the server refused them.
    #[serde(default)]
    pub unsent: u64,
    /// Messages received, whatever they were like.
    pub received: u64,
    /// Of those, messages that came whole, for the first time; where a load tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<u64>,
    /// Messages that came while the window lasted, whenever they were planned: what the rate is of; where a load tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived: Option<u64>,
    /// Messages that were to be received.
    pub expected: u64,
    /// Bytes received, with all heads and frames.
    pub bytes_in: u64,
    /// Bytes sent, with all heads and frames.
    pub bytes_out: u64,
    /// HTTP requests made, handshakes among them.
    pub requests: u64,
    /// Whether this transport may leave updates out, as polling for the latest does: then missing ones are no errors.
    #[serde(default)]
    pub may_skip: bool,
    /// Whether opening is what is measured, as `connect` does: then connections that did not open are errors of the server.
    #[serde(default)]
    pub measures_opening: bool,
    /// What was wrong with what came.
    pub checks: Checks,
    /// What was timed.
    pub latencies: Latencies,
    /// How the main latency went, by the second.
    pub timeline: Vec<Bucket>,
    /// What the server used while this group alone was running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerUse>,
}

/// Connections of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// Asked for.
    pub wanted: u64,
    /// Whose handshake succeeded.
    pub opened: u64,
    /// That ended before they were to.
    pub lost: u64,
}

/// What can be timed; only what was is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Latencies {
    /// From the planned send to the answer: what somebody who came at that moment had to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Summary>,
    /// From the actual send to the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Summary>,
    /// From the planned send to the actual one: how late the generator was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer_lag: Option<Summary>,
    /// From the planned publication to its receipt by one subscriber.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Summary>,
    /// Age of what a viewer shows, sampled evenly over time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staleness: Option<Summary>,
    /// From the start of connecting to the end of the handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshake: Option<Summary>,
}

impl Group {
    /// The latency that this group is about, with its name; `None` when nothing was timed.
    pub fn main_latency(&self) -> Option<(&'static str, &Summary)> {
        self.latencies.all().find(|(name, _)| *name != "offer lag")
    }

    /// Received ÷ expected, repetitions and damaged messages left out; `None` when none were expected.
    pub fn reach(&self) -> Option<f64> {
        let checks = self.checks;
        let good = self.received.saturating_sub(checks.duplicate + checks.corrupt + checks.unsure);
        let good = self.whole.unwrap_or(good);
        (self.expected > 0).then(|| good as f64 / self.expected as f64)
    }

    /// Messages received per second of the window.
    pub fn rate(&self) -> f64 {
        let arrived = self.arrived.unwrap_or(self.received);
        if self.seconds > 0.0 { arrived as f64 / self.seconds } else { 0.0 }
    }

    /// Bytes in both directions per message received.
    pub fn bytes_per_update(&self) -> Option<f64> {
        (self.received > 0).then(|| (self.bytes_in + self.bytes_out) as f64 / self.received as f64)
    }

    /// Messages that were not as they should be, and connections that were lost or never came about.
    pub fn errors(&self) -> u64 {
        let Connections { wanted, opened, lost } = self.connections;
        let skipped = if self.may_skip { self.checks.missing } else { 0 };
        self.checks.total() - skipped + wanted.saturating_sub(opened) + lost
    }
}

impl Latencies {
    /// All that were timed, with their names, the most telling first.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &Summary)> {
        let all = [
            ("response", &self.response),
            ("delivery", &self.delivery),
            ("staleness", &self.staleness),
            ("service", &self.service),
            ("handshake", &self.handshake),
            ("offer lag", &self.offer_lag),
        ];
        all.into_iter().filter_map(|(name, summary)| Some((name, summary.as_ref()?)))
    }
}
