//! How long payloads are: one size, or a distribution that is drawn from a seed.
//!
//! Written as `64`, `16KiB`, `uniform:20-2000`, `normal:1000/200` (mean and standard deviation) or `list:20*90,16KiB*10`
//! (sizes with weights).

use std::f64::consts::TAU;
use std::fmt;
use std::str::FromStr;

use ringwire::config::text::{parse_bytes, print_bytes};

/// The largest payload: 64 MiB.
pub const SIZE_MAX: usize = 64 << 20;
/// A normal distribution is cut this many standard deviations from its mean.
const DEVIATIONS_MAX: usize = 4;

/// A distribution of sizes, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sizes {
    /// Always the same.
    Fixed(usize),
    /// Each from the first to the second alike.
    Uniform(usize, usize),
    /// Around a mean, cut at four deviations, and at 1 byte.
    Normal {
        /// The mean.
        mean: usize,
        /// The standard deviation.
        deviation: usize,
    },
    /// Some sizes, each as often as its weight says.
    List(Vec<(usize, u32)>),
}

/// A distribution that was not written as one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a size from 1 to 64MiB such as 64 or 16KiB, nor uniform:20-2000, normal:1000/200 (mean/deviation) or \
     list:20*90,16KiB*10 (size*weight)"
)]
pub struct ParseSizesError(String);

impl FromStr for Sizes {
    type Err = ParseSizesError;

    fn from_str(typed: &str) -> Result<Self, ParseSizesError> {
        parse(typed).ok_or_else(|| ParseSizesError(typed.to_owned()))
    }
}

fn parse(typed: &str) -> Option<Sizes> {
    let pair = |text: &str, between| {
        let (first, second) = text.split_once(between)?;
        Some((size(first)?, size(second)?))
    };
    match typed.split_once(':') {
        None => size(typed).map(Sizes::Fixed),
        Some(("uniform", range)) => {
            pair(range, '-').filter(|(least, most)| least <= most).map(|(least, most)| Sizes::Uniform(least, most))
        }
        Some(("normal", figures)) => pair(figures, '/')
            .map(|(mean, deviation)| Sizes::Normal { mean, deviation })
            .filter(|sizes| sizes.most() <= SIZE_MAX),
        Some(("list", list)) => {
            let parts = list.split(',').map(|part| {
                let (text, weight) = part.split_once('*').unwrap_or((part, "1"));
                Some((size(text)?, weight.parse().ok().filter(|&weight| weight > 0)?))
            });
            let parts: Vec<(usize, u32)> = parts.collect::<Option<_>>()?;
            let sum = parts.iter().map(|&(_, weight)| u64::from(weight)).sum::<u64>();
            (sum <= u64::from(u32::MAX)).then_some(Sizes::List(parts))
        }
        Some(_) => None,
    }
}

fn size(text: &str) -> Option<usize> {
    parse_bytes(text).ok().filter(|bytes| (1..=SIZE_MAX).contains(bytes))
}

impl Sizes {
    /// The least that is drawn.
    pub fn least(&self) -> usize {
        match self {
            Self::Fixed(bytes) | Self::Uniform(bytes, _) => *bytes,
            Self::Normal { mean, deviation } => mean.saturating_sub(DEVIATIONS_MAX * deviation).max(1),
            Self::List(list) => list.iter().map(|&(bytes, _)| bytes).min().unwrap_or(1),
        }
    }

    /// The most that is drawn: how large a buffer has to be.
    pub fn most(&self) -> usize {
        match self {
            Self::Fixed(bytes) | Self::Uniform(_, bytes) => *bytes,
            Self::Normal { mean, deviation } => mean + DEVIATIONS_MAX * deviation,
            Self::List(list) => list.iter().map(|&(bytes, _)| bytes).max().unwrap_or(1),
        }
    }

    /// A source of sizes that is the same for the same seed.
    pub fn draws(&self, seed: u64) -> Draws {
        let weights = match self {
            Self::List(list) => list.iter().map(|&(_, weight)| weight).sum(),
            _ => 0,
        };
        Draws { sizes: self.clone(), weights, dice: fastrand::Rng::with_seed(seed) }
    }
}

/// Draws sizes.
#[derive(Debug, Clone)]
pub struct Draws {
    sizes: Sizes,
    /// Sum of the list's weights.
    weights: u32,
    dice: fastrand::Rng,
}

