//! The options that all subcommands share: one for each field of the configuration, under the same name.
//!
//! Every option is optional, so that what was not typed leaves the file's value or the default alone.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{StartError, demo, profile};
use crate::config::text::{
    OrOff, parse_bytes, parse_bytes_or_off, parse_duration, parse_duration_or_off, parse_listen, parse_listen_or_none,
};
use crate::config::{Config, Fsync, Overflow, Pin, Shards, Steering, ValidConfig, file};
use crate::http::OriginRules;

#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub(super) struct Options {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    connections: Connections,
    #[command(flatten)]
    messages: Messages,
    #[command(flatten)]
    rings: Rings,
    #[command(flatten)]
    sockets: Sockets,
    #[command(flatten)]
    topics: Topics,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    journal: Journal,
    /// Take Ringwire's part of a tuning profile: fanout, lowlat, throughput, laptop, bench, or a file. What the file of --config
    /// and the command line say goes before it
    #[arg(long, value_name = "NAME|FILE", help_heading = "Configuration")]
    pub(super) profile: Option<String>,
    /// Read settings from this TOML file; unknown keys are errors
    #[arg(long, value_name = "FILE", help_heading = "Configuration")]
    config: Option<PathBuf>,
    /// Print the effective configuration as TOML and exit
    #[arg(long, help_heading = "Configuration")]
    pub(super) print_config: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(next_help_heading = "Server")]
struct Server {
    /// Address to listen on, or a port of 127.0.0.1 [default: 127.0.0.1:9001]
    #[arg(long, value_name = "ADDR:PORT", value_parser = parse_listen)]
    listen: Option<SocketAddr>,
    /// Threads, each with its own ring: a number, or auto for one per core [default: auto]
    #[arg(long, value_name = "COUNT|auto")]
    shards: Option<Shards>,
    /// Cores that shards are pinned to: auto, none, or a list such as 0,2,4-7 [default: auto]
    #[arg(long, value_name = "auto|none|LIST")]
    pin: Option<Pin>,
    /// Which shard gets a connection: off deals them out evenly, cpu takes that of the core that its packets come in on [default: off]
    #[arg(long, value_name = "off|cpu")]
    steering: Option<Steering>,
    /// Pages that may use the node: rules such as https://*.example.com or *, separated by commas [default: same-origin]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    origins: Option<Vec<String>>,
    /// Time between closing connections with 1001 and cutting them at shutdown; 0 cuts at once [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    shutdown_grace: Option<Duration>,
    /// Serve the demos: pages, echo, chat, ticker and rules for their topics; false serves topics alone (serve) [default: true]
    #[arg(long, value_name = "true|false", hide_possible_values = true)]
    demo: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(next_help_heading = "Connections")]
