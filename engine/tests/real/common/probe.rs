//! An echo that writes down what happens to it.

use std::sync::{Arc, Mutex};

use ringwire::{CloseCode, Conn, ConnError, Handler, Message};

use super::eventually;

/// Lines that callbacks wrote, shared with the test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn push(&self, line: impl Into<String>) {
        self.0.lock().expect("no callback panicked").push(line.into());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no callback panicked").clone()
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        self.0.lock().expect("no callback panicked").iter().filter(|found| *found == line).count()
    }

    /// Waits for `line`.
    #[track_caller]
    pub(crate) fn expect(&self, line: &str) {
        eventually(&format!("{line:?} in {:?}", self.lines()), || self.count(line) > 0);
    }
}

/// Echoes, and logs opens, drains, errors and closes; not messages.
pub(crate) struct Probe(pub(crate) Log);

impl Handler for Probe {
    type Data = ();

    fn on_open(&mut self, _conn: &mut Conn<'_, ()>) {
        self.0.push("open");
    }

    fn on_message(&mut self, conn: &mut Conn<'_, ()>, message: Message<'_>) {
        let _ = conn.send(message);
    }

    fn on_drain(&mut self, _conn: &mut Conn<'_, ()>) {
        self.0.push("drain");
    }

    fn on_close(&mut self, _conn: &mut Conn<'_, ()>, code: CloseCode, reason: &str) {
        self.0.push(format!("close {} {reason}", code.0));
    }

    fn on_error(&mut self, _conn: &mut Conn<'_, ()>, error: &ConnError) {
        self.0.push(format!("error {error}"));
    }

    fn on_terminate(&mut self) {
        self.0.push("terminate");
    }
}
