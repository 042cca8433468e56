//! A shard: one thread, one ring, its own connections, topics and timers.
//!
//! A [turn](Shard::turn) waits for completions, runs what they mean (`accept`, `recv`, `send`, `close`), takes what other
//! threads and shards left in the `mailbox`, fires timers, hands publications to subscribers (`fanout`), and pushes the ops
//! that all of this calls for (`flush`). Callbacks run in the middle; they see [`Local`], never the ring.

mod accept;
#[cfg(feature = "sim")]
pub(crate) mod bench;
mod close;
pub(crate) mod command;
mod fanout;
mod flush;
mod http;
mod intake;
mod listing;
pub(crate) mod mailbox;
mod polls;
pub(crate) mod queues;
mod recv;
mod send;
mod shutdown;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod sim;
mod stats;
mod streams;
#[cfg(test)]
mod tests;
mod timers;
mod topics;
mod window;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hashbrown::HashMap;

use crate::config::ValidConfig;
use crate::conn::arena::Arena;
use crate::conn::table::Table;
use crate::handler::handover::Handover;
use crate::handler::local::{Local, ticks};
use crate::handler::places::{Places, ServerPlaces};
use crate::handler::protocols::Protocols;
use crate::handler::replays::{self, Replays};
use crate::handler::wheel::{TICK_MS, Wheel};
use crate::handler::{Handler, Limits};
use crate::http::Routes;
use crate::metrics::{Counters, Latency};
use crate::proto::{Pool, Role, Rules};
use crate::ring::{Completion, Op, OpKind, Ring, SPARE_DESCRIPTORS, Wait};
use crate::topic::Topics;
use crate::topic::histories::Histories;
use crate::topic::journal::Journaling;
use crate::topic::outbox::Outbox;
use crate::topic::settings::TopicRules;

use intake::Intake;
use mailbox::Mailbox;
use timers::Timeouts;
use window::Window;

/// States of reassembly that a shard keeps.
const STATES_KEPT: usize = 64;

/// Most memory for large messages that it keeps; what nobody needs is let go of soon.
const BUFFER_BYTES_MAX: usize = 1 << 30;

pub(crate) struct Shard<R, H: Handler> {
    ring: R,
    handler: H,
    local: Local<H::Data>,
    routes: Arc<Routes>,
    mailbox: Mailbox,
    timeouts: Timeouts,
    window: Window,
    /// This turn's fan-outs: how old the oldest message of each batch was when the turn began, and deliveries.
    waves: Vec<(u32, u32)>,
    completions_max: usize,
    bytes_max: u64,
    /// Slots that wait for the end of the flight they sent in.
    unsettled: Vec<u32>,
    /// Slots whose recv found no buffer this turn.
    unfed: Vec<u32>,
    /// Slots whose timers went off this turn.
    due: Vec<u32>,
    accepts: accept::Accepts,
    accept_tried_at: u32,
    histories_expired_at: u32,
    pool_trimmed_at: u32,
    stop: shutdown::Stop,
    /// Tick 0.
    epoch: Instant,
    /// The same moment in milliseconds since 1970.
    epoch_ms: u64,
    /// Responses are composed here.
    scratch: Vec<u8>,
}

/// What makes one shard differ from its siblings.
pub(crate) struct Seat {
    pub(crate) index: usize,
    pub(crate) count: usize,
    pub(crate) mailbox: Mailbox,
    /// WebSockets that it has descriptors for.
    pub(crate) connections_max: u32,
    /// What it shares with its siblings.
    pub(crate) places: Arc<ServerPlaces>,
    pub(crate) topic_rules: Arc<TopicRules>,
    pub(crate) histories: Histories,
    pub(crate) journal: Option<Journaling>,
}

impl<R: Ring, H: Handler> Shard<R, H> {
    pub(crate) fn new(ring: R, handler: H, config: &ValidConfig, routes: Arc<Routes>, seat: Seat) -> Self {
        let limits = Limits::new(config);
        let descriptors = seat.connections_max + SPARE_DESCRIPTORS;
        let local = Local {
            shard: seat.index as u16,
            conns: Table::new(descriptors),
            arena: Arena::new(),
            flight: 1,
            topics: Topics::default(),
            encoded: Vec::new(),
            wheel: Wheel::new(descriptors),
            now: 0,
            began: ring.now(),
            dirty: Vec::new(),
            rules: Rules { role: Role::Server, message_bytes_max: config.message_bytes_max },
            pool: Pool::new(STATES_KEPT, BUFFER_BYTES_MAX),
            limits,
            close_ticks: ticks(config.close_timeout),
            counters: Counters::default(),
            latency: Latency::default(),
            open_count: Places::new(seat.connections_max, seat.places),
            outbox: Outbox::new(seat.count),
            shard_count: seat.count as u16,
            histories: seat.histories,
            journal: seat.journal,
            topic_rules: seat.topic_rules,
            outcomes: VecDeque::new(),
            replies: Vec::new(),
            polls: HashMap::new(),
            replays: Replays::new(replays::ROOM_BYTES),
            answered: Vec::new(),
            wall_ms: 0,
            protocols: Protocols::default(),
            handover: Handover::default(),
        };
        Self {
            epoch: ring.now(),
            epoch_ms: unix_ms(),
            ring,
            handler,
            local,
            routes,
            mailbox: seat.mailbox,
            timeouts: Timeouts::new(config),
            window: Window::new(config.publish_window_max),
            completions_max: config.turn_completions_max as usize,
            bytes_max: config.turn_bytes_max as u64,
            waves: Vec::new(),
            unsettled: Vec::new(),
            unfed: Vec::new(),
            due: Vec::new(),
            accepts: accept::Accepts::new(config.accepts_in_flight, descriptors),
            accept_tried_at: 0,
            histories_expired_at: 0,
            pool_trimmed_at: 0,
            stop: shutdown::Stop::Not,
            scratch: Vec::new(),
        }
    }

