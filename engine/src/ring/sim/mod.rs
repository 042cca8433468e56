//! A ring without a kernel: every decision comes from a seed, time is virtual, and what a shard must not do is found at once.
//!
//! [`SimRing`] is the shard's end; [`World`] holds sockets, descriptors and ops in flight, and lets simulated peers connect,
//! write, read and break off. [`Outside`] acts while the shard waits. Faults are such as io_uring and TCP have: short sends,
//! exhausted buffers, multishot recvs that end, cancels that come too late, resets, refused submits, a full completion queue.
//!
//! Checked here: the bytes of a send in flight do not change (rule 1), one send per descriptor (rule 2), no op on a closed
//! descriptor and no close under an op, each accept entry once in flight, each buffer lent once and given back once.

pub(crate) mod dice;
pub(crate) mod faults;
mod issue;
mod pool;
mod progress;
#[cfg(test)]
pub(crate) mod saboteur;
pub(crate) mod socket;
pub(crate) mod world;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

#[cfg(test)]
use super::RecvBytes;
use super::{Completion, Op, OpKind, Ring, RingCounters, Token, Wait};
use dice::Dice;
use faults::Faults;
use pool::Pool;
#[cfg(test)]
use world::Into;
use world::{Sizes, World};

/// What happens beside the shard while it waits.
pub(crate) trait Outside {
    /// When something happens next, in time since the simulation began.
    fn next(&self) -> Option<Duration>;

    /// Does what is due.
    fn act(&mut self, world: &mut World);
}

/// A simulated ring.
pub(crate) struct SimRing {
    world: Rc<RefCell<World>>,
    pool: Pool,
    queue: Vec<Op>,
    outside: Rc<RefCell<dyn Outside>>,
    epoch: Instant,
}

impl SimRing {
    pub(crate) fn new(sizes: Sizes, faults: Faults, dice: Dice, outside: Rc<RefCell<dyn Outside>>) -> Self {
        Self {
            world: Rc::new(RefCell::new(World::new(sizes, faults, dice))),
            pool: Pool::new(sizes.buffers, sizes.buffer_bytes),
            queue: Vec::new(),
            outside,
            epoch: Instant::now(),
        }
    }

    /// The machine that the ring is of.
    pub(crate) fn world(&self) -> Rc<RefCell<World>> {
        Rc::clone(&self.world)
    }

    /// Whether a recv into this memory is in flight.
    #[cfg(test)]
    fn is_receiving(&self, bytes: RecvBytes) -> bool {
        let world = self.world.borrow();
        let mut recvs = world.descriptors.iter().filter_map(|descriptor| descriptor.recv);
        recvs.any(|recv| matches!(recv.into, Into::Memory(memory) if memory.start == bytes.start))
    }

    /// Submits the first `count` ops.
    fn enter(&mut self, count: usize) {
        let Self { world, pool, queue, .. } = self;
        let mut world = world.borrow_mut();
        // Task work may run before the submissions, after them, or both.
        if world.dice.chance(500) {
            world.progress(pool);
        }
        world.issue_all(queue.drain(..count), pool);
        world.progress(pool);
    }

    /// Lets time pass until `count` completions are there or `deadline` is.
    fn wait(&mut self, count: usize, deadline: Option<Duration>) {
        let Self { world, pool, outside, .. } = self;
        let (world, outside) = (&mut *world.borrow_mut(), &mut *outside.borrow_mut());
        let interrupted = world.wait_max.map(|longest| world.now + longest);
        let deadline = [deadline, interrupted].into_iter().flatten().min();
        while world.completions.len() < count && world.overflown.is_empty() {
            if world.dice.chance(world.faults.submit) {
                world.counters.retries += 1;
                return;
            }
            let work = world.is_working().then(|| world.now + Duration::from_micros(10));
            let next = [outside.next(), deadline, work].into_iter().flatten().min();
            let Some(next) = next else {
                world.asleep = true;
                return;
            };
            world.now = world.now.max(next);
            outside.act(world);
            world.progress(pool);
            if deadline.is_some_and(|deadline| deadline <= world.now) {
                return;
            }
        }
    }

