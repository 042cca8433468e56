//! Which values are allowed, alone and together.
//!
//! [`ValidConfig`] can be made only by passing every rule here; it reads like a [`Config`] and cannot be changed. All
//! problems are reported at once, so that an operator mends them in one go.
//!
//! Not here: rules that depend on the machine, such as `RLIMIT_NOFILE`.

mod rules;

use std::fmt;
use std::net::SocketAddr;
use std::ops::{Deref, RangeInclusive};
use std::time::Duration;

use super::name::TopicNameError;
use super::text::{print_bytes, print_duration};
use super::{Config, Fsync, JournalConfig, KIB, MIB, Pin, Shards, Steering};

const GIB: usize = 1024 * MIB;

/// Most shards of one server.
pub(crate) const SHARDS_MAX: usize = 1024;

/// A [`Config`] that passed every rule: the only form that a server accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidConfig(Config);

impl Deref for ValidConfig {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.0
    }
}

impl ValidConfig {
    pub(super) fn new(config: Config) -> Result<Self, ConfigError> {
        let mut check = Check { problems: Vec::new() };
        check.shards(&config);
        check.steering(&config);
        check.counts(&config);
        check.sizes(&config);
        check.times(&config);
        check.pairs(&config);
        check.rules(&config);
        check.admin(&config);
        check.journal(&config.journal);
        if check.problems.is_empty() { Ok(Self(config)) } else { Err(ConfigError { problems: check.problems }) }
    }

    /// Number of shards on a machine that lets the process use `cores` cores.
    pub fn shard_count(&self, cores: usize) -> usize {
        match (self.shards, &self.pin) {
            (Shards::Count(count), _) => count,
            (Shards::Auto, Pin::List(list)) => list.len(),
            (Shards::Auto, _) => cores.clamp(1, SHARDS_MAX),
        }
    }

    /// Core of each of `shard_count` shards on a machine that lets the process use `cores`; `None` floats.
    pub fn pins(&self, shard_count: usize, cores: &[usize]) -> Vec<Option<usize>> {
        match &self.pin {
            Pin::List(list) => list.iter().copied().map(Some).take(shard_count).collect(),
            Pin::Auto if shard_count <= cores.len() => cores.iter().copied().map(Some).take(shard_count).collect(),
            Pin::Auto | Pin::None => vec![None; shard_count],
        }
    }

    /// Connections that a shard out of `shard_count` makes room for: more than its share, because the kernel spreads connections
    /// by a hash, not evenly. Small servers get room for all of them on each shard, large ones for twice the share.
    pub fn connections_room(&self, shard_count: usize) -> u32 {
        const AT_LEAST: u32 = 1024;
        let share = self.connections_share(shard_count, 0);
        share.saturating_mul(2).max(AT_LEAST).min(self.connections_max)
    }

    /// Even share of shard `index` out of `shard_count`; the first shards take what does not divide evenly.
    pub fn connections_share(&self, shard_count: usize, index: usize) -> u32 {
        let shards = u32::try_from(shard_count).expect("at most 1024 shards");
        let remainder = self.connections_max % shards;
        self.connections_max / shards + u32::from(index < remainder as usize)
    }
}

