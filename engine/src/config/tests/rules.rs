//! Rules for topics: their ranges, their order, and their tables in a file.

use super::*;
use crate::config::{Access, MessageTypes, TopicConfig, TopicOverflow};

fn rule(pattern: &str, change: impl FnOnce(&mut TopicConfig)) -> TopicConfig {
    let mut rule = TopicConfig { pattern: pattern.into(), history_count: 10, ..TopicConfig::default() };
    change(&mut rule);
    rule
}

fn one(change: impl FnOnce(&mut TopicConfig)) -> Vec<TopicConfig> {
    vec![rule("sport.>", change)]
}

fn patterns(patterns: &[&str]) -> Vec<TopicConfig> {
    patterns.iter().map(|pattern| rule(pattern, |_| {})).collect()
}

#[test]
fn wrong_rules_are_told_by_number_and_pattern() {
    assert_refused(&[
        (
            |c| c.topics = one(|r| r.history_count = (1 << 24) + 1),
            "topics, rule 1 (`sport.>`): history_count = 16777217 is out of range: allowed is 0 to 16777216",
        ),
        (
            |c| c.topics = one(|r| r.history_age = Duration::from_micros(999)),
            "topics, rule 1 (`sport.>`): history_age = 999us is out of range: allowed is 1ms to 87600h",
        ),
        (|c| c.topics = one(|r| r.history_age = Duration::from_secs(87_600 * 3600 + 1)), "history_age = 315360001s is"),
        (
            |c| c.topics = one(|r| r.history_bytes = MIB + 55),
            "rule 1 (`sport.>`): history_bytes = 1048631 contradicts message_bytes_max = 1MiB: a history must have room",
        ),
        (
            |c| c.topics = one(|r| r.history_bytes = 256 * MIB + 1),
            "history_bytes = 268435457 contradicts history_bytes_max = 256MiB: one topic's history must not be larger",
        ),
        (
            |c| c.topics = one(|r| (r.history_count, r.overflow) = (0, Some(TopicOverflow::Conflate))),
            "overflow = conflate contradicts history_count = 0: it gets what was dropped from the history, so set \
             history_count (1 is enough for conflate)",
        ),
        (
            |c| c.topics = one(|r| (r.history_count, r.overflow) = (0, Some(TopicOverflow::DropOldest))),
            "overflow = drop-oldest contradicts history_count = 0",
        ),
        (|c| c.topics = patterns(&["ok", ""]), "topics, rule 2 (``): pattern: a topic's name is empty"),
        (|c| c.topics = patterns(&["a.>.b"]), "topics, rule 1 (`a.>.b`): pattern: `>` at byte 2 of a pattern must be"),
        (
            |c| (c.topic_tokens_max, c.topics) = (2, patterns(&["a.b.c"])),
            "pattern: a topic's name has at most 2 tokens (`topic_tokens_max`)",
        ),
        (
            |c| (c.topic_name_bytes_max, c.topics) = (4, patterns(&["a.b.c"])),
            "pattern: a topic's name has at most 4 bytes (`topic_name_bytes_max`)",
        ),
        (
            |c| c.topics = vec![TopicConfig::default(); 1001],
            "topics (number of rules) = 1001 is out of range: allowed is 0 to 1000",
        ),
        (|c| c.history_bytes_max = 65_535, "history_bytes_max = 65535 is out of range: allowed is 64KiB to 64GiB"),
        (|c| c.history_bytes_max = (64 << 30) + 1, "history_bytes_max = 68719476737 is out of range"),
    ]);
}

#[test]
fn a_rule_that_never_holds_is_refused() {
    for (earlier, later) in [("a.*", "a.b"), ("a", "a"), (">", "*.b"), ("*.>", "a.b.>")] {
        let said = refused(|c| c.topics = patterns(&["other", earlier, later]));
        let expected = format!("topics, rule 3 (`{later}`): it never holds, because rule 2 (`{earlier}`) has all of");
        assert!(said.starts_with(&expected), "{said}");
        // The other way round it is an exception from what follows.
        assert_eq!(earlier != later, with(|c| c.topics = patterns(&[later, earlier])).validated().is_ok());
    }
}

#[test]
fn all_that_is_wrong_with_rules_is_told_at_once() {
    let wrong = rule("a..b", |r| (r.history_age, r.history_bytes) = (Duration::ZERO, 1));
    let said = refused(|c| c.topics = vec![rule("ok", |_| {}), wrong.clone(), wrong]);
    let numbers: Vec<_> = said.lines().map(|line| line.split(' ').nth(2).expect("a number").to_owned()).collect();
    assert_eq!(numbers, ["2", "2", "2", "3", "3", "3"], "{said}");
}

#[test]
fn the_ends_of_the_ranges_of_rules_are_allowed() {
    valid(|c| {
        c.history_bytes_max = 64 << 30;
        c.topics = one(|r| (r.history_count, r.history_bytes) = (1 << 24, 64 << 30));
        c.topics[0].history_age = Duration::from_secs(87_600 * 3600);
    });
    valid(|c| {
        c.message_bytes_max = 1;
        c.history_bytes_max = 64 * 1024;
        c.topics = one(|r| (r.history_count, r.history_bytes, r.history_age) = (1, 57, Duration::from_millis(1)));
        c.topics[0].overflow = Some(TopicOverflow::Conflate);
    });
    valid(|c| c.topics = (0..1000).map(|n| rule(&format!("n{n}"), |_| {})).collect());
    // What bounds nothing is not looked at.
    valid(|c| c.topics = one(|r| (r.history_count, r.history_bytes) = (0, 1)));
    valid(|c| c.topics = one(|r| (r.history_count, r.overflow) = (0, Some(TopicOverflow::DropNewest))));
}

