//! What is meant: values that are within their ranges and go together.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::ValueEnum;
use ringwire::config::text::print_duration;

use super::options::{self, Errors};
use super::outputs::Outputs;
use super::settings::settings;
use super::usage::{ACCOUNT_BYTES, ACCOUNTS_BYTES_MAX, UsageError, at_most, within};
use crate::load::cast::Cast;
use crate::objective::Objectives;
use crate::payload::{Codec, Form, SENDER_MAX};
use crate::report::Bounds;
use crate::schedule::Rate;
use crate::sizes::Sizes;
use crate::target::Target;

/// Longest run, warm-up included: a day.
const RUN_MAX: Duration = Duration::from_secs(86_400);
/// Threads at the most, each with a ring of its own.
pub const THREADS_MAX: u32 = 256;
/// How long a connection of `connect` may take to open and to close beside what it is held, before there is no place for the next:
/// somewhat longer than the client waits for a server that does not close.
const SLACK: Duration = Duration::from_secs(6);
const INTERVAL_MIN: Duration = Duration::from_millis(1);
const INTERVAL_MAX: Duration = Duration::from_secs(3600);
/// What the network takes without queues that overflow.
const CONNECT_RATE: f64 = 5_000.0;

/// What a command is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What all commands have.
    pub common: Common,
    /// What this one does.
    pub task: Task,
    /// All settings by their options' names, for the report.
    pub settings: BTreeMap<String, String>,
}

/// One of the commands.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// Send to a server that sends back.
    Echo(EchoPlan),
    /// Publish to subscribers.
    Fanout(FanoutPlan),
    /// Hold connections.
    Idle(IdlePlan),
    /// Open and close connections.
    Connect(ConnectPlan),
    /// Compare transports.
    Compare(ComparePlan),
}

/// What all commands have.
#[derive(Debug, Clone, PartialEq)]
pub struct Common {
    /// The server.
    pub target: Target,
    /// Threads with a ring each, 1 to 256.
    pub threads: u32,
    /// Connections that are begun per second before the load.
    pub connect_rate: Rate,
    /// After which a handshake has failed.
    pub connect_timeout: Duration,
    /// Of everything that is drawn.
    pub seed: u64,
    /// What is to be reached.
    pub objectives: Objectives,
    /// What makes the run invalid.
    pub bounds: Bounds,
    /// The server's pid, if it is to be watched.
    pub server_pid: Option<u32>,
    /// Where results go, beside the terminal.
    pub outputs: Outputs,
}

/// `echo`.
#[derive(Debug, Clone, PartialEq)]
pub struct EchoPlan {
    /// Connections that send.
    pub connections: u32,
    /// When they send.
    pub pace: Pace,
    /// How long.
    pub window: Window,
    /// What they send.
    pub messages: Messages,
}

/// `fanout`.
#[derive(Debug, Clone, PartialEq)]
pub struct FanoutPlan {
    /// Subscribers by each transport.
    pub subscribers: u32,
    /// Topics, not more than subscribers.
    pub topics: u32,
    /// Connections that publish.
    pub publishers: u32,
    /// Publications per second of all publishers.
    pub rate: Rate,
    /// Transports, one after the other; none twice.
    pub transports: Vec<Transport>,
    /// How often a subscriber by short polls asks; above 0.
    pub poll_interval: Duration,
    /// How long by each.
    pub window: Window,
    /// What is published.
    pub messages: Messages,
}

/// `idle`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdlePlan {
    /// Connections to hold.
    pub connections: u32,
    /// How long.
    pub duration: Duration,
    /// Whether each has to answer an echo at the end.
    pub verify: bool,
}

/// `connect`.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectPlan {
    /// Connections begun per second.
    pub rate: Rate,
    /// How long each is kept open.
    pub hold: Duration,
    /// How long.
    pub window: Window,
}

/// `compare`.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparePlan {
    /// Viewers by each transport and interval.
    pub viewers: u32,
    /// Frames published per second.
    pub frames: Rate,
    /// Transports; none twice.
    pub transports: Vec<Transport>,
    /// Intervals of short polling, each above 0.
    pub poll_intervals: Vec<Duration>,
    /// Whether each transport runs alone too, behind the run of all.
    pub apart: bool,
    /// How long.
    pub window: Window,
    /// Frames; they are text, which all transports carry.
    pub messages: Messages,
}

/// When messages are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// At planned times.
    Open {
        /// Messages per second of all senders.
        rate: Rate,
        /// Time in which it grows from nothing, within the warm-up.
        ramp: Duration,
    },
    /// When an answer has come.
    Closed {
        /// Messages in flight for each sender.
        depth: u32,
    },
}

/// How long there is load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Before the window, not counted.
    pub warm_up: Duration,
    /// The window; above 0.
    pub length: Duration,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Messages {
    /// Payload sizes; the least has room for a stamp.
    pub sizes: Sizes,
    /// How they are written.
    pub form: Form,
}

