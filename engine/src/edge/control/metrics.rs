//! `/metrics`: what each shard counts, in Prometheus' text format 0.0.4.
//!
//! Rates and ratios are the reader's to make: completions per turn, for one, are
//! `rate(ringwire_completions_total[1m]) / rate(ringwire_turns_total[1m])`.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::Phase;
use super::api::Api;
use super::error::ApiError;
use super::journal;
use super::shards::{Said, answers};
use crate::metrics::{Latency, Stats};
use crate::server::ShardHandle;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Something that every shard counts.
struct Metric {
    /// Counters end in `_total`, all others are gauges.
    name: &'static str,
    help: &'static str,
    /// What tells it from those of the same name, which stand beside it: a label and its value.
    labels: &'static [(&'static str, &'static str)],
    value: fn(&Stats) -> u64,
}

macro_rules! metrics {
    ($($name:literal $([$label:literal $label_value:literal])? $group:ident$(.$field:ident)+ $help:literal)*) => {
        const METRICS: &[Metric] = &[$(Metric {
            name: $name,
            help: $help,
            labels: &[$(($label, $label_value))?],
            value: |stats| stats.$group$(.$field)+,
        }),*];
    };
}

metrics! {
    "ringwire_connections" gauges.connections "Open WebSockets."
    "ringwire_descriptors" gauges.descriptors "Descriptors in use, whatever the state of their connections."
    "ringwire_topics" gauges.topics "Topics and patterns that have subscribers."
    "ringwire_histories" gauges.histories "Topics with history; every shard has all."
    "ringwire_history_bytes" gauges.history_bytes "Bytes of histories; every shard counts payloads that it shares with the others."
    "ringwire_queued_bytes" gauges.queued_bytes "Bytes in send queues."
    "ringwire_recv_buffers_lent" gauges.recv_buffers_lent "Recv buffers that the shard has from its ring."
    "ringwire_reassemblies" gauges.reassemblies "Messages that wait for their rest."
    "ringwire_accepted_total" counters.accepted "Connections accepted."
    "ringwire_opened_total" counters.opened "WebSockets opened."
    "ringwire_refused_total" counters.refused "Handshakes and requests refused."
    "ringwire_received_bytes_total" counters.bytes_in "Bytes received."
    "ringwire_received_messages_total" counters.messages_in "Data messages received."
    "ringwire_sent_frames_total" counters.frames_out "Frames queued to single connections; those of topics count as deliveries."
    "ringwire_publications_total" counters.publications "Messages that this shard's connections published."
    "ringwire_publications_refused_total" counters.publications_refused "Publications refused by the shard that numbers them."
    "ringwire_sent_bytes_total" counters.bytes_out "Bytes sent."
    "ringwire_delivered_messages_total" counters.messages_delivered "Messages of topics handed to subscribers, each counted for each subscriber."
    "ringwire_deliveries_total" counters.deliveries "Batches of publications handed to subscribers."
    "ringwire_dropped_total" ["cause" "send_queue_full"] counters.messages_dropped "Messages and batches dropped."
    "ringwire_dropped_total" ["cause" "shard_queue_full"] counters.batches_dropped "Messages and batches dropped."
    "ringwire_dropped_total" ["cause" "drop_newest"] counters.losses.drop_newest "Messages and batches dropped."
    "ringwire_dropped_total" ["cause" "drop_oldest"] counters.losses.drop_oldest "Messages and batches dropped."
    "ringwire_dropped_total" ["cause" "conflate"] counters.losses.conflate "Messages and batches dropped."
    "ringwire_dropped_total" ["cause" "disconnect"] counters.losses.disconnect "Messages and batches dropped."
    "ringwire_dropped_total" ["cause" "too_old"] counters.losses.too_old "Messages and batches dropped."
    "ringwire_dropped_total" ["cause" "no_history"] counters.losses.no_history "Messages and batches dropped."
    "ringwire_closed_total" ["cause" "slow_consumer"] counters.slow_consumers "Connections that the shard closed."
    "ringwire_closed_total" ["cause" "protocol_error"] counters.protocol_errors "Connections that the shard closed."
    "ringwire_backpressure_total" counters.backpressure "Times that a send queue passed its high mark."
    "ringwire_recv_buffers_exhausted_total" counters.recv_buffers_exhausted "Recvs that found no buffer."
    "ringwire_stale_completions_total" counters.stale_completions "Completions of connections that were gone."
    "ringwire_short_sends_total" counters.short_sends "Sends that the socket took only in part."
    "ringwire_turns_total" counters.turns "Turns of the shard's loop."
    "ringwire_completions_total" counters.completions "Completions handled."
    "ringwire_windows_total" counters.windows "Waits for more publications that brought some."
    "ringwire_completion_queue_overflows_total" counters.overflows "Overflows of the completion queue."
}

