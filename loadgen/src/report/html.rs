//! The page: one file with everything in it, for light and dark, wide and narrow screens.

use std::fmt::Write;

use super::plot::{self, NARROW, WIDE};
use super::table::{self, table};
use super::units::{bytes, count, percent, rate, time};
use super::{Group, Report, viewers};
use crate::objective::Outcome;

const STYLE: &str = include_str!("page.css");

/// The page of a report.
pub fn page(report: &Report) -> String {
    let title = format!("{} of {}", report.command.get(1).map_or("load", String::as_str), report.target);
    let mut body = format!("<header><h1>{}</h1>{}</header>\n", escaped(&title), badge(report));
    if let Some(headline) = report.headline.as_ref().filter(|_| report.invalid.is_empty()) {
        let _ = writeln!(body, "<p class=\"headline\">{}</p>", escaped(headline));
    }
    body += &verdicts(report);
    body += &tiles(report);
    body += &figures(report);
    if let Some((head, rows)) = viewers::viewers(report) {
        body += &grid("What viewers see", &head, rows);
        if let Some(sentence) = viewers::server_sentence(report) {
            let _ = writeln!(body, "<p>{}.</p>", escaped(&sentence));
        }
    }
    body += &groups(&report.groups);
    body += &facts(report);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{}</title>\n<style>{STYLE}</style></head>\n\
         <body><main>\n{body}</main></body></html>\n",
        escaped(&title)
    )
}

fn badge(report: &Report) -> &'static str {
    match Outcome::of(report) {
        Outcome::Invalid => "<span class=\"badge bad\">invalid run</span>",
        Outcome::Missed => "<span class=\"badge warn\">objectives missed</span>",
        Outcome::Met | Outcome::Usage => "<span class=\"badge good\">valid, objectives met</span>",
    }
}

fn verdicts(report: &Report) -> String {
    let invalid =
        report.invalid.iter().map(|reason| format!("<li class=\"bad\">{}</li>", escaped(&reason.to_string())));
    let judged = report.objectives.iter().map(|judged| {
        let (class, word) = if judged.met { ("good", "met") } else { ("warn", "missed") };
        format!("<li class=\"{class}\"><b>{word}</b> {}</li>", escaped(&table::told(judged)))
    });
    let items: String = invalid.chain(judged).collect();
    if items.is_empty() { items } else { format!("<ul class=\"verdicts\">{items}</ul>\n") }
}

/// The few figures that one looks for first, of a report with one group.
fn tiles(report: &Report) -> String {
    let [group] = report.groups.as_slice() else { return String::new() };
    let mut tiles = vec![("rate", rate(group.rate()))];
    if let Some((_, summary)) = group.main_latency() {
        tiles.extend([("p50", time(summary.p50)), ("p99", time(summary.p99)), ("p99.9", time(summary.p999))]);
        tiles.push(("longest", time(summary.max)));
    }
    tiles.push(("connections", count(group.connections.opened)));
    tiles.push(("wrong messages", count(group.checks.total())));
    if let Some(per) = report.server.as_ref().and_then(|server| server.cpu_per_message) {
        tiles.push(("server CPU per message", time(per as u64)));
    }
    let tiles =
        tiles.into_iter().map(|(name, value)| format!("<div><span>{name}</span><b>{}</b></div>", escaped(&value)));
    format!("<section class=\"tiles\">{}</section>\n", tiles.collect::<String>())
}

fn figures(report: &Report) -> String {
    let (wide, narrow) = (plot::figures(report, WIDE), plot::figures(report, NARROW));
    let figures = wide.iter().zip(&narrow).map(|(wide, narrow)| {
        format!(
            "<figure><h2>{}</h2><div class=\"wide\">{}</div><div class=\"narrow\">{}</div><figcaption>{}</figcaption></figure>\n",
            escaped(&wide.title),
            wide.svg,
            narrow.svg,
            wide.hint
        )
    });
    figures.collect()
}

fn groups(groups: &[Group]) -> String {
    let head = [
        "",
        "connections",
        "sent",
        "received",
        "reach",
        "rate",
        "in",
        "out",
        "requests",
        "missing",
        "twice",
        "late",
        "corrupt",
    ];
    let rows = groups.iter().map(|group| {
        let (connections, checks) = (group.connections, group.checks);
        let [bytes_in, bytes_out] = [group.bytes_in, group.bytes_out].map(|number| bytes(number as f64));
        let few = connections.opened < connections.wanted;
        let wanted = if few { format!(" of {}", count(connections.wanted)) } else { String::new() };
        let opened = count(connections.opened) + &wanted;
        let reach = group.reach().map_or_else(|| "–".to_owned(), percent);
        let faults = [checks.missing, checks.duplicate, checks.out_of_order, checks.corrupt].map(count);
        let traffic =
            [opened, count(group.sent), count(group.received), reach, rate(group.rate()), bytes_in, bytes_out];
        let cells = [group.name.clone()].into_iter().chain(traffic).chain([count(group.requests)]).chain(faults);
        cells.collect()
    });
    let times = groups.iter().flat_map(|group| {
        group.latencies.all().map(|(name, summary)| {
            let times = [summary.min, summary.p50, summary.p90, summary.p99, summary.p999, summary.p9999, summary.max];
            let cells = [format!("{} {name}", group.name), count(summary.count)];
            cells.into_iter().chain(times.map(time)).collect()
        })
    });
    let times_head = ["", "count", "min", "p50", "p90", "p99", "p99.9", "p99.99", "max"];
    grid("Traffic", &head, rows.collect()) + &grid("Latencies", &times_head, times.collect())
}

fn grid(title: &str, head: &[&str], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let head: String = head.iter().map(|cell| format!("<th>{cell}</th>")).collect();
    let rows: String = rows.iter().fold(String::new(), |mut text, row| {
        let cells: String = row.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
        let _ = write!(text, "<tr>{cells}</tr>");
        text
    });
    format!("<h2>{title}</h2><div class=\"scroll\"><table class=\"grid\"><tr>{head}</tr>{rows}</table></div>\n")
}

/// Everything that one needs to judge the result or to repeat it.
fn facts(report: &Report) -> String {
    let machine = &report.machine;
    let mut facts = vec![
        ("command".to_owned(), report.command_line()),
        ("date".to_owned(), report.date.clone()),
        ("version".to_owned(), format!("ringwire-load {}", report.version)),
        ("machine".to_owned(), format!("{}, {} cores, {}", machine.processor, machine.cores, machine.kernel)),
    ];
    facts.extend(report.settings.iter().map(|(name, value)| (name.clone(), value.clone())));
    let rows = facts.iter().fold(String::new(), |mut rows, (name, value)| {
        let _ = write!(rows, "<tr><th>{}</th><td>{}</td></tr>", escaped(name), escaped(value));
        rows
    });
    let details = escaped(&table(report));
    format!(
        "<h2>Circumstances</h2><table class=\"facts\">{rows}</table>\n\
         <details><summary>The summary as text</summary><pre>{details}</pre></details>\n"
    )
}

fn escaped(text: &str) -> String {
    plot::escaped(text)
}
