//! Medians, ratios, and which pairs count.

use super::pairs::{Pair, Run};

/// A run this many times quicker or slower than its side's median ran in another speed mode of the machine.
const FLIP: f64 = 1.6;

/// Drops the pairs in which either run strays from its side's median; judged anew with every pair that comes.
pub(crate) fn mark_flips(pairs: &mut [Pair]) {
    let cpu = |run: &Run| run.cpu_nanoseconds_per_message;
    let server = median(pairs.iter().map(|pair| cpu(&pair.server)));
    let against = median(pairs.iter().filter_map(|pair| pair.against.as_ref()).map(cpu));
    let strays = |value: f64, middle: Option<f64>| middle.is_some_and(|middle| strays(value, middle));
    for pair in pairs {
        pair.dropped =
            strays(cpu(&pair.server), server) || pair.against.as_ref().is_some_and(|run| strays(cpu(run), against));
    }
}

/// Whether a run was in another speed mode than most were.
pub(crate) fn strays(value: f64, middle: f64) -> bool {
    value > middle * FLIP || value < middle / FLIP
}

/// One figure of a comparison, over the pairs that count.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) server: f64,
    pub(crate) against: Option<f64>,
    /// Median, least and greatest of the pairs' ratios.
    pub(crate) ratio: Option<[f64; 3]>,
}

/// `None` if no run has this figure.
pub(crate) fn figure(pairs: &[Pair], of: impl Fn(&Run) -> Option<f64>) -> Option<Figure> {
    let kept = || pairs.iter().filter(|pair| !pair.dropped);
    let against = |pair: &Pair| pair.against.as_ref().and_then(&of);
    let ratios: Vec<f64> = kept().filter_map(|pair| Some(of(&pair.server)? / against(pair)?)).collect();
    Some(Figure {
        server: median(kept().filter_map(|pair| of(&pair.server)))?,
        against: median(kept().filter_map(against)),
        ratio: median(ratios.iter().copied()).map(|middle| {
            let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            [middle, least, ratios.iter().copied().fold(0.0, f64::max)]
        }),
    })
}

/// The middle value, or the mean of the two in the middle.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        count if count % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(nanoseconds: f64) -> Run {
        Run {
            cpu_nanoseconds_per_message: nanoseconds,
            messages_per_second: 1.0,
            server_busy: 1.0,
            generator_busy: 0.5,
            instructions_per_message: None,
            round_trip_nanoseconds: None,
            messages: 1,
        }
    }

    fn pairs(values: &[(f64, f64)]) -> Vec<Pair> {
        let pair = |&(a, b)| Pair { server: run(a), against: Some(run(b)), dropped: false };
        values.iter().map(pair).collect()
    }

    #[test]
    fn medians_of_odd_even_and_no_values() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
    }

    #[test]
    fn a_pair_in_which_the_mode_flipped_is_dropped() {
        let mut all = pairs(&[(100.0, 200.0), (102.0, 210.0), (170.0, 205.0), (98.0, 100.0), (101.0, 199.0)]);
        mark_flips(&mut all);
        assert_eq!(all.iter().map(|pair| pair.dropped).collect::<Vec<_>>(), [false, false, true, true, false]);
    }

    #[test]
    fn a_figure_is_the_median_of_the_kept_ratios() {
        let mut all = pairs(&[(50.0, 100.0), (60.0, 100.0), (80.0, 100.0), (500.0, 100.0)]);
        mark_flips(&mut all);
        let figure = figure(&all, |run| Some(run.cpu_nanoseconds_per_message)).unwrap();
        assert_eq!(figure.ratio, Some([0.6, 0.5, 0.8]));
        assert_eq!((figure.server, figure.against), (60.0, Some(100.0)));
    }
}
