//! The topics of the demos, and the settings that `ringwire serve` has for them beside the operator's.

use std::fmt;
use std::time::Duration;

use crate::config::budget::HISTORY_ENTRY_BYTES;
use crate::config::{Access, Config, ConfigError, MessageTypes, TopicConfig, TopicOverflow};
use crate::topic::name::overlaps;

/// The first token of all topics of the demos.
pub(super) const DEMO: &str = "demo";
/// What is said in the chat.
pub(super) const CHAT: &str = "demo.chat";
/// Who comes to the chat and goes. Not kept, so that it takes no place in the history from what was said.
pub(super) const CHAT_PRESENCE: &str = "demo.chat.presence";
/// Frames of the flipbook.
pub(super) const FLIPBOOK: &str = "demo.flipbook";
/// What they are pages of.
pub(super) const FLIPBOOK_BOOK: &str = "demo.flipbook.book";
/// Before the symbol of each price.
pub(super) const TICKER_PREFIX: &str = "demo.ticker.";
/// All prices.
pub(super) const PRICES: &str = "demo.ticker.*";

const CHAT_HISTORY_COUNT: u32 = 200;
const CHAT_HISTORY_AGE: Duration = Duration::from_secs(12 * 3600);

/// Two seconds at the highest rate: who comes back after a moment resumes.
const FLIPBOOK_HISTORY_COUNT: u32 = 120;
/// The latest frame and book are there however long nobody looked.
const FLIPBOOK_HISTORY_AGE: Duration = Duration::from_secs(87_600 * 3600);

/// What the kernel takes unsent where nothing else is set. Left to itself it takes megabytes on fast links, and a slow reader of the
/// ticker gets prices that were queued long ago before it gets the latest one.
const NOTSENT_BYTES: usize = 64 * 1024;

/// Adds what the demos need, and tells which of their rules cannot be added. They go before the operator's, or a rule for all
/// topics would open the demos' to every publisher. Where there is no room for a history, the topics are still closed.
///
/// A configuration that is wrong already stays as it is, so that its problems are told by the numbers that its rules have.
pub(super) fn prepare(config: &mut Config) -> Vec<Omitted> {
    if !config.demo || config.clone().validated().is_err() {
        return Vec::new();
    }
    config.tcp_notsent_lowat.get_or_insert(NOTSENT_BYTES);
    let (mut ours, mut omitted) = (Vec::new(), Vec::new());
    for rule in rules(config).into_iter().filter(|rule| !is_meant_otherwise(config, rule)) {
        match fitting(config, &ours, rule) {
            Ok(rule) => ours.push(rule),
            Err(rule) => omitted.push(rule),
        }
    }
    config.topics.splice(..0, ours);
    omitted
}

/// A rule that could not be added.
#[derive(Debug)]
pub(super) struct Omitted {
    pattern: String,
    error: ConfigError,
}

impl fmt::Display for Omitted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pattern, error } = self;
        write!(
            out,
            "no rule closes the demos' `{pattern}` to publishers, for it cannot be added ({error}): \
             write a rule for it, or serve no demos (--demo=false)"
        )
    }
}

fn rules(config: &Config) -> [TopicConfig; 5] {
    let closed = |pattern: &str| TopicConfig {
        pattern: pattern.into(),
        // Room for one message at least, whatever its size may be.
        history_bytes: TopicConfig::default()
            .history_bytes
            .max(config.message_bytes_max.saturating_add(HISTORY_ENTRY_BYTES)),
        publish: Access::Nobody,
        messages: MessageTypes::Text,
        ..TopicConfig::default()
    };
    let chat = TopicConfig { history_count: CHAT_HISTORY_COUNT, history_age: CHAT_HISTORY_AGE, ..closed(CHAT) };
    let ticker = TopicConfig { history_count: 1, overflow: Some(TopicOverflow::Conflate), ..closed(PRICES) };
    let flipbook = |pattern, history_count| TopicConfig {
        history_count,
        history_age: FLIPBOOK_HISTORY_AGE,
        overflow: Some(TopicOverflow::Conflate),
        ..closed(pattern)
    };
    let (frames, book) = (flipbook(FLIPBOOK, FLIPBOOK_HISTORY_COUNT), flipbook(FLIPBOOK_BOOK, 1));
    [chat, closed(CHAT_PRESENCE), ticker, frames, book]
}

/// Whether the operator has a rule for topics of this one that is about the demos, and not about all topics of a shape.
fn is_meant_otherwise(config: &Config, rule: &TopicConfig) -> bool {
    config.topics.iter().any(|own| names_demo(&own.pattern) && overlaps(&own.pattern, &rule.pattern))
}

/// Whether a name or pattern is of topics below `demo` alone.
pub(super) fn names_demo(pattern: &str) -> bool {
    pattern.split('.').next() == Some(DEMO)
}

