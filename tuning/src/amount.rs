//! How much of something: a number, a word, a list, a sum computed from the machine and from what is wanted of it, or some of
//! its cores.

use serde::Deserialize;
use toml::Value;

/// What sums and cores are computed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Connections that are wanted.
    pub connections: u64,
    /// Cores that may be used, by number.
    pub cores: Vec<usize>,
    /// Memory that may be used, in bytes.
    pub memory_bytes: u64,
    /// Bytes of a page.
    pub page_bytes: u64,
    /// Descriptors that a process, and so each ring's table, may have: the live hard limit.
    pub descriptors: u64,
}

/// What an amount counts.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A word or a switch.
    #[default]
    None,
    /// Connections.
    Connections,
    /// Open files.
    Descriptors,
    /// Bytes.
    Bytes,
    /// Pages of memory, of the machine's size.
    Pages,
    /// Packets.
    Packets,
    /// Ports.
    Ports,
    /// Entries of a table.
    Entries,
    /// Probes.
    Probes,
    /// Cores, as a mask or a list of their numbers.
    Cores,
    /// Nanoseconds.
    Ns,
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// The names that a profile may use.
    pub(crate) const NAMES: [&str; 14] = [
        "none",
        "connections",
        "descriptors",
        "bytes",
        "pages",
        "packets",
        "ports",
        "entries",
        "probes",
        "cores",
        "ns",
        "us",
        "ms",
        "seconds",
    ];

    /// Behind a number.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::None | Self::Cores => "",
            Self::Connections => " connections",
            Self::Descriptors => " descriptors",
            Self::Bytes => " bytes",
            Self::Pages => " pages",
            Self::Packets => " packets",
            Self::Ports => "",
            Self::Entries => " entries",
            Self::Probes => " probes",
            Self::Ns => " ns",
            Self::Us => " µs",
            Self::Ms => " ms",
            Self::Seconds => " s",
        }
    }
}

/// A value that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Amount {
    /// A number as it stands.
    Number(u64),
    /// A word, or a switch.
    Word(String),
    /// Several, in the order of the kernel's file.
    List(Vec<Amount>),
    /// Computed.
    Sum(Sum),
    /// Cores.
    Cores(Cores),
}

/// Some of the machine's cores.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Cores {
    /// All that may be used.
    All,
    /// All but the first, which is left to the rest of the system.
    AllButFirst,
    /// The first.
    First,
    /// None.
    None,
    /// The one that queue *i* of a network interface belongs to: the *i*-th, and from the first again.
    Queue,
}

/// `plus`, and so much for each; then within the bounds.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    #[serde(default)]
    plus: u64,
    #[serde(default)]
    per_connection: u64,
    #[serde(default)]
    per_core: u64,
    /// Of the machine's memory, in the unit.
    #[serde(default)]
    memory_percent: f64,
    #[serde(default)]
    at_least: u64,
    at_most: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CoresOf {
    cores: Cores,
}

impl Amount {
    /// What a profile says; the error says what is allowed.
    pub(crate) fn parse(value: &Value, unit: Unit) -> Result<Self, String> {
        match value {
            Value::Integer(number) => {
                u64::try_from(*number).map(Self::Number).map_err(|_| format!("{number} is below 0"))
            }
            Value::Boolean(_) => Err("a switch is written as the kernel does: 0 or 1".into()),
            Value::String(word) if !is_word(word) => Err("a word has neither blanks nor line breaks".into()),
            Value::String(word) => Ok(Self::Word(word.clone())),
            Value::Array(items) if items.is_empty() => Err("the list is empty".into()),
            Value::Array(items) => {
                items.iter().map(|item| Self::parse_item(item, unit)).collect::<Result<_, _>>().map(Self::List)
            }
            Value::Table(table) if table.contains_key("cores") => Self::parse_cores(value, unit),
            Value::Table(_) => Sum::parse(value, unit).map(Self::Sum),
            other => {
                Err(format!("a {} is no value: write a number, a word, a list of them, or a sum", other.type_str()))
            }
        }
    }

