//! Everything outside of the shard: its peers, and other threads with their commands.

use std::sync::Arc;
use std::time::Duration;

use super::follower::Follower;
use super::peer::Peer;
use crate::ring::sim::Outside;
use crate::ring::sim::world::World;
use crate::shard::command::Command;
use crate::shard::queues::CommandQueue;
use crate::sys::waker::Waker;

/// The world's inhabitants, each with a time at which it acts next.
pub(crate) struct Town {
    pub(crate) peers: Vec<Peer>,
    pub(crate) followers: Vec<Follower>,
    /// What other threads will ask for, the soonest last.
    pub(crate) commands: Vec<(Duration, Command)>,
    pub(crate) queue: Arc<CommandQueue>,
    pub(crate) waker: Arc<Waker>,
}

impl Town {
    /// Whether nobody will ever do anything by itself.
    pub(crate) fn is_quiet(&self) -> bool {
        self.next().is_none()
    }

    /// Asks the shard for something, as another thread would.
    pub(crate) fn command(&mut self, world: &mut World, command: Command) {
        self.queue.push(command).expect("the queue has room for so few");
        if self.waker.must_wake() {
            world.wake();
        }
    }
}

impl Outside for Town {
    fn next(&self) -> Option<Duration> {
        let peers = self.peers.iter().filter_map(Peer::next).min();
        let commands = self.commands.last().map(|(at, _)| *at);
        let followers = self.followers.iter().filter_map(Follower::next).min();
        [peers, followers, commands].into_iter().flatten().min()
    }

    fn act(&mut self, world: &mut World) {
        let now = world.now();
        for peer in &mut self.peers {
            if peer.next().is_some_and(|next| next <= now) {
                peer.act(world);
            }
        }
        for follower in &mut self.followers {
            if follower.next().is_some_and(|next| next <= now) {
                follower.act(world);
            }
        }
        while let Some((_, command)) = self.commands.pop_if(|(at, _)| *at <= now) {
            self.command(world, command);
        }
    }
}
