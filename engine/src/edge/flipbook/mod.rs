//! The flipbook behind `/flipbook`: one animation, published frame by frame to `demo.flipbook` from a thread of its own, that the
//! page reads over four transports at once.
//!
//! A frame is JSON text, `{"frame":…,"at":…,"fps":…,"book":…}`: its number, counted from the start of the node, when it was
//! published (milliseconds since 1970, with a fraction), the rate, and which book it is a page of. Book 0 is built into the
//! page, which draws it from the number; a visitor's drawing is told once, at `demo.flipbook.book`. Nothing is published while nobody subscribes
//! to either.
//!
//! Not here: who waits how long for a frame, which the page measures.

mod desk;
mod drawing;
mod pace;

use std::ops::{ControlFlow, RangeInclusive};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub(super) use desk::{Desk, PATH};
use drawing::Drawing;

use super::audience;
use super::clock::{unix_ms, unix_us};
use super::demo::{FLIPBOOK, FLIPBOOK_BOOK, names_demo};
use crate::server::{CommandError, ServerHandle};
use crate::topic::name::overlaps;

/// Frames per second that one may ask for.
const FPS: RangeInclusive<u32> = 1..=60;
const FPS_DEFAULT: u32 = 30;

/// Between two looks whether anybody subscribes.
const LOOK: Duration = Duration::from_millis(500);

/// After so long without anybody who looks, who comes next finds the flipbook as it was at first.
const FORGET: Duration = Duration::from_secs(600);

/// Orders that may wait; each is rationed, so that they are few.
const ORDERS_MAX: usize = 8;

/// The book that is part of the page.
const BUILTIN: u64 = 0;

/// What the player is told.
#[derive(Debug)]
enum Order {
    /// Somebody came: no waiting for the next look.
    Wake,
    Rate(u32),
    Draw(Drawing),
    Builtin,
    End,
}

/// The flipbook. Its thread ends when this is dropped, or with the server.
#[derive(Debug)]
pub(super) struct Flipbook {
    orders: SyncSender<Order>,
    /// Until the thread has it.
    waiting: Option<Receiver<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Flipbook {
    pub(super) fn new() -> Self {
        let (orders, waiting) = sync_channel(ORDERS_MAX);
        Self { orders, waiting: Some(waiting), thread: None }
    }

    /// Where visitors ask for something.
    pub(super) fn desk(&self) -> Desk {
        Desk::new(self.orders.clone())
    }

    /// Starts it, once. A node that has no thread for it goes without.
    pub(super) fn start(&mut self, server: ServerHandle) {
        let Some(orders) = self.waiting.take() else { return };
        let play = move || {
            let _ = Player::new(server, orders).run();
        };
        match thread::Builder::new().name("flipbook".into()).spawn(play) {
            Ok(thread) => self.thread = Some(thread),
            Err(error) => tracing::warn!(%error, "no flipbook: its thread cannot start"),
        }
    }
}

impl Drop for Flipbook {
    fn drop(&mut self) {
        // Who reads no orders any more has ended.
        let _ = self.orders.send(Order::End);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the flipbook panicked");
        }
    }
}

/// What is shown, and when the next frame is due.
struct Player {
    server: ServerHandle,
    orders: Receiver<Order>,
    frame: u64,
    fps: u32,
    book: u64,
    /// Whether the book was, to whoever may come.
    is_told: bool,
    due: Instant,
    /// When somebody looked last.
    seen: Instant,
}

impl Player {
    fn new(server: ServerHandle, orders: Receiver<Order>) -> Self {
        let now = Instant::now();
        Self { server, orders, frame: 0, fps: FPS_DEFAULT, book: BUILTIN, is_told: false, due: now, seen: now }
    }

    /// The thread's body: breaks when it is to end.
    fn run(mut self) -> ControlFlow<()> {
        loop {
            if audience::is_watched(&self.server, is_for_frames) {
                self.play(LOOK)?;
            } else {
                self.rest(LOOK)?;
            }
        }
    }

    /// Publishes frames for so long.
    fn play(&mut self, time: Duration) -> ControlFlow<()> {
        self.seen = Instant::now();
        let end = self.seen + time;
        if !self.is_told {
            self.show(BUILTIN, None)?;
        }
        loop {
            let now = Instant::now();
            if now >= end {
                return ControlFlow::Continue(());
            }
            if now < self.due {
                self.await_order(self.due.min(end))?;
                continue;
            }
            self.publish_frame()?;
            // On schedule, so that the rate is what it says; after a rest, or a stall, from now on.
            self.due = (self.due + self.period()).max(now);
        }
    }

    /// Waits, unless somebody comes before that.
    fn rest(&mut self, time: Duration) -> ControlFlow<()> {
        let now = Instant::now();
        if now - self.seen > FORGET && (self.book, self.fps) != (BUILTIN, FPS_DEFAULT) {
            self.fps = FPS_DEFAULT;
            self.show(BUILTIN, None)?;
        }
        self.await_order(now + time)
    }

    /// Takes an order if one comes in time.
    fn await_order(&mut self, until: Instant) -> ControlFlow<()> {
        match self.orders.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(order) => self.take(order),
            Err(RecvTimeoutError::Timeout) if self.server.is_stopped() => ControlFlow::Break(()),
            Err(RecvTimeoutError::Timeout) => ControlFlow::Continue(()),
            Err(RecvTimeoutError::Disconnected) => ControlFlow::Break(()),
        }
    }

    fn take(&mut self, order: Order) -> ControlFlow<()> {
        match order {
            Order::Wake => {}
            Order::End => return ControlFlow::Break(()),
            Order::Rate(fps) => {
                self.fps = fps;
                // What was due in a second at 1 a second is due sooner at 60.
                self.due = self.due.min(Instant::now() + self.period());
            }
            // Of two books, the later has the higher number, on the next start too.
            Order::Draw(drawing) => return self.show(unix_ms().max(self.book + 1), Some(&drawing)),
            Order::Builtin => return self.show(BUILTIN, None),
        }
        ControlFlow::Continue(())
    }

    fn period(&self) -> Duration {
        Duration::from_secs(1) / self.fps
    }

    /// Publishes a book; frames from now on are its pages.
    fn show(&mut self, book: u64, pages: Option<&Drawing>) -> ControlFlow<()> {
        (self.book, self.is_told) = (book, true);
        let pages =
            pages.map_or("null".into(), |pages| simd_json::serde::to_string(pages).expect("numbers are always JSON"));
        self.publish(FLIPBOOK_BOOK, &format!("{{\"type\":\"book\",\"book\":{book},\"pages\":{pages}}}"))
    }

    fn publish_frame(&mut self) -> ControlFlow<()> {
        let Self { frame, fps, book, .. } = *self;
        self.frame += 1;
        let now_us = unix_us();
        let (ms, us) = (now_us / 1000, now_us % 1000);
        self.publish(FLIPBOOK, &format!("{{\"frame\":{frame},\"at\":{ms}.{us:03},\"fps\":{fps},\"book\":{book}}}"))
    }

    /// What a busy server does not take is left out.
    fn publish(&self, topic: &str, text: &str) -> ControlFlow<()> {
        match self.server.publish(topic, text) {
            Ok(()) | Err(CommandError::Busy) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

/// Whether who subscribes to this wants frames. Who wants all there is, with `>` for instance, does not ask for a flipbook.
fn is_for_frames(interest: &str) -> bool {
    names_demo(interest) && [FLIPBOOK, FLIPBOOK_BOOK].iter().any(|topic| overlaps(interest, topic))
}

#[cfg(test)]
mod tests;
