//! Who waits to catch up: a turn replays so much and no more, so that many who come back at once do not make it long (rule 9).
//!
//! While somebody waits, all others wait behind them: served in order, each gets a page or what is left of the turn's room.

use std::collections::VecDeque;

use super::local::Local;

/// What a turn replays, in bytes as they are sent, and what a message costs beside them: about a millisecond.
pub(crate) const ROOM_BYTES: usize = 512 * 1024;
const MESSAGE_BYTES: usize = 64;

/// Room of this turn, and slots that wait for some.
#[derive(Debug)]
pub(crate) struct Replays {
    room: usize,
    room_max: usize,
    waiting: VecDeque<u32>,
}

impl Replays {
    pub(crate) fn new(room_max: usize) -> Self {
        Self { room: room_max, room_max, waiting: VecDeque::new() }
    }

    /// Whether this turn replays no more.
    pub(super) fn is_full(&self) -> bool {
        self.room == 0
    }

    /// Takes the room of one message.
    pub(super) fn take(&mut self, bytes: usize) {
        self.room = self.room.saturating_sub(bytes + MESSAGE_BYTES);
    }

    /// Those that wait.
    pub(crate) fn waiting_count(&self) -> usize {
        self.waiting.len()
    }
}

impl<D> Local<D> {
    /// Begins a turn's replays with those who wait.
    pub(crate) fn run_waiting(&mut self) {
        self.replays.room = self.replays.room_max;
        while !self.replays.is_full()
            && let Some(slot) = self.replays.waiting.pop_front()
        {
            let conn = &mut self.conns[slot];
            conn.waits = false;
            // It may have left, and somebody else come.
            if conn.queue.as_ref().is_some_and(|queue| !queue.behind.is_empty()) {
                self.catch_up_now(slot);
            }
            self.mark_dirty(slot);
        }
    }

    /// Whether the connection must wait to catch up; then it does.
    pub(super) fn must_wait(&mut self, slot: u32) -> bool {
        let must = self.replays.is_full() || !self.replays.waiting.is_empty();
        if must {
            self.wait(slot);
        }
        must
    }

    /// Puts the connection behind those that wait, unless it is among them.
    fn wait(&mut self, slot: u32) {
        if !std::mem::replace(&mut self.conns[slot].waits, true) {
            self.replays.waiting.push_back(slot);
        }
    }

    /// The same for one whose page the turn had not room enough for: it is the next.
    pub(super) fn wait_in_front(&mut self, slot: u32) {
        if !std::mem::replace(&mut self.conns[slot].waits, true) {
            self.replays.waiting.push_front(slot);
        }
    }
}
