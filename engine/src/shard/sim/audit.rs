//! What must be true between any two turns, and when everybody is gone.

use super::Simulation;
use crate::conn::slot::Phase;
use crate::ring::Ring;

/// After a turn.
pub(super) fn check<R: Ring>(simulation: &Simulation<R>) {
    let shard = &simulation.shard;
    let local = &shard.local;
    local.conns.invariants(local.flight);
    let mut subscriptions = 0;
    for (slot, conn) in local.conns.iter() {
        subscriptions += conn.subscriptions.len();
        for subscription in &conn.subscriptions {
            let topic = local.topics.topic(subscription.topic);
            assert_eq!(topic.subscribers[subscription.position as usize], slot, "a subscriber is not where it thinks");
        }
        let bounded =
            matches!(conn.phase, Phase::Http | Phase::Stream | Phase::Closing | Phase::Flushing | Phase::Lingering);
        assert!(!bounded || local.wheel.is_set(slot), "a connection that is {:?} has no timer", conn.phase);
    }
    assert!(local.arena.is_launched(), "a turn ended before it sent all of its segments");
    assert!(local.dirty.is_empty(), "a dirty connection was not looked at");
    assert_eq!(shard.ring.counters().buffers_lent, 0, "recv buffers outlive the turn");
    let over_http = local.conns.iter().filter(|(_, conn)| conn.channel.is_http()).count() as u32;
    let told = simulation.journal.borrow().open_count();
    assert_eq!(local.open_count.taken(), told + over_http, "the application was not told, or a place was lost");
    let parked = local.conns.iter().filter(|(_, conn)| conn.is_parked()).count();
    assert_eq!((local.polls.len(), local.answered.len()), (parked, 0), "a poll is nobody's, or was forgotten");
    let waiting = local.conns.iter().filter(|(_, conn)| conn.waits).count();
    assert!(waiting <= local.replays.waiting_count(), "somebody waits to catch up, and nobody knows");
    let gauges = shard.stats().gauges;
    assert!(gauges.connections <= gauges.descriptors);
    assert!(subscriptions == 0 || gauges.topics > 0, "subscriptions to nothing");
}

/// When all peers are gone.
pub(super) fn check_empty<R: Ring>(simulation: &Simulation<R>) {
    check(simulation);
    let shard = &simulation.shard;
    assert_eq!(shard.local.conns.occupied(), 0);
    assert_eq!(shard.local.pool.lent_count(), 0, "reassembly state was not given back");
    assert_eq!(shard.local.topics.len(), 0, "a topic outlived its subscribers");
    assert_eq!(shard.stats().gauges.queued_bytes, 0);
    assert_eq!(shard.local.wheel.next(), None, "a timer of nobody");
    let world = simulation.world.borrow();
    assert_eq!(world.in_flight(), 0, "ops of nobody");
    assert_eq!(world.descriptors_used(), 0, "a descriptor was not closed");
    assert_eq!(world.buffers_missing(), 0, "a recv buffer did not come back");
}
