//! One topic or pattern on a WebSocket of its own, at `/topics/NAME`: payloads as they are, both ways. `docs/protocol.md` is the
//! contract.

use super::client::{Client, Data, NodeConn};
use super::denial::{Denial, check_publish, check_subscribe};
use crate::handler::{Accept, Start};
use crate::http::topics::{Follow, Place};
use crate::http::{OriginRules, Refusal, Request};
use crate::proto::{CloseCode, Message};
use crate::topic::after::After;
use crate::topic::error::PublishError;
use crate::topic::format::{Code, excerpt};
use crate::topic::name::{Interest, NameLimits};

/// What their paths begin with.
pub(super) const PREFIX: &str = "/topics/";

/// Whoever follows one topic or pattern.
#[derive(Debug)]
pub(super) struct Follower {
    topic: Box<str>,
    is_pattern: bool,
    /// What the client has; only until the connection is open.
    after: Option<After<'static>>,
    since_ms: Option<u64>,
}

/// Reads what a handshake asks for.
///
/// # Errors
/// 400 for a name, position or parameter that is wrong.
pub(super) fn on_connect(request: &Request<'_>, names: NameLimits) -> Result<Accept<Data>, Refusal> {
    // The route has let this origin pass.
    let place = Place { prefix: PREFIX, names, origins: &OriginRules::any() };
    let follow = Follow::parse(request, &place)?;
    let (topic, is_pattern) = match follow.interest() {
        Interest::Name(name) => (name.into(), false),
        Interest::Pattern(pattern) => (pattern.into(), true),
    };
    let follower = Follower { topic, is_pattern, after: follow.after.map(After::into_owned), since_ms: follow.since };
    Ok(Accept { data: Some(Box::new(Client::Topic(follower))), protocol: None })
}

/// Subscribes, or closes and says why not.
pub(super) fn on_open(conn: &mut NodeConn<'_>) {
    let Some(Client::Topic(follower)) = conn.data_mut().as_deref_mut() else { return };
    let (topic, after, since_ms) = (follower.topic.clone(), follower.after.take(), follower.since_ms);
    let after = after.as_ref().map_or(Vec::new(), |after| after.pairs(&topic));
    if let Err(denial) = begin(conn, &topic, &Start { after: &after, since_ms }) {
        deny(conn, &denial);
    }
}

/// Publishes what the client says.
pub(super) fn on_message(conn: &mut NodeConn<'_>, message: Message<'_>) {
    let Some(Client::Topic(follower)) = conn.data().as_deref() else { return };
    let topic = follower.topic.clone();
    if follower.is_pattern {
        let reason = format!("{} is a pattern: publish to one topic", excerpt(&topic));
        return conn.close(CloseCode::UNSUPPORTED_DATA, &reason);
    }
    let outcome = check_publish(conn, &topic, message)
        .and_then(|()| conn.publish_acknowledged(&topic, message, 0).map_err(Denial::from));
    if let Err(denial) = outcome {
        deny(conn, &denial);
    }
}

/// Closes when something was not published after all.
pub(super) fn on_published(conn: &mut NodeConn<'_>, outcome: Result<(), PublishError>) {
    if let Err(error) = outcome {
        deny(conn, &error.into());
    }
}

fn begin(conn: &mut NodeConn<'_>, topic: &str, start: &Start<'_>) -> Result<(), Denial> {
    check_subscribe(conn, topic)?;
    let replay = conn.replay(topic, start)?;
    if replay.has_gap || replay.has_skip {
        let why = if replay.has_gap {
            "too_old: what follows this position is not there any more"
        } else {
            "too_old: the node has crashed since this position, and the numbering has jumped: begin without it"
        };
        conn.close(CloseCode::TOO_OLD, why);
        return Ok(());
    }
    conn.subscribe_from(topic, start)?;
    Ok(())
}

/// Closes. There is no answer here in which a refusal could stand.
fn deny(conn: &mut NodeConn<'_>, denial: &Denial) {
    let code = if denial.code == Code::Busy { CloseCode::TRY_AGAIN_LATER } else { CloseCode::POLICY_VIOLATION };
    conn.close(code, &denial.reason());
}