struct Connections {
    /// Connections of the whole server [default: 10000]
    #[arg(long, value_name = "COUNT")]
    connections_max: Option<u32>,
    /// Longest request head; a longer one gets 431 [default: 16KiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    head_bytes_max: Option<usize>,
    /// Time from accept to the whole request head; a slower one gets 408 [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    handshake_timeout: Option<Duration>,
    /// Close a connection from which nothing came for this long [default: 2m]
    #[arg(long, value_name = "DURATION|off", value_parser = parse_duration_or_off)]
    idle_timeout: Option<OrOff<Duration>>,
    /// Ping a connection from which nothing came for this long [default: 30s]
    #[arg(long, value_name = "DURATION|off", value_parser = parse_duration_or_off)]
    ping_interval: Option<OrOff<Duration>>,
    /// Cut a connection that does not answer our ping within this time [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pong_timeout: Option<Duration>,
    /// Cut a connection that within this time does not answer our close frame, or does not take all that is queued at its
    /// end [default: 5s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    close_timeout: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(next_help_heading = "Messages")]
struct Messages {
    /// Largest message received, all its frames together; a larger one closes with 1009 [default: 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    message_bytes_max: Option<usize>,
    /// Queued bytes above which a connection counts as slow, and is not read from [default: 256KiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    send_queue_bytes_high: Option<usize>,
    /// Queued bytes below which a slow connection counts as drained [default: 64KiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    send_queue_bytes_low: Option<usize>,
    /// Most bytes that one connection's send queue holds [default: 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    send_queue_bytes_max: Option<usize>,
    /// What a full send queue does: disconnect or drop-newest [default: disconnect]
    #[arg(long, value_name = "ACTION")]
    overflow: Option<Overflow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(next_help_heading = "Rings")]
struct Rings {
    /// Size of one recv buffer [default: 32KiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    recv_buffer_bytes: Option<usize>,
    /// Recv buffers of one shard, a power of two [default: 128]
    #[arg(long, value_name = "COUNT")]
    recv_buffer_count: Option<u32>,
    /// Entries of a ring's submission queue, a power of two [default: 1024]
    #[arg(long, value_name = "COUNT")]
    ring_entries: Option<u32>,
    /// Received bytes that one turn of a shard handles before it sends [default: 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    turn_bytes_max: Option<usize>,
    /// Completions that one turn of a shard handles before it sends [default: 512]
    #[arg(long, value_name = "COUNT")]
    turn_completions_max: Option<u32>,
    /// How long an idle shard looks for work before it sleeps; it keeps its core busy meanwhile [default: off]
    #[arg(long, value_name = "DURATION|off", value_parser = parse_duration_or_off)]
    busy_poll: Option<OrOff<Duration>>,
    /// Accepts that one shard keeps in flight [default: 32]
    #[arg(long, value_name = "COUNT")]
    accepts_in_flight: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(next_help_heading = "Sockets")]
struct Sockets {
    /// Connections that the kernel queues for one shard [default: 4096]
    #[arg(long, value_name = "COUNT")]
    listen_backlog: Option<u32>,
    /// Send small segments at once (TCP_NODELAY) [default: true]
    #[arg(long, value_name = "true|false", hide_possible_values = true)]
    tcp_nodelay: Option<bool>,
    /// Kernel send buffer of one connection (SO_SNDBUF); off lets the kernel tune it [default: off]
    #[arg(long, value_name = "SIZE|off", value_parser = parse_bytes_or_off)]
    socket_send_buffer_bytes: Option<OrOff<usize>>,
    /// Kernel receive buffer of one connection (SO_RCVBUF); off lets the kernel tune it [default: off]
    #[arg(long, value_name = "SIZE|off", value_parser = parse_bytes_or_off)]
    socket_recv_buffer_bytes: Option<OrOff<usize>>,
    /// Unsent bytes that the kernel takes of one connection (TCP_NOTSENT_LOWAT); the demos make 64KiB of off [default: off]
    #[arg(long, value_name = "SIZE|off", value_parser = parse_bytes_or_off)]
    tcp_notsent_lowat: Option<OrOff<usize>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(next_help_heading = "Topics")]
struct Topics {
    /// Bytes of a topic's name or pattern [default: 256]
    #[arg(long, value_name = "COUNT")]
    topic_name_bytes_max: Option<usize>,
    /// Tokens of a topic's name or pattern: `sport.tennis` has two [default: 16]
    #[arg(long, value_name = "COUNT")]
    topic_tokens_max: Option<u32>,
    /// Topics and patterns with subscribers, per shard [default: 100000]
    #[arg(long, value_name = "COUNT")]
    topics_max: Option<u32>,
    /// Topics and patterns that one connection subscribes to [default: 128]
    #[arg(long, value_name = "COUNT")]
    subscriptions_per_connection_max: Option<u32>,
    /// Batches of publications that wait between one shard and another [default: 4096]
    #[arg(long, value_name = "COUNT")]
    shard_queue_count: Option<u32>,
    /// Bytes of publications that wait between one shard and another [default: 16MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    shard_queue_bytes_max: Option<usize>,
    /// Commands from other threads that wait for one shard [default: 4096]
    #[arg(long, value_name = "COUNT")]
    command_queue_count: Option<u32>,
    /// Bytes of the messages in these commands [default: 16MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    command_queue_bytes_max: Option<usize>,
    /// Longest time that publications are gathered in a burst or under load; 0 never waits [default: 2ms]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    publish_window_max: Option<Duration>,
    /// Bytes of all histories of one shard; which topics have one, `[[topics]]` in a file says [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    history_bytes_max: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(next_help_heading = "Admin interface (serve)")]
struct Admin {
    /// Address of the admin interface, a port of 127.0.0.1, or none; beyond loopback it needs a token [default: 127.0.0.1:9002]
    #[arg(long, value_name = "ADDR:PORT|none", value_parser = parse_listen_or_none)]
    admin_listen: Option<OrOff<SocketAddr>>,
    /// File whose first line is the bearer token that requests must have, or none [default: none]
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(next_help_heading = "Journal (serve)")]
struct Journal {
    /// Directory that keeps topics with history over restarts, or none [default: none]
    #[arg(long, value_name = "DIR|none")]
    journal: Option<PathBuf>,
    /// When what is written is synced, and so acknowledged: always, never, or so long after it [default: always]
    #[arg(long, value_name = "always|never|DURATION")]
    journal_fsync: Option<Fsync>,
    /// Largest file of the journal; the next one is begun then [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    journal_segment_bytes_max: Option<usize>,
    /// All files of the journal; the oldest go when there are more [default: 4GiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    journal_bytes_max: Option<usize>,
    /// Time after a start in which no file that it found goes while there is room [default: 24h]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    journal_retention_grace: Option<Duration>,
    /// Messages that wait to be written; more are refused as busy [default: 16384]
    #[arg(long, value_name = "COUNT")]
    journal_queue_count: Option<u32>,
    /// Bytes of messages that wait to be written [default: 16MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    journal_queue_bytes_max: Option<usize>,
}

impl Options {
    /// What was typed over what the file says over the defaults, checked.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the file cannot be used or a rule is broken.
    pub(super) fn config(&self) -> Result<ValidConfig, StartError> {
        Ok(self.typed()?.validated()?)
    }

