//! The summary for the terminal: what somebody wants to know who has just run it, the verdict last.

use std::fmt::Write;

use super::units::{bytes, count, percent, rate, scaled, time};
use super::{Group, Report, ServerUse, viewers};
use crate::objective::{Judged, Outcome, Unit};

/// The summary, as lines of at most 100 columns unless names are long.
pub fn table(report: &Report) -> String {
    let mut text = format!("{}\n", report.command_line());
    let warm_up = report.window.warm_up_seconds;
    let after = if warm_up > 0.0 { format!(" after {} s of warm-up", scaled(warm_up)) } else { String::new() };
    let _ = writeln!(text, "{}, {} s{after}\n", report.target, scaled(report.window.seconds));
    text += &viewers(report);
    text += &traffic(&report.groups);
    text += &latencies(&report.groups);
    text += &checks(&report.groups);
    if let Some(server) = &report.server {
        text += &usage("server", server);
    }
    text += &usages(&report.groups);
    text += &generator(report);
    text += &verdict(report);
    text
}

fn traffic(groups: &[Group]) -> String {
    let head = ["", "connections", "sent", "received", "expected", "reach", "rate", "in", "out"];
    let rows = groups.iter().map(|group| {
        let connections = group.connections;
        let mut opened = count(connections.opened);
        if connections.opened < connections.wanted {
            opened += &format!(" of {}", count(connections.wanted));
        }
        if connections.lost > 0 {
            opened += &format!(", {} lost", count(connections.lost));
        }
        let reach = group.reach().map_or_else(|| "-".to_owned(), percent);
        let (received, per) = (count(group.received), rate(group.rate()));
        let amounts = [group.bytes_in, group.bytes_out].map(|number| bytes(number as f64));
        let [bytes_in, bytes_out] = amounts;
        let (sent, expected) = (count(group.sent), count(group.expected));
        [group.name.clone(), opened, sent, received, expected, reach, per, bytes_in, bytes_out].to_vec()
    });
    aligned(&head, rows.collect())
}

fn viewers(report: &Report) -> String {
    let Some((head, rows)) = viewers::viewers(report) else { return String::new() };
    aligned(&head, rows) + &viewers::server_sentence(report).map_or_else(String::new, |sentence| sentence + "\n\n")
}