/// Everything that is wrong with a [`Config`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// What is wrong, in the order of the fields. Never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            problem.fmt(out)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// One rule that a [`Config`] breaks. Values and bounds are printed as they are typed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A value outside its range.
    #[error("{key} = {value} is out of range: allowed is {min} to {max}{or_off}")]
    OutOfRange {
        /// The field.
        key: &'static str,
        /// Its value.
        value: String,
        /// Lowest value allowed.
        min: String,
        /// Highest value allowed.
        max: String,
        /// ` or off` where the limit may be switched off.
        or_off: &'static str,
    },
    /// A count that must be a power of two and is not.
    #[error("{key} = {value} is not a power of two: the nearest are {below} and {above}")]
    NotPowerOfTwo {
        /// The field.
        key: &'static str,
        /// Its value.
        value: u32,
        /// Next lower power of two.
        below: u32,
        /// Next higher power of two.
        above: u32,
    },
    /// Two values that contradict each other.
    #[error("{key} = {value} contradicts {other} = {other_value}: {rule}")]
    Contradiction {
        /// One field.
        key: &'static str,
        /// Its value.
        value: String,
        /// The other field.
        other: &'static str,
        /// Its value.
        other_value: String,
        /// What must hold between the two.
        rule: &'static str,
    },
    /// A core list without cores.
    #[error("{key} = [] lists no core: use `auto`, `none` or a list such as 0,2,4-7")]
    EmptyList {
        /// The field.
        key: &'static str,
    },
    /// A rule of `[[topics]]` that breaks one of ours.
    #[error("topics, rule {number} (`{pattern}`): {problem}")]
    Rule {
        /// Which one, from 1.
        number: usize,
        /// Its pattern.
        pattern: String,
        /// What is wrong with it.
        problem: Box<Problem>,
    },
    /// A pattern that is neither a topic's name nor a pattern of names.
    #[error("pattern: {0}")]
    Pattern(TopicNameError),
    /// A rule whose topics an earlier one has all.
    #[error(
        "it never holds, because rule {number} (`{pattern}`) has all of its topics: put it before that one, or take one away"
    )]
    NeverApplies {
        /// The earlier rule, from 1.
        number: usize,
        /// Its pattern.
        pattern: String,
    },
    /// An admin interface for everybody.
    #[error(
        "admin.listen = {listen} reaches beyond this machine and needs a token: write one into a file \
         (`openssl rand -hex 32 > FILE`) and name the file with --admin-token-file=FILE (admin.token_file), or listen on \
         127.0.0.1, or use --admin-listen=none"
    )]
    AdminWithoutToken {
        /// The address.
        listen: SocketAddr,
    },
}

struct Check {
    problems: Vec<Problem>,
}

impl Check {
    fn shards(&mut self, config: &Config) {
        if let Shards::Count(count) = config.shards {
            self.range("shards", count, 1..=SHARDS_MAX, |n| n.to_string());
            self.require(
                count <= config.connections_max as usize,
                ("connections_max", config.connections_max.to_string()),
                ("shards", count.to_string()),
                "every shard needs at least one connection",
            );
        }
        let Pin::List(list) = &config.pin else { return };
        if list.is_empty() {
            self.problems.push(Problem::EmptyList { key: "pin" });
            return;
        }
        match config.shards {
            Shards::Auto => self.range("pin (length)", list.len(), 1..=SHARDS_MAX, |n| n.to_string()),
            Shards::Count(count) => self.require(
                count == list.len(),
                ("pin", config.pin.to_string()),
                ("shards", count.to_string()),
                "list one core for each shard, or leave shards at auto",
            ),
        }
    }

    /// Packets find a shard by its core.
    fn steering(&mut self, config: &Config) {
        let has_cores = match &config.pin {
            Pin::Auto => true,
            Pin::None => false,
            Pin::List(list) => list.iter().enumerate().all(|(index, core)| !list[..index].contains(core)),
        };
        self.require(
            has_cores || config.steering == Steering::Off,
            ("steering", config.steering.to_string()),
            ("pin", config.pin.to_string()),
            "each shard needs a core of its own",
        );
    }

    fn counts(&mut self, config: &Config) {
        self.count("connections_max", config.connections_max, 1..=1 << 24);
        self.power_of_two("recv_buffer_count", config.recv_buffer_count, 8..=32_768);
        self.power_of_two("ring_entries", config.ring_entries, 64..=32_768);
        self.count("turn_completions_max", config.turn_completions_max, 1..=65_536);
        self.count("accepts_in_flight", config.accepts_in_flight, 1..=1024);
        self.count("listen_backlog", config.listen_backlog, 1..=65_535);
        self.count("topic_tokens_max", config.topic_tokens_max, 1..=64);
        self.count("topics_max", config.topics_max, 1..=1 << 24);
        self.count("subscriptions_per_connection_max", config.subscriptions_per_connection_max, 1..=65_535);
        self.count("shard_queue_count", config.shard_queue_count, 16..=1 << 20);
        self.count("command_queue_count", config.command_queue_count, 16..=1 << 20);
    }

