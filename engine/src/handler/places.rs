//! How many WebSockets are open, streams and polls that wait among them: on this shard, and on all shards together, which is what `connections_max` bounds.
//!
//! The shared count is touched when a WebSocket opens or ends, never per message. A place is taken before it is used, so that
//! shards that open at the same moment cannot take more than there are.

use std::ops::SubAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The places for WebSockets on one shard, and how many are taken.
#[derive(Debug)]
pub(crate) struct Places {
    taken: u32,
    /// What the ring's descriptors allow.
    count: u32,
    server: Arc<ServerPlaces>,
}

/// The places of the whole server.
#[derive(Debug)]
pub(crate) struct ServerPlaces {
    taken: AtomicU32,
    count: u32,
}

impl ServerPlaces {
    pub(crate) fn new(count: u32) -> Self {
        Self { taken: AtomicU32::new(0), count }
    }

    fn try_take(&self) -> bool {
        // Nothing else is read because of this number.
        let next = |taken| (taken < self.count).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }

    fn give_back(&self, count: u32) {
        self.taken.fetch_sub(count, Ordering::Relaxed);
    }
}

impl Places {
    /// `count` places on a shard of `server`.
    pub(crate) fn new(count: u32, server: Arc<ServerPlaces>) -> Self {
        Self { taken: 0, count, server }
    }

    /// Takes one; false if the shard or the server has none left.
    pub(crate) fn try_take(&mut self) -> bool {
        let took = self.taken < self.count && self.server.try_take();
        self.taken += u32::from(took);
        took
    }

    /// Places that are taken on this shard.
    pub(crate) fn taken(&self) -> u32 {
        self.taken
    }
}

/// Gives places back.
impl SubAssign<u32> for Places {
    fn sub_assign(&mut self, count: u32) {
        self.taken -= count;
        self.server.give_back(count);
    }
}

/// A shard whose ring failed leaves its places to the others.
impl Drop for Places {
    fn drop(&mut self) {
        self.server.give_back(self.taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_may_take_what_the_others_leave() {
        let server = Arc::new(ServerPlaces::new(4));
        let (mut one, mut other) = (Places::new(4, Arc::clone(&server)), Places::new(2, server));
        assert!((0..3).all(|_| one.try_take()));
        assert!(other.try_take() && !other.try_take(), "the server is full");
        one -= 1;
        assert!(other.try_take());
        one -= 1;
        assert!(!other.try_take(), "the shard is full");
        assert_eq!((one.taken(), other.taken()), (1, 2));
        drop(other);
        assert!((0..3).all(|_| one.try_take()) && !one.try_take(), "what a shard held is free after its end");
    }

    #[test]
    fn shards_that_take_at_once_do_not_take_too_many() {
        let server = Arc::new(ServerPlaces::new(1000));
        let takers: Vec<_> = (0..4)
            .map(|_| {
                let mut places = Places::new(1000, Arc::clone(&server));
                std::thread::spawn(move || {
                    let took = (0..1000).filter(|_| places.try_take()).count();
                    (took, places)
                })
            })
            .collect();
        let taken: Vec<_> = takers.into_iter().map(|taker| taker.join().expect("no panic")).collect();
        assert_eq!(taken.iter().map(|(took, _)| took).sum::<usize>(), 1000);
    }
}
