//! Why a publication was refused.

use super::name::TopicNameError;

/// Why nothing was published; of [`PublishError::NotDurable`], why it may be gone after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The name is none.
    #[error(transparent)]
    Name(#[from] TopicNameError),
    /// The queues between shards are full, or the memory of histories is.
    #[error("the server is busy: publish again later")]
    Busy,
    /// There is no room for another topic with history.
    #[error("the server keeps histories of at most {count_max} topics (`topics_max`)")]
    TooManyTopics {
        /// `topics_max`.
        count_max: u32,
    },
    /// It was to be durable, and nobody writes it.
    #[error("the topic is not written to a journal: publish without durable")]
    NotJournaled,
    /// It was published, and is not durable: the journal's files cannot be written, of which the server's log tells more.
    #[error("published, but not durable: the journal cannot be written")]
    NotDurable,
}