    /// Serves until a shutdown is complete.
    ///
    /// # Errors
    /// When the ring itself fails.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        self.begin();
        while !self.is_finished() {
            self.turn()?;
        }
        self.handler.on_terminate();
        Ok(())
    }

    /// Asks for the first completions: wakes and connections.
    fn begin(&mut self) {
        self.ring.push(Op::ListenForWake);
        self.accepts.arm(&mut self.ring);
    }

    /// One pass: wait, run completions, then everything that they and time have caused.
    pub(crate) fn turn(&mut self) -> io::Result<()> {
        self.wait()?;
        self.run_completions();
        self.settle();
        self.run_mailbox();
        self.run_timers();
        self.gather()?;
        self.fan_out()?;
        self.tell_published();
        self.resume_requests();
        self.flush();
        // Last: callbacks publish to the very end.
        self.local.journal.iter_mut().for_each(Journaling::ring);
        self.local.counters.turns += 1;
        Ok(())
    }

    /// Submits the last turn's ops and sleeps until there is something to do.
    fn wait(&mut self) -> io::Result<()> {
        let wait = if self.has_work() { Wait::No } else { Wait::One(self.until_next_timer()) };
        if wait != Wait::No {
            self.mailbox.announce_sleep();
        }
        let wait = if wait != Wait::No && self.has_mail() { Wait::No } else { wait };
        let outcome = self.ring.submit(wait);
        self.mailbox.announce_awake();
        self.local.began = self.ring.now();
        let elapsed = self.local.began.saturating_duration_since(self.epoch);
        let elapsed_ms = elapsed.as_secs() * 1000 + u64::from(elapsed.subsec_millis());
        self.local.now = (elapsed_ms / TICK_MS) as u32;
        self.local.wall_ms = self.epoch_ms + elapsed_ms;
        // At once, so that timers that this turn sets count from now.
        self.local.wheel.advance(self.local.now, &mut self.due);
        outcome
    }

    /// Whether other threads left something.
    fn has_mail(&self) -> bool {
        !self.mailbox.is_empty() || self.local.journal.as_ref().is_some_and(Journaling::has_answers)
    }

    /// Whether something waits that no completion will announce.
    fn has_work(&self) -> bool {
        self.local.topics.is_dirty()
            || !self.local.outbox.is_empty()
            || !self.local.outcomes.is_empty()
            || !self.local.dirty.is_empty()
            || !self.unsettled.is_empty()
            || self.local.replays.waiting_count() > 0
            || self.is_finished()
    }

    fn run_completions(&mut self) {
        self.take_parcels();
        let is_lone = self.local.open_count.taken() <= 1;
        let mut intake = Intake::new(self.bytes_max, is_lone, &self.local.counters);
        let mut taken = 0;
        while taken < self.completions_max && intake.may_grow(taken, &self.local.counters) {
            let Some(completion) = self.ring.next_completion() else { break };
            self.complete(completion);
            taken += 1;
        }
        self.local.counters.completions += taken as u64;
    }

    #[inline]
    fn complete(&mut self, completion: Completion) {
        if completion.token.is_recv() { self.on_recv(completion) } else { self.complete_other(completion) }
    }

    #[inline(never)]
    fn complete_other(&mut self, completion: Completion) {
        match completion.token.kind() {
            OpKind::Recv => unreachable!("completed by the caller"),
            OpKind::Send => self.on_send(completion),
            OpKind::Accept => self.on_accept(completion),
            OpKind::Close => self.on_closed(completion),
            OpKind::Wake => self.on_wake(completion),
            OpKind::CancelRecv => self.on_recv_cancelled(completion),
            OpKind::Shutdown => self.on_shut_down(completion),
            OpKind::CancelSend => self.on_send_cancelled(completion),
            OpKind::Alarm => self.ring.on_alarm(),
            OpKind::StopAccepting | OpKind::WakeShard => {}
            OpKind::Connect => unreachable!("shards do not connect"),
        }
    }

    fn on_wake(&mut self, completion: Completion) {
        // Slot 0 is the eventfd, read once; wakes from other rings bring their own completion.
        if completion.token.slot() == 0 {
            self.ring.push(Op::ListenForWake);
        }
    }
}

fn unix_ms() -> u64 {
    // A clock before 1970 counts as 1970.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
