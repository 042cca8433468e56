//! What criterion times and callgrind counts: the same jobs, done over and over, each beside the peers that have one.
//!
//! A job does its work in memory, with no socket and no kernel, and says how much it did: one that did nothing fails. Frames are
//! masked with a key of zero, which costs what any key costs and leaves them as they were for the next time.

mod decoder;
mod handshake;
mod header;
mod replay;
mod text;
mod turn;

/// Our own contender's name.
pub const RINGWIRE: &str = "ringwire";

/// Work of a known size.
pub struct Job {
    /// What is done: the same for all contenders.
    pub group: &'static str,
    /// Who does it.
    pub contender: &'static str,
    /// Units of work in a run: messages, frames, handshakes, or texts.
    pub units: u64,
    work: Box<dyn FnMut() -> u64>,
}

impl Job {
    fn new(group: &'static str, contender: &'static str, units: u64, work: impl FnMut() -> u64 + 'static) -> Self {
        Self { group, contender, units, work: Box::new(work) }
    }

    /// Does the work once.
    ///
    /// # Panics
    /// If less or more was done than it says.
    pub fn run(&mut self) {
        let done = (self.work)();
        assert_eq!(done, self.units, "{}, {}", self.group, self.contender);
    }
}

/// All jobs, those of a group behind one another, Ringwire's first.
pub fn all() -> Vec<Job> {
    [header::jobs(), decoder::jobs(), handshake::jobs(), text::jobs(), turn::jobs()].into_iter().flatten().collect()
}

/// A client's frame with a key of zero.
fn frame(opcode: u8, is_last: bool, payload: &[u8]) -> Vec<u8> {
    let first = opcode | if is_last { 0x80 } else { 0 };
    let mut frame = match payload.len() {
        length @ ..126 => vec![first, 0x80 | length as u8],
        length @ ..=0xFFFF => [&[first, 0x80 | 126][..], &(length as u16).to_be_bytes()].concat(),
        length => [&[first, 0x80 | 127][..], &(length as u64).to_be_bytes()].concat(),
    };
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_does_what_it_says_again_and_again() {
        for mut job in all() {
            (0..3).for_each(|_| job.run());
        }
    }

    #[test]
    fn each_group_begins_with_ringwire() {
        let jobs = all();
        for group in jobs.chunk_by(|one, other| one.group == other.group) {
            assert_eq!(group[0].contender, RINGWIRE, "{}", group[0].group);
            let twice =
                group.iter().enumerate().any(|(at, job)| group[..at].iter().any(|it| it.contender == job.contender));
            assert!(!twice, "{}", group[0].group);
        }
    }
}
