//! Polls: answered from the histories, at once or when a message comes. One that waits is a subscriber without a batch of its own:
//! all who wait for the same get one answer.

use std::sync::Arc;
use std::time::Duration;

use super::http::{Next, Requests, date};
use super::{Shard, close};
use crate::conn::Channel;
use crate::conn::slot::Phase;
use crate::handler::local::{Local, ticks};
use crate::handler::{Handler, SendStatus};
use crate::http::Refusal;
use crate::http::topics::{Follow, Reply};
use crate::ring::Ring;
use crate::topic::format::poll::{self, Answer};
use crate::topic::format::{Code, Format, Publication};
use crate::topic::history::{Entry, History, Offset, Position};
use crate::topic::name::Interest;
use crate::topic::{Numbered, TopicId};

/// Payload in one answer; a single message may be larger.
const PAYLOAD_BYTES_MAX: usize = 1 << 20;

impl<H: Handler> Requests<'_, H> {
    pub(super) fn poll(
        &mut self,
        slot: u32,
        follow: &Follow<'_>,
        wait: Duration,
        reply: Reply,
    ) -> Result<Next, Refusal> {
        let interest = follow.interest();
        self.check_access(interest, &reply)?;
        if let Interest::Name(name) = interest
            && self.local.topic_rules.find(name).history.is_none()
        {
            return Err(
                reply.refuse(Code::NoHistory, "the topic keeps no history: use Server-Sent Events or a WebSocket")
            );
        }
        let plan = self.plan(follow, &reply)?;
        let begins = follow.after.is_none() && follow.since.is_none();
        if !begins && !wait.is_zero() && !plan.replay.has_gap && plan.topics.is_empty() {
            return self.park(slot, interest, wait, reply);
        }
        let mut items = Items::of(interest);
        for (name, last) in &plan.topics {
            let history = self.local.histories.find(name).expect("it was planned from");
            let mut entries = history.entries_after(Offset(*last));
            if !entries.all(|entry| items.add(name, history, entry)) {
                break;
            }
        }
        let body = items.answer(plan.replay.position, plan.replay.has_gap, self.local.wall_ms);
        self.scratch.clear();
        reply.poll(self.scratch, &date(), &body);
        Ok(self.respond(slot, reply.is_keep_alive()))
    }

    /// Keeps the request until there is something to say.
    fn park(&mut self, slot: u32, interest: Interest<'_>, wait: Duration, reply: Reply) -> Result<Next, Refusal> {
        let (Interest::Name(text) | Interest::Pattern(text)) = interest;
        self.enter(slot, (Phase::Http, Channel::Polls), text, &reply)?;
        self.local.polls.insert(slot, reply);
        self.local.wheel.set(slot, ticks(wait));
        Ok(Next::Poll)
    }

    /// Keeps what comes behind a poll that waits. One who sends too much has waited long enough.
    pub(super) fn run_parked(&mut self, slot: u32, bytes: &[u8]) {
        let input = self.local.conns[slot].input.get_or_insert_default();
        input.extend_from_slice(bytes);
        if input.len() > self.local.limits.head_bytes_max {
            answer_late(self.local, slot);
            self.run_next(slot);
        }
    }

    /// Takes the requests that waited behind a poll.
    fn run_next(&mut self, slot: u32) {
        let conn = &mut self.local.conns[slot];
        if conn.phase != Phase::Http || conn.is_parked() {
            return;
        }
        self.local.wheel.set(slot, self.timeouts.handshake);
        if let Some(mut input) = conn.input.take() {
            self.run_heads(slot, &mut input, 0);
        }
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    /// Goes on where polls were answered.
    pub(super) fn resume_requests(&mut self) {
        while let Some(slot) = self.local.answered.pop() {
            let Self { local, handler, routes, timeouts, scratch, .. } = self;
            Requests { local, handler, routes, timeouts: *timeouts, scratch }.run_next(slot);
        }
    }
}

/// Answers all who wait for what a topic or pattern got this turn; returns how many.
pub(super) fn wake<D>(local: &mut Local<D>, id: TopicId) -> u32 {
    let topic = local.topics.topic_mut(id);
    let (numbers, exclusions) = (std::mem::take(&mut topic.numbers), std::mem::take(&mut topic.exclusions));
    let whole = body_of(local, id, &numbers);
    let waited = local.topics.topic(id).subscribers.len();
    // From the end: who is answered leaves, and the last one takes its place.
    for index in (0..local.topics.topic(id).subscribers.len()).rev() {
        let slot = local.topics.topic(id).subscribers[index];
        let seen = exclusions.iter().find(|exclusion| exclusion.slot == slot).map_or(0, |own| own.range.end);
        let from = numbers.partition_point(|number| number.at < seen);
        local.counters.messages_delivered += (numbers.len() - from) as u64;
        match from {
            0 => answer(local, slot, &whole),
            from if from == numbers.len() => {}
            from => {
                let rest = body_of(local, id, &numbers[from..]);
                answer(local, slot, &rest);
            }
        }
    }
    let answered = waited - local.topics.topic(id).subscribers.len();
    local.topics.finish(id);
    answered as u32
}

