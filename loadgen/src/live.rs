//! One line of progress: rewritten in place on a terminal, a line each time elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crate::report::units::{count, rate, time};

/// What is told while a run goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
    /// Time since the window began.
    pub elapsed: Duration,
    /// Length of the window.
    pub length: Duration,
    /// Messages per second in the last second.
    pub rate: f64,
    /// p99 of the main latency in the last second, in nanoseconds, if something was timed.
    pub p99: Option<u64>,
    /// Connections that are open.
    pub connections: u64,
    /// Connections that did not open or were lost until now.
    pub failed: u64,
}

/// Tells progress.
#[derive(Debug)]
pub struct Live<W: Write> {
    out: W,
    in_place: bool,
    /// Columns of the line that stands there.
    drawn: usize,
}

impl Live<io::Stderr> {
    /// On standard error, so that what is printed at the end can be piped.
    pub fn stderr() -> Self {
        let out = io::stderr();
        let in_place = out.is_terminal();
        Self { out, in_place, drawn: 0 }
    }
}

impl<W: Write> Live<W> {
    /// On `out`; `in_place` if that is a terminal.
    pub fn new(out: W, in_place: bool) -> Self {
        Self { out, in_place, drawn: 0 }
    }

    /// Tells where the run is.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn tell(&mut self, progress: &Progress) -> io::Result<()> {
        let line = line(progress);
        if !self.in_place {
            return writeln!(self.out, "{line}");
        }
        // Spaces cover what a longer line left behind.
        let columns = line.chars().count();
        let rest = self.drawn.saturating_sub(columns);
        self.drawn = columns;
        write!(self.out, "\r{line}{:rest$}", "")?;
        self.out.flush()
    }

    /// Takes the line away, so that what follows begins where it stood.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn clear(&mut self) -> io::Result<()> {
        let columns = std::mem::take(&mut self.drawn);
        if columns > 0 {
            write!(self.out, "\r{:columns$}\r", "")?;
        }
        self.out.flush()
    }
}

fn line(progress: &Progress) -> String {
    let p99 = progress.p99.map_or_else(|| "-".to_owned(), time);
    let failed = if progress.failed > 0 { format!(", {} FAILED", count(progress.failed)) } else { String::new() };
    let (elapsed, length) = (progress.elapsed.as_secs(), progress.length.as_secs_f64().ceil());
    let connections = count(progress.connections);
    let (name, rate) = (if progress.connections == 1 { "connection" } else { "connections" }, rate(progress.rate));
    format!("{elapsed:>4} of {length} s  {rate:>10}  p99 {p99:>7}  {connections} {name}{failed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(seconds: u64, connections: u64, failed: u64) -> Progress {
        let (elapsed, length) = (Duration::from_secs(seconds), Duration::from_secs(30));
        Progress { elapsed, length, rate: 20_000.0, p99: Some(420_000), connections, failed }
    }

    fn told(in_place: bool, all: &[Progress]) -> String {
        let mut out = Vec::new();
        let mut live = Live::new(&mut out, in_place);
        all.iter().for_each(|progress| live.tell(progress).unwrap());
        live.clear().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn elsewhere_each_is_a_line() {
        let text = told(false, &[progress(1, 1000, 0), Progress { p99: None, ..progress(2, 1, 7) }]);
        let first = "   1 of 30 s    20.0 k/s  p99  420 µs  1,000 connections\n";
        let second = "   2 of 30 s    20.0 k/s  p99       -  1 connection, 7 FAILED\n";
        assert_eq!(text, format!("{first}{second}"));
    }

    #[test]
    fn on_a_terminal_a_shorter_line_leaves_nothing_of_a_longer_one() {
        let text = told(true, &[progress(1, 1000, 0), progress(2, 1, 0)]);
        assert!(!text.contains('\n'), "{text:?}");
        let lines: Vec<&str> = text.split('\r').collect();
        assert_eq!(lines[1].chars().count(), lines[2].chars().count(), "{lines:?}");
        assert!(lines[3].trim().is_empty() && lines[4].is_empty(), "it is cleared at the end: {lines:?}");
    }
}
