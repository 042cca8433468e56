//! Examples, and random faults against a model that remembers every message.

use super::*;
use crate::payload::{Codec, Form};

fn came(ledger: &mut Ledger, receiver: u32, sender: u32, sequences: &[u64]) {
    for &sequence in sequences {
        ledger.book(receiver, Ok(Stamp { sequence, sender, planned: 0 }));
    }
}

fn checks_of(sequences: &[u64], sent: u64) -> Checks {
    let mut ledger = Ledger::own(5, 1);
    came(&mut ledger, 0, 5, sequences);
    ledger.close(|_| sent)
}

#[test]
fn in_order_nothing_is_wrong() {
    assert_eq!(checks_of(&[0, 1, 2, 3], 4), Checks::default());
    assert_eq!(checks_of(&[], 0), Checks::default());
}

#[test]
fn each_fault_counts_once() {
    assert_eq!(checks_of(&[0, 2, 3], 4), Checks { missing: 1, ..Checks::default() });
    assert_eq!(checks_of(&[0, 1], 4), Checks { missing: 2, ..Checks::default() }, "the end is missing");
    assert_eq!(checks_of(&[], 4), Checks { missing: 4, ..Checks::default() });
    assert_eq!(checks_of(&[0, 1, 1, 2], 3), Checks { duplicate: 1, ..Checks::default() });
    assert_eq!(checks_of(&[0, 2, 1, 3], 4), Checks { out_of_order: 1, ..Checks::default() }, "swapped");
    assert_eq!(checks_of(&[1, 2, 3, 0], 4), Checks { out_of_order: 1, ..Checks::default() }, "late");
    let late_and_again = Checks { out_of_order: 1, duplicate: 1, ..Checks::default() };
    assert_eq!(checks_of(&[0, 2, 1, 1, 3], 4), late_and_again);
}

#[test]
fn a_damaged_message_is_not_missing_too() {
    for damage in [Corrupt::Stamp, Corrupt::Fill(Stamp { sequence: 1, sender: 5, planned: 0 })] {
        let mut ledger = Ledger::own(5, 1);
        came(&mut ledger, 0, 5, &[0]);
        assert_eq!(ledger.book(0, Err(damage)), Arrival::Corrupt);
        came(&mut ledger, 0, 5, &[2]);
        assert_eq!(ledger.close(|_| 3), Checks { corrupt: 1, ..Checks::default() }, "{damage:?}");
    }
}

#[test]
fn a_message_for_another_receiver_is_corrupt() {
    let mut ledger = Ledger::own(5, 2);
    assert_eq!(ledger.book(0, Ok(Stamp { sequence: 0, sender: 6, planned: 0 })), Arrival::Corrupt);
    let expected = Checks { corrupt: 1, missing: 1, ..Checks::default() };
    assert_eq!(ledger.close(|_| 1), expected, "receiver 0 got one message, and receiver 1 none");
}

#[test]
fn in_a_fan_out_streams_are_apart() {
    let mut ledger = Ledger::crossed(2, 3);
    for receiver in 0..2 {
        came(&mut ledger, receiver, 0, &[0, 1, 2]);
        came(&mut ledger, receiver, 1, &[0, 2]);
    }
    came(&mut ledger, 0, 2, &[0, 1, 2]);
    came(&mut ledger, 1, 2, &[2]);
    assert_eq!(ledger.close(|_| 3), Checks { missing: 4, ..Checks::default() });
}

#[test]
fn too_many_gaps_are_forgotten_and_still_missing() {
    let kept: Vec<u64> = (0..3 * GAPS_MAX as u64).map(|index| 2 * index).collect();
    let sent = 2 * kept.len() as u64;
    let missing = kept.len() as u64;
    assert_eq!(checks_of(&kept, sent), Checks { missing, ..Checks::default() });
    let mut ledger = Ledger::own(0, 1);
    came(&mut ledger, 0, 0, &kept);
    assert_eq!(ledger.book(0, Ok(Stamp { sequence: 1, sender: 0, planned: 0 })), Arrival::Unsure);
    let newest = sent - 3;
    assert_eq!(ledger.book(0, Ok(Stamp { sequence: newest, sender: 0, planned: 0 })), Arrival::Late);
    let expected = Checks { missing: missing - 2, unsure: 1, out_of_order: 1, ..Checks::default() };
    assert_eq!(ledger.close(|_| sent), expected);
}

/// A gap that is cut in pieces by what comes late counts against the bound too.
#[test]
fn gaps_that_are_split_stay_bounded() {
    let mut stream = Stream::default();
    let mut checks = Checks::default();
    let sent = 8 * GAPS_MAX as u64;
    stream.note(sent - 1, &mut checks);
    for sequence in (1..sent - 1).step_by(2).collect::<Vec<_>>().into_iter().rev() {
        assert!(matches!(stream.note(sequence, &mut checks), Arrival::Late | Arrival::Unsure));
    }
    assert!(checks.unsure + checks.out_of_order == sent / 2 - 1, "{checks:?}");
    assert!(stream.owed(sent) >= sent / 2 - checks.unsure, "{checks:?}");
}

