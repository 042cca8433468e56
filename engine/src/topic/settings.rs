//! Which settings a topic has: those of the first rule that its name matches. No allocation after the start, no lock; shards
//! and other threads share one [`TopicRules`].
//!
//! A rule for one name is found by hash, whatever the number of rules; the others are tried in their order. No order between the
//! two is lost, because the configuration refuses a rule that an earlier one covers.
//!
//! Not here: what is allowed in a rule (`config`), and acting on settings.

use hashbrown::HashMap;

use super::history::{HistoryLimits, MessageKind};
use super::name::{Interest, NameLimits, covers, overlaps};
use crate::config::{Access, MessageTypes, TopicConfig, TopicOverflow, ValidConfig};

/// What holds for a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TopicSettings {
    /// Of a topic that is kept; one without has no offsets.
    pub(crate) history: Option<HistoryLimits>,
    pub(crate) overflow: TopicOverflow,
    pub(crate) publish: Access,
    pub(crate) subscribe: Access,
    pub(crate) messages: MessageTypes,
}

/// The rules of a server.
#[derive(Debug)]
pub(crate) struct TopicRules {
    /// Rules for one name. The hash is keyed: peers choose the names that are looked up.
    names: HashMap<Box<str>, TopicSettings>,
    /// In the order of the configuration.
    patterns: Box<[(Box<str>, TopicSettings)]>,
    /// Of a name that no rule is for.
    other: TopicSettings,
    keep_history: bool,
}

impl TopicRules {
    pub(crate) fn new(config: &ValidConfig) -> Self {
        let (mut names, mut patterns) = (HashMap::new(), Vec::new());
        for rule in &config.topics {
            let settings = TopicSettings::new(rule, config);
            match Interest::parse(&rule.pattern, NameLimits::new(config)) {
                Ok(Interest::Name(name)) => drop(names.insert(name.into(), settings)),
                Ok(Interest::Pattern(pattern)) => patterns.push((pattern.into(), settings)),
                Err(error) => unreachable!("the configuration was checked: {error}"),
            }
        }
        let keep_history = config.topics.iter().any(|rule| rule.history_count > 0);
        let other = TopicSettings::new(&TopicConfig::default(), config);
        Self { names, patterns: patterns.into(), other, keep_history }
    }

    /// What holds for the topic of this name. For a pattern: the settings of the first rule that holds for all of its names.
    #[inline]
    pub(crate) fn find(&self, name: &str) -> &TopicSettings {
        if self.is_empty() { &self.other } else { self.find_rule(name) }
    }

    fn find_rule(&self, name: &str) -> &TopicSettings {
        let of_pattern =
            || self.patterns.iter().find(|(pattern, _)| covers(pattern, name)).map(|(_, settings)| settings);
        self.names.get(name).or_else(of_pattern).unwrap_or(&self.other)
    }

    /// Whether a client may subscribe: for a pattern, whether it may to every topic that the pattern matches.
    pub(crate) fn may_subscribe(&self, interest: Interest<'_>) -> bool {
        match interest {
            Interest::Name(name) => self.find(name).subscribe == Access::Anyone,
            Interest::Pattern(pattern) => self.may_subscribe_to_pattern(pattern),
        }
    }

    fn may_subscribe_to_pattern(&self, pattern: &str) -> bool {
        let denies = |settings: &TopicSettings| settings.subscribe == Access::Nobody;
        if self.names.iter().any(|(name, settings)| denies(settings) && covers(pattern, name)) {
            return false;
        }
        // What a rule covers, no later one is for.
        for (rule, settings) in &self.patterns {
            if denies(settings) && overlaps(rule, pattern) {
                return false;
            }
            if covers(rule, pattern) {
                return true;
            }
        }
        true
    }

    /// Whether all topics have the same settings, those of a server without rules.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.patterns.is_empty()
    }

    /// Whether any topic may have a history.
    #[inline]
    pub(crate) fn keep_history(&self) -> bool {
        self.keep_history
    }
}