    fn sizes(&mut self, config: &Config) {
        self.bytes("head_bytes_max", config.head_bytes_max, 256..=MIB);
        self.bytes("message_bytes_max", config.message_bytes_max, 1..=GIB);
        self.bytes("send_queue_bytes_max", config.send_queue_bytes_max, KIB..=4 * GIB);
        self.bytes("recv_buffer_bytes", config.recv_buffer_bytes, 4 * KIB..=MIB);
        self.bytes("turn_bytes_max", config.turn_bytes_max, 4 * KIB..=GIB);
        self.bytes("shard_queue_bytes_max", config.shard_queue_bytes_max, 64 * KIB..=4 * GIB);
        self.bytes("command_queue_bytes_max", config.command_queue_bytes_max, 64 * KIB..=4 * GIB);
        self.bytes_or_off("socket_send_buffer_bytes", config.socket_send_buffer_bytes, 4 * KIB..=GIB);
        self.bytes_or_off("socket_recv_buffer_bytes", config.socket_recv_buffer_bytes, 4 * KIB..=GIB);
        self.bytes_or_off("tcp_notsent_lowat", config.tcp_notsent_lowat, KIB..=GIB);
        self.range("topic_name_bytes_max", config.topic_name_bytes_max, 1..=65_535, |n| n.to_string());
    }

    fn times(&mut self, config: &Config) {
        const SHORTEST: Duration = Duration::from_millis(10);
        const HOUR: Duration = Duration::from_secs(3600);
        const DAY: Duration = Duration::from_secs(24 * 3600);
        self.time("handshake_timeout", config.handshake_timeout, SHORTEST..=HOUR);
        self.time_or_off("idle_timeout", config.idle_timeout, SHORTEST..=DAY);
        self.time_or_off("ping_interval", config.ping_interval, SHORTEST..=DAY);
        self.time("pong_timeout", config.pong_timeout, SHORTEST..=HOUR);
        self.time("close_timeout", config.close_timeout, SHORTEST..=HOUR);
        self.time("shutdown_grace", config.shutdown_grace, Duration::ZERO..=HOUR);
        self.time_or_off("busy_poll", config.busy_poll, Duration::from_micros(1)..=Duration::from_millis(10));
        self.time("publish_window_max", config.publish_window_max, Duration::ZERO..=Duration::from_millis(10));
    }

    /// The rules between two fields.
    fn pairs(&mut self, config: &Config) {
        let high = ("send_queue_bytes_high", print_bytes(config.send_queue_bytes_high));
        self.require(
            config.send_queue_bytes_low < config.send_queue_bytes_high,
            ("send_queue_bytes_low", print_bytes(config.send_queue_bytes_low)),
            high.clone(),
            "the low mark must be below the high mark",
        );
        self.require(
            config.send_queue_bytes_high <= config.send_queue_bytes_max,
            high,
            ("send_queue_bytes_max", print_bytes(config.send_queue_bytes_max)),
            "the high mark must not be above the most that the queue holds",
        );
        self.require(
            config.recv_buffer_bytes <= config.turn_bytes_max,
            ("turn_bytes_max", print_bytes(config.turn_bytes_max)),
            ("recv_buffer_bytes", print_bytes(config.recv_buffer_bytes)),
            "a turn must be able to handle one whole recv buffer",
        );
        self.require(
            config.accepts_in_flight <= config.ring_entries / 2,
            ("accepts_in_flight", config.accepts_in_flight.to_string()),
            ("ring_entries", config.ring_entries.to_string()),
            "accepts may take at most half of the ring's entries",
        );
        if let (Some(ping), Some(idle)) = (config.ping_interval, config.idle_timeout) {
            self.require(
                ping < idle,
                ("ping_interval", print_duration(ping)),
                ("idle_timeout", print_duration(idle)),
                "the ping must come before the connection counts as idle",
            );
        }
    }

    fn admin(&mut self, config: &Config) {
        let admin = &config.admin;
        self.require(
            admin.listen != Some(config.listen) || config.listen.port() == 0,
            ("admin.listen", config.listen.to_string()),
            ("listen", config.listen.to_string()),
            "two listeners need two addresses",
        );
        if let Some(listen) = admin.listen.filter(|_| admin.is_open_to_all()) {
            self.problems.push(Problem::AdminWithoutToken { listen });
        }
        if let (Some(_), Some(file)) = (&admin.token, &admin.token_file) {
            self.problems.push(Problem::Contradiction {
                key: "admin.token",
                value: "(not shown)".into(),
                other: "admin.token_file",
                other_value: file.display().to_string(),
                rule: "there is one token, given in one place",
            });
        }
    }

