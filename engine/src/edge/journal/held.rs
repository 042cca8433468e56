//! What the histories still hold, as far as retention must know, without asking the shards.
//!
//! Each entry tells the oldest message that its topic's history held when it was published. What grew too old since, while
//! nothing was published, follows from the limits.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::topic::history::{HistoryLimits, Offset};

/// Tells the limits of a topic's history, `None` if it has none.
pub(super) type LimitsOf = Box<dyn Fn(&str) -> Option<HistoryLimits> + Send>;

pub(super) struct Held {
    limits_of: LimitsOf,
    topics: HashMap<Arc<str>, Span>,
}

/// Of one topic.
struct Span {
    oldest: Offset,
    /// When the newest message was published.
    time_ms: u64,
    age_max_ms: u64,
}

impl Held {
    pub(super) fn new(limits_of: LimitsOf) -> Self {
        Self { limits_of, topics: HashMap::default() }
    }

    /// A message of this time was published, and `oldest` is what is left.
    pub(super) fn note(&mut self, topic: &Arc<str>, oldest: Offset, time_ms: u64) {
        if let Some(span) = self.topics.get_mut(topic) {
            (span.oldest, span.time_ms) = (oldest, time_ms);
        } else if let Some(limits) = (self.limits_of)(topic) {
            let span = Span { oldest, time_ms, age_max_ms: limits.age_max_ms() };
            self.topics.insert(Arc::clone(topic), span);
        }
    }

    /// Forgets topics whose messages are all too old.
    pub(super) fn expire(&mut self, now_ms: u64) {
        self.topics.retain(|_, span| now_ms.saturating_sub(span.time_ms) <= span.age_max_ms);
    }

    /// The first offset that the topic's history holds, `None` when it holds nothing.
    pub(super) fn oldest(&self, topic: &str) -> Option<Offset> {
        self.topics.get(topic).map(|span| span.oldest)
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({} topics)", self.topics.len())
    }
}