/// The rule as the configuration may have it behind `ours` and before its own.
fn fitting(config: &Config, ours: &[TopicConfig], rule: TopicConfig) -> Result<TopicConfig, Omitted> {
    let check = |rule: &TopicConfig| {
        let topics = [ours, std::slice::from_ref(rule), &config.topics].concat();
        Config { topics, ..config.clone() }.validated().map(drop)
    };
    if check(&rule).is_ok() {
        return Ok(rule);
    }
    let without_history = TopicConfig { history_count: 0, overflow: None, ..rule };
    match check(&without_history) {
        Ok(()) => Ok(without_history),
        Err(error) => Err(Omitted { pattern: without_history.pattern, error }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::settings::TopicRules;

    const ALL: [&str; 5] = ["demo.chat", "demo.chat.presence", "demo.ticker.*", "demo.flipbook", "demo.flipbook.book"];

    fn with_rules(mut config: Config) -> Vec<TopicConfig> {
        let omitted = prepare(&mut config);
        assert!(omitted.is_empty(), "{omitted:?}");
        config.clone().validated().expect("what is added is allowed");
        config.topics
    }

    fn rule(pattern: &str) -> TopicConfig {
        TopicConfig { pattern: pattern.into(), ..TopicConfig::default() }
    }

    fn patterns(topics: &[TopicConfig]) -> Vec<&str> {
        topics.iter().map(|rule| &*rule.pattern).collect()
    }

    #[test]
    fn the_demos_topics_are_closed_and_kept() {
        let topics = with_rules(Config::default());
        assert_eq!(patterns(&topics), ALL);
        assert!(topics.iter().all(|rule| rule.publish == Access::Nobody && rule.subscribe == Access::Anyone));
        assert_eq!([200, 0, 1, 120, 1], [0, 1, 2, 3, 4].map(|index| topics[index].history_count));
        assert!(topics[2..].iter().all(|rule| rule.overflow == Some(TopicOverflow::Conflate)));
        assert!(with_rules(Config { demo: false, ..Config::default() }).is_empty());
    }

    #[test]
    fn rules_for_all_topics_do_not_open_the_demos() {
        for own in [">", "*.>", "*.chat.*", "*.*", "*.ticker.RING", "*.flipbook"] {
            let mut config = Config { topics: vec![rule(own)], ..Config::default() };
            assert_eq!(prepare(&mut config).len(), 0, "{own}");
            assert_eq!(patterns(&config.topics), [&ALL[..], &[own]].concat());
            let rules = TopicRules::new(&config.validated().expect("valid"));
            for topic in ["demo.chat", "demo.chat.presence", "demo.ticker.RING", "demo.flipbook", "demo.flipbook.book"]
            {
                assert_eq!(rules.find(topic).publish, Access::Nobody, "{topic} with {own}");
            }
        }
    }

    #[test]
    fn the_operators_rules_for_demos_win() {
        let own = vec![rule("demo.chat"), rule("news"), rule("demo.ticker.>"), rule(">")];
        let topics = with_rules(Config { topics: own.clone(), ..Config::default() });
        assert_eq!(patterns(&topics[..3]), ["demo.chat.presence", "demo.flipbook", "demo.flipbook.book"]);
        assert_eq!(topics[3..], own[..]);
        for own in [vec![rule("demo.>")], vec![rule("demo.*.*"), rule("demo.*")]] {
            assert_eq!(with_rules(Config { topics: own.clone(), ..Config::default() }), own);
        }
        let topics = with_rules(Config { topics: vec![rule("demonstration.chat")], ..Config::default() });
        assert_eq!(topics.len(), 6, "another first token");
    }

    #[test]
    fn a_printed_configuration_gets_no_rule_twice() {
        let once = with_rules(Config::default());
        assert_eq!(with_rules(Config { topics: once.clone(), ..Config::default() }), once);
        let once = with_rules(Config { topics: vec![rule(">")], ..Config::default() });
        assert_eq!(with_rules(Config { topics: once.clone(), ..Config::default() }), once);
    }

    #[test]
    fn large_messages_have_room_and_without_room_topics_stay_closed() {
        let topics = with_rules(Config { message_bytes_max: 8 << 20, ..Config::default() });
        assert_eq!(topics[0].history_count, 200);
        let topics = with_rules(Config { history_bytes_max: 1 << 20, ..Config::default() });
        assert_eq!(patterns(&topics), ALL);
        assert!(topics.iter().all(|rule| rule.history_count == 0 && rule.publish == Access::Nobody));
    }

    #[test]
    fn rules_that_cannot_be_added_are_told() {
        let own: Vec<_> = (0..996).map(|number| rule(&format!("own.{number}"))).collect();
        let mut config = Config { topics: own, ..Config::default() };
        let omitted = prepare(&mut config);
        assert_eq!(patterns(&config.topics[..5]), [&ALL[..4], &["own.0"]].concat());
        config.validated().expect("a thousand are allowed");
        let [omitted] = &omitted[..] else { panic!("{omitted:?}") };
        let said = omitted.to_string();
        for words in ["`demo.flipbook.book`", "number of rules", "1001", "--demo=false"] {
            assert!(said.contains(words), "{words}: {said}");
        }
        let mut config = Config { topic_name_bytes_max: 4, ..Config::default() };
        assert_eq!((prepare(&mut config).len(), config.topics.len()), (5, 0), "no such names");
    }

    #[test]
    fn what_is_wrong_is_told_of_the_operators_rules_alone() {
        let mut config = Config { topics: vec![rule("a..b")], ..Config::default() };
        assert_eq!(prepare(&mut config).len(), 0);
        let error = config.validated().expect_err("a wrong pattern");
        assert_eq!(error.problems().len(), 1);
        assert!(error.to_string().contains("rule 1 (`a..b`)"), "{error}");
    }
}
