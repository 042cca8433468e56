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
