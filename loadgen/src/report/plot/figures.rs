//! Which plots a report has, and what is in them.

use super::axis::Axis;
use super::bars::{self, Row};
use super::lines::{self, Line, Panel};
use super::{Figure, Size};
use crate::latency::{Bucket, Summary};
use crate::report::units::{bytes, rate, scaled, time};
use crate::report::{Group, Report};

/// More than this between the shortest and the longest time, and a linear axis shows the longest alone.
const LINEAR_RATIO_MAX: f64 = 40.0;

pub(super) fn all(report: &Report, size: Size) -> Vec<Figure> {
    let groups = &report.groups;
    let all = [
        staleness(groups, size),
        weight(groups, size),
        percentiles(groups, size),
        times(groups, size),
        rates(groups, size),
    ];
    all.into_iter().flatten().collect()
}

/// Times by percentile: the main latency of several groups, or all latencies of one.
fn percentiles(groups: &[Group], size: Size) -> Option<Figure> {
    let summaries: Vec<(String, &Summary)> = match groups {
        [one] => one.latencies.all().map(|(name, summary)| (name.to_owned(), summary)).collect(),
        many => many.iter().filter_map(|group| Some((group.name.clone(), group.main_latency()?.1))).collect(),
    };
    let count = summaries.iter().map(|(_, summary)| summary.count).max()?;
    let lines = summaries.iter().enumerate().map(|(color, (label, summary))| {
        let points = summary.points.iter().map(|point| (1.0 / (1.0 - point.quantile).max(1e-12), point.time as f64));
        let last = (summary.count as f64, summary.max as f64);
        let points = points.filter(|point| point.0 < last.0).chain([last]).collect();
        Line { label: label.clone(), color, dashed: label == "offer lag", points }
    });
    let lines: Vec<Line> = lines.collect();
    let what = if groups.len() == 1 { "Latency" } else { main_name(groups)? };
    let title = format!("{what} by percentile");
    let y = time_axis(&lines);
    let panel = Panel { title: &title, x: Axis::nines(count), y, x_name: "percentile", y_name: "", lines };
    let svg = lines::draw(size, &panel);
    let hint = "Each nine to the right is ten times rarer. What rises late, rises for few.";
    Some(Figure { name: "latency", title, hint, svg })
}

/// p50 and p99 by the second.
fn times(groups: &[Group], size: Size) -> Option<Figure> {
    let (from, to) = span(groups)?;
    let lines: Vec<Line> = groups
        .iter()
        .enumerate()
        .flat_map(|(color, group)| {
            let of = |name: &str, dashed, value: fn(&Bucket) -> u64| {
                let label = match (groups.len(), dashed) {
                    (1, _) => name.to_owned(),
                    (_, true) => String::new(),
                    (_, false) => group.name.clone(),
                };
                let points = group.timeline.iter().map(|bucket| (middle(bucket), value(bucket) as f64)).collect();
                Line { label, color, dashed, points }
            };
            [of("p99", false, |bucket| bucket.p99), of("p50", true, |bucket| bucket.p50)]
        })
        .filter(|line| !line.points.is_empty())
        .collect();
    let title = format!("{} over the run", main_name(groups)?);
    let (x, y) = (seconds_axis(from, to, size), time_axis(&lines));
    let svg = lines::draw(size, &Panel { title: &title, x, y, x_name: "seconds", y_name: "", lines });
    Some(Figure { name: "timeline", title, hint: "p99 solid, p50 dashed, of each second.", svg })
}

/// Messages per second over the run.
fn rates(groups: &[Group], size: Size) -> Option<Figure> {
    let (from, to) = span(groups)?;
    // What was sampled evenly has the rate of sampling, which tells nothing.
    if groups.iter().any(|group| group.latencies.staleness.is_some()) {
        return None;
    }
    let lines: Vec<Line> = groups
        .iter()
        .enumerate()
        .map(|(color, group)| {
            let per_second = |bucket: &Bucket| bucket.count as f64 / bucket.seconds.max(1) as f64;
            let points = group.timeline.iter().map(|bucket| (middle(bucket), per_second(bucket))).collect();
            Line { label: group.name.clone(), color, dashed: false, points }
        })
        .filter(|line: &Line| !line.points.is_empty())
        .collect();
    let most = lines.iter().flat_map(|line| &line.points).map(|point| point.1).fold(0.0, f64::max);
    let (title, size) = ("Messages timed per second".to_owned(), Size { height: size.height * 2 / 3, ..size });
    let (x, y) = (seconds_axis(from, to, size), Axis::linear(most, 4, scaled));
    let svg = lines::draw(size, &Panel { title: &title, x, y, x_name: "seconds", y_name: "", lines });
    Some(Figure { name: "rate", title, hint: "A dip here with a peak above is a stall.", svg })
}

