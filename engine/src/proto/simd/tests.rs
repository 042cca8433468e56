//! Choosing a level: what is there, what is not, and pinning it.

use super::{Level, LevelUnavailable, current, force};

#[test]
fn scalar_is_always_there_and_the_best_is_the_last() {
    let levels: Vec<_> = Level::available().collect();
    assert_eq!(levels.first(), Some(&Level::Scalar));
    assert_eq!(levels.last(), Some(&Level::detected()));
}

#[test]
fn a_level_of_another_cpu_is_refused_by_name() {
    let foreign = if cfg!(target_arch = "aarch64") { Level::Avx2 } else { Level::Neon };
    let refusal = force(foreign).expect_err("not on this CPU");
    assert_eq!(refusal, LevelUnavailable(foreign));
    let text = refusal.to_string();
    assert!(
        text.starts_with(&format!("this CPU has no {} kernels", foreign.name())) && text.contains("scalar"),
        "{text}"
    );
}

#[test]
fn forced_level_is_current() {
    // Other tests may run meanwhile: they give the same results at every level.
    for level in Level::available() {
        force(level).expect("available");
    }
    assert_eq!(current(), Level::detected());
}

#[test]
#[should_panic(expected = "this CPU has no")]
fn an_unavailable_level_does_not_run() {
    let foreign = if cfg!(target_arch = "aarch64") { Level::Sse } else { Level::Neon };
    foreign.unmask(&mut [0; 8], [0; 4], 0);
}
