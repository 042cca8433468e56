//! A topic by polls, one after the other on a connection that is kept: those that wait for news, those that ask at an interval for
//! all news, and those that ask for the latest alone.
//!
//! The first poll finds the position to begin from. A page that shows a state asks for the latest and has the server compare its
//! `ETag`: what came between is skipped, and 304 is short. A page that must miss nothing asks behind its position.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{Heard, Refusal, Route, Trouble};
use crate::http::{Head, Part, ResponseReader, encoded, write_get};

/// How long the server is to wait for news.
const WAIT: &str = "30s";

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// For all behind the position, and to wait for it.
    Waiting,
    /// For all behind the position.
    Behind,
    /// For the latest, unless it is known.
    Latest,
}

/// Follows one topic.
#[derive(Debug)]
pub struct Poll {
    asks: Asks,
    bytes_max: usize,
    reader: ResponseReader,
    /// Of the answer that is coming.
    head: Option<Head>,
    body: Vec<u8>,
    /// What the client has.
    position: Option<String>,
    /// Asked, and not answered.
    is_waiting: bool,
    /// Answers on this connection.
    answered: u64,
    decoded: Vec<u8>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    position: Cow<'a, str>,
    #[serde(borrow)]
    messages: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    data: Cow<'a, str>,
    #[serde(borrow, default)]
    data64: Cow<'a, str>,
}

impl Poll {
    /// `bytes_max` bounds one answer.
    pub fn new(asks: Asks, bytes_max: usize) -> Self {
        Self {
            asks,
            bytes_max,
            reader: ResponseReader::default(),
            head: None,
            body: Vec::new(),
            position: None,
            is_waiting: false,
            answered: 0,
            decoded: Vec::new(),
        }
    }

    /// A connection is open: what was asked on the one before is asked again.
    pub fn begin(&mut self, route: &Route, out: &mut Vec<u8>) {
        self.reader = ResponseReader::default();
        (self.head, self.answered) = (None, 0);
        self.body.clear();
        if std::mem::take(&mut self.is_waiting) || self.position.is_none() || self.asks == Asks::Waiting {
            self.ask(route, out);
        }
    }

    /// Asks, unless an answer is missing. Whether it did.
    pub fn ask(&mut self, route: &Route, out: &mut Vec<u8>) -> bool {
        if std::mem::replace(&mut self.is_waiting, true) {
            return false;
        }
        let (host, path) = (&route.host, format!("/topics/{}", encoded(&route.topic)));
        match (&self.position, self.asks) {
            (None, _) => write_get(out, host, &path, &[]),
            (Some(position), Asks::Waiting) => {
                write_get(out, host, &format!("{path}?after={position}&wait={WAIT}"), &[])
            }
            (Some(position), Asks::Behind) => write_get(out, host, &format!("{path}?after={position}"), &[]),
            (Some(position), Asks::Latest) => {
                let known = format!("If-None-Match: \"{position}\"\r\n");
                write_get(out, host, &format!("{path}/latest"), &[&known]);
            }
        }
        true
    }

    /// Takes what came.
    ///
    /// # Errors
    /// [`Trouble`]: what follows cannot be understood.
    pub fn on_bytes(&mut self, bytes: &[u8], hear: &mut dyn FnMut(Heard<'_>)) -> Result<(), Trouble> {
        let mut reader = std::mem::take(&mut self.reader);
        let mut outcome = Ok(());
        let read = reader.read(bytes, &mut |part| {
            if outcome.is_ok() {
                outcome = self.take(part, hear);
            }
        });
        self.reader = reader;
        read?;
        outcome
    }

    /// The connection ended. Whether that is the server's right, since it has answered on it.
    pub fn end(&mut self, hear: &mut dyn FnMut(Heard<'_>)) -> bool {
        let mut reader = std::mem::take(&mut self.reader);
        // Then the connection is over, whatever its last answer was.
        reader.end(&mut |part| {
            let _ = self.take(part, hear);
        });
        std::mem::take(&mut self.answered) > 0
    }

    fn take(&mut self, part: Part<'_>, hear: &mut dyn FnMut(Heard<'_>)) -> Result<(), Trouble> {
        match part {
            Part::Head(_) if !self.is_waiting => return Err(Trouble::Unasked),
            Part::Head(head) => self.head = Some(head),
            Part::Body(bytes) if self.body.len() + bytes.len() > self.bytes_max => return Err(Trouble::TooLong),
            Part::Body(bytes) => self.body.extend_from_slice(bytes),
            Part::End => {
                let Some(head) = self.head.take() else { return Ok(()) };
                let body = std::mem::take(&mut self.body);
                let outcome = self.answer(&head, &body, hear);
                self.body = body;
                self.body.clear();
                self.is_waiting = false;
                self.answered += 1;
                hear(if head.is_keep_alive { Heard::Answered } else { Heard::AnsweredLast });
                return outcome;
            }
        }
        Ok(())
    }

    fn answer(&mut self, head: &Head, body: &[u8], hear: &mut dyn FnMut(Heard<'_>)) -> Result<(), Trouble> {
        match (head.status, self.asks) {
            (304, _) => {}
            // Its history may have aged away; the first poll has found that it has one.
            (404, Asks::Latest) if self.position.is_some() => {}
            (200, Asks::Latest) if self.position.is_some() => {
                let position = head.etag.as_deref().map(|etag| etag.trim_matches('"'));
                self.position = Some(position.ok_or(Trouble::Answer)?.to_owned());
                hear(Heard::Update(body));
            }
            (200, _) => self.take_news(body, hear)?,
            (status, _) => hear(Heard::Refused(Refusal::of(status, body))),
        }
        Ok(())
    }

    fn take_news(&mut self, body: &[u8], hear: &mut dyn FnMut(Heard<'_>)) -> Result<(), Trouble> {
        let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| Trouble::Answer)?;
        for Item { data, data64 } in &answer.messages {
            if data64.is_empty() {
                hear(Heard::Update(data.as_bytes()));
                continue;
            }
            self.decoded.clear();
            // What is no base64 is an update too, a damaged one.
            let _ = STANDARD.decode_vec(data64.as_bytes(), &mut self.decoded);
            hear(Heard::Update(&self.decoded));
        }
        if self.position.replace(answer.position.into_owned()).is_none() {
            hear(Heard::Placed);
        }
        Ok(())
    }
}
