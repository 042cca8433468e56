//! How values are written: addresses, sizes (`64KiB`), durations (`250ms`), `off`, shard counts and core lists.
//!
//! Each kind has a parser and a printer that are each other's inverse, used by the file and by the command line alike.
//! The modules are for `#[serde(with = …)]`.
//!
//! Not here: whether a value is within its range (`limits`).

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Overflow, Pin, Shards, Steering};

/// A value that was not written as its kind demands; the text says what is expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{typed}` is not {expected}")]
pub struct ParseError {
    pub(super) typed: String,
    pub(super) expected: &'static str,
}

/// A limit that may be switched off, as typed: `off`, or a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrOff<T> {
    /// `off`
    Off,
    /// The value.
    Value(T),
}

impl<T> From<OrOff<T>> for Option<T> {
    fn from(typed: OrOff<T>) -> Self {
        match typed {
            OrOff::Off => None,
            OrOff::Value(value) => Some(value),
        }
    }
}

const BYTE_UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const BYTES_EXPECTED: &str = "a size in bytes such as 65536, 64KiB, 1MiB or 1GiB";
const BYTES_OR_OFF_EXPECTED: &str = "`off` or a size in bytes such as 65536, 64KiB, 1MiB or 1GiB";

const TIME_UNITS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];
const DURATION_EXPECTED: &str = "a duration such as 10s, 250ms, 50us, 2m or 1h";
const DURATION_OR_OFF_EXPECTED: &str = "`off` or a duration such as 10s, 250ms, 50us, 2m or 1h";

const LISTEN_EXPECTED: &str = "an address with a port such as 127.0.0.1:9001, 0.0.0.0:9001, [::1]:9001 or localhost:9001, \
                               or a port alone, which is one of 127.0.0.1";
const LISTEN_OR_NONE_EXPECTED: &str = "`none`, an address with a port such as 127.0.0.1:9002 or [::1]:9002, or a port alone, \
                                       which is one of 127.0.0.1";

const SHARDS_EXPECTED: &str = "`auto` or a number of shards such as 4";
const PIN_EXPECTED: &str = "`auto`, `none` or a list of cores such as 0,2,4-7";

/// Reads an address to listen on: an IP address with a port. A port alone, and `localhost` with one, are of 127.0.0.1; other
/// names are not looked up.
///
/// # Errors
///
/// [`ParseError`] when it is written otherwise.
pub fn parse_listen(typed: &str) -> Result<SocketAddr, ParseError> {
    let port = typed.strip_prefix("localhost:").unwrap_or(typed);
    let local = || Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().ok()?)));
    let addr = typed.parse().ok().or_else(local);
    addr.ok_or_else(|| ParseError { typed: typed.into(), expected: LISTEN_EXPECTED })
}

/// Reads a size: an integer in bytes, or one with the unit `B`, `KiB`, `MiB` or `GiB`.
///
/// # Errors
///
/// [`ParseError`] when it is written otherwise or does not fit into 64 bits.
pub fn parse_bytes(typed: &str) -> Result<usize, ParseError> {
    let error = || ParseError { typed: typed.into(), expected: BYTES_EXPECTED };
    let (number, unit) = split_unit(typed);
    let factor = match unit {
        "" => 1,
        unit => factor_of(&BYTE_UNITS, unit).ok_or_else(error)?,
    };
    let number: u64 = number.parse().map_err(|_| error())?;
    number.checked_mul(factor).and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(error)
}

/// Reads a duration: an integer with the unit `ns`, `us`, `ms`, `s`, `m` or `h`. A bare 0 is a duration too.
///
/// # Errors
///
/// [`ParseError`] when it is written otherwise, or is longer than 584 years.
pub fn parse_duration(typed: &str) -> Result<Duration, ParseError> {
    let error = || ParseError { typed: typed.into(), expected: DURATION_EXPECTED };
    let (number, unit) = split_unit(typed);
    let number: u64 = number.parse().map_err(|_| error())?;
    if unit.is_empty() && number == 0 {
        return Ok(Duration::ZERO);
    }
    let factor = factor_of(&TIME_UNITS, unit).ok_or_else(error)?;
    number.checked_mul(factor).map(Duration::from_nanos).ok_or_else(error)
}

/// Reads a size as [`parse_bytes`] does, or `off`.
///
/// # Errors
///
/// [`ParseError`] when it is neither.
pub fn parse_bytes_or_off(typed: &str) -> Result<OrOff<usize>, ParseError> {
    if typed == "off" {
        return Ok(OrOff::Off);
    }
    parse_bytes(typed).map(OrOff::Value).map_err(|error| ParseError { expected: BYTES_OR_OFF_EXPECTED, ..error })
}