impl Draws {
    /// The next size, in bytes.
    #[inline]
    pub fn draw(&mut self) -> usize {
        match &self.sizes {
            Sizes::Fixed(bytes) => *bytes,
            Sizes::Uniform(least, most) => self.dice.usize(*least..=*most),
            Sizes::Normal { mean, deviation } => {
                // Box and Muller; 1 minus a number below 1 is never 0.
                let (radius, angle) = ((-2.0 * (1.0 - self.dice.f64()).ln()).sqrt(), TAU * self.dice.f64());
                let drawn = *mean as f64 + *deviation as f64 * radius * angle.cos();
                (drawn.round().max(0.0) as usize).clamp(self.sizes.least(), self.sizes.most())
            }
            Sizes::List(list) => {
                let mut left = self.dice.u32(..self.weights);
                let found = list.iter().find(|&&(_, weight)| {
                    let here = left < weight;
                    left = left.saturating_sub(weight);
                    here
                });
                found.map_or(1, |&(bytes, _)| bytes)
            }
        }
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(bytes) => out.write_str(&print_bytes(*bytes)),
            Self::Uniform(least, most) => write!(out, "uniform:{}-{}", print_bytes(*least), print_bytes(*most)),
            Self::Normal { mean, deviation } => {
                write!(out, "normal:{}/{}", print_bytes(*mean), print_bytes(*deviation))
            }
            Self::List(list) => {
                let parts: Vec<_> =
                    list.iter().map(|&(bytes, weight)| format!("{}*{weight}", print_bytes(bytes))).collect();
                write!(out, "list:{}", parts.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(typed: &str, count: usize) -> Vec<usize> {
        let mut draws = typed.parse::<Sizes>().unwrap().draws(3);
        (0..count).map(|_| draws.draw()).collect()
    }

    #[test]
    fn sizes_are_read_and_printed() {
        for typed in
            ["20", "16KiB", "uniform:20-2000", "uniform:5-5", "normal:1000/200", "list:20*90,16KiB*10", "64MiB"]
        {
            assert_eq!(typed.parse::<Sizes>().unwrap().to_string(), typed);
        }
        assert_eq!("list:20,40".parse::<Sizes>().unwrap().to_string(), "list:20*1,40*1");
        for typed in [
            "",
            "0",
            "-1",
            "65MiB",
            "20.5",
            "uniform:9-8",
            "uniform:9",
            "normal:9",
            "normal:60MiB/2MiB",
            "list:",
            "list:20*0",
        ] {
            assert!(typed.parse::<Sizes>().is_err(), "{typed}");
        }
        assert!("list:1*4294967295,2*1".parse::<Sizes>().is_err(), "weights that do not fit");
    }

    #[test]
    fn what_is_drawn_is_as_the_distribution_says() {
        assert_eq!(drawn("20", 3), [20, 20, 20]);
        let uniform = drawn("uniform:20-29", 10_000);
        for size in 20..30 {
            let count = uniform.iter().filter(|&&drawn| drawn == size).count();
            assert!((800..1200).contains(&count), "{size} came {count} times");
        }
        let normal = drawn("normal:1000/100", 10_000);
        let within = |deviations: usize| normal.iter().filter(|&&size| size.abs_diff(1000) <= 100 * deviations).count();
        assert!(
            (6_600..7_100).contains(&within(1)) && (9_400..9_700).contains(&within(2)),
            "{} {}",
            within(1),
            within(2)
        );
        assert_eq!(within(4), 10_000);
        let list = drawn("list:20*90,16KiB*10", 10_000);
        let rare = list.iter().filter(|&&size| size == 16_384).count();
        assert!((850..1150).contains(&rare), "{rare}");
        assert_eq!(list.iter().filter(|&&size| size == 20).count(), 10_000 - rare);
    }

    #[test]
    fn bounds_hold_and_seeds_repeat() {
        for typed in ["20", "uniform:20-2000", "normal:100/90", "list:20*90,16KiB*10,7*1"] {
            let sizes: Sizes = typed.parse().unwrap();
            let drawn = drawn(typed, 5_000);
            assert!(drawn.iter().all(|size| (sizes.least()..=sizes.most()).contains(size)), "{typed}");
            assert_eq!(drawn, self::drawn(typed, 5_000));
        }
        assert_ne!("uniform:1-1000".parse::<Sizes>().unwrap().draws(4).draw(), drawn("uniform:1-1000", 1)[0]);
    }
}
