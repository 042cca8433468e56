//! What a subscriber has to catch up with.

use std::sync::Arc;

use hashbrown::HashMap;

/// A subscription that is not live yet: for each of its topics the offset of the last message that was sent.
#[derive(Debug)]
pub(crate) struct Behind {
    /// What was subscribed to.
    pub(crate) topic: u32,
    pub(crate) topics: Vec<(Arc<str>, u64)>,
    /// What happens when histories do not reach back so far any more, or there is much to catch up with.
    pub(crate) skip: Skip,
}

impl Behind {
    /// Adds a message that is to come with what is caught up with. Those behind it in its topic come with it.
    pub(crate) fn add(&mut self, name: &Arc<str>, offset: u64) {
        if self.topics.iter().all(|(known, _)| known != name) {
            self.topics.push((Arc::clone(name), offset - 1));
        }
    }

    /// Adds what the same subscription was behind with: each topic from the earlier place, and what one may not miss neither may.
    pub(crate) fn merge(&mut self, other: Self) {
        let places: HashMap<_, _> =
            self.topics.iter().enumerate().map(|(at, (name, _))| (Arc::clone(name), at)).collect();
        for (name, last) in other.topics {
            match places.get(&name) {
                Some(&at) => self.topics[at].1 = last.min(self.topics[at].1),
                None => self.topics.push((name, last)),
            }
        }
        self.skip = self.skip.min(other.skip);
    }
}

/// What a subscriber that catches up may miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Skip {
    /// Nothing: it is told to resume.
    Never,
    /// What the history has lost meanwhile.
    Oldest,
    /// All but the newest message of each topic.
    AllButNewest,
}
