//! Why a publication was refused.

use super::name::TopicNameError;

/// Why nothing was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The name is none.
    #[error(transparent)]
    Name(#[from] TopicNameError),
    /// The queues between shards are full.
    #[error("the server is busy: publish again later")]
    Busy,
    /// There is no room for another topic with history.
    #[error("the server keeps histories of at most {count_max} topics (`topics_max`)")]
    TooManyTopics {
        /// `topics_max`.
        count_max: u32,
    },
}
