//! Renderers on sample reports: what must be in them, and that nothing breaks out of them.

use super::*;
use crate::objective::Outcome;

#[test]
fn json_is_read_back_as_it_was() {
    for report in [sample::echo(), sample::compare()] {
        let read: Report = serde_json::from_str(&report.to_json()).unwrap();
        assert!(read == report, "{}", report.to_json());
    }
}

/// The names that README.md documents: who reads the JSON relies on them.
#[test]
fn every_field_of_the_json_is_documented() {
    fn names(value: &serde_json::Value, into: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                into.push(name.clone());
                // Settings are named by the options.
                if name != "settings" {
                    names(value, into);
                }
            }),
            serde_json::Value::Array(values) => values.iter().for_each(|value| names(value, into)),
            _ => {}
        }
    }
    let readme = include_str!("../../README.md");
    let mut found = Vec::new();
    names(&serde_json::to_value(sample::echo()).unwrap(), &mut found);
    names(&serde_json::to_value(sample::compare()).unwrap(), &mut found);
    let missing: Vec<_> = found.into_iter().filter(|name| !readme.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "not in README.md: {missing:?}");
}

#[test]
fn the_table_tells_the_figures_and_the_verdict() {
    let report = sample::echo();
    let text = table(&report);
    for part in
        ["1,000", "40,000", "100 %", "2.00 k/s", "response", "service", "offer lag", "every message came whole", "met"]
    {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    let p99 = units::time(report.groups[0].latencies.response.as_ref().unwrap().p99);
    assert!(text.contains(&p99), "{p99} is missing in:\n{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
}

#[test]
fn faults_and_reasons_are_told() {
    let mut report = sample::echo();
    report.groups[0].checks.corrupt = 3;
    report.groups[0].connections.opened = 900;
    report.check_validity(Bounds::default());
    let text = table(&report);
    assert!(text.contains("corrupt") && text.contains("900 of 1,000"), "{text}");
    assert!(text.contains("INVALID echo: 900 connections were opened of the 1,000 asked for"), "{text}");
    assert_eq!(Outcome::of(&report), Outcome::Invalid);
    assert!(page(&report).contains("invalid run"));
}

#[test]
fn each_reason_makes_a_run_invalid() {
    let reasons = |change: fn(&mut Report)| {
        let mut report = sample::echo();
        change(&mut report);
        report.check_validity(Bounds::default());
        report.invalid.iter().map(|reason| format!("{reason}")).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(reasons(|_| ()), "");
    assert!(reasons(|report| report.groups[0].connections.opened = 999).contains("999 connections"));
    let late = reasons(|report| report.groups[0].latencies.offer_lag.as_mut().unwrap().p99 = 1_000_001);
    assert!(late.contains("too late"), "{late}");
    let silent = reasons(|report| report.groups[0].received = 0);
    assert!(silent.contains("none came"), "{silent}");
    let busy = reasons(|report| report.generator.threads[1].cpu_share = 0.99);
    assert!(busy.contains("load-1 was 99 % busy"), "{busy}");
    let unsent = reasons(|report| {
        let mut other = report.groups[0].clone();
        other.name = "other".into();
        report.groups.push(other);
        report.groups.iter_mut().for_each(|group| (group.sent, group.unsent) = (45, 105));
    });
    assert!(unsent.starts_with("45 of the 150 planned publications were made") && !unsent.contains("; "), "{unsent}");
    let both = reasons(|report| {
        report.generator.threads[1].cpu_share = 0.99;
        report.generator.threads[1].server_share = Some(1.0);
    });
    assert_eq!(both, "", "the server was busier");
    let apart = reasons(|report| {
        report.generator.threads[0] =
            ThreadUse { name: "load-0".into(), cpu_share: 0.98, server_share: Some(0.2), waited_share: 0.0 };
        report.generator.threads[1] =
            ThreadUse { name: "load-0".into(), cpu_share: 0.99, server_share: Some(1.0), waited_share: 0.0 };
    });
    assert!(apart.contains("load-0 was 98 % busy"), "another run's server excuses nobody: {apart}");
}

/// A server that refuses is what `connect` measures; what it says of a run is not that it tells nothing.
#[test]
fn where_opening_is_measured_few_are_missed() {
    let mut report = sample::echo();
    let group = &mut report.groups[0];
    (group.measures_opening, group.received, group.connections.opened) = (true, 0, 0);
    report.check_validity(Bounds::default());
    report.objectives = crate::objective::Objectives::default().judge(&report.groups);
    assert_eq!(Outcome::of(&report), Outcome::Missed, "{:?}", report.invalid);
    assert!(!table(&report).contains("every message"), "nothing came");
    report.groups[0].sent -= 1;
    report.check_validity(Bounds::default());
    assert_eq!(Outcome::of(&report), Outcome::Invalid, "what was not begun is the generator's");
    assert!(table(&report).contains("39,999 connections were begun of the 40,000 planned"), "{}", table(&report));
}

#[test]
fn an_invalid_run_has_no_headline() {
    let mut report = sample::compare();
    let headline = report.headline.clone().unwrap();
    let shown = |report: &Report| [table(report), page(report)].map(|text| text.contains(&headline));
    assert_eq!(shown(&report), [true; 2]);
    report.groups[0].unsent = 1;
    report.check_validity(Bounds::default());
    assert_eq!(shown(&report), [false; 2]);
}

/// An open loop's offer lag shows what a closed one has nothing to show with.
#[test]
fn a_closed_loop_that_waited_for_its_core_is_invalid() {
    let mut report = sample::echo();
    report.generator.threads[1].waited_share = 0.2;
    report.check_validity(Bounds::default());
    assert!(report.invalid.is_empty(), "{:?}", report.invalid);
    report.settings.insert("depth".into(), "16".into());
    report.check_validity(Bounds::default());
    assert!(table(&report).contains("thread load-1 waited for its core 20 % of the time"), "{}", table(&report));
}

#[test]
fn csv_has_one_row_for_each_group() {
    let mut report = sample::compare();
    report.groups[0].name = "a \"quoted\", name".into();
    let text = rows(&report);
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let read: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(read.len(), report.groups.len());
    assert_eq!(&read[0][2], "a \"quoted\", name");
    assert_eq!(read[1][9].parse(), Ok(report.groups[1].received));
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_escapes_names() {
    let mut report = sample::compare();
    report.groups[0].name = "<script>alert(1)</script>".into();
    report.settings.insert("label".into(), "<img>".into());
    let page = page(&report);
    assert!(!page.contains("<script") && !page.contains("<img"), "names are escaped");
    for outside in ["href=", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("<svg").count(), 2 * plot::figures(&report, plot::WIDE).len());
}

#[test]
fn plots_are_those_that_the_data_allow() {
    let names =
        |report: &Report| plot::figures(report, plot::WIDE).iter().map(|figure| figure.name).collect::<Vec<_>>();
    assert_eq!(names(&sample::echo()), ["latency", "timeline", "rate"]);
    assert_eq!(names(&sample::compare()), ["staleness", "bytes", "latency", "timeline"]);
    let mut empty = sample::echo();
    empty.groups[0].latencies = Latencies::default();
    empty.groups[0].timeline.clear();
    assert_eq!(names(&empty), [""; 0]);
    empty.groups.clear();
    assert!(page(&empty).contains("Circumstances") && table(&empty).contains("valid"), "even of nothing");
}

#[test]
fn plots_have_no_number_that_is_none() {
    for report in [sample::echo(), sample::compare()] {
        for size in [plot::WIDE, plot::NARROW] {
            for figure in plot::figures(&report, size) {
                assert!(!figure.svg.contains("NaN") && !figure.svg.contains("inf"), "{}", figure.svg);
            }
        }
    }
}

#[test]
fn the_command_line_can_be_typed_again() {
    let mut report = sample::echo();
    report.command =
        ["/opt/bin/ringwire-load", "echo", "ws://h/?a=1&b", "--size=list:20*9"].map(str::to_owned).to_vec();
    assert_eq!(report.command_line(), "ringwire-load echo 'ws://h/?a=1&b' '--size=list:20*9'");
}

/// Also leaves the pages and plots in `target/load-samples`, to look at after a change of a renderer.
#[test]
fn samples_are_written_whole_and_read_back() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/load-samples");
    for report in [sample::echo(), sample::compare()] {
        let own = folder.join(&report.command[1]);
        let plots = plot::write(&report, &own).unwrap();
        assert!(
            plots.len() >= 2 && plots.iter().all(|plot| std::fs::read_to_string(plot).unwrap().ends_with("</svg>\n"))
        );
        std::fs::write(own.join("report.html"), page(&report)).unwrap();
        std::fs::write(own.join("report.json"), report.to_json()).unwrap();
        let read: Report = serde_json::from_str(&std::fs::read_to_string(own.join("report.json")).unwrap()).unwrap();
        assert_eq!(read, report);
    }
}
