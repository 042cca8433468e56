//! Why the node does not do what a client asks, on any transport: a code for programs and a sentence for people.

use std::borrow::Cow;

use super::client::NodeConn;
use super::v1::Refusal;
use crate::handler::SubscribeError;
use crate::proto::Message;
use crate::topic::error::PublishError;
use crate::topic::format::{Code, excerpt};
use crate::topic::name::TopicNameError;

/// What is wrong with a request that was understood.
#[derive(Debug)]
pub(super) struct Denial {
    pub(super) code: Code,
    pub(super) message: Cow<'static, str>,
}

impl Denial {
    pub(super) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }

    /// As the answer to a request.
    pub(super) fn to(self, id: Option<u64>) -> Refusal {
        Refusal::new(id, self.code, self.message)
    }

    /// As the reason of a close frame, which the engine cuts to its length.
    pub(super) fn reason(&self) -> String {
        format!("{}: {}", self.code.as_str(), self.message)
    }
}

/// Whether the rules let a client subscribe to this name or pattern, which is a good one.
///
/// # Errors
/// `not_allowed`.
pub(super) fn check_subscribe(conn: &NodeConn<'_>, topic: &str) -> Result<(), Denial> {
    if conn.may_subscribe(topic) {
        return Ok(());
    }
    let message = format!("the rules of this server let no client subscribe to {}", excerpt(topic));
    Err(Denial::new(Code::NotAllowed, message))
}

/// Whether the rules let a client publish this to a topic, whose name is a good one.
///
/// # Errors
/// `not_allowed`, `wrong_message_type`.
pub(super) fn check_publish(conn: &NodeConn<'_>, topic: &str, message: Message<'_>) -> Result<(), Denial> {
    if conn.may_publish(topic, message) {
        return Ok(());
    }
    let (other, taken) = match message {
        Message::Text(_) => (Message::Binary(b""), "binary"),
        Message::Binary(_) => (Message::Text(""), "text"),
    };
    let shown = excerpt(topic);
    if conn.may_publish(topic, other) {
        return Err(Denial::new(Code::WrongMessageType, format!("{shown} takes {taken} messages only")));
    }
    Err(Denial::new(Code::NotAllowed, format!("the rules of this server let no client publish to {shown}")))
}

impl From<TopicNameError> for Denial {
    fn from(error: TopicNameError) -> Self {
        Self::new(Code::BadTopic, error.to_string())
    }
}

impl From<SubscribeError> for Denial {
    fn from(error: SubscribeError) -> Self {
        let code = match error {
            SubscribeError::Name(_) => Code::BadTopic,
            SubscribeError::Ahead { .. } => Code::BadPosition,
            SubscribeError::NotOpen => Code::Closing,
            SubscribeError::TooManySubscriptions { .. } => Code::TooManySubscriptions,
            SubscribeError::TooManyTopics { .. } => Code::TooManyTopics,
        };
        Self::new(code, error.to_string())
    }
}

impl From<PublishError> for Denial {
    fn from(error: PublishError) -> Self {
        let code = match error {
            PublishError::Name(_) => Code::BadTopic,
            PublishError::Busy(_) => Code::Busy,
            PublishError::TooManyTopics { .. } => Code::TooManyTopics,
            PublishError::NotJournaled => Code::NotDurable,
            PublishError::NotDurable => Code::JournalFailed,
        };
        Self::new(code, error.to_string())
    }
}
