//! Simulated runs: a real shard on a simulated ring, with peers that behave well and badly.
//!
//! [`run`] makes a scenario out of dice (a seed, or a fuzzer's bytes), plays it turn by turn with [`audit`] after each, sees
//! everybody off, and lets [`verdict`] compare what peers got with what the application sent. Any violation panics. A `wrap`
//! around the ring may misbehave on the shard's behalf: that is how the oracles themselves are tested.

mod app;
mod audit;
mod followed;
mod follower;
mod peer;
mod plan;
mod scenario;
mod town;
mod verdict;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::command::Command;
use super::mailbox::Mailbox;
use super::queues::CommandQueue;
use super::{Seat, Shard};
use crate::config::ValidConfig;
use crate::handler::places::ServerPlaces;
use crate::handler::replays::Replays;
use crate::http::{Page, Routes, TopicsRoute, WebSocketRoute};
use crate::metrics::Counters;
use crate::ring::Ring;
use crate::ring::sim::SimRing;
use crate::ring::sim::dice::Dice;
use crate::ring::sim::faults::Faults;
use crate::ring::sim::world::{Sizes, World};
use crate::sys::waker::Waker;
use crate::topic::histories::Histories;
use crate::topic::history::{Epoch, Offset};
use crate::topic::settings::TopicRules;

pub(crate) use app::{App, Journal, Record};
use followed::Followed;
use follower::{Errand, Follower};
pub(crate) use peer::Peer;
#[cfg(test)]
pub(crate) use plan::{Conduct, close_frame, frame};
pub(crate) use scenario::Scenario;
use town::Town;

/// Turns after which a run counts as stuck.
const TURNS_MAX: u64 = 200_000;

/// Virtual time after which all peers are sent away.
const SPAN: Duration = Duration::from_secs(90);

/// A shard and its world.
pub(crate) struct Simulation<R: Ring> {
    pub(crate) shard: Shard<R, App>,
    pub(crate) world: Rc<RefCell<World>>,
    pub(crate) town: Rc<RefCell<Town>>,
    pub(crate) journal: Rc<RefCell<Journal>>,
    pub(crate) scenario: Scenario,
}

/// What a run was worth.
#[derive(Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "who fuzzes looks for panics alone"))]
pub(crate) struct Outcome {
    pub(crate) counters: Counters,
    /// What those who follow over HTTP heard, by streams and by polls, and how many of them must have heard all.
    pub(crate) followed: Followed,
    /// Recvs that went into the memory of large messages.
    pub(crate) rests: u64,
    /// Large messages that were sent back from there.
    pub(crate) handovers: u64,
}

/// Plays the run that the dice make, and says what came of it.
pub(crate) fn run<R: Ring>(mut dice: Dice, wrap: impl FnOnce(SimRing) -> R) -> Outcome {
    let scenario = Scenario::roll(&mut dice);
    let faults = scenario.faults;
    let mut simulation = Simulation::new(scenario, faults, &mut dice, wrap);
    simulation.play();
    simulation.see_off();
    verdict::check(&simulation);
    let followed = followed::check(&simulation);
    simulation.stop();
    let rests = simulation.world.borrow().rests;
    let handovers = simulation.shard.local.handover.count;
    Outcome { counters: simulation.shard.stats().counters, followed, rests, handovers }
}

/// Plays the run that a fuzzer's bytes make.
///
/// # Panics
///
/// At the first thing that is not as it must be.
#[cfg(feature = "sim")]
pub fn run_bytes(bytes: &[u8]) {
    let _ = run(Dice::from_bytes(bytes), |ring| ring);
}

impl<R: Ring> Simulation<R> {
    pub(crate) fn new(scenario: Scenario, faults: Faults, dice: &mut Dice, wrap: impl FnOnce(SimRing) -> R) -> Self {
        let conducts = scenario.plans.iter().map(|plan| plan.conduct).collect();
        let records = scenario.plans.iter().map(|_| Record::default()).collect();
        let journal = Rc::new(RefCell::new(Journal { conducts, records, ..Journal::default() }));
        let queue = Arc::new(CommandQueue::new(16, usize::MAX));
        let waker = Arc::new(Waker::new().expect("an eventfd"));
        let peers = scenario.plans.iter().map(|plan| Peer::new(plan.clone(), dice.split())).collect();
        let mut commands = Vec::new();
        if let Some((at, grace)) = scenario.shutdown {
            commands.push((at, Command::Shutdown { grace }));
        }
        let follower = |errand: &Errand| Follower::new(errand.clone(), Rc::clone(&journal), dice.split());
        let followers = scenario.errands.iter().map(follower).collect();
        let town = Town { peers, followers, commands, queue: Arc::clone(&queue), waker: Arc::clone(&waker) };
        let town = Rc::new(RefCell::new(town));
        let ring = SimRing::new(scenario.sizes, faults, dice.split(), Rc::clone(&town) as _);
        let world = ring.world();
        let app = App { journal: Rc::clone(&journal), dice: dice.split(), keeps_history: scenario.keeps_history() };
        let seat = alone(&scenario.config, queue, waker);
        let mut shard = Shard::new(wrap(ring), app, &scenario.config, routes(), seat);
        shard.local.replays = Replays::new(scenario.replay_room);
        shard.begin();
        Self { shard, world, town, journal, scenario }
    }

