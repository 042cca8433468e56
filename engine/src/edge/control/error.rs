//! What a request of the admin interface is refused with: always JSON, with a code for programs and a message for people.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::error::Category;
use serde_json::{Value, json};

use crate::conn::ParseConnIdError;
use crate::server::CommandError;
use crate::topic::error::PublishError;
use crate::topic::name::TopicNameError;

/// A refusal.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl ApiError {
    /// The one shape that errors have on both ports, alone or in a list.
    pub(super) fn to_json(&self) -> Value {
        json!({ "code": self.code, "message": self.message })
    }

    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(super) fn unavailable(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
    }

    pub(super) fn starting() -> Self {
        Self::unavailable("starting", "the shards are being started: try again")
    }

    pub(super) fn draining() -> Self {
        Self::unavailable(
            "draining",
            "the node is shutting down: it accepts no connections, and asked those it has to leave",
        )
    }

    pub(super) fn stopped() -> Self {
        Self::unavailable("stopped", "the shards have ended")
    }

    /// Shards that did not answer in time.
    pub(super) fn silent(shards: &[usize]) -> Self {
        let shards: Vec<_> = shards.iter().map(usize::to_string).collect();
        let message = format!(
            "no answer from shard {} within {:?}: its thread is blocked, most likely in a handler's callback",
            shards.join(", "),
            super::shards::ANSWER_TIMEOUT
        );
        Self::unavailable("shard_silent", message)
    }

    /// Shards that ended though nobody asked for it.
    pub(super) fn ended(shards: &[usize]) -> Self {
        let shards: Vec<_> = shards.iter().map(usize::to_string).collect();
        let message = format!("shard {} has ended, and the log says why: restart the node", shards.join(", "));
        Self::unavailable("shard_ended", message)
    }

    /// The disk takes its time, or the shard that numbers the topic is blocked: who waits cannot tell one from the other.
    pub(super) fn not_yet_durable(waited: Duration) -> Self {
        let message = format!(
            "not known to be durable after {waited:?}, and it is open whether it was published: the disk is slow, or the topic's \
             shard is blocked (GET /healthz tells). Look for it in the topic before you publish it again"
        );
        Self::new(StatusCode::GATEWAY_TIMEOUT, "not_yet_durable", message)
    }

    /// A stream is there, and cannot be sent to.
    pub(super) fn only_events() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "not_a_websocket",
            "this is a stream of Server-Sent Events, to which nothing can be sent alone: publish to its topic",
        )
    }

    /// The same with more words.
    pub(super) fn and(self, help: &str) -> Self {
        Self { message: format!("{}; {help}", self.message), ..self }
    }

    pub(super) fn no_such_connection() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no_such_connection",
            "no open connection has this id; GET /connections lists those that there are",
        )
    }
}

#[cfg(test)]
impl ApiError {
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.to_json())).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"ringwire\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::NoSuchConnection => Self::no_such_connection(),
            CommandError::Stopped => Self::stopped(),
            CommandError::Busy => Self::unavailable("busy", format!("{error}; some shards may have got it: try again")),
            CommandError::Dropped => Self::new(StatusCode::CONFLICT, "dropped", error.to_string()),
            CommandError::InvalidCloseCode => Self::bad_request(
                "invalid_close_code",
                "a close code is 1000 to 1003, 1007 to 1014 or 3000 to 4999 (RFC 6455 §7.4)",
            ),
            CommandError::TopicName(error) => error.into(),
            CommandError::InCallback => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()),
        }
    }
}

impl From<PublishError> for ApiError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Name(error) => error.into(),
            PublishError::Busy(_) => Self::unavailable("busy", error.to_string()),
            PublishError::NotJournaled => {
                Self::new(StatusCode::CONFLICT, "not_durable", format!("nothing was published: {error}"))
            }
            PublishError::NotDurable => Self::unavailable("journal_failed", error.to_string()),
            PublishError::TooManyTopics { .. } => {
                Self::unavailable("too_many_topics", format!("nothing was published: {error}"))
            }
        }
    }
}

impl From<TopicNameError> for ApiError {
    fn from(error: TopicNameError) -> Self {
        Self::bad_request("bad_topic", error.to_string())
    }
}

impl From<ParseConnIdError> for ApiError {
    fn from(error: ParseConnIdError) -> Self {
        Self::bad_request("invalid_id", error.to_string())
    }
}

impl From<PathRejection> for ApiError {
    fn from(_: PathRejection) -> Self {
        Self::bad_request("bad_request", "the path is not percent-encoded UTF-8")
    }
}

/// Of a body: what is no JSON at all, and JSON that says something else.
impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        match error.classify() {
            Category::Data => Self::bad_request("bad_request", error.to_string()),
            Category::Eof => {
                Self::bad_request("bad_json", format!("it ends too early, at line {line} column {column}"))
            }
            _ => Self::bad_request("bad_json", format!("it is not JSON at line {line} column {column}")),
        }
    }
}