impl TopicSettings {
    fn new(rule: &TopicConfig, config: &ValidConfig) -> Self {
        let TopicConfig { history_count, history_bytes, history_age, overflow, publish, subscribe, messages, .. } =
            *rule;
        let limits =
            || HistoryLimits::new(history_count as usize, history_bytes, history_age, config.message_bytes_max);
        Self {
            history: (history_count > 0).then(|| limits().expect("the configuration was checked")),
            overflow: overflow.unwrap_or_else(|| config.overflow.into()),
            publish,
            subscribe,
            messages,
        }
    }

    /// Whether such a message may be published.
    #[inline]
    pub(crate) fn takes(&self, kind: MessageKind) -> bool {
        match self.messages {
            MessageTypes::Any => true,
            MessageTypes::Text => kind == MessageKind::Text,
            MessageTypes::Binary => kind == MessageKind::Binary,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fastrand::Rng;

    use super::*;
    use crate::config::{Config, Overflow};
    use crate::topic::name::matches;

    fn rules(topics: Vec<TopicConfig>) -> TopicRules {
        TopicRules::new(&Config { topics, ..Config::default() }.validated().expect("valid rules"))
    }

    fn rule(pattern: &str) -> TopicConfig {
        TopicConfig { pattern: pattern.into(), ..TopicConfig::default() }
    }

    /// Nobody may subscribe.
    fn closed(pattern: &str) -> TopicConfig {
        TopicConfig { subscribe: Access::Nobody, ..rule(pattern) }
    }

    fn kept(pattern: &str, history_count: u32) -> TopicConfig {
        TopicConfig { history_count, ..rule(pattern) }
    }

    #[test]
    fn shards_and_threads_share_them() {
        fn shared<T: Send + Sync>() {}
        shared::<TopicRules>();
    }

    #[test]
    fn without_rules_all_topics_are_open_and_nothing_is_kept() {
        let config = Config { overflow: Overflow::DropNewest, ..Config::default() };
        let rules = TopicRules::new(&config.validated().expect("valid"));
        let expected = TopicSettings {
            history: None,
            overflow: TopicOverflow::DropNewest,
            publish: Access::Anyone,
            subscribe: Access::Anyone,
            messages: MessageTypes::Any,
        };
        assert!(rules.is_empty() && !rules.keep_history());
        assert_eq!(*rules.find("any.name"), expected);
    }

    #[test]
    fn a_rule_says_all_of_its_topics() {
        let rules = rules(vec![
            TopicConfig {
                history_count: 7,
                history_bytes: 3 << 20,
                history_age: Duration::from_secs(9),
                overflow: Some(TopicOverflow::DropOldest),
                publish: Access::Nobody,
                messages: MessageTypes::Text,
                ..closed("a.>")
            },
            rule("b"),
        ]);
        let limits = HistoryLimits::new(7, 3 << 20, Duration::from_secs(9), 0).expect("within their ranges");
        let expected = TopicSettings {
            history: Some(limits),
            overflow: TopicOverflow::DropOldest,
            publish: Access::Nobody,
            subscribe: Access::Nobody,
            messages: MessageTypes::Text,
        };
        assert_eq!(*rules.find("a.b.c"), expected);
        assert_eq!(rules.find("b"), rules.find("c"));
        assert!(rules.keep_history() && !rules.is_empty());
        assert!(expected.takes(MessageKind::Text) && !expected.takes(MessageKind::Binary));
    }

    #[test]
    fn the_message_types_are_what_they_say() {
        use MessageKind::{Binary, Text};
        for (messages, taken) in [
            (MessageTypes::Any, [true, true]),
            (MessageTypes::Text, [true, false]),
            (MessageTypes::Binary, [false, true]),
        ] {
            let rules = rules(vec![TopicConfig { messages, ..rule("a") }]);
            assert_eq!([Text, Binary].map(|kind| rules.find("a").takes(kind)), taken);
        }
    }

    /// History counts tell rules apart.
    fn count(settings: &TopicSettings) -> Option<usize> {
        settings.history.map(|limits| limits.count_max())
    }

    #[test]
    fn the_first_rule_that_matches_wins() {
        let rules = rules(vec![kept("a.b", 1), kept("a.*", 2), kept("*.b", 3), kept("a.>", 4), kept("x", 5)]);
        for (name, expected) in [
            ("a.b", Some(1)),
            ("a.c", Some(2)),
            ("c.b", Some(3)),
            ("a.b.c", Some(4)),
            ("x", Some(5)),
            ("a", None),
            ("x.y", None),
            // Patterns: what holds for all of their names.
            ("a.*", Some(2)),
            ("a.*.>", Some(4)),
            ("*.*", None),
        ] {
            assert_eq!(count(rules.find(name)), expected, "{name}");
        }
    }

    fn random_text(random: &mut Rng, tokens: &[&str]) -> String {
        let count = random.usize(1..4);
        let parts: Vec<_> = (0..count).map(|_| tokens[random.usize(..tokens.len())]).collect();
        parts.join(".")
    }

    /// Up to ten rules that are allowed together, some of them closed.
    fn random_rules(random: &mut Rng) -> Vec<TopicConfig> {
        let mut topics = Vec::new();
        for number in 1..=10 {
            let pattern = random_text(random, &["a", "b", "*", ">"]);
            let subscribe = if random.u8(..4) == 0 { Access::Nobody } else { Access::Anyone };
            topics.push(TopicConfig { subscribe, ..kept(&pattern, number) });
            if (Config { topics: topics.clone(), ..Config::default() }).validated().is_err() {
                topics.pop();
            }
        }
        topics
    }

    #[test]
    fn any_name_gets_the_first_rule_in_the_order_of_the_configuration() {
        for seed in 0..200 {
            println!("seed {seed}");
            let random = &mut Rng::with_seed(seed);
            let topics = random_rules(random);
            let rules = rules(topics.clone());
            for _ in 0..100 {
                let name = random_text(random, &["a", "b", "c"]);
                let first = topics.iter().find(|rule| matches(&rule.pattern, &name));
                assert_eq!(
                    count(rules.find(&name)),
                    first.map(|rule| rule.history_count as usize),
                    "{name} {topics:?}"
                );
            }
        }
    }

    #[test]
    fn no_pattern_opens_a_closed_topic() {
        let mut allowed_count = 0;
        for seed in 0..200 {
            println!("seed {seed}");
            let random = &mut Rng::with_seed(seed);
            let rules = rules(random_rules(random));
            for _ in 0..100 {
                let pattern = random_text(random, &["a", "b", "*", ">"]);
                let name = random_text(random, &["a", "b", "c"]);
                let Ok(interest) = Interest::parse(&pattern, NameLimits { bytes_max: 9, tokens_max: 3 }) else {
                    continue;
                };
                let allowed = rules.may_subscribe(interest) && matches(&pattern, &name);
                assert!(!allowed || rules.find(&name).subscribe == Access::Anyone, "{pattern} {name} {rules:?}");
                allowed_count += u32::from(allowed);
            }
        }
        assert!(allowed_count > 100, "something was tried: {allowed_count}");
    }

    #[test]
    fn a_pattern_is_open_where_all_of_its_topics_are() {
        let rules = rules(vec![closed("top.secret"), rule("sport.public.>"), closed("sport.>"), closed("*.log")]);
        for (pattern, open) in [
            ("top.*", false),
            ("top.other.>", true),
            (">", false),
            ("sport.public.*", true),
            ("sport.*.news", false),
            ("news.*", false),
            ("news.*.today", true),
        ] {
            assert_eq!(rules.may_subscribe(Interest::Pattern(pattern)), open, "{pattern}");
        }
        for (name, open) in [("top.secret", false), ("top.open", true), ("sport.public.a", true), ("sport.a", false)] {
            assert_eq!(rules.may_subscribe(Interest::Name(name)), open, "{name}");
        }
    }
}