    /// Lets everybody act until nobody has anything left to do.
    fn play(&mut self) {
        while !self.town.borrow().is_quiet() && !self.shard.is_finished() && self.world.borrow().now() < SPAN {
            self.turn();
        }
    }

    /// One turn, and the look at everything after it.
    pub(crate) fn turn(&mut self) {
        {
            let mut journal = self.journal.borrow_mut();
            journal.turn += 1;
            let counters = self.shard.local.counters;
            assert!(journal.turn < TURNS_MAX, "the shard turns and turns: {counters:?}");
        }
        self.world.borrow_mut().asleep = false;
        self.shard.turn().expect("a simulated ring does not fail");
        audit::check(self);
    }

    /// Turns until `done`, or panics with `what` was waited for.
    pub(crate) fn turn_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        self.world.borrow_mut().asleep = false;
        for _ in 0..5000 {
            if done(self) {
                return;
            }
            assert!(!self.world.borrow().asleep, "the shard sleeps for good before this happened: {what}");
            self.turn();
        }
        let phases: Vec<_> = self.shard.local.conns.iter().map(|(slot, conn)| (slot, conn.phase)).collect();
        panic!("never happened: {what}; {phases:?}, {:?}", self.shard.stats());
    }

    /// Sends all peers away and waits until the shard has forgotten them.
    pub(crate) fn see_off(&mut self) {
        {
            let (mut town, mut world) = (self.town.borrow_mut(), self.world.borrow_mut());
            town.peers.iter_mut().for_each(|peer| peer.leave(&mut world));
            town.followers.iter_mut().for_each(|follower| follower.leave(&mut world));
            town.commands.clear();
            world.calm();
        }
        self.turn_until("all slots free", |simulation| {
            simulation.world.borrow().is_deserted() && simulation.shard.local.conns.occupied() == 0
        });
        audit::check_empty(self);
    }

    /// Shuts the shard down.
    pub(crate) fn stop(&mut self) {
        if !self.shard.is_finished() {
            let shutdown = Command::Shutdown { grace: Duration::ZERO };
            self.town.borrow_mut().command(&mut self.world.borrow_mut(), shutdown);
            self.turn_until("the shutdown is complete", |simulation| simulation.shard.is_finished());
        }
        audit::check_empty(self);
    }
}

/// The seat of a shard without siblings.
pub(super) fn alone(config: &ValidConfig, commands: Arc<CommandQueue>, waker: Arc<Waker>) -> Seat {
    let connections_max = config.connections_max;
    Seat {
        index: 0,
        count: 1,
        mailbox: Mailbox { commands, waker, inbound: Vec::new(), outbound: Vec::new() },
        connections_max,
        places: Arc::new(ServerPlaces::new(connections_max)),
        topic_rules: Arc::new(TopicRules::new(config)),
        histories: Histories::new(Epoch(1), Offset::ZERO, config.topics_max, config.history_bytes_max),
        journal: None,
    }
}

/// What a simulated or scripted shard serves.
pub(super) fn routes() -> Arc<Routes> {
    let route = WebSocketRoute::new("/ws").expect("a path");
    let page = Page::new("/page", "text/plain", b"a page").expect("a path");
    let topics = TopicsRoute::new("/topics").expect("a path");
    Arc::new(Routes::builder().websocket(route).page(page).topics(topics).build().expect("three routes"))
}

/// Sizes that make small things go wrong; none of them matters to what is right.
pub(crate) fn sizes(dice: &mut Dice, config: &ValidConfig) -> Sizes {
    let connections = config.connections_max as usize;
    Sizes {
        descriptors: connections + dice.pick(&[1, 4, crate::ring::SPARE_DESCRIPTORS as usize]),
        submissions: dice.pick(&[1, 4, 64]),
        completions: dice.pick(&[4, 16, 256]),
        buffers: dice.pick(&[1, 2, 8]),
        buffer_bytes: dice.pick(&[16, 100, 700, 4096]),
        socket_bytes: (dice.pick(&[50, 1000, 20_000]), dice.pick(&[50, 1000, 20_000])),
    }
}
