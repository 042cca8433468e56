//! The histories of all topics that have one, as a shard knows them.
//!
//! Every shard has a replica, so that whoever comes back is answered where it is. The order is one for all: a topic's
//! [home](home) numbers its messages, and the others take them as they come from there. Payloads are shared between replicas.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use hashbrown::HashMap;

use super::history::{Entry, Epoch, History, HistoryLimits, MessageKind, Offset, Position};
use super::name;

/// The replica of one shard.
#[derive(Debug)]
pub(crate) struct Histories {
    by_name: HashMap<Arc<str>, History>,
    /// The same names in the order of their bytes, for lists of a part at a time.
    names: BTreeSet<Arc<str>>,
    epoch: Epoch,
    /// No topic gives an offset up to this one.
    floor: Offset,
    topics_max: usize,
    /// The last topic that a pass of [`Histories::expire`] looked at, while one is under way.
    expired_to: Option<Arc<str>>,
    /// Some topic may have no messages left.
    has_empty: bool,
    /// Of all messages with their overhead, payloads included that other shards share.
    bytes: usize,
    bytes_max: usize,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// There are as many topics with history as there may be.
    Topics,
    /// Other topics hold all the bytes that there may be.
    Bytes,
}

impl Histories {
    pub(crate) fn new(epoch: Epoch, floor: Offset, topics_max: u32, bytes_max: usize) -> Self {
        Self {
            by_name: HashMap::new(),
            names: BTreeSet::new(),
            epoch,
            floor,
            topics_max: topics_max as usize,
            expired_to: None,
            has_empty: false,
            bytes: 0,
            bytes_max,
        }
    }

    /// The topic's history, if it ever had a message.
    pub(crate) fn find(&self, name: &str) -> Option<&History> {
        self.by_name.get(name)
    }

    /// The same with the name that others may share.
    pub(crate) fn find_key_value(&self, name: &str) -> Option<(&Arc<str>, &History)> {
        self.by_name.get_key_value(name)
    }

    /// An offset with the epoch.
    pub(crate) fn position(&self, offset: Offset) -> Position {
        Position { epoch: self.epoch, offset }
    }

    /// In front of the first message of a topic that never had one.
    pub(crate) fn start(&self) -> Position {
        self.position(self.floor)
    }

    /// Whether who has all up to `position` missed nothing of a topic that is not here.
    pub(crate) fn is_start(&self, position: Position) -> bool {
        position.epoch == self.epoch && position.offset >= self.floor
    }

    /// Names and histories of the topics that a pattern matches. Looks at all: for the beginning of a subscription.
    pub(crate) fn matching(&self, pattern: &str) -> impl Iterator<Item = (&Arc<str>, &History)> {
        self.by_name.iter().filter(move |(name, _)| name::covers(pattern, name))
    }

    /// Names behind this one in the order of their bytes, with their histories.
    pub(crate) fn behind(&self, name: &str) -> impl Iterator<Item = (&Arc<str>, &History)> {
        let names = self.names.range::<str, _>((Bound::Excluded(name), Bound::Unbounded));
        names.map(|name| (name, &self.by_name[name]))
    }

    /// Goes on with a history of an earlier start. Its messages give way if all together are more than there is room for.
    pub(crate) fn adopt(&mut self, name: Arc<str>, history: History) {
        self.names.insert(Arc::clone(&name));
        self.by_name.insert(Arc::clone(&name), history);
        self.count(&name, 0);
    }

    /// The oldest offset that a topic holds, or will hold next.
    pub(crate) fn oldest(&self, name: &str) -> Offset {
        self.find(name).map_or(self.floor, History::evicted).next()
    }

    /// Gives a message of this shard's own topic its number.
    ///
    /// # Errors
    /// When there is no room for it, even if the topic gives up its own oldest messages.
    pub(crate) fn append(
        &mut self,
        name: &Arc<str>,
        limits: HistoryLimits,
        (kind, payload): (MessageKind, Arc<[u8]>),
        time_ms: u64,
    ) -> Result<Entry, NoRoom> {
        if !self.by_name.contains_key(&**name) {
            self.make_room()?;
        }
        let own = self.find(name).map_or(0, History::bytes);
        if self.bytes - own + payload.len() + Entry::OVERHEAD_BYTES > self.bytes_max {
            return Err(NoRoom::Bytes);
        }
        let head = Position { epoch: self.epoch, offset: self.floor };
        let history = self.find_or_insert(name, limits, head);
        let before = history.bytes();
        let offset = history.append(kind, Arc::clone(&payload), time_ms);
        self.count(name, before);
        Ok(Entry { offset, time_ms, kind, payload })
    }

