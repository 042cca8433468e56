//! Whether anybody follows a demo's topics, so that it plays for somebody and rests for nobody.

use std::sync::Arc;

use super::demo::DEMO;
use crate::server::{Answer, ServerHandle, ShardHandle};
use crate::shard::command::TopicQuery;

/// Places of a shard's table that are looked at between two of its turns.
pub(super) const PLACES_PER_TURN: u32 = 1024;

/// Whether anybody, on any shard, has a subscription that `is_wanted` takes; it is shown those that begin with `demo` alone.
pub(super) fn is_watched(server: &ServerHandle, is_wanted: impl Fn(&str) -> bool) -> bool {
    server.shards().any(|shard| is_watched_on(shard, &is_wanted))
}

/// The table is looked through in parts, to its end or to the first who subscribes. A shard that is busy or has ended tells nothing.
fn is_watched_on(shard: ShardHandle<'_>, is_wanted: impl Fn(&str) -> bool) -> bool {
    // Nothing else is for the demos, so nothing before it needs to be told.
    let after: Arc<str> = DEMO.into();
    let mut next = Some(0);
    while let Some(from) = next {
        let query = TopicQuery { from, places_max: PLACES_PER_TURN, after: Arc::clone(&after) };
        let Ok(page) = shard.topics(query).and_then(Answer::wait) else { return false };
        if page.topics.iter().any(|topic| is_wanted(&topic.name)) {
            return true;
        }
        next = page.next;
    }
    false
}