/// How old is what a viewer sees: for several groups that were asked this.
fn staleness(groups: &[Group], size: Size) -> Option<Figure> {
    let rows: Vec<Row<'_>> = groups
        .iter()
        .enumerate()
        .filter_map(|(color, group)| {
            let summary = group.latencies.staleness.as_ref()?;
            let bars = [summary.p50, summary.p99].map(|value| (value as f64, time(value)));
            Some(Row { label: &group.name, color, bars: bars.to_vec() })
        })
        .collect();
    let title = "Age of what a viewer sees".to_owned();
    let svg = bars::draw(size, &title, "p50 full, p99 pale", &rows);
    let hint = "Shorter is fresher. An update is as old as the time since it was published.";
    (rows.len() > 1).then_some(Figure { name: "staleness", title, hint, svg })
}

/// What an update costs on the wire.
fn weight(groups: &[Group], size: Size) -> Option<Figure> {
    let timed = groups.iter().filter(|group| group.latencies.staleness.is_some()).count();
    let rows: Vec<Row<'_>> = groups
        .iter()
        .enumerate()
        .filter_map(|(color, group)| {
            let each = group.bytes_per_update()?;
            let requests = if group.seconds > 0.0 { group.requests as f64 / group.seconds } else { 0.0 };
            let told = format!("{}, {} requests", bytes(each), rate(requests));
            Some(Row { label: &group.name, color, bars: vec![(each, told)] })
        })
        .collect();
    let title = "Bytes on the wire per update".to_owned();
    let svg = bars::draw(size, &title, "both directions, heads and frames included", &rows);
    let hint = "What is shorter costs less to carry.";
    (timed > 1 && rows.len() > 1).then_some(Figure { name: "bytes", title, hint, svg })
}

/// What the groups' main latency is called, capitalised; `Latency` when they differ.
fn main_name(groups: &[Group]) -> Option<&'static str> {
    let mut names = groups.iter().filter_map(|group| Some(group.main_latency()?.0));
    let first = names.next()?;
    let all_same = names.all(|name| name == first);
    Some(match first {
        "response" if all_same => "Response time",
        "delivery" if all_same => "Delivery time",
        "staleness" if all_same => "Staleness",
        "handshake" if all_same => "Handshake time",
        _ => "Latency",
    })
}

fn span(groups: &[Group]) -> Option<(f64, f64)> {
    let buckets = || groups.iter().flat_map(|group| &group.timeline);
    let from = buckets().map(|bucket| bucket.second).min()?;
    let to = buckets().map(|bucket| bucket.second + bucket.seconds).max()?;
    Some((from as f64, to as f64))
}

fn middle(bucket: &Bucket) -> f64 {
    bucket.second as f64 + bucket.seconds as f64 / 2.0
}

fn seconds_axis(from: f64, to: f64, size: Size) -> Axis {
    Axis::span(from, to, if size.width < 500 { 5 } else { 10 }, |value| format!("{value:.0}"))
}

fn time_axis(lines: &[Line]) -> Axis {
    let values = || lines.iter().flat_map(|line| &line.points).map(|point| point.1).filter(|&value| value > 0.0);
    let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    let label = |value: f64| tick(value);
    if most > least * LINEAR_RATIO_MAX { Axis::logarithmic(least, most, label) } else { Axis::linear(most, 5, label) }
}

/// Times at ticks are round numbers: no more digits than they need.
fn tick(nanoseconds: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];
    let (factor, unit) = units.into_iter().find(|(factor, _)| nanoseconds >= *factor * 0.999).unwrap_or((1.0, "ns"));
    if nanoseconds == 0.0 {
        "0".to_owned()
    } else {
        format!("{} {unit}", (nanoseconds / factor * 1000.0).round() / 1000.0)
    }
}
