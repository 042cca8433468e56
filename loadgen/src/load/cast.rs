//! Who publishes what to whom: the numbers of publishers, topics and followers, as every thread computes them.
//!
//! Message `k` of a run is that of publisher `k % publishers`, and goes to topic `k % topics`. What one publisher sends to one
//! topic is a *stream*, in which order holds; its messages are every `period`-th, the least common multiple of both. The
//! stamp's sender is the stream's number, so that each follower knows which streams are its topic's.
//!
//! Followers are dealt to the groups in turn, and those of a group to the topics, so that every thread has its share of each.

use std::ops::Range;

use crate::schedule::{Due, Plan};

/// The numbers of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cast {
    /// Connections that publish.
    pub publishers: u32,
    /// Topics, at least one.
    pub topics: u32,
    /// Groups of followers, at least one.
    pub groups: u32,
    /// Followers of each group.
    pub followers: u32,
}

/// Who a follower is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// Which group.
    pub group: u32,
    /// Its number in the group.
    pub number: u32,
    /// Which topic.
    pub topic: u32,
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sending {
    /// To which topic.
    pub topic: u32,
    /// The stream's number among all.
    pub stream: u32,
    /// The message's number in the stream.
    pub sequence: u64,
}

impl Cast {
    /// All connections: the publishers, then the followers.
    pub fn connections(&self) -> u32 {
        self.publishers + self.groups * self.followers
    }

    /// Streams of each topic.
    pub fn streams_per_topic(&self) -> u32 {
        self.publishers / self.common()
    }

    /// Streams of all topics.
    pub fn streams(&self) -> u64 {
        u64::from(self.streams_per_topic()) * u64::from(self.topics)
    }

    /// Where the message that is due goes.
    #[inline]
    pub fn sending(&self, due: Due) -> Sending {
        let message = due.sequence * u64::from(self.publishers) + u64::from(due.sender);
        let topic = (message % u64::from(self.topics)) as u32;
        let stream = topic * self.streams_per_topic() + due.sender / self.common();
        Sending { topic, stream, sequence: message / self.streams() }
    }

    /// Which stream of its topic this is to a follower; `None` for another topic's.
    #[inline]
    pub fn stream_of(&self, topic: u32, stream: u32) -> Option<u32> {
        let each = self.streams_per_topic();
        stream.checked_sub(topic * each).filter(|&of_topic| of_topic < each)
    }

    /// Who the follower with this number among all is.
    pub fn role(&self, follower: u32) -> Role {
        let number = follower / self.groups;
        Role { group: follower % self.groups, number, topic: number % self.topics }
    }

    /// Messages of the plan to this topic that are planned in `time`.
    pub fn published(&self, plan: &Plan, topic: u32, time: &Range<u64>) -> u64 {
        let before = |time: u64| {
            // Messages are in the order of time.
            let (mut least, mut most) = (0, plan.count());
            while least < most {
                let middle = least + (most - least) / 2;
                if plan.planned(middle) < time { least = middle + 1 } else { most = middle }
            }
            (least + u64::from(self.topics) - 1 - u64::from(topic)) / u64::from(self.topics)
        };
        before(time.end) - before(time.start)
    }

    /// Followers of one group that follow this topic.
    pub fn audience(&self, topic: u32) -> u64 {
        u64::from((self.followers + self.topics - 1 - topic) / self.topics)
    }

    /// Messages that a group is to receive of what is planned in `time`.
    pub fn expected(&self, plan: &Plan, time: &Range<u64>) -> u64 {
        (0..self.topics).map(|topic| self.published(plan, topic, time) * self.audience(topic)).sum()
    }

    /// Messages of a stream in the whole plan.
    pub fn sent(&self, plan: &Plan, topic: u32, stream_of_topic: u32) -> u64 {
        // The only message of a period that is both this publisher's and this topic's.
        let (period, common) = (self.streams(), self.common());
        let publisher = u64::from(stream_of_topic * common + topic % common);
        let first = (publisher..period)
            .step_by(self.publishers as usize)
            .find(|k| k % u64::from(self.topics) == u64::from(topic));
        first.map_or(0, |first| (plan.count() + period - 1).saturating_sub(first) / period)
    }

    /// The greatest common divisor of publishers and topics: a publisher sends to every topic that is so many further.
    fn common(&self) -> u32 {
        let (mut a, mut b) = (self.publishers, self.topics);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use super::*;

    fn plan(publishers: u32) -> Plan {
        Plan::new("1000".parse().unwrap(), publishers, Duration::ZERO, Duration::from_millis(997))
    }

    /// Against counting them one by one.
    #[test]
    fn every_message_has_one_place_in_one_stream() {
        for (publishers, topics, groups, followers) in
            [(1, 1, 1, 5), (1, 4, 2, 10), (3, 4, 1, 9), (4, 6, 3, 7), (6, 3, 1, 3)]
        {
            let (cast, plan) = (Cast { publishers, topics, groups, followers }, plan(publishers));
            let mut counts: HashMap<(u32, u32), u64> = HashMap::new();
            let (mut open, window) = (plan.part(0..publishers), 100_000_000..731_000_000);
            let mut in_window = vec![0; topics as usize];
            while let Some(due) = open.due(u64::MAX) {
                let sending = cast.sending(due);
                let of_topic = cast.stream_of(sending.topic, sending.stream).expect("a stream of its topic");
                assert!(
                    (0..topics)
                        .all(|topic| cast.stream_of(topic, sending.stream).is_some() == (topic == sending.topic))
                );
                let count = counts.entry((sending.topic, of_topic)).or_default();
                assert_eq!(sending.sequence, *count, "{cast:?}: {sending:?}");
                *count += 1;
                in_window[sending.topic as usize] += u64::from(window.contains(&due.planned));
            }
            assert_eq!(counts.len() as u64, cast.streams(), "{cast:?}");
            for ((topic, of_topic), count) in counts {
                assert_eq!(cast.sent(&plan, topic, of_topic), count, "{cast:?}: {of_topic} of {topic}");
            }
            let roles: Vec<_> = (0..groups * followers).map(|follower| cast.role(follower)).collect();
            for topic in 0..topics {
                assert_eq!(cast.published(&plan, topic, &window), in_window[topic as usize], "{cast:?}");
                let audience = roles.iter().filter(|role| role.group == 0 && role.topic == topic).count();
                assert_eq!(cast.audience(topic), audience as u64, "{cast:?}");
            }
            let expected = roles.iter().filter(|role| role.group == 0).map(|role| in_window[role.topic as usize]);
            assert_eq!(cast.expected(&plan, &window), expected.sum::<u64>());
        }
    }
}