/// Remembers everything.
#[derive(Default)]
struct Model {
    seen: std::collections::HashSet<(u32, u64)>,
    highest: std::collections::HashMap<u32, u64>,
    checks: Checks,
}

impl Model {
    fn book(&mut self, sender: u32, sequence: u64) {
        let highest = self.highest.get(&sender).copied();
        if !self.seen.insert((sender, sequence)) {
            self.checks.duplicate += 1;
        } else if highest.is_some_and(|highest| sequence < highest) {
            self.checks.out_of_order += 1;
        }
        self.highest.insert(sender, highest.unwrap_or(0).max(sequence));
    }

    fn damage(&mut self, sender: u32, sequence: u64, stamp_is_whole: bool) {
        self.checks.corrupt += 1;
        self.seen.insert((sender, sequence));
        if stamp_is_whole {
            let highest = self.highest.entry(sender).or_insert(0);
            *highest = sequence.max(*highest);
        }
    }
}

/// Sends through a line that drops, repeats, swaps and damages, and compares the two accounts.
fn try_line(seed: u64, one_in: u32, form: Form) {
    let mut dice = fastrand::Rng::with_seed(seed);
    let (senders, each, codec) = (dice.u32(1..5), 3_000_u64, Codec::new(form, seed));
    let mut ledger = Ledger::crossed(1, senders);
    let mut model = Model::default();
    let mut held: Vec<Vec<u8>> = Vec::new();
    for index in 0..each * u64::from(senders) {
        let stamp =
            Stamp { sequence: index / u64::from(senders), sender: (index % u64::from(senders)) as u32, planned: index };
        let mut payload = vec![0; dice.usize(codec.bytes_min()..200)];
        codec.write(stamp, &mut payload);
        let fault = if dice.u32(..one_in) == 0 { dice.u32(1..=4) } else { 0 };
        match fault {
            1 => continue,
            2 => held.extend([payload.clone(), payload]),
            3 => {
                held.push(payload);
                continue;
            }
            4 => {
                let at = dice.usize(..payload.len());
                payload[at] ^= dice.u8(1..);
                let read = codec.read(&payload);
                model.damage(stamp.sender, stamp.sequence, matches!(read, Err(Corrupt::Fill(_))));
                assert_eq!(ledger.book(0, read), Arrival::Corrupt);
                continue;
            }
            _ => held.push(payload),
        }
        for payload in held.drain(..).rev() {
            let stamp = codec.read(&payload).expect("nobody damaged it");
            model.book(stamp.sender, stamp.sequence);
            ledger.book(0, Ok(stamp));
        }
    }
    let mut expected = model.checks;
    expected.missing = each * u64::from(senders) - model.seen.len() as u64;
    assert_eq!(ledger.close(|_| each), expected, "seed {seed}");
}

#[test]
fn any_faults_are_counted_as_the_model_counts_them() {
    for seed in 0..60 {
        let form = if seed % 2 == 0 { Form::Binary } else { Form::Text };
        try_line(seed, [2, 5, 50, 1000][seed as usize % 4], form);
    }
}

/// One fault in ten thousand messages, of each kind, at a random place: found every time.
#[test]
fn one_fault_in_ten_thousand_is_found_every_time() {
    let mut dice = fastrand::Rng::with_seed(9);
    for round in 0..400 {
        let codec = Codec::new(Form::Binary, round);
        let mut payloads: Vec<Vec<u8>> = (0..10_000)
            .map(|sequence| {
                let mut payload = vec![0; 32];
                codec.write(Stamp { sequence, sender: 0, planned: sequence }, &mut payload);
                payload
            })
            .collect();
        let at = dice.usize(..9_999);
        let one = Checks::default();
        let expected = match round % 4 {
            0 => {
                payloads.remove(at);
                Checks { missing: 1, ..one }
            }
            1 => {
                payloads.insert(at, payloads[at].clone());
                Checks { duplicate: 1, ..one }
            }
            2 => {
                payloads.swap(at, at + 1);
                Checks { out_of_order: 1, ..one }
            }
            _ => {
                payloads[at][dice.usize(..32)] ^= 1 << dice.u32(..8);
                Checks { corrupt: 1, ..one }
            }
        };
        let mut ledger = Ledger::own(0, 1);
        for payload in &payloads {
            ledger.book(0, codec.read(payload));
        }
        assert_eq!(ledger.close(|_| 10_000), expected, "round {round}, place {at}");
    }
}