/// How updates come to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Transport {
    /// A raw topic: a WebSocket at /topics/NAME
    Websocket,
    /// Topics over one WebSocket, with the subprotocol ringwire.v1
    V1,
    /// Server-Sent Events
    Sse,
    /// Polls that wait for news
    LongPoll,
    /// Polls for the latest at an interval
    ShortPoll,
    /// A server that sends to all connections of a path what one sends
    Broadcast,
    /// A subject of a NATS server, over its WebSocket
    Nats,
}

/// Path of topics; what follows is a topic's name.
pub const TOPICS_PATH: &str = "/topics/";

impl options::Echo {
    pub(super) fn meant(self) -> Result<Plan, UsageError> {
        let window = self.window.meant()?;
        at_most("connections", self.connections, SENDER_MAX)?;
        at_most("threads", self.common.connecting.threads, self.connections.min(THREADS_MAX))?;
        let ramp = self.ramp.unwrap_or_default();
        if ramp > window.warm_up {
            let range = format!("as long as --warm-up ({}) or shorter", print_duration(window.warm_up));
            return Err(UsageError::Range { option: "ramp", typed: print_duration(ramp), range });
        }
        let rate = self.rate.unwrap_or(per_second(1_000.0));
        let pace = self.depth.map_or(Pace::Open { rate, ramp }, |depth| Pace::Closed { depth });
        let messages = self.messages.meant()?;
        plan(self.common, Task::Echo(EchoPlan { connections: self.connections, pace, window, messages }))
    }
}

impl options::Fanout {
    pub(super) fn meant(self) -> Result<Plan, UsageError> {
        at_most("subscribers", self.subscribers, SENDER_MAX)?;
        at_most("topics", self.topics, self.subscribers)?;
        at_most("publishers", self.publishers, 10_000)?;
        at_most("threads", self.common.connecting.threads, self.subscribers.min(THREADS_MAX))?;
        check_accounts(self.subscribers, self.publishers, self.topics)?;
        check_transports(&self.transports)?;
        check_target(&self.common.target, &self.transports)?;
        if self.topics > 1 && self.transports.contains(&Transport::Broadcast) {
            let problem = ", whose one topic is the URL's path: leave --topics out";
            return Err(UsageError::Transport { name: Transport::Broadcast.name(), problem });
        }
        within("poll-interval", self.poll_interval, INTERVAL_MIN, INTERVAL_MAX)?;
        let (window, messages) = (self.window.meant()?, self.messages.meant()?);
        let Self { common, subscribers, topics, publishers, rate, transports, poll_interval, .. } = self;
        let fanout = FanoutPlan { subscribers, topics, publishers, rate, transports, poll_interval, window, messages };
        plan(common, Task::Fanout(fanout))
    }
}

impl options::Idle {
    pub(super) fn meant(self) -> Result<Plan, UsageError> {
        at_most("connections", self.connections, SENDER_MAX)?;
        at_most("threads", self.common.connecting.threads, self.connections.min(THREADS_MAX))?;
        within("duration", self.duration, Duration::from_millis(100), RUN_MAX)?;
        let Self { common, connections, duration, verify } = self;
        plan(common, Task::Idle(IdlePlan { connections, duration, verify }))
    }
}

impl options::Connect {
    pub(super) fn meant(self) -> Result<Plan, UsageError> {
        within("hold", self.hold, Duration::ZERO, RUN_MAX)?;
        if self.common.connecting.connect_rate.is_some() {
            return Err(UsageError::ConnectRate);
        }
        let connect = ConnectPlan { rate: self.rate, hold: self.hold, window: self.window.meant()? };
        if connect.places() > SENDER_MAX {
            return Err(UsageError::Places { rate: self.rate.as_f64().to_string(), hold: self.hold });
        }
        plan(self.common, Task::Connect(connect))
    }
}

impl options::Compare {
    pub(super) fn meant(self) -> Result<Plan, UsageError> {
        at_most("viewers", self.viewers, 1_000_000)?;
        check_transports(&self.transports)?;
        if let Some(foreign) = self.transports.iter().find(|transport| transport.is_foreign()) {
            let problem = ", which has no history to poll: use `fanout` for it";
            return Err(UsageError::Transport { name: foreign.name(), problem });
        }
        for &interval in &self.poll_intervals {
            within("poll-intervals", interval, INTERVAL_MIN, INTERVAL_MAX)?;
        }
        check_viewers(self.viewers, &self.transports, self.poll_intervals.len())?;
        check_target(&self.common.target, &self.transports)?;
        let window = self.window.meant()?;
        let messages = options::Messages { size: self.size, form: options::Form::Text }.meant()?;
        let Self { common, viewers, frames, transports, poll_intervals, apart, .. } = self;
        let compare = ComparePlan { viewers, frames, transports, poll_intervals, apart, window, messages };
        plan(common, Task::Compare(compare))
    }
}

