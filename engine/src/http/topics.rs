//! Requests for topics over HTTP: what is asked, and the heads of the answers. `docs/protocol.md` is the contract.
//!
//! [`TopicRequest::parse`] tells streams, polls and the latest message apart and checks all that a request says; [`Reply`]
//! writes the answer, and is what a poll that waits keeps. What answers are made of is encoded in `topic/format`.
//!
//! Not here: whether the topic exists, who may read it, and what it holds; WebSockets, but for [`Follow::parse`].

mod follow;
mod known;
mod refused;
mod reply;
mod route;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod trial;

use std::borrow::Cow;
use std::time::Duration;

pub(crate) use follow::Follow;
pub(crate) use known::Known;
pub(crate) use reply::Reply;
pub use route::TopicsRoute;

use super::query::decode_path;
use super::{OriginRules, Refusal, Request};
use crate::proto::handshake::elements;
use crate::topic::format::{Code, excerpt};
use crate::topic::name::{Interest, NameLimits};
use follow::Parameters;

/// A request for a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicRequest<'a> {
    pub(crate) operation: Operation<'a>,
    pub(crate) reply: Reply,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation<'a> {
    /// Server-Sent Events until somebody goes.
    Stream(Follow<'a>),
    /// What there is, or the next message that comes within `wait`: at most 60 s, zero for HEAD and for short polls.
    Poll { follow: Follow<'a>, wait: Duration },
    /// The latest message of topic `name`, unless the client has it.
    Latest { name: Cow<'a, str>, known: Known },
    /// What may be asked here.
    Options,
}

/// Where topics are served, and to whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'c> {
    /// `/topics/`: a path begins with it, and a name follows.
    pub(crate) prefix: &'c str,
    pub(crate) names: NameLimits,
    pub(crate) origins: &'c OriginRules,
}

/// Longest that a poll may wait.
const WAIT_MAX: Duration = Duration::from_secs(60);

impl<'a> TopicRequest<'a> {
    /// Reads a request whose path is below `place`.
    ///
    /// # Errors
    /// 403 for an origin that is not allowed, 405 for another method, 400 for a name, position or parameter that is wrong,
    /// each with a JSON body.
    pub(crate) fn parse(request: &Request<'a>, place: &Place<'_>) -> Result<Self, Refusal> {
        let reply = Reply::to(request, place.origins)?;
        match Operation::parse(request, place) {
            Ok(operation) => Ok(Self { operation, reply }),
            Err(refusal) => Err(reply.sign(refusal)),
        }
    }
}

impl<'a> Operation<'a> {
    fn parse(request: &Request<'a>, place: &Place<'_>) -> Result<Self, Refusal> {
        match request.method() {
            "GET" | "HEAD" => {}
            "OPTIONS" => return Ok(Self::Options),
            _ => return Err(refused::wrong_method()),
        }
        let rest = below(request, place)?;
        if let Some(name) = rest.strip_suffix("/latest") {
            return latest(request, name, place.names);
        }
        let topic = decode(rest)?;
        if wants_stream(request) {
            let parameters = Parameters::collect(request, &["after", "since"])?;
            return Follow::stream(topic, &parameters, request, place.names).map(Self::Stream);
        }
        let parameters = Parameters::collect(request, &["after", "since", "wait"])?;
        let follow = Follow::new(topic, &parameters, place.names)?;
        let wait = wait(&parameters)?;
        Ok(Self::Poll { follow, wait: if request.method() == "HEAD" { Duration::ZERO } else { wait } })
    }
}

fn latest<'a>(request: &Request<'a>, name: &'a str, names: NameLimits) -> Result<Operation<'a>, Refusal> {
    Parameters::collect(request, &[])?;
    let name = decode(name)?;
    match interest(&name, names)? {
        Interest::Name(_) => Ok(Operation::Latest { name, known: Known::to_client(request) }),
        Interest::Pattern(pattern) => {
            let why = format!("{} is a pattern: ask for the latest message of one topic", excerpt(pattern));
            Err(Refusal::coded(Code::BadTopic, why))
        }
    }
}

/// What the path says behind the prefix.
fn below<'a>(request: &Request<'a>, place: &Place<'_>) -> Result<&'a str, Refusal> {
    request.path().strip_prefix(place.prefix).ok_or_else(Refusal::not_found)
}

/// A name out of a path.
fn decode(text: &str) -> Result<Cow<'_, str>, Refusal> {
    if text.contains('/') {
        return Err(Refusal::coded(Code::BadTopic, "a '/' in a topic's name is written %2F in a path"));
    }
    decode_path(text).ok_or_else(|| Refusal::coded(Code::BadTopic, "a topic's name must be percent-encoded UTF-8"))
}

fn interest(text: &str, names: NameLimits) -> Result<Interest<'_>, Refusal> {
    Interest::parse(text, names).map_err(|error| Refusal::coded(Code::BadTopic, error.to_string()))
}

fn wants_stream(request: &Request<'_>) -> bool {
    let is_stream = |range: &[u8]| {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let media_type = parts.next().unwrap_or_default();
        media_type.eq_ignore_ascii_case(b"text/event-stream") && !parts.any(is_unwanted)
    };
    request.header_values("Accept").flat_map(elements).any(is_stream)
}

/// A weight of zero, by which a client says what it does not take (RFC 9110 §12.4.2).
fn is_unwanted(parameter: &[u8]) -> bool {
    let zero = parameter.strip_prefix(b"q=0").or_else(|| parameter.strip_prefix(b"Q=0"));
    zero.is_some_and(|rest| rest.iter().all(|byte| matches!(byte, b'.' | b'0')))
}

fn wait(parameters: &Parameters<'_>) -> Result<Duration, Refusal> {
    let Some(text) = &parameters.wait else { return Ok(Duration::ZERO) };
    let parsed = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(ms), _) => follow::integer(ms).map(Duration::from_millis),
        (None, Some(seconds)) => follow::integer(seconds).map(Duration::from_secs),
        (None, None) => None,
    };
    parsed.filter(|wait| *wait <= WAIT_MAX).ok_or_else(|| {
        let why = format!("wait={}: write a time up to 60s, such as 30s or 500ms", excerpt(text));
        Refusal::coded(Code::BadRequest, why)
    })
}
