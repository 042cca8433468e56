//! What a turn has for the other shards: publications without history in one batch that all of them share, messages of topics
//! with history as this shard numbered them, and what goes to one shard alone.
//!
//! The order of publication holds across topics without history, and across topics of one home, because a pattern's subscriber
//! there hears several of them; not between the two kinds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::parcel::{Parcel, Sequenced};

/// Publications of a turn, encoded once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    names: String,
    frames: Vec<u8>,
    runs: Vec<Run>,
}

/// Publications to one topic behind each other: where its name and their frames end.
#[derive(Debug)]
struct Run {
    name_end: usize,
    frames_end: usize,
}

impl Batch {
    /// Bytes that it holds while it waits.
    pub(crate) fn bytes(&self) -> usize {
        self.names.len() + self.frames.len() + size_of_val(self.runs.as_slice())
    }

    pub(crate) fn append(&mut self, name: &str, head: &[u8], body: &[u8]) {
        if self.last_name() != Some(name) {
            self.names.push_str(name);
            self.runs.push(Run { name_end: self.names.len(), frames_end: 0 });
        }
        self.frames.extend_from_slice(head);
        self.frames.extend_from_slice(body);
        let end = self.frames.len();
        self.runs.last_mut().expect("one was made").frames_end = end;
    }

    fn last_name(&self) -> Option<&str> {
        let (last, before) = self.runs.split_last()?;
        let begin = before.last().map_or(0, |run| run.name_end);
        Some(&self.names[begin..last.name_end])
    }

    /// Names of topics, each with frames that were published to it.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let (mut name_begin, mut frames_begin) = (0, 0);
        self.runs.iter().map(move |&Run { name_end, frames_end }| {
            let run = (&self.names[name_begin..name_end], &self.frames[frames_begin..frames_end]);
            (name_begin, frames_begin) = (name_end, frames_end);
            run
        })
    }
}

/// What this turn's callbacks published.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    needed: bool,
    batch: Batch,
    sequenced: Vec<Sequenced>,
    direct: Vec<(u16, Parcel)>,
    /// How long before this turn the oldest of `sequenced` was published.
    age_us: u32,
    /// More waits for the other shards than may.
    pub(crate) is_full: bool,
}

impl Outbox {
    /// An outbox that is used only when there are other shards.
    pub(crate) fn new(shards: usize) -> Self {
        Self { needed: shards > 1, ..Self::default() }
    }

    #[inline]
    pub(crate) fn is_needed(&self) -> bool {
        self.needed
    }

    pub(crate) fn append(&mut self, name: &str, head: &[u8], body: &[u8]) {
        self.batch.append(name, head, body);
    }

    /// For all other shards.
    pub(crate) fn push_sequenced(&mut self, sequenced: Sequenced) {
        if self.needed {
            self.sequenced.push(sequenced);
        }
    }

    /// For one of them.
    pub(crate) fn push_direct(&mut self, shard: u16, parcel: Parcel) {
        self.direct.push((shard, parcel));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batch.runs.is_empty() && self.sequenced.is_empty() && self.direct.is_empty()
    }

    /// Notes that what is numbered next was published so long before this turn.
    pub(crate) fn note_age(&mut self, age_us: u32) {
        self.age_us = self.age_us.max(age_us);
    }

    /// Takes out what all others get, in this order; the turn began at `began`.
    pub(crate) fn take_shared(&mut self, began: Instant) -> impl Iterator<Item = Parcel> + Clone + use<> {
        let age = Duration::from_micros(std::mem::take(&mut self.age_us).into());
        let oldest = began.checked_sub(age).unwrap_or(began);
        let sequenced =
            (!self.sequenced.is_empty()).then(|| Parcel::Sequenced(std::mem::take(&mut self.sequenced).into(), oldest));
        let batch =
            (!self.batch.runs.is_empty()).then(|| Parcel::Batch(Arc::new(std::mem::take(&mut self.batch)), began));
        sequenced.into_iter().chain(batch)
    }

    /// Takes out what goes to single shards.
    pub(crate) fn take_direct(&mut self) -> Vec<(u16, Parcel)> {
        std::mem::take(&mut self.direct)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_holds_across_topics() {
        let mut outbox = Outbox::new(2);
        for (name, body) in [("a", "1"), ("a", "2"), ("b", "3"), ("ab", "4"), ("a", "5")] {
            outbox.append(name, b"-", body.as_bytes());
        }
        let parcels: Vec<_> = outbox.take_shared(Instant::now()).collect();
        let [Parcel::Batch(batch, _)] = &parcels[..] else { panic!("{parcels:?}") };
        let runs: Vec<_> = batch.runs().collect();
        assert_eq!(runs, [("a", &b"-1-2"[..]), ("b", b"-3"), ("ab", b"-4"), ("a", b"-5")]);
        assert!(outbox.is_empty());
    }
}
