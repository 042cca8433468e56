//! What a publication reaches and what it costs, against the plain words of [`matches`]; what is left when all have gone.

use std::collections::BTreeMap;

use super::name::{NameLimits, matches};
use super::*;

const LIMITS: NameLimits = NameLimits { bytes_max: 256, tokens_max: 16 };

fn interest(text: &str) -> Interest<'_> {
    Interest::parse(text, LIMITS).expect("a name or a pattern")
}

impl Topics {
    fn create_all<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) {
        for text in texts {
            self.find_or_create(interest(text), u32::MAX).expect("room for all");
        }
    }

    /// Names and patterns that a publication reaches, sorted, and the nodes it looked at.
    fn reached(&mut self, name: &str) -> (Vec<&str>, usize) {
        let mut matched: Vec<_> = self.find_name(name).into_iter().collect();
        let visited = self.patterns.find_matches(name, &mut matched);
        let mut reached: Vec<_> = matched.iter().map(|&id| &*self.topic(id).name).collect();
        reached.sort_unstable();
        (reached, visited)
    }

    fn remove(&mut self, text: &str) {
        let id = self.find(interest(text)).expect("it is there");
        self.free_if_unused(id);
    }

    #[track_caller]
    fn assert_empty(&self) {
        assert_eq!(self.len(), 0);
        assert_eq!(self.patterns.node_counts(), (0, 0), "nodes outlived their patterns");
        assert_eq!(self.free.len(), self.topics.len(), "places were lost");
        assert!(self.topics.iter().all(|topic| topic.name.is_empty()), "names outlived their topics");
    }
}

fn frames<'a>(head: &'a [u8], body: &'a [u8], exclude: Option<u32>) -> Frames<'a> {
    Frames { head, body, exclude, number: None }
}

#[test]
fn an_excluded_subscriber_gets_all_but_its_own() {
    let mut topics = Topics::default();
    let id = topics.find_or_create(interest("t"), 1).expect("room for one");
    topics.append(id, frames(b"a", b"1", Some(7)));
    topics.append(id, frames(b"b", b"2", None));
    topics.append(id, frames(b"c", b"3", Some(7)));
    topics.append(id, frames(b"d", b"4", Some(8)));
    let topic = topics.topic(id);
    let joined = |slot| parts(&topic.batch, &topic.exclusions, slot).collect::<Vec<_>>().concat();
    assert_eq!(joined(7), b"b2d4");
    assert_eq!(joined(8), b"a1b2c3");
    assert_eq!(joined(9), b"a1b2c3d4");
}

#[test]
fn a_topic_without_subscribers_and_batch_is_freed() {
    for (text, other) in [("t", "u"), ("t.*", "t.>"), ("t", "*")] {
        let mut topics = Topics::default();
        let id = topics.find_or_create(interest(text), 1).expect("room for one");
        assert_eq!(topics.find_or_create(interest(other), 1), None, "topics_max");
        topics.append(id, frames(b"", b"x", None));
        topics.free_if_unused(id);
        assert_eq!(topics.len(), 1, "its batch is still to be sent");
        assert_eq!(topics.pop_dirty(), Some(id));
        topics.finish(id);
        topics.assert_empty();
        assert_eq!(topics.find_or_create(interest(other), 1), Some(id), "the place is reused");
    }
}

#[test]
fn a_publication_is_appended_once_to_all_that_it_reaches() {
    let mut topics = Topics::default();
    topics.create_all(["a.b", "a.*", "a.>", "*.*", ">", "*", "a.c", "a.*.*", "a.b.>"]);
    for (name, body) in [("a.b", b"1"), ("a.c", b"2"), ("a.b", b"3"), ("x", b"4")] {
        topics.publish(topics.find_name(name), name, frames(b"", body, (body == b"3").then_some(5)));
    }
    let mut batches = BTreeMap::new();
    while let Some(id) = topics.pop_dirty() {
        let topic = topics.topic(id);
        let others: Vec<u8> = parts(&topic.batch, &topic.exclusions, 5).flatten().copied().collect();
        batches.insert(topic.name.to_string(), (topic.batch.clone(), others));
    }
    let expected = [
        ("*", "4", "4"),
        ("*.*", "123", "12"),
        (">", "1234", "124"),
        ("a.*", "123", "12"),
        ("a.>", "123", "12"),
        ("a.b", "13", "1"),
        ("a.c", "2", "2"),
    ];
    let expected = expected.map(|(name, all, others)| (name.to_owned(), (all.into(), others.into())));
    assert_eq!(batches, BTreeMap::from(expected));
}