    /// Takes a message that its home has numbered.
    pub(crate) fn restore(&mut self, name: &Arc<str>, limits: HistoryLimits, entry: Entry) {
        if !self.by_name.contains_key(&**name) {
            // Its home had room for it: what it has forgotten is to be forgotten here too.
            let _ = self.make_room();
        }
        let before = Position { epoch: self.epoch, offset: Offset(entry.offset.0 - 1) };
        let history = self.find_or_insert(name, limits, before);
        let before = history.bytes();
        history.expire(entry.time_ms);
        history.restore(entry);
        self.count(name, before);
    }

    fn find_or_insert(&mut self, name: &Arc<str>, limits: HistoryLimits, head: Position) -> &mut History {
        self.by_name.entry(Arc::clone(name)).or_insert_with(|| {
            self.names.insert(Arc::clone(name));
            History::new(limits, head)
        })
    }

    /// Counts what a topic holds now, of which `before` is counted, and has it give up its oldest if all hold too much.
    fn count(&mut self, name: &str, before: usize) {
        let history = self.by_name.get_mut(name).expect("it just got a message");
        let others = self.bytes - before;
        while others + history.bytes() > self.bytes_max && !history.is_empty() {
            history.evict();
        }
        self.has_empty |= history.is_empty();
        self.bytes = others + history.bytes();
    }

    /// Forgets topics whose messages are all gone, when there are too many. Their offsets are never given again.
    fn make_room(&mut self) -> Result<(), NoRoom> {
        if self.by_name.len() < self.topics_max {
            return Ok(());
        }
        // Looked for once, not for every message that finds no room.
        if !std::mem::take(&mut self.has_empty) {
            return Err(NoRoom::Topics);
        }
        let Self { by_name, names, floor, bytes, .. } = self;
        by_name.retain(|name, history| {
            if history.is_empty() {
                *floor = (*floor).max(history.head().offset);
                names.remove(name);
                *bytes -= history.bytes();
            }
            !history.is_empty()
        });
        if self.by_name.len() < self.topics_max { Ok(()) } else { Err(NoRoom::Topics) }
    }

    /// Goes on with a pass that lets go of what is too old, for at most so many topics.
    pub(crate) fn expire(&mut self, now_ms: u64, count_max: usize) {
        let Self { by_name, names, expired_to, bytes, has_empty, .. } = self;
        let last = expired_to.take();
        let from = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = names.range::<str, _>((from, Bound::Unbounded)).peekable();
        for name in rest.by_ref().take(count_max) {
            let history = by_name.get_mut(name).expect("its name is listed");
            *bytes -= history.bytes();
            history.expire(now_ms);
            *bytes += history.bytes();
            *has_empty |= history.is_empty();
            *expired_to = Some(Arc::clone(name));
        }
        if rest.peek().is_none() {
            *expired_to = None;
        }
    }

    /// Whether a pass is under way.
    pub(crate) fn is_expiring(&self) -> bool {
        self.expired_to.is_some()
    }

