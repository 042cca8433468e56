//! What a subscriber has to catch up with.

use std::sync::Arc;

/// A subscription that is not live yet: for each of its topics the offset of the last message that was sent.
#[derive(Debug)]
pub(crate) struct Behind {
    /// What was subscribed to.
    pub(crate) topic: u32,
    pub(crate) topics: Vec<(Arc<str>, u64)>,
}
