//! What a run has to reach, and what that makes of the exit code.
//!
//! An objective is judged by the group that does worst. Latency objectives are about the group's main latency: response,
//! delivery, staleness or handshake.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::report::{Group, Report};

/// What was asked for; what is `None` was not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objectives {
    /// Longest p50 of the main latency.
    pub p50_max: Option<Duration>,
    /// Longest p99 of it.
    pub p99_max: Option<Duration>,
    /// Longest p99.9 of it.
    pub p999_max: Option<Duration>,
    /// Least share of the expected messages that came, 0 to 1.
    pub reach_min: Option<f64>,
    /// Least messages received per second.
    pub rate_min: Option<f64>,
    /// Most messages missing, repeated, late or damaged, and connections lost or not opened.
    pub errors_max: Option<u64>,
}

impl Default for Objectives {
    /// No errors.
    fn default() -> Self {
        Self { p50_max: None, p99_max: None, p999_max: None, reach_min: None, rate_min: None, errors_max: Some(0) }
    }
}

/// One objective and whether it was met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Name of the option, such as `p99-max`.
    pub objective: String,
    /// The bound, in `unit`.
    pub wanted: f64,
    /// The value of the group that did worst; `null` when nothing was measured, which does not meet anything.
    pub got: Option<f64>,
    /// `ns`, `share`, `per_second` or `count`.
    pub unit: Unit,
    /// Which group that was; empty when nothing was measured.
    pub group: String,
    /// Whether it was met.
    pub met: bool,
}

/// What an objective is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Nanoseconds.
    Ns,
    /// 0 to 1.
    Share,
    /// Messages per second.
    PerSecond,
    /// A number of things.
    Count,
}

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// 0: the run is valid, and every objective was met.
    Met,
    /// 1: the run is valid, and an objective was not met.
    Missed,
    /// 2: the command line, or what it names, is wrong; clap's exit code too.
    Usage,
    /// 3: the run is invalid, or could not be made: nothing is known of the server.
    Invalid,
}

impl Objectives {
    /// Judges a run.
    pub fn judge(&self, groups: &[Group]) -> Vec<Judged> {
        let nanoseconds = |time: Option<Duration>| time.map(|time| time.as_nanos() as f64);
        let latency = |of: fn(&crate::latency::Summary) -> u64| {
            move |group: &Group| group.main_latency().map(|(_, summary)| of(summary) as f64)
        };
        let errors = self.errors_max.map(|count| count as f64);
        [
            most("p50-max", Unit::Ns, nanoseconds(self.p50_max), groups, latency(|summary| summary.p50)),
            most("p99-max", Unit::Ns, nanoseconds(self.p99_max), groups, latency(|summary| summary.p99)),
            most("p999-max", Unit::Ns, nanoseconds(self.p999_max), groups, latency(|summary| summary.p999)),
            least("reach-min", Unit::Share, self.reach_min, groups, Group::reach),
            least("rate-min", Unit::PerSecond, self.rate_min, groups, |group| Some(group.rate())),
            most("errors-max", Unit::Count, errors, groups, |group| Some(group.errors() as f64)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

type Value<'a> = (f64, &'a Group);

fn most(
    name: &str,
    unit: Unit,
    bound: Option<f64>,
    groups: &[Group],
    of: impl Fn(&Group) -> Option<f64>,
) -> Option<Judged> {
    let worst = values(groups, of).map(|values| values.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)));
    Some(judged(name, unit, bound?, worst.flatten(), |got, bound| got <= bound))
}

fn least(
    name: &str,
    unit: Unit,
    bound: Option<f64>,
    groups: &[Group],
    of: impl Fn(&Group) -> Option<f64>,
) -> Option<Judged> {
    let worst = values(groups, of).map(|values| values.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)));
    Some(judged(name, unit, bound?, worst.flatten(), |got, bound| got >= bound))
}

/// The value of every group; `None` if one has none.
fn values(groups: &[Group], of: impl Fn(&Group) -> Option<f64>) -> Option<Vec<Value<'_>>> {
    groups.iter().map(|group| Some((of(group)?, group))).collect()
}