    fn parse_item(item: &Value, unit: Unit) -> Result<Self, String> {
        match item {
            Value::Array(_) => Err("a list within a list".into()),
            Value::Table(table) if table.contains_key("cores") => Err("cores do not stand in a list".into()),
            item => Self::parse(item, unit),
        }
    }

    fn parse_cores(value: &Value, unit: Unit) -> Result<Self, String> {
        if unit != Unit::Cores {
            return Err("cores need unit = \"cores\"".into());
        }
        let cores: CoresOf = value.clone().try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
        Ok(Self::Cores(cores.cores))
    }

    /// As the kernel reads it; cores as a list of their numbers, for queue number `queue`.
    pub fn text(&self, facts: &Facts, unit: Unit, queue: usize) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Word(word) => word.clone(),
            Self::List(items) => items.iter().map(|item| item.text(facts, unit, queue)).collect::<Vec<_>>().join("\t"),
            Self::Sum(sum) => sum.number(facts, unit).to_string(),
            Self::Cores(cores) => list(&cores.of(&facts.cores, queue)),
        }
    }
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| !c.is_whitespace() && !c.is_control())
}

impl Cores {
    /// Their numbers.
    pub(crate) fn of(self, all: &[usize], queue: usize) -> Vec<usize> {
        match self {
            Self::All => all.to_vec(),
            // On one core there is no other to leave to the system.
            Self::AllButFirst if all.len() > 1 => all[1..].to_vec(),
            Self::AllButFirst | Self::First => all.iter().take(1).copied().collect(),
            Self::None => Vec::new(),
            Self::Queue => all.get(queue % all.len().max(1)).copied().into_iter().collect(),
        }
    }
}

impl Sum {
    fn parse(value: &Value, unit: Unit) -> Result<Self, String> {
        const KEYS: &str = "plus, per_connection, per_core, memory_percent, at_least, at_most";
        let sum: Self = value
            .clone()
            .try_into()
            .map_err(|error: toml::de::Error| format!("{}; a sum has {KEYS}", error.message().trim_end()))?;
        sum.check(unit).map(|()| sum)
    }

    fn check(&self, unit: Unit) -> Result<(), String> {
        let percent = self.memory_percent;
        if !(0.0..=100.0).contains(&percent) {
            return Err(format!("memory_percent = {percent} is not within 0 to 100"));
        }
        if percent > 0.0 && !matches!(unit, Unit::Bytes | Unit::Pages) {
            return Err("memory_percent needs unit = \"bytes\" or \"pages\"".into());
        }
        match self.at_most {
            Some(most) if most < self.at_least => {
                Err(format!("at_most = {most} contradicts at_least = {}", self.at_least))
            }
            Some(most) if most < self.plus => Err(format!("at_most = {most} contradicts plus = {}", self.plus)),
            _ => Ok(()),
        }
    }

    fn number(&self, facts: &Facts, unit: Unit) -> u64 {
        let share = facts.memory_bytes as f64 * self.memory_percent / 100.0;
        let share = if unit == Unit::Pages { share / facts.page_bytes as f64 } else { share };
        let cores = facts.cores.len() as u64;
        let parts =
            [self.per_connection.saturating_mul(facts.connections), self.per_core.saturating_mul(cores), share as u64];
        let sum = parts.into_iter().fold(self.plus, u64::saturating_add);
        sum.clamp(self.at_least, self.at_most.unwrap_or(u64::MAX))
    }
}

/// Numbers of cores as the kernel's lists are written: `0-3,8`.
pub(crate) fn list(cores: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    let mut sorted = cores.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    for core in sorted {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == core => *last = core,
            _ => ranges.push((core, core)),
        }
    }
    let range =
        |&(first, last): &(usize, usize)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ranges.iter().map(range).collect::<Vec<_>>().join(",")
}

