//! The topics of the demos, and the settings that `ringwire serve` has for them beside the operator's.

use std::time::Duration;

use crate::config::budget::HISTORY_ENTRY_BYTES;
use crate::config::{Access, Config, MessageTypes, TopicConfig, TopicOverflow};

/// What is said in the chat.
pub(super) const CHAT: &str = "demo.chat";
/// Who comes to the chat and goes. Not kept, so that it takes no place in the history from what was said.
pub(super) const CHAT_PRESENCE: &str = "demo.chat.presence";
/// Before the symbol of each price.
pub(super) const TICKER_PREFIX: &str = "demo.ticker.";

const CHAT_HISTORY_COUNT: u32 = 200;
const CHAT_HISTORY_AGE: Duration = Duration::from_secs(12 * 3600);

/// What the kernel takes unsent where nothing else is set. Left to itself it takes megabytes on fast links, and a slow reader of the
/// ticker gets prices that were queued long ago before it gets the latest one.
const NOTSENT_BYTES: usize = 64 * 1024;

/// Adds what the demos need. A rule of the operator's that has all of a demo's topics stands for ours. Where there is no room for
/// a history, the topics are still closed to publishers.
pub(super) fn prepare(config: &mut Config) {
    if !config.demo {
        return;
    }
    config.tcp_notsent_lowat.get_or_insert(NOTSENT_BYTES);
    for rule in rules(config) {
        let without_history = TopicConfig { history_count: 0, overflow: None, ..rule.clone() };
        config.topics.extend([rule, without_history].into_iter().find(|rule| is_allowed(config, rule)));
    }
}

fn rules(config: &Config) -> [TopicConfig; 3] {
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
    let ticker = TopicConfig {
        history_count: 1,
        overflow: Some(TopicOverflow::Conflate),
        ..closed(&format!("{TICKER_PREFIX}*"))
    };
    [chat, closed(CHAT_PRESENCE), ticker]
}

/// Whether the configuration may have this rule behind its own. One that is wrong already may not, and is told as it is.
fn is_allowed(config: &Config, rule: &TopicConfig) -> bool {
    let topics = [&config.topics[..], std::slice::from_ref(rule)].concat();
    Config { topics, ..config.clone() }.validated().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_rules(mut config: Config) -> Vec<TopicConfig> {
        prepare(&mut config);
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
        assert_eq!(patterns(&topics), ["demo.chat", "demo.chat.presence", "demo.ticker.*"]);
        assert!(topics.iter().all(|rule| rule.publish == Access::Nobody && rule.subscribe == Access::Anyone));
        assert_eq!([200, 0, 1], [0, 1, 2].map(|index| topics[index].history_count));
        assert_eq!(topics[2].overflow, Some(TopicOverflow::Conflate));
        assert!(with_rules(Config { demo: false, ..Config::default() }).is_empty());
    }

    #[test]
    fn the_operators_rules_win() {
        let own = vec![rule("demo.chat"), rule("news"), rule("demo.ticker.>")];
        let topics = with_rules(Config { topics: own.clone(), ..Config::default() });
        assert_eq!(topics[..3], own[..]);
        assert_eq!(patterns(&topics[3..]), ["demo.chat.presence"]);
        let all = vec![rule(">")];
        assert_eq!(with_rules(Config { topics: all.clone(), ..Config::default() }), all);
    }

    #[test]
    fn a_printed_configuration_gets_no_rule_twice() {
        let once = with_rules(Config::default());
        assert_eq!(with_rules(Config { topics: once.clone(), ..Config::default() }), once);
    }

    #[test]
    fn large_messages_have_room_and_without_room_topics_stay_closed() {
        let topics = with_rules(Config { message_bytes_max: 8 << 20, ..Config::default() });
        assert_eq!(topics[0].history_count, 200);
        let topics = with_rules(Config { history_bytes_max: 1 << 20, ..Config::default() });
        assert_eq!(patterns(&topics), ["demo.chat", "demo.chat.presence", "demo.ticker.*"]);
        assert!(topics.iter().all(|rule| rule.history_count == 0 && rule.publish == Access::Nobody));
        assert!(with_rules(Config { topic_name_bytes_max: 4, ..Config::default() }).is_empty(), "no such names");
    }

    #[test]
    fn what_is_wrong_is_told_of_the_operators_rules_alone() {
        let mut config = Config { topics: vec![rule("a..b")], ..Config::default() };
        prepare(&mut config);
        assert_eq!(config.validated().expect_err("a wrong pattern").problems().len(), 1);
    }
}
