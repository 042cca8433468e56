//! What the bench of subscription tables may do with one.

use super::name::{Interest, NameLimits};
use super::{Frames, Topics};

const LIMITS: NameLimits = NameLimits { bytes_max: 256, tokens_max: 16 };

/// The topics of a shard, without connections.
#[derive(Debug, Default)]
pub struct Table(Topics);

impl Table {
    /// Makes a topic or pattern.
    ///
    /// # Panics
    /// When the text is neither.
    pub fn subscribe(&mut self, text: &str) {
        let interest = Interest::parse(text, LIMITS).expect("a name or a pattern");
        self.0.find_or_create(interest, u32::MAX).expect("room for all");
    }

    /// Removes a topic or pattern that is there.
    ///
    /// # Panics
    /// When it is not.
    pub fn unsubscribe(&mut self, text: &str) {
        let interest = Interest::parse(text, LIMITS).expect("a name or a pattern");
        self.0.free_if_unused(self.0.find(interest).expect("it was subscribed to"));
    }

    /// Publishes nothing to the topic of this name and to all patterns that it matches, and returns how many these are.
    pub fn publish(&mut self, name: &str) -> usize {
        self.0.publish(self.0.find_name(name), name, Frames { head: &[], body: &[], exclude: None, number: None });
        std::iter::from_fn(|| self.0.pop_dirty()).count()
    }
}
