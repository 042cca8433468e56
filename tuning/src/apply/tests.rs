//! Every profile, on a machine that dies at every step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::plan::Scope;
use crate::profile::Profile;
use crate::revert::revert;
use crate::state::PATH;
use crate::system::fake::Fake;

fn run(fake: &mut Fake, profile: &Profile) -> Result<Applied, ApplyError> {
    let machine = Machine::read(fake).unwrap();
    let plan = Plan::of(profile, &machine, fake, &machine.facts(50_000), &Scope::everything());
    apply(&plan, &machine, fake, Path::new(PATH), |_, _| {})
}

fn back(fake: &mut Fake) {
    fake.dies_at = None;
    let machine = Machine::read(fake).unwrap();
    revert(&machine, fake, Path::new(PATH)).unwrap();
}

/// Fails with the first file that is not as before.
fn assert_same(before: &BTreeMap<PathBuf, String>, fake: &Fake, what: &str) {
    for (path, text) in before {
        assert_eq!(fake.files.get(path), Some(text), "{what}: {}", path.display());
    }
    let new: Vec<_> = fake.files.keys().filter(|path| !before.contains_key(*path)).collect();
    assert!(new.is_empty(), "{what}: left behind {new:?}");
}

#[test]
fn what_was_applied_is_taken_back_byte_for_byte() {
    for profile in Profile::shipped() {
        let mut fake = Fake::server();
        let before = fake.files.clone();
        let applied = run(&mut fake, &profile).unwrap();
        assert!(applied.changes.len() >= 3, "{}: {:?}", profile.name, applied.changes);
        assert_ne!(before, fake.files);
        back(&mut fake);
        assert_same(&before, &fake, &profile.name);
        back(&mut fake);
        assert_same(&before, &fake, "twice");
    }
}

#[test]
fn an_apply_that_is_killed_at_any_step_is_taken_back() {
    for profile in Profile::shipped() {
        let mut whole = Fake::server();
        run(&mut whole, &profile).unwrap();
        for step in 0..whole.steps {
            let mut fake = Fake { dies_at: Some(step), ..Fake::server() };
            let before = fake.files.clone();
            assert!(run(&mut fake, &profile).is_err(), "{} at step {step}", profile.name);
            back(&mut fake);
            assert_same(&before, &fake, &format!("{}, killed at step {step}", profile.name));
        }
    }
}

#[test]
fn a_revert_that_is_killed_at_any_step_is_finished_by_the_next() {
    for profile in Profile::shipped() {
        let mut applied = Fake::server();
        let before = applied.files.clone();
        run(&mut applied, &profile).unwrap();
        for step in 0.. {
            let mut fake = Fake { dies_at: Some(applied.steps + step), ..applied.clone() };
            let machine = Machine::read(&fake).unwrap();
            let whole = revert(&machine, &mut fake, Path::new(PATH)).is_ok();
            back(&mut fake);
            assert_same(&before, &fake, &format!("{}, revert killed at step {step}", profile.name));
            if whole {
                assert!(step > 3);
                break;
            }
        }
    }
}

/// One after the other, the second killed at each step: what was there before the first comes back.
#[test]
fn profiles_applied_over_each_other_are_taken_back_together() {
    let (first, second) = (Profile::load("fanout").unwrap(), Profile::load("throughput").unwrap());
    let mut applied = Fake::server();
    let before = applied.files.clone();
    run(&mut applied, &first).unwrap();
    let mut both = applied.clone();
    run(&mut both, &second).unwrap();
    for step in applied.steps..=both.steps {
        let mut fake = Fake { dies_at: Some(step), ..applied.clone() };
        let _ = run(&mut fake, &second);
        back(&mut fake);
        assert_same(&before, &fake, &format!("the second killed at step {step}"));
    }
}

#[test]
fn applied_twice_changes_nothing_the_second_time() {
    for profile in Profile::shipped() {
        let mut fake = Fake::server();
        let before = fake.files.clone();
        run(&mut fake, &profile).unwrap();
        let once = fake.files.clone();
        assert_eq!(run(&mut fake, &profile).unwrap().changes, []);
        assert_same(&once, &fake, &profile.name);
        back(&mut fake);
        assert_same(&before, &fake, &profile.name);
    }
}

