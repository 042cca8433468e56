//! Which messages a request wants: a topic or pattern, and where to begin.

use std::borrow::Cow;

use super::interest;
#[cfg(any(test, feature = "node"))]
use super::{Place, below, decode};
use crate::http::{Refusal, Request};
use crate::topic::after::{After, POSITIONS_MAX};
use crate::topic::format::{Code, excerpt};
use crate::topic::history::Position;
use crate::topic::name::{Interest, NameLimits, check_name};

/// A subscription as a URL says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Follow<'a> {
    pub(super) topic: Cow<'a, str>,
    pub(super) is_pattern: bool,
    /// What the client has: one position for a name, for a pattern one for each topic, all of them valid names.
    pub(crate) after: Option<After<'a>>,
    /// Milliseconds since 1970 from which on topics without a position are replayed.
    pub(crate) since: Option<u64>,
}

/// Largest integer of the protocol: JavaScript holds no larger ones exactly.
const INTEGER_MAX: u64 = (1 << 53) - 1;
/// A browser's last id says when the message came; one of another topic that came this much before may be under way still.
const OVERLAP_MS: u64 = 1000;

impl<'a> Follow<'a> {
    /// Reads the path and query of a handshake at `place`; a stream's and a poll's are read with the rest of the request.
    ///
    /// # Errors
    /// 400 for a name, position or parameter that is wrong.
    #[cfg(any(test, feature = "node"))]
    pub(crate) fn parse(request: &Request<'a>, place: &Place<'_>) -> Result<Self, Refusal> {
        let topic = decode(below(request, place)?)?;
        Self::new(topic, &Parameters::collect(request, &["after", "since"])?, place.names)
    }

    /// The topic or pattern.
    pub(crate) fn interest(&self) -> Interest<'_> {
        if self.is_pattern { Interest::Pattern(&self.topic) } else { Interest::Name(&self.topic) }
    }

    /// What the client has, by topic.
    pub(crate) fn positions(&self) -> Vec<(&str, Position)> {
        match &self.after {
            None => Vec::new(),
            Some(After::One(position)) => vec![(&self.topic, *position)],
            Some(After::Each(positions)) => positions.iter().map(|(topic, position)| (&**topic, *position)).collect(),
        }
    }

    pub(super) fn new(topic: Cow<'a, str>, parameters: &Parameters<'a>, names: NameLimits) -> Result<Self, Refusal> {
        let is_pattern = matches!(interest(&topic, names)?, Interest::Pattern(_));
        let after = match (&parameters.after[..], is_pattern) {
            ([], _) => None,
            (positions, true) => Some(each(positions, names)?),
            ([text], false) => Some(After::One(position("after", text, text)?)),
            (_, false) => return Err(bad_request("after is given twice: one topic has one position".to_owned())),
        };
        let since = match &parameters.since {
            None => None,
            Some(text) => Some(integer(text).ok_or_else(|| {
                bad_request(format!("since={}: write milliseconds since 1970, up to {INTEGER_MAX}", excerpt(text)))
            })?),
        };
        Ok(Self { topic, is_pattern, after, since })
    }

    /// The same, but what the client heard last goes before the query, which a browser repeats as it was at first.
    pub(super) fn stream(
        topic: Cow<'a, str>,
        parameters: &Parameters<'a>,
        request: &Request<'a>,
        names: NameLimits,
    ) -> Result<Self, Refusal> {
        let mut follow = Self::new(topic, parameters, names)?;
        match last_event_id(request)? {
            None => {}
            Some(id) if follow.is_pattern => {
                let (after, time_ms) = pattern_id(id, names)?;
                follow.after = after;
                follow.since = Some(time_ms.saturating_sub(OVERLAP_MS));
            }
            Some(id) => follow.after = Some(After::One(position("Last-Event-ID", id, id)?)),
        }
        Ok(follow)
    }
}

/// A query, taken apart.
pub(super) struct Parameters<'a> {
    after: Vec<Cow<'a, str>>,
    since: Option<Cow<'a, str>>,
    pub(super) wait: Option<Cow<'a, str>>,
}

