//! Findings on machines that we do not have, and the report as it is read.

use super::*;
use crate::config::{Config, Shards};
use crate::ring::probe::Trial;

/// A machine on which everything is as it should be: kernel 6.18, four cores, memory without end.
fn good() -> Facts {
    Facts {
        ring: RingFacts {
            release: "6.18.1".into(),
            io_uring_disabled: Some(0),
            nofile: 1_048_576,
            memlock: 8 << 20,
            trial: Trial {
                passed: vec![Step::Setup, Step::FileTable, Step::BufferRing, Step::Accept, Step::Recv, Step::Send],
                failed: None,
                operations_missing: vec![],
                features: Features {
                    no_sqarray: true,
                    fixed_fd_install: true,
                    bundles: true,
                    min_wait: true,
                    incremental_buffers: true,
                    vectored_send: true,
                },
            },
        },
        somaxconn: Some(4096),
        allowed_cores: vec![0, 1, 2, 3],
        physical_memory_bytes: Some(1 << 50),
        cgroup_memory_bytes: None,
        cgroup_cores: None,
    }
}

/// A machine that refuses to set a ring up.
fn refusing(release: &str, io_uring_disabled: Option<u64>, errno: i32) -> Facts {
    let trial = Trial {
        passed: vec![],
        failed: Some((Step::Setup, errno)),
        operations_missing: vec![],
        features: Features::default(),
    };
    let mut facts = good();
    facts.ring = RingFacts { release: release.into(), io_uring_disabled, trial, ..facts.ring };
    facts
}

fn config(change: impl FnOnce(&mut Config)) -> ValidConfig {
    let mut config = Config::default();
    change(&mut config);
    config.validated().expect("a valid configuration")
}

fn finding(facts: &Facts, config: &ValidConfig, name: &str) -> Finding {
    let findings = findings(config, facts);
    findings.into_iter().find(|finding| finding.name == name).expect("a finding of that name")
}

#[test]
fn on_a_good_machine_all_is_ok() {
    let findings = findings(&config(|_| {}), &good());
    let other: Vec<_> = findings.iter().filter(|finding| finding.verdict != Verdict::Ok).collect();
    assert!(other.is_empty(), "{other:?}");
    assert!(can_run(&findings));
}

#[test]
fn an_old_kernel_cannot_run_and_nothing_else_is_blamed() {
    let facts = refusing("5.15.0-101-generic", None, libc::EINVAL);
    let config = config(|_| {});
    let kernel = finding(&facts, &config, "kernel");
    assert_eq!(kernel.verdict, Verdict::Missing);
    assert_eq!(kernel.found, "kernel 5.15.0-101-generic is older than 6.1");
    assert!(kernel.mend.expect("a command").contains("linux-generic-hwe-22.04"));
    let findings = findings(&config, &facts);
    assert_eq!(findings.iter().filter(|finding| finding.verdict == Verdict::Missing).count(), 1);
    assert!(!can_run(&findings));
}

#[test]
fn io_uring_switched_off_is_told_with_the_setting_that_switches_it_on() {
    let permission = finding(&refusing("6.8.0", Some(2), libc::EPERM), &config(|_| {}), "permission");
    assert_eq!(permission.verdict, Verdict::Missing);
    assert_eq!(permission.found, "io_uring is switched off by kernel.io_uring_disabled = 2");
    assert!(permission.mend.expect("a command").contains("kernel.io_uring_disabled=0"));
}

#[test]
fn a_container_that_filters_is_told_apart_from_a_kernel_without() {
    let config = config(|_| {});
    let filtered = finding(&refusing("6.8.0", Some(0), libc::EPERM), &config, "permission");
    assert!(filtered.mend.expect("a command").contains("docker run --security-opt seccomp=unconfined"));
    let absent = finding(&refusing("6.8.0", None, libc::ENOSYS), &config, "permission");
    assert!(absent.found.contains("ENOSYS"), "{}", absent.found);
}

#[test]
fn what_was_not_tried_is_neither_missing_nor_too_old() {
    let findings = findings(&config(|_| {}), &refusing("6.18.1", Some(2), libc::EPERM));
    let not_tried: Vec<_> = findings.iter().filter(|finding| finding.name == NOT_TRIED).collect();
    assert!(not_tried.iter().all(|finding| finding.verdict == Verdict::Note));
    assert_eq!(
        not_tried.iter().map(|finding| finding.found.as_str()).collect::<Vec<_>>(),
        [
            "operations, file table, recv buffers, accept, multishot recv, send: because of what is missing",
            "no SQ array, fd install, bundles, min-wait, incremental buffers, vectored send: because of what is missing",
        ]
    );
}