    /// The same for `ringwire serve`: with what its demos need, and with its origins checked.
    ///
    /// # Errors
    ///
    /// As [`Options::config`].
    pub(super) fn node_config(&self) -> Result<ValidConfig, StartError> {
        let mut config = self.typed()?;
        let _ = demo::prepare(&mut config);
        let config = config.validated()?;
        OriginRules::parse(&config.origins)?;
        Ok(config)
    }

    /// What a start with [`Options::node_config`] should not pass over.
    pub(super) fn warnings(&self) -> Vec<String> {
        let omitted = self.typed().map(|mut config| demo::prepare(&mut config)).unwrap_or_default();
        omitted.iter().map(ToString::to_string).collect()
    }

    /// The configuration of a server that has no topics to keep. A journal in the file is the node's, and one that is typed a mistake.
    ///
    /// # Errors
    ///
    /// As [`Options::config`].
    pub(super) fn bare_config(&self) -> Result<ValidConfig, StartError> {
        let none = Journal { journal: Some("none".into()), ..Journal::default() };
        if self.journal != Journal::default() && self.journal != none {
            return Err(StartError::NothingToKeep);
        }
        self.config()
    }

    fn typed(&self) -> Result<Config, StartError> {
        let mut config = self.written()?;
        self.server.apply(&mut config);
        self.connections.apply(&mut config);
        self.messages.apply(&mut config);
        self.rings.apply(&mut config);
        self.sockets.apply(&mut config);
        self.topics.apply(&mut config);
        self.admin.apply(&mut config);
        self.journal.apply(&mut config);
        Ok(config)
    }

