//! Verdicts on machines that we do not have, and the trial on the one that we do.

use super::*;

const WANTED: Wanted = Wanted { connections_max: 900, shard_count: 1, ring_entries: 64, recv_buffer_count: 8 };

/// A machine on which everything works.
fn good() -> RingFacts {
    RingFacts {
        release: "6.1.0-18-amd64".into(),
        io_uring_disabled: None,
        nofile: 1024,
        memlock: 8 << 20,
        trial: Trial {
            passed: vec![Step::Setup, Step::FileTable, Step::BufferRing, Step::Accept, Step::Recv, Step::Send],
            failed: None,
            operations_missing: vec![],
            features: Features::default(),
        },
    }
}

fn failing(step: Step, errno: i32) -> RingFacts {
    let mut facts = good();
    facts.trial.failed = Some((step, errno));
    facts
}

#[test]
fn a_good_machine_has_no_problem() {
    assert_eq!(good().problems(&WANTED), []);
}

#[test]
fn an_old_kernel_is_the_one_cause_of_refused_flags() {
    let facts = RingFacts { release: "5.15.0-101-generic".into(), ..failing(Step::Setup, libc::EINVAL) };
    let problems = facts.problems(&WANTED);
    assert_eq!(problems, [ProbeError::KernelTooOld { release: "5.15.0-101-generic".into() }]);
    assert_eq!(problems[0].to_string(), "kernel 5.15.0-101-generic is older than 6.1");
    assert!(problems[0].mend().contains("apt install"), "{}", problems[0].mend());
}

#[test]
fn a_refused_setup_is_told_apart_by_errno_and_setting() {
    for (errno, disabled, expected) in [
        (libc::EPERM, Some(2), ProbeError::Disabled { level: 2 }),
        (libc::EPERM, Some(1), ProbeError::Disabled { level: 1 }),
        (libc::EPERM, Some(0), ProbeError::Filtered { errno: libc::EPERM }),
        (libc::EPERM, None, ProbeError::Filtered { errno: libc::EPERM }),
        (libc::EACCES, None, ProbeError::Filtered { errno: libc::EACCES }),
        (libc::ENOSYS, Some(0), ProbeError::Filtered { errno: libc::ENOSYS }),
        (libc::ENOSYS, None, ProbeError::Absent),
        (libc::ENOMEM, None, ProbeError::Memory { soft: 8 << 20 }),
        (libc::EFAULT, None, ProbeError::StepFailed { step: Step::Setup, errno: libc::EFAULT }),
    ] {
        let facts = RingFacts { io_uring_disabled: disabled, ..failing(Step::Setup, errno) };
        assert_eq!(facts.problems(&WANTED), [expected]);
    }
}

#[test]
fn every_problem_has_a_mending_command() {
    for (problem, command) in [
        (ProbeError::Disabled { level: 2 }, "sudo sysctl --system"),
        (ProbeError::Filtered { errno: libc::EPERM }, "seccomp=unconfined"),
        (ProbeError::Absent, "CONFIG_IO_URING=y"),
        (ProbeError::Memory { soft: 65_536 }, "ulimit -l unlimited"),
        (ProbeError::OperationsMissing { names: vec!["MSG_RING"] }, "newer kernel"),
        (ProbeError::StepFailed { step: Step::Recv, errno: libc::EINVAL }, "newer kernel"),
    ] {
        assert!(problem.mend().contains(command), "{problem}: {}", problem.mend());
        assert!(!problem.to_string().is_empty());
    }
    assert_eq!(
        ProbeError::Disabled { level: 1 }.to_string(),
        "io_uring is switched off by kernel.io_uring_disabled = 1 (privileged processes only)"
    );
}

#[test]
fn a_file_table_beyond_the_limit_names_shards_first() {
    let wanted = Wanted { connections_max: 50_000, shard_count: 2, ..WANTED };
    let facts = RingFacts { nofile: 20_000, ..failing(Step::FileTable, libc::EMFILE) };
    let problems = facts.problems(&wanted);
    assert_eq!(
        problems,
        [ProbeError::FileTable { connections_max: 50_000, shard_count: 2, table: 25_064, nofile: 20_000 }]
    );
    assert!(
        problems[0]
            .to_string()
            .contains("25064 direct descriptors per ring (connections_max = 50000, shards = 2, 64 to spare)"),
        "{}",
        problems[0]
    );
    assert!(problems[0].mend().starts_with("use --shards=3\nor raise the limit:"), "{}", problems[0].mend());
    assert!(problems[0].mend().contains("--nofile=25064:25064"), "{}", problems[0].mend());
    assert_eq!(facts.problems(&Wanted { shard_count: 3, ..wanted }), []);
}

/// 1,000,000 connections divide into 50 tables of exactly the limit, but a ring has spare descriptors too.
#[test]
fn the_number_of_shards_that_is_proposed_is_enough() {
    let facts = RingFacts { nofile: 20_000, ..good() };
    let wanted = Wanted { connections_max: 1_000_000, shard_count: 50, ..WANTED };
    let problems = facts.problems(&wanted);
    assert!(problems[0].mend().starts_with("use --shards=51\n"), "{}", problems[0].mend());
    assert_eq!(facts.problems(&Wanted { shard_count: 51, ..wanted }), []);
}

#[test]
fn shards_beyond_their_most_are_not_proposed() {
    let wanted = Wanted { connections_max: 10_000_000, ..WANTED };
    let problems = RingFacts { nofile: 1024, ..good() }.problems(&wanted);
    assert!(!problems[0].mend().contains("--shards"), "{}", problems[0].mend());
}

#[test]
fn missing_operations_are_named() {
    let mut facts = good();
    facts.trial.operations_missing = vec!["RECV", "MSG_RING"];
    let problems = facts.problems(&WANTED);
    assert_eq!(problems, [ProbeError::OperationsMissing { names: vec!["RECV", "MSG_RING"] }]);
    assert!(problems[0].to_string().ends_with("needed: RECV, MSG_RING"));
}

/// Fails, with the reason, where io_uring is not to be had.
#[test]
fn this_machine_can_run_a_server() {
    let features = require(&WANTED).unwrap_or_else(|problem| panic!("{problem}: {}", problem.mend()));
    let facts = RingFacts::gather(&WANTED);
    assert_eq!(facts.trial.features, features);
    assert_eq!(facts.trial.passed, good().trial.passed);
}

#[test]
fn a_table_one_larger_than_the_limit_is_refused_here() {
    let nofile = u32::try_from(RingFacts::gather(&WANTED).nofile).unwrap_or(u32::MAX);
    let wanted = Wanted { connections_max: nofile.saturating_add(1), ..WANTED };
    // Without a limit there is nothing to be refused by.
    if nofile < wanted.connections_max {
        let trial = trial::run(&wanted);
        assert_eq!(trial.failed, Some((Step::FileTable, libc::EMFILE)));
        assert!(trial.passed.contains(&Step::Send), "the rest is tried all the same: {:?}", trial.passed);
        assert!(matches!(require(&wanted), Err(ProbeError::FileTable { .. })));
    }
}