#[test]
fn too_few_descriptors_name_the_shards_that_suffice() {
    let mut facts = good();
    facts.ring.nofile = 1024;
    let config = config(|c| c.shards = Shards::Count(4));
    let table = finding(&facts, &config, "file table");
    assert_eq!(table.verdict, Verdict::Missing);
    assert!(table.found.contains("2564 direct descriptors per ring"), "{}", table.found);
    assert!(table.mend.expect("a command").starts_with("use --shards=11\n"));
}

#[test]
fn a_feature_of_a_newer_kernel_is_a_note_that_says_since_when() {
    let mut facts = good();
    facts.ring.trial.features.min_wait = false;
    let finding = finding(&facts, &config(|_| {}), "min-wait");
    assert_eq!(finding.verdict, Verdict::Note);
    assert!(finding.found.starts_with("needs kernel 6.12; "), "{}", finding.found);
    assert!(can_run(&findings(&config(|_| {}), &facts)));
}

#[test]
fn a_backlog_that_the_kernel_cuts_is_a_note() {
    let facts = Facts { somaxconn: Some(128), ..good() };
    let backlog = finding(&facts, &config(|_| {}), "backlog");
    assert_eq!(backlog.verdict, Verdict::Note);
    assert_eq!(backlog.mend.as_deref(), Some("sudo sysctl -w net.core.somaxconn=4096"));
}

#[test]
fn the_tighter_of_machine_and_control_group_bounds_the_memory() {
    let facts = Facts { cgroup_memory_bytes: Some(1 << 30), ..good() };
    let memory = finding(&facts, &config(|_| {}), "memory");
    assert_eq!(memory.verdict, Verdict::Note);
    assert!(memory.found.ends_with("more than the 1.0 GiB there are"), "{}", memory.found);
}

#[test]
fn shards_and_pins_are_held_against_the_cores() {
    let shards = finding(&good(), &config(|c| c.shards = Shards::Count(8)), "shards");
    assert_eq!((shards.verdict, shards.found.as_str()), (Verdict::Note, "8 shards on 4 cores (0-3): they take turns"));

    let pins = finding(&good(), &config(|c| c.pin = Pin::List(vec![3, 4, 7])), "pins");
    assert_eq!((pins.verdict, pins.found.as_str()), (Verdict::Missing, "this process may not run on 4,7"));

    let pins = finding(&good(), &config(|c| c.shards = Shards::Count(8)), "pins");
    assert_eq!(pins.verdict, Verdict::Note);

    let pins = finding(&good(), &config(|c| c.pin = Pin::None), "pins");
    assert_eq!(pins.verdict, Verdict::Ok);
}

#[test]
fn a_quota_below_the_shards_is_a_note() {
    let facts = Facts { cgroup_cores: Some(1.5), ..good() };
    let time = finding(&facts, &config(|_| {}), "core time");
    assert_eq!(time.verdict, Verdict::Note);
    assert!(time.mend.expect("a setting").starts_with("--shards=1 or "));
}

#[test]
fn the_text_is_aligned_and_has_colour_only_when_asked() {
    let mut facts = good();
    facts.ring.nofile = 1024;
    let config = config(|_| {});
    let findings = findings(&config, &facts);
    let text = print::text(&config, &facts, &findings, false);
    assert!(!text.contains('\x1b'));
    assert!(text.starts_with("10000 connections on 4 shards\n\nio_uring\n  ok       kernel "), "{text}");
    assert!(text.contains("\n                                → use --shards=11\n"), "{text}");
    assert!(text.ends_with("\nIt cannot run here: 1 missing (0 notes).\n"), "{text}");
    assert!(print::text(&config, &facts, &findings, true).contains("\x1b[31mmissing\x1b[0m"));
}

#[test]
fn the_json_says_whether_it_can_run() {
    let findings = findings(&config(|_| {}), &good());
    let report: serde_json::Value = serde_json::from_str(&print::json(&findings)).expect("JSON");
    assert_eq!(report["can_run"], true);
    assert_eq!(report["findings"][0]["name"], "kernel");
    assert_eq!(report["findings"][0]["verdict"], "ok");
}

#[test]
fn cores_are_written_as_the_kernel_does() {
    assert_eq!(ranges(&[5, 0, 1, 2, 7, 7]), "0-2,5,7");
    assert_eq!(ranges(&[]), "");
}

/// Fails, with the report, where a server cannot run.
#[test]
fn this_machine_can_run_the_defaults() {
    let config = config(|c| c.connections_max = 100);
    let facts = Facts::gather(&config);
    let findings = findings(&config, &facts);
    assert!(can_run(&findings), "{}", print::text(&config, &facts, &findings, false));
}
