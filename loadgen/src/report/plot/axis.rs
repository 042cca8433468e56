//! Axes: where a value lies between two ends, and at which values there is a tick.

use std::iter;

/// One direction of a plot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    logarithmic: bool,
    from: f64,
    to: f64,
    /// Values and what stands there.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0 to a round number at or above `most`, with about `ticks` ticks of 1, 2 or 5 × 10ⁿ.
    pub(super) fn linear(most: f64, ticks: usize, label: impl Fn(f64) -> String) -> Self {
        let most = if most > 0.0 { most } else { 1.0 };
        let step = round_up(most / ticks as f64);
        let count = (most / step - 1e-9).ceil();
        let ticks = (0..=count as usize).map(|index| index as f64 * step).map(|value| (value, label(value))).collect();
        Self { logarithmic: false, from: 0.0, to: count * step, ticks }
    }

    /// The seconds of a run: exact ends, round ticks.
    pub(super) fn span(from: f64, to: f64, ticks: usize, label: impl Fn(f64) -> String) -> Self {
        let to = if to > from { to } else { from + 1.0 };
        let step = round_up((to - from) / ticks as f64).max(1.0);
        let values = iter::successors(Some((from / step).ceil() * step), |value| Some(value + step));
        let ticks = values.take_while(|&value| value <= to).map(|value| (value, label(value))).collect();
        Self { logarithmic: false, from, to, ticks }
    }

    /// From a power of ten at or below `least` to one of 1, 2 or 5 × 10ⁿ at or above `most`, both above 0.
    pub(super) fn logarithmic(least: f64, most: f64, label: impl Fn(f64) -> String) -> Self {
        let least = least.max(f64::MIN_POSITIVE);
        let from = 10_f64.powf(least.log10().floor());
        let to = round_up(most.max(from * 2.0));
        let decades = (to / from).log10();
        let factors: &[f64] = if decades > 3.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let powers = (0..=decades.ceil() as i32).map(|power| from * 10_f64.powi(power));
        let values = powers.flat_map(|power| factors.iter().map(move |factor| power * factor));
        let ticks = values.filter(|&value| value <= to * 1.001).map(|value| (value, label(value))).collect();
        Self { logarithmic: true, from, to, ticks }
    }

    /// Shares of all, so that each nine gets the same room: 0 %, 90 %, 99 %, … as far as `count` values tell something.
    pub(super) fn nines(count: u64) -> Self {
        let to = (count.max(10) as f64).min(1e7);
        let nines = iter::successors(Some(1.0), |value| Some(value * 10.0)).take_while(|&value| value <= to * 1.001);
        let ticks = nines.map(|value: f64| {
            let places = (value.log10().round() as usize).saturating_sub(2);
            (value, format!("{:.places$}%", 100.0 - 100.0 / value))
        });
        let half = iter::once((2.0, "50%".to_owned()));
        Self { logarithmic: true, from: 1.0, to, ticks: ticks.chain(half).collect() }
    }

    /// Where a value lies: 0 at the beginning, 1 at the end; never outside.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = if self.logarithmic {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        place.clamp(0.0, 1.0)
    }
}

/// The least of 1, 2 or 5 × 10ⁿ that is not below `value`.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= value * 0.999_999);
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(axis: &Axis) -> Vec<f64> {
        axis.ticks.iter().map(|&(value, _)| value).collect()
    }

    #[test]
    fn ticks_are_round_and_reach_over_the_values() {
        assert_eq!(values(&Axis::linear(87.0, 5, |_| String::new())), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(values(&Axis::linear(0.0, 5, |_| String::new())).last(), Some(&1.0));
        assert_eq!(values(&Axis::span(3.0, 33.0, 4, |_| String::new())), [10.0, 20.0, 30.0]);
        let axis = Axis::logarithmic(3e3, 1.2e5, |_| String::new());
        assert_eq!(values(&axis), [1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5]);
    }

    #[test]
    fn each_nine_has_the_same_room() {
        let axis = Axis::nines(10_000);
        let label = |place: usize| axis.ticks[place].1.as_str();
        assert_eq!([label(0), label(1), label(2), label(3), label(4)], ["0%", "90%", "99%", "99.9%", "99.99%"]);
        let places: Vec<f64> = axis.ticks.iter().map(|(value, _)| axis.place(*value)).collect();
        assert!((places[1] - 0.25).abs() < 1e-9 && (places[2] - 0.5).abs() < 1e-9, "{places:?}");
        assert_eq!((axis.place(0.0), axis.place(1e99)), (0.0, 1.0), "never outside");
    }
}