fn judged(name: &str, unit: Unit, wanted: f64, worst: Option<Value<'_>>, meets: fn(f64, f64) -> bool) -> Judged {
    let (got, group) = worst.map_or((None, ""), |(got, group)| (Some(got), group.name.as_str()));
    let met = got.is_some_and(|got| meets(got, wanted));
    Judged { objective: name.to_owned(), wanted, got, unit, group: group.to_owned(), met }
}

impl Outcome {
    /// The outcome of a run that was made. An invalid run is that, whatever it seems to have reached.
    pub fn of(report: &Report) -> Self {
        match () {
            () if !report.invalid.is_empty() => Self::Invalid,
            () if report.objectives.iter().any(|judged| !judged.met) => Self::Missed,
            () => Self::Met,
        }
    }

    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Met => 0,
            Self::Missed => 1,
            Self::Usage => 2,
            Self::Invalid => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Summary;
    use crate::ledger::Checks;
    use crate::report::{Connections, Latencies, sample};

    fn group(name: &str, p99: u64, received: u64) -> Group {
        let summary = Summary { count: 1, p50: p99 / 2, p99, p999: p99 * 2, ..Summary::default() };
        let latencies = Latencies { response: Some(summary), ..Latencies::default() };
        Group { name: name.into(), seconds: 10.0, received, expected: 1000, latencies, ..Group::default() }
    }

    fn verdicts(objectives: Objectives, groups: &[Group]) -> Vec<(String, bool, String)> {
        let judged = objectives.judge(groups).into_iter();
        judged.map(|judged| (judged.objective, judged.met, judged.group)).collect()
    }

    #[test]
    fn the_group_that_does_worst_decides() {
        let groups = [group("fast", 1_000_000, 1000), group("slow", 5_000_000, 900)];
        let all = Objectives {
            p50_max: Some(Duration::from_millis(3)),
            p99_max: Some(Duration::from_millis(5)),
            p999_max: Some(Duration::from_millis(9)),
            reach_min: Some(0.9),
            rate_min: Some(91.0),
            errors_max: Some(0),
        };
        let wanted = [
            ("p50-max", true, "slow"),
            ("p99-max", true, "slow"),
            ("p999-max", false, "slow"),
            ("reach-min", true, "slow"),
            ("rate-min", false, "slow"),
            ("errors-max", true, "slow"),
        ];
        assert_eq!(verdicts(all, &groups), wanted.map(|(name, met, group)| (name.into(), met, group.into())));
    }

    #[test]
    fn what_was_not_measured_meets_nothing() {
        let objectives = Objectives { p99_max: Some(Duration::MAX), reach_min: Some(0.0), ..Objectives::default() };
        let silent = Group { name: "silent".into(), ..Group::default() };
        let judged = objectives.judge(&[group("fast", 1, 1000), silent]);
        assert_eq!(judged.iter().map(|judged| judged.met).collect::<Vec<_>>(), [false, false, true]);
        assert!(objectives.judge(&[]).iter().all(|judged| !judged.met), "no group, no success");
    }

    #[test]
    fn errors_are_messages_and_connections() {
        let one = |checks, connections, may_skip| Group { checks, connections, may_skip, ..Group::default() }.errors();
        let (none, all) = (Connections::default(), Connections { wanted: 5, opened: 5, lost: 0 });
        let missing = Checks { missing: 7, ..Checks::default() };
        assert_eq!(one(Checks { missing: 1, duplicate: 2, out_of_order: 3, corrupt: 4, unsure: 5 }, all, false), 15);
        assert_eq!((one(missing, none, false), one(missing, none, true)), (7, 0), "polls may skip updates");
        assert_eq!(one(Checks::default(), Connections { wanted: 5, opened: 3, lost: 1 }, false), 3);
    }

    #[test]
    fn the_outcome_is_the_exit_code() {
        let mut report = sample::echo();
        (report.invalid, report.objectives) = (Vec::new(), Objectives::default().judge(&[group("one", 1, 1000)]));
        assert_eq!(Outcome::of(&report), Outcome::Met);
        report.objectives[0].met = false;
        assert_eq!(Outcome::of(&report), Outcome::Missed);
        report.invalid.push(crate::report::Reason::NothingReceived { group: "one".into() });
        assert_eq!(Outcome::of(&report), Outcome::Invalid);
        let codes = [Outcome::Met, Outcome::Missed, Outcome::Usage, Outcome::Invalid].map(Outcome::code);
        assert_eq!(codes, [0, 1, 2, 3]);
    }
}
