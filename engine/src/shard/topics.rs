//! Requests for topics over HTTP: what is answered at once, and where streams (`streams`) and polls (`polls`) begin.

use super::http::{Next, Requests, date};
use crate::conn::Channel;
use crate::conn::slot::Phase;
use crate::handler::{Handler, Plan, Start, SubscribeError};
use crate::http::Refusal;
use crate::http::topics::{Follow, Known, Operation, Reply, TopicRequest};
use crate::topic::format::{Code, Publication};
use crate::topic::history::History;
use crate::topic::name::Interest;

impl<H: Handler> Requests<'_, H> {
    pub(super) fn answer_topic(&mut self, slot: u32, request: TopicRequest<'_>) -> Result<Next, Refusal> {
        let TopicRequest { operation, reply } = request;
        match operation {
            Operation::Stream(follow) => self.stream(slot, &follow, &reply),
            Operation::Poll { follow, wait } => self.poll(slot, &follow, wait, reply),
            Operation::Latest { name, known } => self.latest(slot, &name, &known, &reply),
            Operation::Options => {
                self.scratch.clear();
                reply.options(self.scratch, &date());
                Ok(self.respond(slot, reply.is_keep_alive()))
            }
        }
    }

    fn latest(&mut self, slot: u32, name: &str, known: &Known, reply: &Reply) -> Result<Next, Refusal> {
        self.check_access(Interest::Name(name), reply)?;
        let history = self.local.histories.find(name);
        let Some((history, entry)) = history.and_then(|history| Some((history, history.latest()?))) else {
            return Err(reply.refuse(Code::NoMessage, "the topic has no message, or keeps none"));
        };
        self.scratch.clear();
        reply.latest(self.scratch, &date(), known, &Publication::held(name, history, entry));
        Ok(self.respond(slot, reply.is_keep_alive()))
    }

    /// Whether the rules let clients read this.
    pub(super) fn check_access(&self, interest: Interest<'_>, reply: &Reply) -> Result<(), Refusal> {
        if self.local.topic_rules.may_subscribe(interest) {
            return Ok(());
        }
        Err(reply.refuse(Code::NotAllowed, "clients may not subscribe to this, or to some of what the pattern matches"))
    }

    /// What a request that follows a topic begins with. The position is there for every topic that keeps history.
    pub(super) fn plan(&self, follow: &Follow<'_>, reply: &Reply) -> Result<Plan, Refusal> {
        let (after, since_ms) = (follow.positions(), follow.since);
        let plan = self.local.plan(follow.interest(), &Start { after: &after, since_ms });
        let mut plan = plan.map_err(|error| refusal(&error, reply))?;
        if let Interest::Name(name) = follow.interest()
            && self.local.topic_rules.find(name).history.is_some()
        {
            let head = self.local.histories.find(name).map(History::head);
            plan.replay.position = Some(head.unwrap_or_else(|| self.local.histories.start()));
        }
        Ok(plan)
    }

    /// Makes the connection a subscriber that needs a place like a WebSocket. It is as before if that fails.
    pub(super) fn enter(
        &mut self,
        slot: u32,
        (phase, channel): (Phase, Channel),
        text: &str,
        reply: &Reply,
    ) -> Result<(), Refusal> {
        if !self.local.open_count.try_take() {
            let why = "this server has as many connections as it may (`connections_max`): try again later";
            return Err(reply.refuse(Code::Busy, why));
        }
        let conn = &mut self.local.conns[slot];
        (conn.phase, conn.channel) = (phase, channel);
        self.local.subscribe(slot, text).map_err(|error| {
            self.local.unsubscribe_all(slot);
            self.local.conns[slot].phase = Phase::Http;
            refusal(&error, reply)
        })
    }
}

fn refusal(error: &SubscribeError, reply: &Reply) -> Refusal {
    let code = match error {
        SubscribeError::Name(_) => Code::BadTopic,
        SubscribeError::Ahead { .. } => Code::BadPosition,
        SubscribeError::TooManyTopics { .. } => Code::TooManyTopics,
        SubscribeError::NotOpen | SubscribeError::TooManySubscriptions { .. } => Code::Busy,
    };
    reply.refuse(code, error.to_string())
}
