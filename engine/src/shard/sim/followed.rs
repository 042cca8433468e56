//! What every follower over HTTP must have heard when a run is over: with a history each offset exactly once and in order, over
//! all of its connections; without one, everything in order for as long as each of them held.

use std::collections::HashMap;

use super::Simulation;
use super::app::Publication;
use super::follower::{Follower, Heard};
use crate::config::{Overflow, TopicOverflow};
use crate::ring::Ring;
use crate::topic::name::matches;

/// How much there was to compare.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Followed {
    pub(crate) events: usize,
    pub(crate) polled: usize,
    /// Followers that came back to their topics.
    pub(crate) returned: usize,
    /// Followers that had to hear everything.
    pub(crate) complete: usize,
}

/// Compares what followers heard with what was published.
pub(super) fn check<R: Ring>(simulation: &Simulation<R>) -> Followed {
    let mut sum = Followed::default();
    let journal = simulation.journal.borrow();
    let config = &simulation.scenario.config;
    let policy = config.topics.first().and_then(|rule| rule.overflow);
    for follower in &simulation.town.borrow().followers {
        let log: Vec<_> = journal.log.iter().filter(|it| matches(follower.errand.text, it.topic)).collect();
        // Of those before it left.
        let due = follower.patient_to.map(|end| {
            let before = journal.log[..end].iter();
            before.filter(|it| matches(follower.errand.text, it.topic)).count()
        });
        // A poll is answered from the history, so it may be as slow as it likes.
        let drops = match policy {
            _ if follower.errand.polls => false,
            Some(policy) => policy == TopicOverflow::Conflate || policy == TopicOverflow::DropNewest,
            None => config.overflow == Overflow::DropNewest,
        };
        let case = Case { follower, log, drops, due };
        if simulation.scenario.keeps_history() {
            case.check_offsets()
        } else {
            case.check_order()
        }
        let heard = &follower.heard;
        *(if follower.errand.polls { &mut sum.polled } else { &mut sum.events }) += heard.len();
        sum.returned +=
            usize::from(heard.first().is_some_and(|first| Some(first.life) != heard.last().map(|it| it.life)));
        sum.complete += usize::from(due.is_some_and(|due| due > 0) && !drops);
    }
    sum
}

struct Case<'a> {
    follower: &'a Follower,
    /// The publications that it follows.
    log: Vec<&'a Publication>,
    /// Whether some may be missing.
    drops: bool,
    /// How many it must have heard: it was connected and heard nothing more for long.
    due: Option<usize>,
}

impl Case<'_> {
    fn check_offsets(&self) {
        let errand = &self.follower.errand;
        let mut published: HashMap<&str, Vec<&[u8]>> = HashMap::new();
        self.log.iter().for_each(|it| published.entry(it.topic).or_default().push(&it.message));
        let mut last: HashMap<&str, u64> = HashMap::new();
        for Heard { topic, offset, payload, .. } in &self.follower.heard {
            let topic = topic.as_deref().unwrap_or(errand.text);
            let offset = offset.expect("every topic has a history");
            let before = last.insert(topic, offset).unwrap_or(0);
            let follows = if self.drops { offset > before } else { offset == before + 1 };
            assert!(follows, "{errand:?}: {topic} {offset} behind {before}");
            assert_eq!(published[topic][offset as usize - 1], payload, "{errand:?}: {topic} {offset}");
        }
        if let Some(due) = self.due
            && !self.drops
        {
            assert!(self.follower.heard.len() >= due, "{errand:?}: {} of {due} heard", self.follower.heard.len());
        }
    }

    fn check_order(&self) {
        let errand = &self.follower.errand;
        let mut last = None;
        for Heard { payload, life, .. } in &self.follower.heard {
            let at = self.log.iter().position(|it| it.message == *payload);
            let at = at.unwrap_or_else(|| panic!("{errand:?}: {payload:?} was not published"));
            if let Some((before, of)) = last.replace((at, *life))
                && of == *life
            {
                let follows = if self.drops { at > before } else { at == before + 1 };
                assert!(follows, "{errand:?}: publication {at} behind {before}");
            }
        }
    }
}