fn latencies(groups: &[Group]) -> String {
    let head = ["", "", "p50", "p90", "p99", "p99.9", "p99.99", "max", "mean"];
    let mut saturated = String::new();
    let rows = groups.iter().flat_map(|group| {
        group
            .latencies
            .all()
            .enumerate()
            .map(|(index, (name, summary))| {
                if summary.saturated > 0 {
                    let _ = writeln!(
                        saturated,
                        "{} {name}: {} were above what the histogram holds",
                        group.name,
                        count(summary.saturated)
                    );
                }
                let (p50, p90, p99) = (summary.p50, summary.p90, summary.p99);
                let times = [p50, p90, p99, summary.p999, summary.p9999, summary.max, summary.mean].map(time);
                let group = if index == 0 { group.name.clone() } else { String::new() };
                [group, name.to_owned()].into_iter().chain(times).collect()
            })
            .collect::<Vec<Vec<String>>>()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() { String::new() } else { aligned(&head, rows) + &saturated }
}

/// A line when all is well, else a table of what is not.
fn checks(groups: &[Group]) -> String {
    if groups.iter().all(|group| group.checks.total() == 0) {
        // Of nothing, nothing is said; and where connections are counted there are no messages.
        let is_whole = |group: &Group| group.received > 0 && !group.measures_opening;
        let sentence = "every message came whole, once, and in order\n\n";
        return if groups.iter().all(is_whole) { sentence.to_owned() } else { String::new() };
    }
    let head = ["", "missing", "duplicate", "out of order", "corrupt", "unsure"];
    let rows = groups.iter().map(|group| {
        let checks = group.checks;
        let mut cells = vec![group.name.clone()];
        cells.extend([checks.missing, checks.duplicate, checks.out_of_order, checks.corrupt, checks.unsure].map(count));
        if group.may_skip && checks.missing > 0 {
            cells[1] += " (may skip)";
        }
        cells
    });
    aligned(&head, rows.collect())
}

/// What the server used for each group that was alone with it.
fn usages(groups: &[Group]) -> String {
    let head = ["", "CPU", "user space", "per message", "busiest", "memory", "per connection"];
    let rows = groups.iter().filter_map(|group| {
        let server = group.server.as_ref()?;
        let rounded = |share: f64| percent((share * 100.0).round() / 100.0);
        let user = rounded(server.cpu_user_seconds / server.cpu_seconds.max(1e-9));
        let told = |value: Option<f64>, unit: fn(f64) -> String| value.map_or_else(|| "-".to_owned(), unit);
        Some(vec![
            format!("server during {}", group.name),
            format!("{} s", scaled(server.cpu_seconds)),
            user,
            told(server.cpu_per_message, |per| time(per as u64)),
            rounded(server.busiest_thread),
            bytes(server.rss_after as f64),
            told(server.bytes_per_connection, bytes),
        ])
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() { String::new() } else { aligned(&head, rows) }
}

fn usage(title: &str, server: &ServerUse) -> String {
    let per = server.cpu_per_message.map_or_else(String::new, |per| format!(", {} per message", time(per as u64)));
    let mut text = format!("{title} ({} {})\n", server.name, server.pid);
    let _ = writeln!(
        text,
        "  CPU           {} s, {} in user space{per}; busiest thread {}",
        scaled(server.cpu_seconds),
        percent((server.cpu_user_seconds / server.cpu_seconds.max(1e-9) * 100.0).round() / 100.0),
        percent((server.busiest_thread * 100.0).round() / 100.0),
    );
    let [before, after, peak] = [server.rss_before, server.rss_after, server.rss_peak].map(|rss| bytes(rss as f64));
    let each = server.bytes_per_connection.map_or_else(String::new, |each| format!(", {} per connection", bytes(each)));
    let _ = writeln!(text, "  memory        {before} before, {after} after, {peak} at most{each}");
    match (&server.instructions, &server.instructions_missing) {
        (Some(counted), _) => {
            let each = |per: Option<f64>| per.map_or_else(|| "-".to_owned(), |per| count(per.round() as u64));
            let (user, kernel) = (each(counted.user_per_message), each(counted.kernel_per_message));
            let _ = writeln!(text, "  instructions  {user} in user space and {kernel} in the kernel per message");
        }
        (None, Some(reason)) => {
            let _ = writeln!(text, "  instructions  not counted: {reason}");
        }
        (None, None) => {}
    }
    text + "\n"
}

fn generator(report: &Report) -> String {
    let threads = report.generator.threads.iter();
    let busy: Vec<String> = threads.map(|thread| percent((thread.cpu_share * 100.0).round() / 100.0)).collect();
    if busy.is_empty() { String::new() } else { format!("generator's threads busy: {}\n\n", busy.join(", ")) }
}

fn verdict(report: &Report) -> String {
    let headline = report.headline.as_ref().filter(|_| report.invalid.is_empty());
    let mut text = headline.map_or_else(String::new, |headline| format!("{headline}\n\n"));
    for judged in &report.objectives {
        let _ = writeln!(text, "{} {}", if judged.met { "met   " } else { "MISSED" }, told(judged));
    }
    for reason in &report.invalid {
        let _ = writeln!(text, "INVALID {reason}");
    }
    let end = match Outcome::of(report) {
        Outcome::Invalid => "the run is invalid: it tells nothing of the server",
        Outcome::Missed => "valid, and not all objectives were met",
        Outcome::Met | Outcome::Usage => "valid, and all objectives were met",
    };
    text + end + "\n"
}

/// An objective in words.
pub(super) fn told(judged: &Judged) -> String {
    let value = |number: f64| match judged.unit {
        Unit::Ns => time(number as u64),
        Unit::Share => percent(number),
        Unit::PerSecond => rate(number),
        Unit::Count => count(number as u64),
    };
    let got = judged.got.map_or_else(|| "nothing measured".to_owned(), value);
    let group = if judged.group.is_empty() { String::new() } else { format!(" ({})", judged.group) };
    format!("{} {}: {got}{group}", judged.objective, value(judged.wanted))
}

/// Columns as wide as their widest cell: the first and those without figures to the left, others to the right.
fn aligned(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let width = |column: usize| {
        let cells = rows.iter().chain([&head]).map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for row in [&head].into_iter().chain(&rows) {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if head[column].is_empty() { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text + "\n"
}