    /// Rule 7: the kernel takes none of the submissions or some, and does not wait.
    fn is_refused(&mut self) -> bool {
        let world = &mut *self.world.borrow_mut();
        let refused = world.dice.chance(world.faults.submit);
        world.counters.retries += u64::from(refused);
        refused
    }

    /// A call takes time, and the world does not stand still meanwhile.
    fn pass_time(&mut self) {
        let (world, outside) = (&mut *self.world.borrow_mut(), &mut *self.outside.borrow_mut());
        let micros = world.dice.between(1, 20);
        world.now += Duration::from_micros(micros as u64);
        outside.act(world);
    }

    /// Rule 4: nothing is left unsubmitted, whatever the kernel says at first.
    fn submit_all(&mut self) {
        while !self.queue.is_empty() {
            let some = if self.is_refused() { 0 } else { self.queue.len() };
            self.enter(some);
        }
    }

    fn flush_overflow(&mut self) {
        let world = &mut *self.world.borrow_mut();
        if !world.overflown.is_empty() {
            world.counters.overflows += 1;
        }
        while world.completions.len() < world.sizes.completions
            && let Some(completion) = world.overflown.pop_front()
        {
            world.completions.push_back(completion);
        }
    }
}

impl Ring for SimRing {
    fn push(&mut self, op: Op) {
        let full = {
            let mut world = self.world.borrow_mut();
            world.check_push(op);
            self.queue.len() >= world.sizes.submissions
        };
        if full {
            self.enter(self.queue.len());
        }
        self.queue.push(op);
        if matches!(op, Op::StopAccepting) {
            self.enter(self.queue.len());
        }
    }

    fn submit(&mut self, wait: Wait) -> io::Result<()> {
        self.flush_overflow();
        self.pass_time();
        if self.is_refused() {
            let some = self.world.borrow_mut().dice.between(0, self.queue.len());
            self.enter(some);
            return Ok(());
        }
        self.enter(self.queue.len());
        let now = self.world.borrow().now;
        match wait {
            Wait::No => {}
            Wait::One(timeout) => self.wait(1, timeout.map(|timeout| now + timeout)),
            Wait::Window { count, window } => self.wait(count as usize, Some(now + window)),
        }
        Ok(())
    }

    fn next_completion(&mut self) -> Option<Completion> {
        let world = &mut *self.world.borrow_mut();
        if world.dice.chance(world.faults.partial_reap) {
            return None;
        }
        let completion = world.completions.pop_front()?;
        world.check_reaped(completion);
        if let Some(bid) = completion.bid() {
            self.pool.lend(bid);
        }
        Some(completion)
    }

    fn next_send(&mut self) -> Option<Completion> {
        self.submit_all();
        let world = &mut *self.world.borrow_mut();
        let World { completions, overflown, .. } = world;
        let found = take_send(completions).or_else(|| take_send(overflown));
        found.inspect(|&completion| world.check_reaped(completion))
    }

    fn buffer(&mut self, bid: u16, len: usize) -> &mut [u8] {
        self.pool.slice(bid, len)
    }

    fn give_back(&mut self, bid: u16) {
        self.pool.give_back(bid);
        self.world.borrow_mut().buffers_out -= 1;
    }

    fn peer_addr(&self, entry: u32) -> Option<SocketAddr> {
        let world = self.world.borrow();
        world.accepted.get(entry as usize).copied().flatten().map(World::peer_addr)
    }

    fn now(&self) -> Instant {
        self.epoch + self.world.borrow().now
    }

    fn counters(&self) -> RingCounters {
        RingCounters { buffers_lent: self.pool.lent_count(), ..self.world.borrow().counters }
    }
}

fn take_send(completions: &mut VecDeque<Completion>) -> Option<Completion> {
    let index = completions.iter().position(|completion| completion.token.kind() == OpKind::Send)?;
    completions.remove(index)
}

/// A completion as the kernel writes it.
pub(crate) fn completion(token: Token, result: i32, bid: Option<u16>, more: bool) -> Completion {
    const HAS_BUFFER: u32 = 1;
    const HAS_MORE: u32 = 2;
    let buffer = bid.map_or(0, |bid| HAS_BUFFER | u32::from(bid) << 16);
    Completion { token, result, flags: buffer | if more { HAS_MORE } else { 0 } }
}
