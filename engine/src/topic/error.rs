//! Why a publication was refused.

use super::name::TopicNameError;

/// Why nothing was published; of [`PublishError::NotDurable`], why it may be gone after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The name is none.
    #[error(transparent)]
    Name(#[from] TopicNameError),
    /// Something is full for the moment.
    #[error("nothing was published, {0}: publish again later")]
    Busy(Full),
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

/// What had no room for a publication, and the setting that bounds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Full {
    /// The queue from one shard to another.
    #[error("a queue between shards is full (`shard_queue_bytes_max`)")]
    ShardQueue,
    /// The queue to the journal.
    #[error("the queue to the journal is full (`journal.queue_count`, `journal.queue_bytes_max`)")]
    JournalQueue,
    /// The memory of a shard's histories.
    #[error("the memory for histories is full (`history_bytes_max`)")]
    Histories,
}
