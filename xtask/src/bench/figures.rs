//! Medians over the rounds, and how each contender stands to Ringwire.

use super::cell::Load;
use super::contender::Contender;
use super::ledger::Ledger;
use super::sample::Sample;
use crate::measure::stats::{self, median};

/// One contender in one cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Standing {
    pub(crate) contender: String,
    pub(crate) rounds: usize,
    /// Rounds in which the machine changed its speed.
    pub(crate) dropped: usize,
    /// Medians of each figure.
    pub(crate) middle: Middle,
    /// CPU time of one message as a share of Ringwire's in the same round: median, least, most.
    pub(crate) ratio: Option<[f64; 3]>,
    /// Rounds in which the generator was the limit.
    pub(crate) starved: usize,
    pub(crate) failure: Option<String>,
}

/// Medians; those of no samples are nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Middle {
    pub(crate) cpu_ns: Option<f64>,
    pub(crate) per_second: Option<f64>,
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) p999: Option<f64>,
    pub(crate) bytes_per_connection: Option<f64>,
    pub(crate) rss_peak: Option<f64>,
    pub(crate) user_instructions: Option<f64>,
    pub(crate) reach: Option<f64>,
}

/// All who were in this cell, the first of `contenders` being whom the others are compared with; best first.
pub(crate) fn standings(ledger: &Ledger, load: Load, contenders: &[Contender]) -> Vec<Standing> {
    let cell = load.to_string();
    let Some(first) = contenders.first() else { return Vec::new() };
    let mut all: Vec<Standing> = contenders
        .iter()
        .filter(|contender| ledger.of(&cell, &contender.name).next().is_some())
        .map(|contender| standing(ledger, &cell, &contender.name, &first.name))
        .collect();
    let key = |standing: &Standing| match load {
        Load::Idle { .. } => standing.middle.bytes_per_connection,
        _ => standing.ratio.map(|ratio| ratio[0]).or(standing.middle.cpu_ns),
    };
    all.sort_by(|one, next| key(one).unwrap_or(f64::INFINITY).total_cmp(&key(next).unwrap_or(f64::INFINITY)));
    all
}

fn standing(ledger: &Ledger, cell: &str, name: &str, first: &str) -> Standing {
    let samples = |name: &str| -> Vec<(u32, Sample)> {
        let runs = ledger.of(cell, name);
        runs.filter_map(|run| Some((run.round, run.sample()?.clone()))).collect()
    };
    let (own, others) = (samples(name), samples(first));
    let (own_kept, others_kept) = (keep(&own), keep(&others));
    let ratios: Vec<f64> = own_kept
        .iter()
        .filter_map(|(round, sample)| {
            let (_, beside) = others_kept.iter().find(|(other, _)| other == round)?;
            (beside.cpu_ns > 0.0).then(|| sample.cpu_ns / beside.cpu_ns)
        })
        .collect();
    Standing {
        contender: name.to_owned(),
        rounds: own.len(),
        dropped: own.len() - own_kept.len(),
        middle: Middle::of(&own_kept),
        ratio: median(ratios.iter().copied()).map(|middle| {
            let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            [middle, least, ratios.iter().copied().fold(0.0, f64::max)]
        }),
        starved: own_kept.iter().filter(|(_, sample)| sample.is_starved).count(),
        failure: ledger.failure(cell, name).map(str::to_owned),
    }
}

/// Without the rounds in which the machine ran in another of its speeds.
fn keep(samples: &[(u32, Sample)]) -> Vec<(u32, Sample)> {
    let middle = median(samples.iter().map(|(_, sample)| sample.cpu_ns));
    let is_kept = |sample: &Sample| middle.is_none_or(|middle| !stats::strays(sample.cpu_ns, middle));
    samples.iter().filter(|(_, sample)| is_kept(sample)).cloned().collect()
}

impl Middle {
    fn of(samples: &[(u32, Sample)]) -> Self {
        let of =
            |figure: &dyn Fn(&Sample) -> Option<f64>| median(samples.iter().filter_map(|(_, sample)| figure(sample)));
        Self {
            cpu_ns: of(&|sample| Some(sample.cpu_ns)),
            per_second: of(&|sample| Some(sample.per_second)),
            p50: of(&|sample| Some(sample.p50 as f64)),
            p99: of(&|sample| Some(sample.p99 as f64)),
            p999: of(&|sample| Some(sample.p999 as f64)),
            bytes_per_connection: of(&|sample| sample.bytes_per_connection),
            rss_peak: of(&|sample| Some(sample.rss_peak as f64)),
            user_instructions: of(&|sample| sample.user_instructions),
            reach: of(&|sample| Some(sample.reach)),
        }
    }
}