/// The numbers in such a list; none when it is not one.
pub(crate) fn parse_list(text: &str) -> Option<Vec<usize>> {
    let mut cores = Vec::new();
    for range in text.trim().split(',').filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if first > last || last > 65_535 {
            return None;
        }
        cores.extend(first..=last);
    }
    Some(cores)
}

/// Cores as the kernel's masks are written: hexadecimal words of 32 bits, the highest first.
pub(crate) fn mask(cores: &[usize]) -> String {
    let words = cores.iter().max().map_or(1, |most| most / 32 + 1);
    let word =
        |word: usize| cores.iter().filter(|&&core| core / 32 == word).fold(0u32, |mask, core| mask | 1 << (core % 32));
    let mut text = format!("{:x}", word(words - 1));
    for low in (0..words - 1).rev() {
        text.push_str(&format!(",{:08x}", word(low)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            connections: 1_000_000,
            cores: vec![0, 1, 2, 3],
            memory_bytes: 24 << 30,
            page_bytes: 4096,
            descriptors: 1 << 20,
        }
    }

    fn amount(text: &str, unit: Unit) -> Result<Amount, String> {
        let table: toml::Table = format!("value = {text}").parse().unwrap();
        Amount::parse(&table["value"], unit)
    }

    fn text(amount_text: &str, unit: Unit) -> String {
        amount(amount_text, unit).unwrap().text(&facts(), unit, 5)
    }

    #[test]
    fn amounts_are_computed_from_the_machine() {
        assert_eq!(text("{ plus = 1000, per_connection = 2 }", Unit::Descriptors), "2001000");
        assert_eq!(text("{ per_core = 3, at_least = 20 }", Unit::None), "20");
        assert_eq!(text("{ per_connection = 2, at_most = 7 }", Unit::None), "7");
        assert_eq!(text("[{ memory_percent = 25 }, 7]", Unit::Pages), "1572864\t7");
        assert_eq!(text("{ memory_percent = 50 }", Unit::Bytes), (12u64 << 30).to_string());
        assert_eq!(text("{ cores = \"all-but-first\" }", Unit::Cores), "1-3");
        assert_eq!(text("{ cores = \"queue\" }", Unit::Cores), "1");
    }

    #[test]
    fn what_is_no_amount_is_told_with_what_is_allowed() {
        for (value, unit, said) in [
            ("-1", Unit::None, "-1 is below 0"),
            ("true", Unit::None, "0 or 1"),
            ("1.5", Unit::None, "a float is no value"),
            ("[]", Unit::None, "the list is empty"),
            ("\"a b\"", Unit::None, "neither blanks"),
            ("{ per_conection = 1 }", Unit::None, "per_connection"),
            ("{ memory_percent = 101 }", Unit::Bytes, "not within 0 to 100"),
            ("{ memory_percent = 10 }", Unit::Ms, "needs unit"),
            ("{ at_least = 5, at_most = 4 }", Unit::None, "contradicts"),
            ("{ cores = \"some\" }", Unit::Cores, "unknown variant"),
            ("{ cores = \"all\" }", Unit::None, "need unit"),
        ] {
            let error = amount(value, unit).unwrap_err();
            assert!(error.contains(said), "{value}: {error}");
        }
    }

    #[test]
    fn lists_and_masks_of_cores_are_those_of_the_kernel() {
        assert_eq!(list(&[3, 0, 1, 8, 2]), "0-3,8");
        assert_eq!(list(&[]), "");
        assert_eq!(parse_list("0-3,8\n"), Some(vec![0, 1, 2, 3, 8]));
        assert_eq!(parse_list("3-1"), None);
        assert_eq!(parse_list("a"), None);
        assert_eq!(mask(&[0, 1]), "3");
        assert_eq!(mask(&[0, 33]), "2,00000001");
        assert_eq!(mask(&[]), "0");
    }
}