/// What there is to count. A shard that does not answer is left out, and said to be down.
pub(super) async fn metrics(State(api): State<Arc<Api>>) -> Result<impl IntoResponse, ApiError> {
    let server = api.server()?;
    let answers = answers(server.shards().map(ShardHandle::stats)).await.into_iter();
    let stats: Vec<_> = answers.map(|said| if let Said::Answer(stats) = said { Some(stats) } else { None }).collect();
    let ready = matches!(api.phase(), Phase::Running(_));
    let mut text = encode(&stats, ready);
    journal::encode(&mut text, api.journal.as_ref());
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text))
}

/// The whole text; `stats` by shard, `None` for one that did not answer.
fn encode(stats: &[Option<Stats>], ready: bool) -> String {
    let mut out = String::with_capacity(16 * 1024);
    head(&mut out, "ringwire_build_info", "The version that runs; always 1.");
    line(&mut out, "ringwire_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    head(&mut out, "ringwire_ready", "Whether the node accepts connections.");
    line(&mut out, "ringwire_ready", &[], ready.into());
    head(&mut out, "ringwire_shard_up", "Whether the shard answered in time; one that did not has no other metrics.");
    for (shard, stats) in stats.iter().enumerate() {
        line(&mut out, "ringwire_shard_up", &[("shard", &shard.to_string())], stats.is_some().into());
    }
    let mut last = "";
    for metric in METRICS {
        if std::mem::replace(&mut last, metric.name) != metric.name {
            head(&mut out, metric.name, metric.help);
        }
        for (shard, stats) in stats.iter().enumerate().filter_map(|(shard, stats)| Some((shard, stats.as_ref()?))) {
            let shard = shard.to_string();
            let labels: Vec<_> = [("shard", &*shard)].into_iter().chain(metric.labels.iter().copied()).collect();
            line(&mut out, metric.name, &labels, (metric.value)(stats));
        }
    }
    histogram(&mut out, stats);
    out
}

/// How long deliveries took.
fn histogram(out: &mut String, stats: &[Option<Stats>]) {
    const NAME: &str = "ringwire_delivery_latency_seconds";
    const HELP: &str =
        "From a publication's arrival at the node until its fan-out was handed to the kernel, by deliveries.";
    if stats.iter().all(Option::is_none) {
        return;
    }
    let _ = writeln!(out, "# HELP {NAME} {HELP}\n# TYPE {NAME} histogram");
    for (shard, latency) in stats.iter().enumerate().filter_map(|(shard, stats)| Some((shard, stats.as_ref()?.latency)))
    {
        let bounds = Latency::BOUNDS_US.map(|us| seconds(us).to_string());
        let bounds = bounds.iter().map(String::as_str).chain(["+Inf"]);
        let shard = shard.to_string();
        for (bound, count) in bounds.zip(latency.cumulative()) {
            line(out, &format!("{NAME}_bucket"), &[("shard", &shard), ("le", bound)], count);
        }
        let _ = writeln!(out, "{NAME}_sum{{shard=\"{shard}\"}} {}", seconds(latency.sum_us()));
        line(out, &format!("{NAME}_count"), &[("shard", &shard)], latency.count());
    }
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

pub(super) fn head(out: &mut String, name: &str, help: &str) {
    let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// One sample. Names and values of labels are our own, and need no escapes.
pub(super) fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: u64) {
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let _ = writeln!(out, "{name}{labels} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_that_is_down_has_no_samples() {
        let mut busy = Stats::default();
        busy.counters.messages_dropped = 7;
        let text = encode(&[None, Some(busy)], true);
        assert!(text.contains("\nringwire_shard_up{shard=\"0\"} 0\nringwire_shard_up{shard=\"1\"} 1\n"), "{text}");
        assert!(text.contains("\nringwire_dropped_total{shard=\"1\",cause=\"send_queue_full\"} 7\n"), "{text}");
        assert_eq!(text.matches("shard=\"0\"").count(), 1, "{text}");
    }

    #[test]
    fn samples_of_a_name_stand_together_under_one_head() {
        let text = encode(&[Some(Stats::default()), Some(Stats::default())], false);
        let mut heads: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let count = heads.len();
        heads.sort_unstable();
        heads.dedup();
        assert_eq!(heads.len(), count, "a name has two heads");
    }
}