/// Few tokens, so that much matches.
fn random_text(random: &mut fastrand::Rng, is_pattern: bool) -> String {
    let count = random.usize(1..=5);
    let token = |index| match random.u8(0..10) {
        0..3 if is_pattern => "*",
        3 if is_pattern && index + 1 == count => ">",
        letter => ["a", "b", "c", "ab", "ü"][usize::from(letter) % 5],
    };
    (0..count).map(token).collect::<Vec<_>>().join(".")
}

#[test]
fn random_subscriptions_and_publications_are_as_said() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let random = &mut fastrand::Rng::with_seed(seed);
    for _ in 0..100 {
        let (mut topics, mut texts) = (Topics::default(), Vec::<String>::new());
        for _ in 0..random.usize(1..400) {
            let is_pattern = random.bool();
            let text = random_text(random, is_pattern);
            if texts.contains(&text) {
                assert!(topics.find(interest(&text)).is_some(), "{text} was forgotten");
            } else if random.u8(0..3) > 0 {
                assert_eq!(topics.find(interest(&text)), None);
                topics.create_all([&*text]);
                texts.push(text);
            }
            if random.u8(0..3) == 0 && !texts.is_empty() {
                let gone = texts.swap_remove(random.usize(..texts.len()));
                topics.remove(&gone);
                assert_eq!(topics.find(interest(&gone)), None, "{gone} is still there");
            }
            let name = random_text(random, false);
            let mut expected: Vec<_> = texts.iter().map(String::as_str).filter(|text| matches(text, &name)).collect();
            expected.sort_unstable();
            assert_eq!(topics.reached(&name).0, expected, "{name}");
            assert_eq!(topics.len(), texts.len());
        }
        texts.iter().for_each(|text| topics.remove(text));
        topics.assert_empty();
    }
}

/// So many names, and one in ten a pattern; none matches but the ten that are there in any case.
fn crowd(count: usize) -> Topics {
    let mut topics = Topics::default();
    topics.create_all(["s.1.*", "s.*.t", "*.1.t", "s.>", ">", "s.1.t", "*.*.*", "*.1.>", "s.1.>", "*.>"]);
    for index in 0..count {
        let text = match index % 30 {
            0 => format!("s.{index}.*.x"),
            10 => format!("*.{index}.>"),
            20 => format!("s.1.t.{index}.*"),
            _ => format!("s.{index}.t"),
        };
        topics.create_all([&*text]);
    }
    topics
}

#[test]
fn what_does_not_match_costs_nothing() {
    let (mut small, mut large) = (crowd(1_000), crowd(1_000_000));
    let few = small.reached("s.1.t").1;
    assert!(few <= 2 * 8, "{few} nodes");
    let (reached, many) = large.reached("s.1.t");
    assert_eq!(reached.len(), 10);
    assert_eq!(many, few, "nodes that a publication looks at");
}

#[test]
fn a_crowd_leaves_nothing_behind() {
    let mut topics = crowd(10_000);
    let (nodes, literals) = topics.patterns.node_counts();
    assert!(nodes > 2_000 && literals > 1_300, "{nodes} {literals}");
    let mut texts: Vec<_> = topics.topics.iter().map(|topic| topic.name.clone()).collect();
    fastrand::Rng::with_seed(7).shuffle(&mut texts);
    texts.iter().for_each(|text| topics.remove(text));
    topics.assert_empty();
}

/// All patterns of `a` and `*` of this many tokens, and none matches: the name's last token is another.
#[test]
fn the_worst_patterns_are_bounded_by_their_number() {
    const TOKENS: u32 = 10;
    let mut topics = Topics::default();
    for bits in 0..1 << TOKENS {
        let token = |token| if bits >> token & 1 == 1 { "a" } else { "*" };
        let tokens: Vec<_> = (0..TOKENS).map(token).chain(["b"]).collect();
        topics.create_all([&*tokens.join(".")]);
    }
    let (nodes, _) = topics.patterns.node_counts();
    let name = format!("{}c", "a.".repeat(TOKENS as usize));
    let (reached, visited) = topics.reached(&name);
    assert_eq!(reached, [""; 0]);
    assert_eq!(visited, (2 << TOKENS) - 2, "2ⁿ at each depth n, but for the end of the one that is a name");
    assert!(visited <= nodes + 1, "none twice");
    assert_eq!(topics.reached(&name.replace('c', "b")).0.len(), 1 << TOKENS);
    // A name that goes another way is as cheap as ever.
    assert_eq!(topics.reached("x.y").1, 3);
}
