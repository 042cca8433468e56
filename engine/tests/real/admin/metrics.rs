//! The metrics, read as Prometheus reads them.

use std::collections::{BTreeMap, BTreeSet};

use tungstenite::Message;

use super::Admin;
use crate::common::polite;

/// Samples by name and labels.
type Samples = BTreeMap<String, f64>;

/// The one that is no counter and no gauge.
const HISTOGRAM: &str = "ringwire_delivery_latency_seconds";

fn is_name(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    text.bytes().next().is_some_and(letter) && text.bytes().all(|byte| letter(byte) || byte.is_ascii_digit())
}

/// `name` of `name{a="b",c="d"}`; panics when it is not of this form.
#[track_caller]
fn name_of(series: &str) -> &str {
    let Some((name, labels)) = series.split_once('{') else {
        assert!(is_name(series), "{series}");
        return series;
    };
    let labels = labels.strip_suffix('}').expect("labels end in a brace");
    for label in labels.split(',') {
        let (label, value) = label.split_once('=').expect("a label has a value");
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).expect("it is quoted");
        assert!(is_name(label) && !value.contains(['"', '\\', '\n']), "{series}");
    }
    assert!(is_name(name), "{series}");
    name
}

/// Parses the whole text, and checks its form: a head before the samples of each name, once, and of the right type.
#[track_caller]
fn parse(text: &str) -> Samples {
    assert!(text.ends_with('\n'));
    let (mut samples, mut heads) = (Samples::new(), BTreeSet::new());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')).expect("a head");
        assert!(is_name(name) && help.ends_with('.') && heads.insert(name.to_owned()), "{line}");
        let kind = match name {
            HISTOGRAM => "histogram",
            name if name.ends_with("_total") => "counter",
            _ => "gauge",
        };
        assert_eq!(lines.next(), Some(&*format!("# TYPE {name} {kind}")));
        let before = samples.len();
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let sample = name_of(series);
            let parts = ["_bucket", "_sum", "_count"].map(|part| format!("{HISTOGRAM}{part}"));
            assert!(sample == name || name == HISTOGRAM && parts.iter().any(|part| part == sample), "{line}");
            let value = value.parse().expect("a number");
            assert!(name == HISTOGRAM || f64::fract(value) == 0.0, "{line}");
            assert_eq!(samples.insert(series.to_owned(), value), None, "{series} stands twice");
        }
        assert!(samples.len() > before, "{name} has no samples");
    }
    samples
}

#[track_caller]
fn scrape(admin: &Admin) -> Samples {
    let response = admin.request("GET", "/metrics", "", "");
    assert_eq!(response.status, 200);
    assert_eq!(response.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    parse(&response.text())
}

fn sum(samples: &Samples, name: &str) -> u64 {
    let of_name = samples.iter().filter(|(series, _)| series.split('{').next() == Some(name));
    of_name.map(|(_, value)| *value as u64).sum()
}

/// The buckets of a shard, the lowest first, with their bounds in seconds.
fn buckets(samples: &Samples, shard: u32) -> Vec<(f64, f64)> {
    let begin = format!("{HISTOGRAM}_bucket{{shard=\"{shard}\",le=\"");
    let bound = |series: &str| series.strip_prefix(&begin)?.strip_suffix("\"}")?.parse::<f64>().ok();
    let mut buckets: Vec<_> = samples.iter().filter_map(|(series, value)| Some((bound(series)?, *value))).collect();
    buckets.sort_by(|one, next| one.0.total_cmp(&next.0));
    buckets
}

#[test]
fn every_line_is_well_formed_and_counters_move() {
    let admin = Admin::start(&["--shards=2"]);
    let before = scrape(&admin);
    assert_eq!(before["ringwire_ready"], 1.0);
    assert_eq!((before["ringwire_shard_up{shard=\"0\"}"], before["ringwire_shard_up{shard=\"1\"}"]), (1.0, 1.0));
    assert_eq!(sum(&before, "ringwire_connections"), 0);

    let mut clients: Vec<_> = (0..4).map(|_| polite(admin.node.addr, "/ws")).collect();
    for client in &mut clients {
        client.send(Message::text("hello")).expect("it reads");
        client.read().expect("it answers");
    }
    let mut followers: Vec<_> = (0..2).map(|_| admin.follower()).collect();
    for follower in &mut followers {
        follower.send(Message::text("to all")).expect("it reads");
        follower.read().expect("it hears itself");
    }
    let after = scrape(&admin);
    let moved = |name: &str| sum(&after, name) - sum(&before, name);
    assert_eq!(sum(&after, "ringwire_connections"), 6);
    assert_eq!((moved("ringwire_opened_total"), moved("ringwire_received_messages_total")), (6, 6));
    assert!(moved("ringwire_sent_frames_total") >= 4 && moved("ringwire_received_bytes_total") > 6 * 100);
    assert_eq!(moved("ringwire_publications_total"), 2);
    assert!(sum(&after, "ringwire_topics") >= 1);
    assert!(moved("ringwire_turns_total") > 0 && moved("ringwire_completions_total") > 0);
    let losses = ["drop_newest", "drop_oldest", "conflate", "disconnect", "too_old", "no_history"];
    for cause in ["send_queue_full", "shard_queue_full"].into_iter().chain(losses) {
        assert_eq!(after[&format!("ringwire_dropped_total{{shard=\"0\",cause=\"{cause}\"}}")], 0.0);
    }
    drop((clients, followers));
}

#[test]
fn deliveries_are_in_the_histogram_of_the_shard_that_made_them() {
    let admin = Admin::start(&["--shards=2"]);
    let mut followers: Vec<_> = (0..8).map(|_| admin.follower()).collect();
    for _ in 0..10 {
        let published = admin.request("POST", "/topics/chat", "Content-Type: text/plain\r\n", "hello");
        assert_eq!(published.status, 200);
        // Before the next one, which would leave in the same batch.
        for follower in &mut followers {
            assert_eq!(follower.read().expect("it comes"), Message::text("hello"));
        }
    }
    let samples = scrape(&admin);
    let mut deliveries = 0.0;
    for shard in [0, 1] {
        let buckets = buckets(&samples, shard);
        let count = samples[&format!("{HISTOGRAM}_count{{shard=\"{shard}\"}}")];
        assert_eq!((buckets.len(), buckets[0].0), (20, 0.000_01));
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, count)));
        assert!(buckets.is_sorted_by(|one, next| one.1 <= next.1), "{buckets:?}");
        let mean = samples[&format!("{HISTOGRAM}_sum{{shard=\"{shard}\"}}")] / count.max(1.0);
        assert!(mean < 5.0, "{mean} s");
        deliveries += count;
    }
    assert!(deliveries >= 80.0 && deliveries <= sum(&samples, "ringwire_deliveries_total") as f64, "{deliveries}");
    assert_eq!(sum(&samples, "ringwire_delivered_messages_total"), 80);
    assert!(sum(&samples, "ringwire_sent_bytes_total") >= 80 * 7);
}
