//! Lone: one connection, one message under way, each round trip timed.
//!
//! The generator spins on its socket, so that the time holds the server's wake-up and not its own.

use std::net::TcpStream;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use hdrhistogram::Histogram;

use super::connect::{open_all, read_some, write_some};
use super::frames::Frames;
use super::{Goal, Load, Options, RoundTrip, SILENCE_MAX};

/// Ten seconds in nanoseconds: the longest round trip that is told apart.
const TRIP_MAX: u64 = 10_000_000_000;

pub(super) struct Lone {
    stream: TcpStream,
    frames: Frames,
    sequence: u32,
    read: Vec<u8>,
    trips: Histogram<u64>,
}

impl Lone {
    pub(super) fn open(options: &Options) -> Result<Self> {
        ensure!(options.connections == 1 && options.depth == 1, "lone is one connection with one message under way");
        let frames = Frames::new(options.opcode, options.bytes);
        let stream = open_all(options)?.remove(0);
        let read = vec![0; frames.server_bytes() + 1];
        Ok(Self { stream, frames, sequence: 0, read, trips: Histogram::new_with_bounds(1, TRIP_MAX, 3)? })
    }

    fn round_trip_once(&mut self) -> Result<u64> {
        let frame = self.frames.client(0, self.sequence);
        let start = Instant::now();
        let mut sent = 0;
        while sent < frame.len() {
            sent += write_some(&mut self.stream, &frame[sent..])?;
        }
        let expected = self.frames.server(0, self.sequence);
        let mut received = 0;
        while received < expected.len() {
            match read_some(&mut self.stream, &mut self.read[received..])? {
                Some(count) => received += count,
                None if start.elapsed() > SILENCE_MAX => bail!("message {} did not come back", self.sequence),
                None => std::hint::spin_loop(),
            }
        }
        let trip = start.elapsed();
        ensure!(&self.read[..received] == expected, "message {} came back changed", self.sequence);
        self.sequence = self.sequence.wrapping_add(1);
        Ok((trip.as_nanos() as u64).clamp(1, TRIP_MAX))
    }
}

impl Load for Lone {
    fn run(&mut self, goal: Goal) -> Result<u64> {
        let mut count = 0;
        while !goal.is_reached(count) {
            let trip = self.round_trip_once()?;
            self.trips.record(trip)?;
            count += 1;
        }
        Ok(count)
    }

    fn round_trip(&mut self) -> Option<RoundTrip> {
        let at = |quantile| self.trips.value_at_quantile(quantile);
        let report = RoundTrip { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: self.trips.max() };
        self.trips.reset();
        Some(report)
    }
}