    /// Topics with history.
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Bytes of all messages with their overhead, payloads included that other shards share.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The shard that numbers the messages of a topic.
pub(crate) fn home(name: &str, shard_count: u16) -> u16 {
    // FNV-1a, which leaves the last letters in the low bits alone, and a multiplication that spreads them upwards.
    let hash = name
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
    ((hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % u64::from(shard_count)) as u16
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const EPOCH: Epoch = Epoch(7);

    fn limits(count: usize) -> HistoryLimits {
        HistoryLimits::new(count, 1 << 20, Duration::from_secs(60), 100).expect("they are in range")
    }

    fn append(histories: &mut Histories, name: &str, time_ms: u64) -> Result<Entry, NoRoom> {
        histories.append(&name.into(), limits(3), (MessageKind::Text, Arc::from(&b"x"[..])), time_ms)
    }

    #[test]
    fn a_replica_follows_the_home() {
        let mut home = Histories::new(EPOCH, Offset::ZERO, 10, 10_000);
        let mut other = Histories::new(EPOCH, Offset::ZERO, 10, 10_000);
        for time_ms in 1..=5 {
            let entry = append(&mut home, "a.b", time_ms).expect("room");
            // The first two were before it knew the topic.
            if time_ms > 2 {
                other.restore(&"a.b".into(), limits(3), entry);
            }
        }
        let [home, other] = [&home, &other].map(|histories| histories.find("a.b").expect("it has messages"));
        assert_eq!(home.head(), other.head());
        assert_eq!(home.oldest(), other.oldest());
        assert_eq!(home.len(), 3);
    }

    #[test]
    fn a_forgotten_topic_never_gives_an_offset_again() {
        let mut histories = Histories::new(EPOCH, Offset::ZERO, 2, 10_000);
        for name in ["a", "a", "a", "b"] {
            append(&mut histories, name, 0).expect("room for two");
        }
        assert_eq!(append(&mut histories, "c", 0), Err(NoRoom::Topics));
        histories.expire(100_000, usize::MAX);
        assert_eq!(append(&mut histories, "c", 100_000).expect("the others are empty").offset, Offset(4));
        assert_eq!(append(&mut histories, "a", 100_000).expect("room for two").offset, Offset(4));
    }

    #[test]
    fn a_full_memory_takes_the_topics_own_oldest_or_nothing() {
        let large: Arc<[u8]> = vec![0; 100].into();
        let mut histories = Histories::new(EPOCH, Offset::ZERO, 10, 1000);
        let mut append = |name: &str| {
            histories
                .append(&name.into(), limits(100), (MessageKind::Binary, Arc::clone(&large)), 0)
                .map(|_| (histories.bytes(), histories.find(name).map_or(0, History::len)))
        };
        let most = (0..20).map(|_| append("a").expect("its own go")).last().expect("twenty");
        assert!(most.0 <= 1000 && most.1 > 2, "{most:?}");
        assert_eq!(append("b"), Err(NoRoom::Bytes));
        assert_eq!(append("a").map(|(bytes, _)| bytes <= 1000), Ok(true));
    }

    #[test]
    fn a_replica_forgets_as_its_home_does() {
        let mut home = Histories::new(EPOCH, Offset::ZERO, 10, 10_000);
        let mut other = Histories::new(EPOCH, Offset::ZERO, 10, 10_000);
        for number in 0..100 {
            let (name, time_ms) = (format!("topic.{number}"), number * 100_000);
            let entry = append(&mut home, &name, time_ms).expect("the others are empty");
            other.restore(&name.as_str().into(), limits(3), entry);
            home.expire(time_ms + 90_000, usize::MAX);
            other.expire(time_ms + 90_000, usize::MAX);
        }
        assert!(home.len() <= 10 && other.len() <= 10, "{} and {}", home.len(), other.len());
        assert_eq!((home.bytes(), other.bytes()), (0, 0));
    }

    #[test]
    fn topics_whose_messages_are_gone_hold_no_bytes() {
        let mut histories = Histories::new(EPOCH, Offset::ZERO, 100, 10_000);
        for number in 0..20 {
            (0..3).for_each(|_| drop(append(&mut histories, &format!("topic.{number}"), 0)));
        }
        histories.expire(100_000, usize::MAX);
        assert_eq!(histories.bytes(), 0);
    }

    #[test]
    fn a_pass_is_made_in_parts_and_misses_nothing() {
        let mut histories = Histories::new(EPOCH, Offset::ZERO, 100, 10_000);
        let name = |number: usize| format!("topic.{number}");
        for number in 0..20 {
            append(&mut histories, &name(number), if number < 10 { 0 } else { 50_000 }).expect("room");
        }
        for part in 1..=4 {
            let before = histories.bytes();
            histories.expire(100_000, 6);
            assert_eq!(histories.is_expiring(), part < 4, "part {part}");
            assert!(before - histories.bytes() <= 6 * (Entry::OVERHEAD_BYTES + 1) * 4);
            // What comes and what goes meanwhile disturbs nothing.
            append(&mut histories, &format!("a.{part}"), 100_000).expect("room");
        }
        let empty = (0..20).filter(|&number| histories.find(&name(number)).is_some_and(History::is_empty));
        assert_eq!(empty.collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        let sum: usize = histories.by_name.values().map(History::bytes).sum();
        assert_eq!(histories.bytes(), sum);
    }

    #[test]
    fn patterns_find_histories() {
        let mut histories = Histories::new(EPOCH, Offset::ZERO, 10, 10_000);
        for name in ["a.b", "a.c", "b.c"] {
            append(&mut histories, name, 0).expect("room");
        }
        let mut names: Vec<_> = histories.matching("a.*").map(|(name, _)| &**name).collect();
        names.sort_unstable();
        assert_eq!(names, ["a.b", "a.c"]);
    }

    #[test]
    fn names_are_listed_in_order_as_long_as_there_is_a_history() {
        let mut histories = Histories::new(EPOCH, Offset::ZERO, 3, 10_000);
        let names = |histories: &Histories, behind: &str| -> Vec<String> {
            histories.behind(behind).map(|(name, _)| name.to_string()).collect()
        };
        for (name, time_ms) in [("b", 0), ("a.b", 100_000), ("a", 0), ("b", 0)] {
            append(&mut histories, name, time_ms).expect("room");
        }
        assert_eq!(names(&histories, ""), ["a", "a.b", "b"]);
        assert_eq!(names(&histories, "a"), ["a.b", "b"]);
        assert_eq!(names(&histories, "a.a"), ["a.b", "b"]);
        assert!(names(&histories, "b").is_empty());
        histories.expire(100_000, usize::MAX);
        append(&mut histories, "c", 100_000).expect("two are empty and go");
        assert_eq!(names(&histories, ""), ["a.b", "c"]);
    }

    #[test]
    fn homes_are_spread() {
        let mut counts = [0; 4];
        (0..4000).for_each(|number| counts[usize::from(home(&format!("topic.{number}"), 4))] += 1);
        assert!(counts.iter().all(|&count| count > 800), "{counts:?}");
    }
}