impl options::Window {
    fn meant(&self) -> Result<Window, UsageError> {
        within("duration", self.duration, Duration::from_millis(100), RUN_MAX)?;
        within("warm-up", self.warm_up, Duration::ZERO, RUN_MAX - self.duration)?;
        Ok(Window { warm_up: self.warm_up, length: self.duration })
    }
}

impl options::Messages {
    fn meant(self) -> Result<Messages, UsageError> {
        let form = match self.form {
            options::Form::Binary => Form::Binary,
            options::Form::Text => Form::Text,
        };
        Codec::new(form, 0).check_size(self.size.least()).map_err(UsageError::Size)?;
        Ok(Messages { sizes: self.size, form })
    }
}

fn plan(typed: options::Common, task: Task) -> Result<Plan, UsageError> {
    let options::Common { target, connecting, judging, output } = typed;
    at_most("threads", connecting.threads, THREADS_MAX)?;
    within("connect-timeout", connecting.connect_timeout, Duration::from_millis(1), Duration::from_secs(600))?;
    within("offer-lag-max", judging.offer_lag_max, Duration::from_nanos(1), Duration::from_secs(3600))?;
    let errors_max = match judging.errors_max {
        None => Some(0),
        Some(Errors::Off) => None,
        Some(Errors::Max(count)) => Some(count),
    };
    let objectives = Objectives {
        p50_max: judging.p50_max,
        p99_max: judging.p99_max,
        p999_max: judging.p999_max,
        reach_min: judging.reach_min,
        rate_min: judging.rate_min.map(Rate::as_f64),
        errors_max,
    };
    let common = Common {
        target,
        threads: connecting.threads,
        connect_rate: connecting.connect_rate.unwrap_or(per_second(CONNECT_RATE)),
        connect_timeout: connecting.connect_timeout,
        seed: connecting.seed,
        objectives,
        bounds: Bounds { offer_lag_max: judging.offer_lag_max, ..Bounds::default() },
        server_pid: output.server_pid,
        outputs: Outputs {
            json: output.json,
            csv: output.csv,
            html: output.html,
            svg: output.svg,
            quiet: output.quiet,
        },
    };
    let settings = settings(&common, &task);
    Ok(Plan { common, task, settings })
}

/// All that a subscriber is owed is remembered, of each publisher that sends to its topic.
fn check_accounts(subscribers: u32, publishers: u32, topics: u32) -> Result<(), UsageError> {
    let cast = Cast { publishers, topics, groups: 1, followers: subscribers };
    if cast.streams() > u64::from(SENDER_MAX) {
        return Err(UsageError::Streams { publishers, topics });
    }
    let (subscribers, streams) = (u64::from(subscribers), u64::from(cast.streams_per_topic()));
    let fits = subscribers * streams * ACCOUNT_BYTES <= ACCOUNTS_BYTES_MAX;
    if fits { Ok(()) } else { Err(UsageError::Accounts { subscribers, streams }) }
}

fn check_viewers(viewers: u32, transports: &[Transport], intervals: usize) -> Result<(), UsageError> {
    let of = |transport: &Transport| if *transport == Transport::ShortPoll { intervals as u64 } else { 1 };
    let groups = transports.iter().map(of).sum::<u64>().max(1);
    let most = u64::from(SENDER_MAX - 1) / groups;
    if u64::from(viewers) <= most { Ok(()) } else { Err(UsageError::Viewers { viewers, groups, most }) }
}

fn check_transports(transports: &[Transport]) -> Result<(), UsageError> {
    let twice = transports.iter().enumerate().find(|(index, transport)| transports[..*index].contains(transport));
    twice.map_or(Ok(()), |(_, &transport)| {
        Err(UsageError::Transport { name: transport.name(), problem: " twice: name it once" })
    })
}

fn check_target(target: &Target, transports: &[Transport]) -> Result<(), UsageError> {
    let path = target.path_and_query();
    let is_topic =
        path.strip_prefix(TOPICS_PATH).is_some_and(|name| !name.is_empty() && !name.contains(['/', '?', '%']));
    let is_foreign = transports.iter().all(|transport| transport.is_foreign());
    if path == "/" || is_topic || is_foreign { Ok(()) } else { Err(UsageError::Path { target: target.to_string() }) }
}

impl ConnectPlan {
    /// Connections that there may be at a time.
    pub fn places(&self) -> u32 {
        // What is above the range becomes its end.
        (self.rate.as_f64() * (self.hold + SLACK).as_secs_f64()).ceil() as u32
    }
}

impl Transport {
    /// Whether it is of servers of others.
    fn is_foreign(self) -> bool {
        matches!(self, Self::Broadcast | Self::Nats)
    }

    /// As it is typed.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

fn per_second(messages: f64) -> Rate {
    Rate::per_second(messages).expect("a default is within the range")
}