impl<'a> Parameters<'a> {
    /// # Errors
    /// 400 for one that is not `taken`, or given twice.
    pub(super) fn collect(request: &Request<'a>, taken: &[&str]) -> Result<Self, Refusal> {
        let mut parameters = Self { after: Vec::new(), since: None, wait: None };
        for (name, value) in request.query_pairs() {
            if !taken.contains(&&*name) {
                let taken = if taken.is_empty() { "none".to_owned() } else { taken.join(", ") };
                return Err(bad_request(format!("unknown parameter {}: here is taken {taken}", excerpt(&name))));
            }
            let before = match &*name {
                "since" => parameters.since.replace(value),
                "wait" => parameters.wait.replace(value),
                _ => {
                    parameters.after.push(value);
                    None
                }
            };
            if before.is_some() {
                return Err(bad_request(format!("{name} is given twice")));
            }
        }
        Ok(parameters)
    }
}

/// An integer of the protocol, in digits alone.
pub(super) fn integer(text: &str) -> Option<u64> {
    // A sign would pass the parser.
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && *number <= INTEGER_MAX)
}

/// `TOPIC:POSITION` for each topic of a pattern.
fn each<'a>(parameters: &[Cow<'a, str>], names: NameLimits) -> Result<After<'a>, Refusal> {
    if parameters.len() > POSITIONS_MAX {
        return Err(bad_request(format!("after is given more than {POSITIONS_MAX} times")));
    }
    let pair = |text: &Cow<'a, str>| {
        // Names may have colons, positions have none.
        let (topic, at) = text.rsplit_once(':').ok_or_else(|| {
            bad_position(format!("after={}: for a pattern it is TOPIC:POSITION, such as a.b:1f3a-17", excerpt(text)))
        })?;
        check(topic, names)?;
        Ok((Cow::Owned(topic.to_owned()), position("after", text, at)?))
    };
    let positions = parameters.iter().map(pair).collect::<Result<_, Refusal>>()?;
    After::each(positions).map_err(|topic| bad_request(format!("after is given twice for {}", excerpt(&topic))))
}

/// The id that a browser sends by itself when it comes back; an empty one says that it has heard none.
fn last_event_id<'a>(request: &Request<'a>) -> Result<Option<&'a str>, Refusal> {
    let mut values = request.header_values("Last-Event-ID");
    let value = values.next().unwrap_or_default();
    if values.next().is_some() {
        return Err(bad_request("there is more than one Last-Event-ID header".to_owned()));
    }
    let id = str::from_utf8(value).map_err(|_| bad_position("Last-Event-ID is not UTF-8".to_owned()))?;
    Ok(Some(id).filter(|id| !id.is_empty()))
}

/// `TOPIC:POSITION:TIME`, the position empty for a topic without history.
fn pattern_id<'a>(id: &'a str, names: NameLimits) -> Result<(Option<After<'a>>, u64), Refusal> {
    let mut parts = id.rsplitn(3, ':');
    let (time_ms, at, topic) = (parts.next().and_then(integer), parts.next(), parts.next());
    let (Some(time_ms), Some(at), Some(topic)) = (time_ms, at, topic) else {
        let why = "for a pattern it is TOPIC:POSITION:TIME, such as a.b:1f3a-17:1763818920123";
        return Err(bad_position(format!("Last-Event-ID: {}: {why}", excerpt(id))));
    };
    check(topic, names)?;
    if at.is_empty() {
        return Ok((None, time_ms));
    }
    Ok((Some(After::Each(vec![(topic.into(), position("Last-Event-ID", id, at)?)])), time_ms))
}

fn position(from: &str, text: &str, at: &str) -> Result<Position, Refusal> {
    at.parse().map_err(|error| bad_position(format!("{from}={}: {error}", excerpt(text))))
}

fn check(topic: &str, names: NameLimits) -> Result<(), Refusal> {
    check_name(topic, names).map_err(|error| Refusal::coded(Code::BadTopic, error.to_string()))
}

fn bad_position(why: String) -> Refusal {
    Refusal::coded(Code::BadPosition, why)
}

fn bad_request(why: String) -> Refusal {
    Refusal::coded(Code::BadRequest, why)
}
