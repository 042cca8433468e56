//! The slots of a shard, indexed by direct descriptor.

use std::ops::{Index, IndexMut};

use super::peer::Peer;
use super::slot::{Phase, Slot};
use super::{ConnId, GENERATION_MASK, slot};

/// All slots of a shard. Memory of slots that were never used is reserved but not resident.
#[derive(Debug)]
pub(crate) struct Table<D> {
    slots: Vec<slot::Slot<D>>,
    occupied: u32,
}

impl<D: Default> Table<D> {
    /// A table for descriptors below `capacity`.
    pub(crate) fn new(capacity: u32) -> Self {
        Self { slots: Vec::with_capacity(capacity as usize), occupied: 0 }
    }

    /// Gives the descriptor `slot` to a new connection.
    pub(crate) fn occupy(&mut self, slot: u32, peer: Peer, now: u32) -> &mut Slot<D> {
        while self.slots.len() <= slot as usize {
            self.slots.push(Slot::free());
        }
        self.occupied += 1;
        let conn = &mut self.slots[slot as usize];
        assert_eq!(conn.phase, Phase::Free, "the kernel gave out a descriptor that is in use");
        conn.phase = Phase::Http;
        conn.peer = peer;
        conn.received_at = now;
        conn
    }

    /// Takes the descriptor back and forgets its connection.
    pub(crate) fn vacate(&mut self, slot: u32) {
        let conn = &mut self.slots[slot as usize];
        let generation = (conn.generation + 1) & GENERATION_MASK;
        let Slot { dirty, waits, .. } = *conn;
        *conn = Slot { generation, dirty, waits, ..Slot::free() };
        self.occupied -= 1;
    }

    /// The connection that a token names, unless it is gone.
    #[inline]
    pub(crate) fn live_mut(&mut self, slot: u32, generation: u32) -> Option<&mut Slot<D>> {
        match self.slots.get_mut(slot as usize) {
            // A free slot has the generation of its next holder, which no op knows yet.
            Some(conn) if conn.generation == generation => Some(conn),
            _ => None,
        }
    }
}

impl<D> Table<D> {
    /// Slots in use.
    pub(crate) fn occupied(&self) -> u32 {
        self.occupied
    }

    /// Slots in use, with their indexes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Slot<D>)> {
        (0..).zip(&self.slots).filter(|(_, conn)| conn.phase != Phase::Free)
    }

    /// Slots in use from `from` to below `end`, with their indexes.
    pub(crate) fn range(&self, from: u32, end: u32) -> impl Iterator<Item = (u32, &Slot<D>)> {
        let end = end.min(self.slot_count()) as usize;
        let slots = self.slots.get(from as usize..end).unwrap_or_default();
        (from..).zip(slots).filter(|(_, conn)| conn.phase != Phase::Free)
    }

    /// Slots that were ever in use.
    pub(crate) fn slot_count(&self) -> u32 {
        self.slots.len() as u32
    }

    /// The open connection that `id` names on this shard.
    pub(crate) fn find(&self, id: ConnId) -> Option<&Slot<D>> {
        let conn = self.slots.get(id.slot as usize)?;
        (conn.generation == id.generation && conn.phase != Phase::Free).then_some(conn)
    }

    /// Checks every slot's invariants, and the count.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn invariants(&self, flight: u32) {
        self.slots.iter().for_each(|conn| conn.invariants(flight));
        assert_eq!(self.iter().count(), self.occupied as usize, "slots were lost");
    }
}

impl<D> Index<u32> for Table<D> {
    type Output = Slot<D>;

    #[inline]
    fn index(&self, slot: u32) -> &Slot<D> {
        &self.slots[slot as usize]
    }
}

impl<D> IndexMut<u32> for Table<D> {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut Slot<D> {
        &mut self.slots[slot as usize]
    }
}