    fn journal(&mut self, journal: &JournalConfig) {
        let segment_bytes = JournalConfig::SEGMENT_BYTES_MIN..=JournalConfig::SEGMENT_BYTES_MAX;
        let journal_bytes = 2 * JournalConfig::SEGMENT_BYTES_MIN..=JournalConfig::JOURNAL_BYTES_MAX;
        let queue_bytes = JournalConfig::QUEUE_BYTES_MIN..=JournalConfig::QUEUE_BYTES_MAX;
        self.bytes("journal.segment_bytes_max", journal.segment_bytes_max, segment_bytes);
        self.bytes("journal.journal_bytes_max", journal.journal_bytes_max, journal_bytes);
        self.count("journal.queue_count", journal.queue_count, 16..=1 << 20);
        self.bytes("journal.queue_bytes_max", journal.queue_bytes_max, queue_bytes);
        let grace = Duration::ZERO..=Duration::from_secs(365 * 24 * 3600);
        self.time("journal.retention_grace", journal.retention_grace, grace);
        if let Fsync::Every(delay) = journal.fsync {
            self.time("journal.fsync", delay, Duration::from_millis(1)..=Duration::from_secs(3600));
        }
        self.require(
            journal.segment_bytes_max <= journal.journal_bytes_max / 2,
            ("journal.journal_bytes_max", print_bytes(journal.journal_bytes_max)),
            ("journal.segment_bytes_max", print_bytes(journal.segment_bytes_max)),
            "files go whole, so there must be room for two",
        );
    }

    fn require(
        &mut self,
        holds: bool,
        (key, value): (&'static str, String),
        (other, other_value): (&'static str, String),
        rule: &'static str,
    ) {
        if !holds {
            self.problems.push(Problem::Contradiction { key, value, other, other_value, rule });
        }
    }

    fn range<T: Copy + PartialOrd>(
        &mut self,
        key: &'static str,
        value: T,
        allowed: RangeInclusive<T>,
        print: fn(T) -> String,
    ) {
        if !allowed.contains(&value) {
            let (min, max) = (print(*allowed.start()), print(*allowed.end()));
            self.problems.push(Problem::OutOfRange { key, value: print(value), min, max, or_off: "" });
        }
    }

    fn range_or_off<T: Copy + PartialOrd>(
        &mut self,
        key: &'static str,
        value: Option<T>,
        allowed: RangeInclusive<T>,
        print: fn(T) -> String,
    ) {
        let Some(value) = value else { return };
        self.range(key, value, allowed, print);
        if let Some(Problem::OutOfRange { key: last, or_off, .. }) = self.problems.last_mut()
            && *last == key
        {
            *or_off = ", or off";
        }
    }

    fn count(&mut self, key: &'static str, value: u32, allowed: RangeInclusive<u32>) {
        self.range(key, value, allowed, |n| n.to_string());
    }

    fn bytes(&mut self, key: &'static str, value: usize, allowed: RangeInclusive<usize>) {
        self.range(key, value, allowed, print_bytes);
    }

    fn bytes_or_off(&mut self, key: &'static str, value: Option<usize>, allowed: RangeInclusive<usize>) {
        self.range_or_off(key, value, allowed, print_bytes);
    }

    fn time(&mut self, key: &'static str, value: Duration, allowed: RangeInclusive<Duration>) {
        self.range(key, value, allowed, print_duration);
    }

    fn time_or_off(&mut self, key: &'static str, value: Option<Duration>, allowed: RangeInclusive<Duration>) {
        self.range_or_off(key, value, allowed, print_duration);
    }

    fn power_of_two(&mut self, key: &'static str, value: u32, allowed: RangeInclusive<u32>) {
        let in_range = allowed.contains(&value);
        self.count(key, value, allowed);
        if in_range && !value.is_power_of_two() {
            let above = value.next_power_of_two();
            self.problems.push(Problem::NotPowerOfTwo { key, value, below: above / 2, above });
        }
    }
}