/// The answer that has these messages, as far as the histories still hold them.
fn body_of<D>(local: &Local<D>, id: TopicId, numbers: &[Numbered]) -> Vec<u8> {
    let (interest, head) = place(local, id);
    let mut items = Items::of(interest);
    let mut has_gap = false;
    for Numbered { name, offset, .. } in numbers {
        // One that is very short-lived may be gone already, and its topic with it.
        let Some(history) = local.histories.find(name) else {
            has_gap = true;
            continue;
        };
        match history.entries_after(Offset(offset - 1)).next().filter(|entry| entry.offset.0 == *offset) {
            None => has_gap = true,
            Some(entry) if items.add(name, history, entry) => {}
            Some(_) => break,
        }
    }
    items.answer(head, has_gap, local.wall_ms)
}

/// What a poll is for, and where that topic is.
fn place<D>(local: &Local<D>, id: TopicId) -> (Interest<'_>, Option<Position>) {
    let topic = local.topics.topic(id);
    if topic.is_pattern() {
        return (Interest::Pattern(topic.name()), None);
    }
    let head = local.histories.find(topic.name()).map_or_else(|| local.histories.start(), History::head);
    (Interest::Name(topic.name()), Some(head))
}

/// Answers a poll that waited in vain, but for what came this very turn: the topic's position is behind that already.
pub(super) fn answer_late<D>(local: &mut Local<D>, slot: u32) {
    let id = local.conns[slot].subscriptions[0].topic;
    let numbers: Vec<Numbered> = local.topics.topic(id).numbers_for(slot).cloned().collect();
    local.counters.messages_delivered += numbers.len() as u64;
    let body = body_of(local, id, &numbers);
    answer(local, slot, &body);
}

/// Refuses a poll that waits, because the server shuts down.
pub(super) fn turn_away<D>(local: &mut Local<D>, scratch: &mut Vec<u8>, slot: u32) {
    let reply = local.polls.remove(&slot).expect("a poll that waits has its reply");
    let refusal = reply.refuse(Code::Closing, "the server shuts down: come back and resume");
    super::http::refuse(local, scratch, slot, &refusal);
}

fn answer<D>(local: &mut Local<D>, slot: u32, body: &[u8]) {
    let reply = local.polls.remove(&slot).expect("a poll that waits has its reply");
    local.unsubscribe_all(slot);
    let mut response = std::mem::take(&mut local.encoded);
    response.clear();
    reply.poll(&mut response, &date(), body);
    let fitted = local.append(slot, &response) != SendStatus::Dropped;
    local.encoded = response;
    local.counters.deliveries += 1;
    if fitted && reply.is_keep_alive() {
        local.answered.push(slot);
    } else {
        close::end_lingering(local, slot);
    }
}

/// Messages of one answer.
struct Items {
    format: Format,
    encoded: Vec<u8>,
    payload_bytes: usize,
    /// Of the last one.
    position: Option<Position>,
}

impl Items {
    fn of(interest: Interest<'_>) -> Self {
        let format = match interest {
            Interest::Name(_) => Format::PollItem,
            Interest::Pattern(_) => Format::PatternPollItem,
        };
        Self { format, encoded: Vec::new(), payload_bytes: 0, position: None }
    }

    /// Adds a message; false if the answer is full.
    fn add(&mut self, name: &Arc<str>, history: &History, entry: &Entry) -> bool {
        if self.position.is_some() && self.payload_bytes + entry.payload.len() > PAYLOAD_BYTES_MAX {
            return false;
        }
        self.payload_bytes += entry.payload.len();
        self.position = Some(history.at(entry.offset));
        self.format.encode(&Publication::held(name, history, entry), &mut self.encoded);
        true
    }

    /// The body; `head` is where the topic is, none for a pattern.
    fn answer(self, head: Option<Position>, gap: bool, time_ms: u64) -> Vec<u8> {
        let position = head.map(|head| self.position.unwrap_or(head));
        let mut body = Vec::with_capacity(self.encoded.len() + 128);
        poll::answer(&mut body, Answer { position, gap, time_ms }, [&self.encoded[..]]);
        body
    }
}
