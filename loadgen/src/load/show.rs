//! What a run of publishers and followers is, the same for all its threads.

use std::ops::Range;

use super::account::Timed;
use super::cast::Cast;
use crate::payload::{Codec, Corrupt, Form, Stamp};
use crate::run::Site;
use crate::schedule::Plan;
use crate::sizes::Sizes;
use crate::transport::Way;

/// One way of following, by one group of followers.
#[derive(Debug, Clone)]
pub struct Line {
    /// Which.
    pub way: Way,
    /// How often is asked, in nanoseconds, by a way that asks.
    pub interval: u64,
}

/// What a run is.
#[derive(Debug, Clone)]
pub struct Show {
    /// The server; its path is the one of a broadcast.
    pub site: Site,
    /// Who is who.
    pub cast: Cast,
    /// How each group follows.
    pub lines: Vec<Line>,
    /// Names of the topics.
    pub topics: Vec<String>,
    /// When what is published.
    pub plan: Plan,
    /// How payloads are written.
    pub codec: Codec,
    /// Text or binary.
    pub form: Form,
    /// How large they are.
    pub sizes: Sizes,
    /// Of the sizes that are drawn.
    pub seed: u64,
    /// What is measured, in nanoseconds since the run's start.
    pub window: Range<u64>,
    /// What is timed.
    pub timed: Timed,
}

impl Show {
    /// The way of a foreign server, if it is one.
    pub(super) fn foreign(&self) -> Option<Way> {
        self.lines.iter().map(|line| line.way).find(|way| way.is_foreign())
    }

    /// What a payload that came to a follower of this topic is, with its sender as a stream of the topic.
    #[inline]
    pub(super) fn read(&self, topic: u32, payload: &[u8]) -> Result<Stamp, Corrupt> {
        let local = |stamp: Stamp| self.cast.stream_of(topic, stamp.sender).map(|sender| Stamp { sender, ..stamp });
        match self.codec.read(payload) {
            Ok(stamp) => local(stamp).ok_or(Corrupt::Stamp),
            Err(Corrupt::Fill(stamp)) => Err(local(stamp).map_or(Corrupt::Stamp, Corrupt::Fill)),
            Err(Corrupt::Stamp) => Err(Corrupt::Stamp),
        }
    }
}