    /// What the file says over what the profile says over the defaults.
    fn written(&self) -> Result<Config, StartError> {
        let config = self.config.as_deref().map(file::read).transpose()?;
        let Some(profile) = &self.profile else { return Ok(config.unwrap_or_default()) };
        let connections = config.as_ref().map_or(Config::default().connections_max, |config| config.connections_max);
        let connections = self.connections.connections_max.unwrap_or(connections);
        let below = profile::config_text(profile, connections)?;
        let own = profile::parse(profile, &below)?;
        self.config.as_deref().map_or(Ok(own), |path| Ok(file::read_over(&below, path)?))
    }
}

fn set<T: Clone>(field: &mut T, typed: &Option<T>) {
    if let Some(value) = typed {
        field.clone_from(value);
    }
}

fn set_or_off<T: Copy>(field: &mut Option<T>, typed: Option<OrOff<T>>) {
    if let Some(value) = typed {
        *field = value.into();
    }
}

impl Server {
    fn apply(&self, config: &mut Config) {
        set(&mut config.listen, &self.listen);
        set(&mut config.shards, &self.shards);
        set(&mut config.pin, &self.pin);
        set(&mut config.steering, &self.steering);
        set(&mut config.origins, &self.origins);
        set(&mut config.shutdown_grace, &self.shutdown_grace);
        set(&mut config.demo, &self.demo);
    }
}

impl Connections {
    fn apply(&self, config: &mut Config) {
        set(&mut config.connections_max, &self.connections_max);
        set(&mut config.head_bytes_max, &self.head_bytes_max);
        set(&mut config.handshake_timeout, &self.handshake_timeout);
        set_or_off(&mut config.idle_timeout, self.idle_timeout);
        set_or_off(&mut config.ping_interval, self.ping_interval);
        set(&mut config.pong_timeout, &self.pong_timeout);
        set(&mut config.close_timeout, &self.close_timeout);
    }
}

impl Messages {
    fn apply(&self, config: &mut Config) {
        set(&mut config.message_bytes_max, &self.message_bytes_max);
        set(&mut config.send_queue_bytes_high, &self.send_queue_bytes_high);
        set(&mut config.send_queue_bytes_low, &self.send_queue_bytes_low);
        set(&mut config.send_queue_bytes_max, &self.send_queue_bytes_max);
        set(&mut config.overflow, &self.overflow);
    }
}

impl Rings {
    fn apply(&self, config: &mut Config) {
        set(&mut config.recv_buffer_bytes, &self.recv_buffer_bytes);
        set(&mut config.recv_buffer_count, &self.recv_buffer_count);
        set(&mut config.ring_entries, &self.ring_entries);
        set(&mut config.turn_bytes_max, &self.turn_bytes_max);
        set(&mut config.turn_completions_max, &self.turn_completions_max);
        set_or_off(&mut config.busy_poll, self.busy_poll);
        set(&mut config.accepts_in_flight, &self.accepts_in_flight);
    }
}

impl Sockets {
    fn apply(&self, config: &mut Config) {
        set(&mut config.listen_backlog, &self.listen_backlog);
        set(&mut config.tcp_nodelay, &self.tcp_nodelay);
        set_or_off(&mut config.socket_send_buffer_bytes, self.socket_send_buffer_bytes);
        set_or_off(&mut config.socket_recv_buffer_bytes, self.socket_recv_buffer_bytes);
        set_or_off(&mut config.tcp_notsent_lowat, self.tcp_notsent_lowat);
    }
}

impl Topics {
    fn apply(&self, config: &mut Config) {
        set(&mut config.topic_name_bytes_max, &self.topic_name_bytes_max);
        set(&mut config.topic_tokens_max, &self.topic_tokens_max);
        set(&mut config.topics_max, &self.topics_max);
        set(&mut config.subscriptions_per_connection_max, &self.subscriptions_per_connection_max);
        set(&mut config.shard_queue_count, &self.shard_queue_count);
        set(&mut config.shard_queue_bytes_max, &self.shard_queue_bytes_max);
        set(&mut config.command_queue_count, &self.command_queue_count);
        set(&mut config.command_queue_bytes_max, &self.command_queue_bytes_max);
        set(&mut config.publish_window_max, &self.publish_window_max);
        set(&mut config.history_bytes_max, &self.history_bytes_max);
    }
}

impl Admin {
    fn apply(&self, config: &mut Config) {
        set_or_off(&mut config.admin.listen, self.admin_listen);
        if let Some(file) = &self.admin_token_file {
            config.admin.token_file = (file.as_os_str() != "none").then(|| file.clone());
        }
    }
}

impl Journal {
    fn apply(&self, config: &mut Config) {
        let journal = &mut config.journal;
        if let Some(dir) = &self.journal {
            journal.dir = (dir.as_os_str() != "none").then(|| dir.clone());
        }
        set(&mut journal.fsync, &self.journal_fsync);
        set(&mut journal.segment_bytes_max, &self.journal_segment_bytes_max);
        set(&mut journal.journal_bytes_max, &self.journal_bytes_max);
        set(&mut journal.retention_grace, &self.journal_retention_grace);
        set(&mut journal.queue_count, &self.journal_queue_count);
        set(&mut journal.queue_bytes_max, &self.journal_queue_bytes_max);
    }
}
