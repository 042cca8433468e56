//! What is allowed in `[[topics]]`. Problems are told with the rule that has them.

use std::time::Duration;

use super::{Check, GIB, Problem};
use crate::config::budget::HISTORY_ENTRY_BYTES;
use crate::config::name::{Interest, NameLimits, covers};
use crate::config::text::print_bytes;
use crate::config::{Config, KIB, TopicConfig};

const RULES_MAX: usize = 1000;

impl Check {
    pub(super) fn rules(&mut self, config: &Config) {
        self.bytes("history_bytes_max", config.history_bytes_max, 64 * KIB..=64 * GIB);
        self.range("topics (number of rules)", config.topics.len(), 0..=RULES_MAX, |n| n.to_string());
        // So that the comparison of each with each stays short.
        for (index, rule) in config.topics.iter().enumerate().take(RULES_MAX) {
            let mut check = Self { problems: Vec::new() };
            check.pattern(rule, &config.topics[..index], config);
            check.history(rule, config);
            let pattern = &rule.pattern;
            let named =
                |problem| Problem::Rule { number: index + 1, pattern: pattern.clone(), problem: Box::new(problem) };
            self.problems.extend(check.problems.into_iter().map(named));
        }
    }

    fn pattern(&mut self, rule: &TopicConfig, earlier: &[TopicConfig], config: &Config) {
        if let Err(error) = Interest::parse(&rule.pattern, NameLimits::new(config)) {
            return self.problems.push(Problem::Pattern(error));
        }
        if let Some(index) = earlier.iter().position(|earlier| covers(&earlier.pattern, &rule.pattern)) {
            self.problems.push(Problem::NeverApplies { number: index + 1, pattern: earlier[index].pattern.clone() });
        }
    }

    fn history(&mut self, rule: &TopicConfig, config: &Config) {
        self.count("history_count", rule.history_count, 0..=1 << 24);
        self.time("history_age", rule.history_age, Duration::from_millis(1)..=Duration::from_secs(3650 * 24 * 3600));
        if let Some(overflow) = rule.overflow.filter(|overflow| overflow.needs_history()) {
            self.require(
                rule.history_count > 0,
                ("overflow", overflow.to_string()),
                ("history_count", rule.history_count.to_string()),
                "it gets what was dropped from the history, so set history_count (1 is enough for conflate)",
            );
        }
        // Without a history it bounds nothing.
        if rule.history_count > 0 {
            self.history_bytes(rule, config);
        }
    }

    fn history_bytes(&mut self, rule: &TopicConfig, config: &Config) {
        let least = config.message_bytes_max.saturating_add(HISTORY_ENTRY_BYTES);
        let bytes = || ("history_bytes", print_bytes(rule.history_bytes));
        self.require(
            rule.history_bytes >= least,
            bytes(),
            ("message_bytes_max", print_bytes(config.message_bytes_max)),
            "a history must have room for one message and 56 B with it, or the newest may not be there",
        );
        self.require(
            rule.history_bytes <= config.history_bytes_max,
            bytes(),
            ("history_bytes_max", print_bytes(config.history_bytes_max)),
            "one topic's history must not be larger than all histories of a shard together may be",
        );
    }
}