fn written() -> Vec<TopicConfig> {
    let prices = rule("prices.*", |r| {
        r.history_count = 1;
        r.overflow = Some(TopicOverflow::Conflate);
        r.publish = Access::Nobody;
        r.messages = MessageTypes::Binary;
    });
    let chat = rule("chat.>", |r| {
        r.history_count = 500;
        r.history_bytes = 4 * MIB;
        r.history_age = Duration::from_secs(7200);
    });
    let none = rule("internal", |r| (r.history_count, r.subscribe) = (0, Access::Nobody));
    vec![prices, chat, none]
}

#[test]
fn rules_are_read_from_tables() {
    let text = r#"
topics_max = 9

[[topics]]
pattern = "prices.*"
history_count = 1
overflow = "conflate"
publish = "nobody"
messages = "binary"

[[topics]]
pattern = "chat.>"
history_count = 500
history_bytes = "4MiB"
history_age = "2h"

[[topics]]
pattern = "internal"
subscribe = "nobody"
"#;
    assert_eq!(file::parse(text).expect("a good file"), with(|c| (c.topics_max, c.topics) = (9, written())));
}

#[test]
fn the_example_in_the_docs_is_allowed() {
    let page = include_str!("../../../docs/topics.md");
    let (_, rest) = page.split_once("```toml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    let config = file::parse(example).expect("a good file");
    assert_eq!(config.topics.len(), 4);
    config.validated().expect("valid rules");
}

#[test]
fn printed_rules_read_back_the_same() {
    let config = with(|c| (c.topics, c.history_bytes_max) = (written(), 300 * MIB));
    let text = file::print(&config);
    assert_eq!(file::parse(&text).expect("our own output"), config, "{text}");
    assert_eq!(text.matches("[[topics]]").count(), 3, "{text}");
    // So that tables can be appended to a printed file that has none.
    assert!(!file::print(&Config::default()).contains("topics ="));
}

#[test]
fn wrong_tables_are_told_with_line_and_key() {
    for (text, said) in [
        ("topics_max = 5\n\n[topics]\npattern = \"a\"\n", "3: topics: begin each rule with [[topics]], in two pairs"),
        ("topics = 5\n", "1: topics: begin each rule with [[topics]]"),
        ("topics = [5]\n", "1: topics: a rule is a table that begins with [[topics]]"),
        ("\n[[topics]]\nhistory_count = 1\n", "2: topics: a rule needs a pattern, such as pattern = \"sport.>\""),
        ("[[topics]]\npattern = 5\n", "2: pattern: `5` is not a name or a pattern in quotes such as \"sport.>\""),
        (
            "[[topics]]\npattern = \"a\"\nhistorycount = 5\n",
            "3: unknown key `historycount`; the nearest known one is `history_count`",
        ),
        (
            "[[topics]]\npattern = \"a\"\nshards = 5\n",
            "3: `shards` is a key of the whole server: write it above the first [[topics]]",
        ),
        ("history_count = 5\n", "1: `history_count` is a key of a rule: write it below a [[topics]]"),
        (
            "[[topics]]\npattern = \"a\"\nhistory_count = \"5\"\n",
            "3: history_count: `\"5\"` is not a whole number such as 100",
        ),
        (
            "[[topics]]\npattern = \"a\"\nhistory_bytes = \"4MB\"\n",
            "3: history_bytes: `4MB` is not a size in bytes such as",
        ),
        ("[[topics]]\npattern = \"a\"\nhistory_age = 5\n", "3: history_age: `5` is not a duration such as 10s"),
        (
            "[[topics]]\npattern = \"a\"\noverflow = \"drop\"\n",
            "3: overflow: `drop` is not `disconnect`, `drop-newest`, `drop-oldest` or `conflate`",
        ),
        ("[[topics]]\npattern = \"a\"\npublish = \"admin\"\n", "3: publish: `admin` is not `anyone` or `nobody`"),
        ("[[topics]]\npattern = \"a\"\nsubscribe = false\n", "3: subscribe: `false` is not `anyone` or `nobody`"),
        ("[[topics]]\npattern = \"a\"\nmessages = \"json\"\n", "3: messages: `json` is not `any`, `text` or `binary`"),
        (
            "[[topics]]\npattern = \"a\"\n[topics.history]\ncount = 1\n",
            "3: unknown section [history]: there is [admin]",
        ),
    ] {
        let error = file::parse(text).expect_err("a wrong text").to_string();
        assert!(error.starts_with(said), "expected «{said}», got «{error}» for {text:?}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn all_that_is_wrong_with_tables_is_told_at_once_in_the_order_of_lines() {
    let text = "shard = 1\n[[topics]]\nhistory_age = 1\npublish = 2\n[tls]\nkey = 1\n[[topics]]\npatern = \"a\"\n";
    let errors = file::parse(text).expect_err("six errors").to_string();
    let lines: Vec<_> = errors.lines().map(|line| line.split(':').next().expect("a line").to_owned()).collect();
    assert_eq!(lines, ["1", "2", "3", "4", "5", "7", "8"], "{errors}");
}

#[test]
fn histories_are_in_the_budget_where_a_rule_keeps_them() {
    let bytes = |config: &ValidConfig| {
        let budget = Budget::new(config, 3);
        budget.holders.iter().find(|holder| holder.name == "histories").expect("a holder").bytes
    };
    assert_eq!(bytes(&valid(|c| c.topics = one(|r| r.history_count = 0))), 0);
    assert_eq!(bytes(&valid(|c| c.topics = one(|_| {}))), 3 * 256 * MIB as u64);
}