/// Reads a duration as [`parse_duration`] does, or `off`.
///
/// # Errors
///
/// [`ParseError`] when it is neither.
pub fn parse_duration_or_off(typed: &str) -> Result<OrOff<Duration>, ParseError> {
    if typed == "off" {
        return Ok(OrOff::Off);
    }
    parse_duration(typed).map(OrOff::Value).map_err(|error| ParseError { expected: DURATION_OR_OFF_EXPECTED, ..error })
}

/// Reads an address as [`parse_listen`] does, or `none`.
///
/// # Errors
///
/// [`ParseError`] when it is neither.
pub fn parse_listen_or_none(typed: &str) -> Result<OrOff<SocketAddr>, ParseError> {
    if typed == "none" {
        return Ok(OrOff::Off);
    }
    parse_listen(typed).map(OrOff::Value).map_err(|error| ParseError { expected: LISTEN_OR_NONE_EXPECTED, ..error })
}

fn split_unit(typed: &str) -> (&str, &str) {
    let digits = typed.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = typed.split_at(digits);
    (number, unit.trim_start())
}

fn factor_of(units: &[(&str, u64)], unit: &str) -> Option<u64> {
    units.iter().find(|(name, _)| *name == unit).map(|&(_, factor)| factor)
}

/// Prints a size exactly, with the largest unit that divides it: what [`parse_bytes`] reads back.
pub fn print_bytes(bytes: usize) -> String {
    match BYTE_UNITS.iter().find(|&&(_, factor)| bytes > 0 && (bytes as u64).is_multiple_of(factor)) {
        Some((unit, factor)) if *factor > 1 => format!("{}{unit}", bytes as u64 / factor),
        _ => bytes.to_string(),
    }
}

/// Prints a duration exactly, with the largest unit that divides it: what [`parse_duration`] reads back.
pub fn print_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    match TIME_UNITS.iter().find(|&&(_, factor)| nanos > 0 && nanos.is_multiple_of(u128::from(factor))) {
        Some((unit, factor)) => format!("{}{unit}", nanos / u128::from(*factor)),
        None => "0s".into(),
    }
}

/// Prints a size for people: three digits or fewer before the point, one after it.
pub fn human_bytes(bytes: u64) -> String {
    match [("TiB", 1u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        .iter()
        .find(|&&(_, factor)| bytes >= factor)
    {
        Some((unit, factor)) => format!("{:.1} {unit}", bytes as f64 / *factor as f64),
        None => format!("{bytes} B"),
    }
}

/// `1 shard`, `2 shards`
pub fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

impl FromStr for Shards {
    type Err = ParseError;

    fn from_str(typed: &str) -> Result<Self, ParseError> {
        match typed {
            "auto" => Ok(Self::Auto),
            count => count
                .parse()
                .map(Self::Count)
                .map_err(|_| ParseError { typed: typed.into(), expected: SHARDS_EXPECTED }),
        }
    }
}

impl fmt::Display for Shards {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => out.write_str("auto"),
            Self::Count(count) => count.fmt(out),
        }
    }
}

impl FromStr for Pin {
    type Err = ParseError;

    fn from_str(typed: &str) -> Result<Self, ParseError> {
        match typed {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            list => parse_cores(list)
                .map(Self::List)
                .ok_or_else(|| ParseError { typed: typed.into(), expected: PIN_EXPECTED }),
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => out.write_str("auto"),
            Self::None => out.write_str("none"),
            Self::List(cores) => {
                let cores: Vec<_> = cores.iter().map(usize::to_string).collect();
                out.write_str(&cores.join(","))
            }
        }
    }
}

/// Cores beyond this are a typing error; it also bounds what `0-999999999` makes us allocate.
const CORE_MAX: usize = 65_535;

/// `0,2,4-7` as the kernel writes lists of cores.
fn parse_cores(list: &str) -> Option<Vec<usize>> {
    let mut cores = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if last > CORE_MAX || first > last {
            return None;
        }
        cores.extend(first..=last);
    }
    Some(cores)
}

impl FromStr for Overflow {
    type Err = ParseError;

    fn from_str(typed: &str) -> Result<Self, ParseError> {
        match typed {
            "disconnect" => Ok(Self::Disconnect),
            "drop-newest" => Ok(Self::DropNewest),
            _ => Err(ParseError { typed: typed.into(), expected: "`disconnect` or `drop-newest`" }),
        }
    }
}

impl fmt::Display for Overflow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Disconnect => "disconnect",
            Self::DropNewest => "drop-newest",
        })
    }
}

impl FromStr for Steering {
    type Err = ParseError;

    fn from_str(typed: &str) -> Result<Self, ParseError> {
        match typed {
            "off" => Ok(Self::Off),
            "cpu" => Ok(Self::Cpu),
            _ => Err(ParseError { typed: typed.into(), expected: "`off` or `cpu`" }),
        }
    }
}