/// The kernel refuses one place, whichever it is: nothing stays changed, and nothing is kept to be taken back.
#[test]
fn what_is_refused_takes_all_back() {
    for profile in Profile::shipped() {
        let mut whole = Fake::server();
        for change in run(&mut whole, &profile).unwrap().changes {
            let Place::Kernel { path, .. } = &change.place else { continue };
            let mut fake = Fake { refuses: Some(path.clone()), ..Fake::server() };
            let before = fake.files.clone();
            let error = run(&mut fake, &profile).unwrap_err();
            assert!(matches!(&error, ApplyError::Refused { place, .. } if *place == change.place), "{error}");
            assert_same(&before, &fake, &format!("{}: {} refused", profile.name, change.place));
        }
    }
}

/// A second profile that is refused leaves the first as it was.
#[test]
fn a_refusal_keeps_what_was_applied_earlier() {
    let mut fake = Fake::server();
    let before = fake.files.clone();
    run(&mut fake, &Profile::load("fanout").unwrap()).unwrap();
    let first = fake.files.clone();
    fake.refuses = Some("/proc/sys/net/core/netdev_budget".into());
    run(&mut fake, &Profile::load("throughput").unwrap()).unwrap_err();
    assert_same(&first, &fake, "the first alone");
    back(&mut fake);
    assert_same(&before, &fake, "nothing");
}

#[test]
fn a_state_of_an_earlier_start_is_not_written_over_the_kernels_own() {
    let mut fake = Fake::server();
    let before = fake.files.clone();
    run(&mut fake, &Profile::load("fanout").unwrap()).unwrap();
    // The machine restarts, and comes up with other values.
    let kept: Vec<_> =
        fake.files.iter().filter(|(path, _)| path.starts_with("/etc") || path.starts_with("/var")).collect();
    let kept: BTreeMap<PathBuf, String> = kept.into_iter().map(|(path, text)| (path.clone(), text.clone())).collect();
    fake.files = before.clone();
    fake.files.extend(kept);
    fake.files.insert("/proc/sys/kernel/random/boot_id".into(), "another\n".into());
    fake.files.insert("/proc/sys/net/core/somaxconn".into(), "8192\n".into());
    let mut after = before;
    after.insert("/proc/sys/kernel/random/boot_id".into(), "another\n".into());
    after.insert("/proc/sys/net/core/somaxconn".into(), "8192\n".into());
    back(&mut fake);
    assert_same(&after, &fake, "after a restart");
}

#[test]
fn nothing_is_written_where_what_was_before_cannot_be_kept() {
    let mut fake = Fake::server();
    fake.files.insert(PATH.into(), "{\"version\": 9}\n".into());
    let before = fake.files.clone();
    let error = run(&mut fake, &Profile::load("fanout").unwrap()).unwrap_err().to_string();
    assert!(error.contains("not a state that this version"), "{error}");
    assert_same(&before, &fake, "a strange state");
}

/// The file is there, and says that the thing is not: written to, it would refuse, and take all the rest back.
#[test]
fn what_the_kernel_says_it_does_not_have_is_left_out() {
    let mut fake = Fake::server();
    let control = Path::new("/sys/devices/system/cpu/smt/control");
    fake.files.insert(control.into(), "notsupported\n".into());
    fake.refuses = Some(control.into());
    let before = fake.files.clone();
    run(&mut fake, &Profile::load("bench").unwrap()).unwrap();
    assert_eq!(fake.files[control], before[control]);
    back(&mut fake);
    assert_same(&before, &fake, "bench without SMT");
}

#[test]
fn without_permission_nothing_is_tried() {
    let mut fake = Fake { read_only: true, ..Fake::server() };
    let before = fake.files.clone();
    let profile = Profile::load("fanout").unwrap();
    let machine = Machine::read(&fake).unwrap();
    let only = Scope { only: vec!["sysctl".into()], ..Scope::everything() };
    let plan = Plan::of(&profile, &machine, &fake, &machine.facts(50_000), &only);
    assert_eq!(apply(&plan, &machine, &mut fake, Path::new(PATH), |_, _| {}).unwrap().changes, []);
    assert_same(&before, &fake, "not root");
}
