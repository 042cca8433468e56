//! `ringwire.v1` at `/connect`: what each request does. `docs/protocol.md` is the contract.
//!
//! [`v1`](super::v1) takes requests apart and writes the answers; messages of topics are encoded and sent by the shard.

use super::client::{Client, Data, NodeConn};
use super::denial::{Denial, check_publish, check_subscribe};
use super::v1::{Operation, Parser, Payload, Publish, Request, Subscribe, reply};
use crate::handler::{Accept, Start};
use crate::http::{self, Refusal};
use crate::proto::Message;
use crate::topic::after::After;
use crate::topic::error::PublishError;
use crate::topic::format::{Code, Subscribed, excerpt};
use crate::topic::history::Position;
use crate::topic::name::{Interest, NameLimits, check_name, covers};

/// Its path, exactly.
pub(super) const PATH: &str = "/connect";
/// Its subprotocol.
pub(super) const PROTOCOL: &str = "ringwire.v1";

/// Stands for no id among the tokens of publications: ids are smaller.
const NO_ID: u64 = u64::MAX;

/// A shard's part: the parser and what it works in, used again for each request.
pub(super) struct Connect {
    names: NameLimits,
    parser: Parser,
    request: Vec<u8>,
    reply: Vec<u8>,
}

/// The connection that a request came on, and what it takes to answer.
struct Desk<'a, 'c> {
    conn: &'a mut NodeConn<'c>,
    names: NameLimits,
    reply: &'a mut Vec<u8>,
}

impl Connect {
    pub(super) fn new(names: NameLimits) -> Self {
        Self { names, parser: Parser::new(), request: Vec::new(), reply: Vec::new() }
    }

    /// # Errors
    /// 400 for a client that does not offer the subprotocol.
    pub(super) fn on_connect(&self, request: &http::Request<'_>) -> Result<Accept<Data>, Refusal> {
        if request.upgrade()?.protocols().all(|offered| offered != PROTOCOL) {
            return Err(Refusal::coded(
                Code::BadRequest,
                "this path speaks ringwire.v1: offer it in Sec-WebSocket-Protocol",
            ));
        }
        Ok(Accept { data: Some(Box::new(Client::V1)), protocol: Some(PROTOCOL.to_owned()) })
    }

    pub(super) fn on_message(&mut self, conn: &mut NodeConn<'_>, message: Message<'_>) {
        let Self { names, parser, request, reply } = self;
        // The parser works in place, so it gets a copy.
        request.clear();
        request.extend_from_slice(message.as_bytes());
        let parsed = match message {
            Message::Text(_) => parser.text(request),
            Message::Binary(_) => parser.binary(request),
        };
        let mut desk = Desk { conn, names: *names, reply };
        let outcome =
            parsed.and_then(|Request { id, operation }| desk.perform(id, &operation).map_err(|denial| denial.to(id)));
        if let Err(refusal) = outcome {
            desk.send(|out| reply::error(out, &refusal));
        }
    }

    /// Answers a publish.
    pub(super) fn on_published(
        &mut self,
        conn: &mut NodeConn<'_>,
        token: u64,
        outcome: Result<Option<Position>, PublishError>,
    ) {
        let mut desk = Desk { conn, names: self.names, reply: &mut self.reply };
        let id = Some(token).filter(|token| *token != NO_ID);
        match outcome {
            Ok(position) => desk.confirm(id, position),
            Err(error) => desk.send(|out| reply::error(out, &Denial::from(error).to(id))),
        }
    }
}

impl Desk<'_, '_> {
    fn perform(&mut self, id: Option<u64>, operation: &Operation<'_>) -> Result<(), Denial> {
        match operation {
            Operation::Subscribe(wanted) => self.subscribe(id, wanted),
            Operation::Unsubscribe { topic } => self.unsubscribe(id, topic),
            Operation::Publish(publication) => self.publish(id, publication),
            Operation::Ping => {
                self.send(|out| reply::pong(out, id));
                Ok(())
            }
        }
    }

    fn subscribe(&mut self, id: Option<u64>, wanted: &Subscribe<'_>) -> Result<(), Denial> {
        let Subscribe { topic, after, since } = wanted;
        let interest = Interest::parse(topic, self.names)?;
        let after = after.as_ref().map_or(Ok(Vec::new()), |after| positions(interest, after, self.names))?;
        check_subscribe(self.conn, topic)?;
        let start = Start { after: &after, since_ms: *since };
        let replay = self.conn.replay(topic, &start)?;
        // Nothing of it leaves before the turn ends, so the answer is still in front.
        self.conn.subscribe(topic)?;
        if let Some(id) = id {
            let subscribed = Subscribed {
                position: replay.position,
                replayed: replay.message_count,
                gap: replay.has_gap,
                time_ms: self.conn.now_ms(),
            };
            self.send(|out| reply::subscribed(out, id, &subscribed));
        }
        self.conn.subscribe_from(topic, &start)?;
        Ok(())
    }

    fn unsubscribe(&mut self, id: Option<u64>, topic: &str) -> Result<(), Denial> {
        Interest::parse(topic, self.names)?;
        if !self.conn.unsubscribe(topic) {
            let message = format!("there is no subscription to {}", excerpt(topic));
            return Err(Denial::new(Code::NotSubscribed, message));
        }
        self.confirm(id, None);
        Ok(())
    }

    fn publish(&mut self, id: Option<u64>, publication: &Publish<'_>) -> Result<(), Denial> {
        let Publish { topic, payload, durable } = publication;
        check_name(topic, self.names)?;
        let message = match payload {
            Payload::Text(text) => Message::Text(text),
            Payload::Binary(bytes) => Message::Binary(bytes),
        };
        check_publish(self.conn, topic, message)?;
        let token = id.unwrap_or(NO_ID);
        match durable {
            true => self.conn.publish_durably(topic, message, token)?,
            false => self.conn.publish_acknowledged(topic, message, token)?,
        }
        Ok(())
    }

    /// Answers a request that was done, if it has an id.
    fn confirm(&mut self, id: Option<u64>, position: Option<Position>) {
        if let Some(id) = id {
            self.send(|out| reply::ok(out, id, position));
        }
    }

    fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.reply.clear();
        write(self.reply);
        let text = str::from_utf8(self.reply).expect("JSON is UTF-8");
        // Who cannot take an answer is closed by the engine, and resumes.
        let _ = self.conn.send(text);
    }
}

/// Where a subscription begins, topic by topic.
fn positions<'s>(
    interest: Interest<'s>,
    after: &'s After<'_>,
    names: NameLimits,
) -> Result<Vec<(&'s str, Position)>, Denial> {
    let wanted = match (interest, after) {
        (Interest::Pattern(_), After::One(_)) => {
            let message = "a pattern resumes with an object from topics to positions, not with a single one";
            return Err(Denial::new(Code::BadPosition, message));
        }
        (Interest::Pattern(wanted) | Interest::Name(wanted), _) => wanted,
    };
    let pairs = after.pairs(wanted);
    for (topic, _) in &pairs {
        check_name(topic, names)?;
        if !covers(wanted, topic) {
            let message = format!("after has {}, which {} does not match", excerpt(topic), excerpt(wanted));
            return Err(Denial::new(Code::BadRequest, message));
        }
    }
    Ok(pairs)
}