impl fmt::Display for Steering {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Off => "off",
            Self::Cpu => "cpu",
        })
    }
}

/// A value of a file as it would stand on the command line.
fn typed(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(list) if !list.is_empty() => list.iter().map(typed).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

pub(super) fn deserialize_with<'de, D, T>(input: D, parse: fn(&str) -> Result<T, ParseError>) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
{
    parse(&typed(&toml::Value::deserialize(input)?)).map_err(D::Error::custom)
}

/// `"127.0.0.1:9001"` or a port.
pub(crate) mod listen {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(addr: &SocketAddr, output: S) -> Result<S::Ok, S::Error> {
        addr.to_string().serialize(output)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<SocketAddr, D::Error> {
        deserialize_with(input, parse_listen)
    }
}

/// `"64KiB"` or an integer.
pub(crate) mod bytes {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bytes: &usize, output: S) -> Result<S::Ok, S::Error> {
        let text = print_bytes(*bytes);
        // A size without a unit is a number: that is how one would type it.
        if text.ends_with('B') { text.serialize(output) } else { (*bytes as u64).serialize(output) }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<usize, D::Error> {
        deserialize_with(input, parse_bytes)
    }
}

/// As `bytes`, or `"off"`.
pub(crate) mod bytes_or_off {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bytes: &Option<usize>, output: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => super::bytes::serialize(bytes, output),
            None => "off".serialize(output),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<usize>, D::Error> {
        deserialize_with(input, parse_bytes_or_off).map(Into::into)
    }
}

/// `"250ms"`.
pub(crate) mod duration {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, output: S) -> Result<S::Ok, S::Error> {
        print_duration(*duration).serialize(output)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
        deserialize_with(input, parse_duration)
    }
}

/// As `duration`, or `"off"`.
pub(crate) mod duration_or_off {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(duration: &Option<Duration>, output: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::duration::serialize(duration, output),
            None => "off".serialize(output),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Duration>, D::Error> {
        deserialize_with(input, parse_duration_or_off).map(Into::into)
    }
}

impl<'de> Deserialize<'de> for Overflow {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        deserialize_with(input, Self::from_str)
    }
}

impl<'de> Deserialize<'de> for Steering {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        deserialize_with(input, Self::from_str)
    }
}

/// `"127.0.0.1:9002"`, or `"none"`.
pub(crate) mod listen_or_none {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(addr: &Option<SocketAddr>, output: S) -> Result<S::Ok, S::Error> {
        addr.map_or_else(|| "none".into(), |addr| addr.to_string()).serialize(output)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<SocketAddr>, D::Error> {
        deserialize_with(input, parse_listen_or_none).map(Into::into)
    }
}

/// A path, or `"none"`.
pub(crate) mod path_or_none {
    use std::path::PathBuf;

    use super::*;

    pub(crate) fn serialize<S: Serializer>(path: &Option<PathBuf>, output: S) -> Result<S::Ok, S::Error> {
        path.as_ref().map_or_else(|| "none".into(), |path| path.display().to_string()).serialize(output)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<PathBuf>, D::Error> {
        match toml::Value::deserialize(input)? {
            toml::Value::String(path) => Ok((path != "none").then(|| path.into())),
            other => Err(D::Error::custom(ParseError { typed: typed(&other), expected: "`none` or a path in quotes" })),
        }
    }
}

/// A token to read; what is printed is only whether there is one.
pub(crate) mod token_or_none {
    use super::*;
    use crate::config::admin::Token;

    /// No token, so that a printed configuration that is used as a file says what it lacks.
    const NOT_SHOWN: &str = "(not shown)";

    pub(crate) fn serialize<S: Serializer>(token: &Option<Token>, output: S) -> Result<S::Ok, S::Error> {
        token.as_ref().map_or("none", |_| NOT_SHOWN).serialize(output)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Token>, D::Error> {
        // The value is not told: it may be the token.
        let toml::Value::String(typed) = toml::Value::deserialize(input)? else {
            return Err(D::Error::custom("a token stands in quotes"));
        };
        match &*typed {
            "none" => Ok(None),
            NOT_SHOWN => Err(D::Error::custom("a printed configuration does not show the token: write it here again")),
            typed => typed.parse().map(Some).map_err(D::Error::custom),
        }
    }
}

impl Serialize for Shards {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => "auto".serialize(output),
            Self::Count(count) => count.serialize(output),
        }
    }
}

impl<'de> Deserialize<'de> for Shards {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        deserialize_with(input, Self::from_str)
    }
}

impl Serialize for Pin {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::List(cores) => cores.serialize(output),
            word => word.to_string().serialize(output),
        }
    }
}

impl<'de> Deserialize<'de> for Pin {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        // `[]` means no more than "" on the command line does.
        deserialize_with(input, Self::from_str)
    }
}
