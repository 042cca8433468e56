//! Where the frames of a turn are written before they are sent: few chunks, reused while they are still in cache.
//!
//! A [`Segment`] is a range of one chunk that one connection, or many at once (a fan-out), sends from. The arena has two
//! sides: frames are written to one while the other is in flight; [`Arena::launch`] swaps them at the end of a turn. Sends
//! from here take what the socket accepts at once, so all of them are over with the next submit, and [`Arena::settle`]
//! empties their side as one: no segment is counted. What a slow peer leaves is copied to its own queue before.

use crate::proto::frame::EncodedHeader;

/// Bytes of a chunk. Larger segments get a chunk of their own, dropped after use. Few in tests, so that simulated turns fill several.
pub(crate) const CHUNK_BYTES: usize = if cfg!(test) { 4096 } else { 256 * 1024 };

/// Chunks that a side keeps when it is empty.
const SPARE_CHUNKS: usize = 2;

/// A range of a chunk; empty means none, whatever chunk it names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Segment {
    chunk: u32,
    start: u32,
    len: u32,
}

impl Segment {
    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.len == 0
    }

    #[inline]
    pub(crate) fn len(self) -> usize {
        self.len as usize
    }

    /// The segment; what is left is empty.
    #[inline]
    pub(crate) fn take(&mut self) -> Self {
        let taken = *self;
        self.len = 0;
        taken
    }
}

/// The send memory of one shard.
#[derive(Debug)]
pub(crate) struct Arena {
    pending: Side,
    in_flight: Side,
}

/// Chunks that are filled together and emptied together.
#[derive(Debug)]
struct Side {
    chunks: Vec<Chunk>,
    current: u32,
}

#[derive(Debug)]
struct Chunk {
    bytes: Box<[u8]>,
    used: u32,
}

impl Arena {
    pub(crate) fn new() -> Self {
        Self { pending: Side::new(), in_flight: Side::new() }
    }

    /// Writes a frame behind `segment` when that is where the chunk ends, else somewhere new together with what the segment
    /// held.
    #[inline(always)]
    pub(crate) fn append_frame(&mut self, segment: &mut Segment, header: EncodedHeader, payload: &[u8]) {
        let side = &mut self.pending;
        let head_bytes = header.as_bytes().len();
        let chunk = &mut side.chunks[side.current as usize];
        let start = chunk.used as usize;
        // The padding must fit too; the payload overwrites it.
        match chunk.bytes.get_mut(start..start + EncodedHeader::PADDED_BYTES + payload.len()) {
            Some(room) if segment.continues(side.current, chunk.used) => {
                room[..EncodedHeader::PADDED_BYTES].copy_from_slice(header.padded());
                copy(payload, &mut room[head_bytes..head_bytes + payload.len()]);
                chunk.extend(segment, side.current, head_bytes + payload.len());
            }
            _ => side.relocate(segment, header.as_bytes(), payload),
        }
    }

    /// The last `len` bytes of a segment that was written this turn.
    #[inline(always)]
    pub(crate) fn tail_mut(&mut self, segment: Segment, len: usize) -> &mut [u8] {
        let range = segment.range();
        &mut self.pending.chunks[segment.chunk as usize].bytes[range.end - len..range.end]
    }

    /// As [`Arena::append_frame`], for bytes of any kind.
    pub(crate) fn append(&mut self, segment: &mut Segment, bytes: &[u8]) {
        let side = &mut self.pending;
        let chunk = &mut side.chunks[side.current as usize];
        let start = chunk.used as usize;
        match chunk.bytes.get_mut(start..start + bytes.len()) {
            Some(room) if segment.continues(side.current, chunk.used) => {
                room.copy_from_slice(bytes);
                chunk.extend(segment, side.current, bytes.len());
            }
            _ => side.relocate(segment, bytes, &[]),
        }
    }

    /// The bytes of a segment that was written this turn.
    #[inline]
    pub(crate) fn pending(&self, segment: Segment) -> &[u8] {
        self.pending.bytes(segment)
    }

    /// The bytes of a segment that was launched and not settled.
    #[inline]
    pub(crate) fn in_flight(&self, segment: Segment) -> &[u8] {
        self.in_flight.bytes(segment)
    }

    /// The sends of what was written are pushed: the kernel may read it from now on.
    #[inline]
    pub(crate) fn launch(&mut self) {
        debug_assert!(self.in_flight.is_empty(), "a launch before the last one settled (rule 4)");
        std::mem::swap(&mut self.pending, &mut self.in_flight);
    }

    /// Those sends are over: their memory is ours again.
    #[inline]
    pub(crate) fn settle(&mut self) {
        self.in_flight.clear();
    }

    /// Bytes of all chunks.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.pending.chunks.iter().chain(&self.in_flight.chunks).map(|chunk| chunk.bytes.len()).sum()
    }

    /// Whether nothing is pending.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn is_launched(&self) -> bool {
        self.pending.is_empty()
    }
}

impl Side {
    fn new() -> Self {
        Self { chunks: vec![Chunk::new(CHUNK_BYTES)], current: 0 }
    }

    #[inline]
    fn bytes(&self, segment: Segment) -> &[u8] {
        // Its chunk may be gone by now.
        if segment.is_empty() {
            return &[];
        }
        &self.chunks[segment.chunk as usize].bytes[segment.range()]
    }

    #[cold]
    fn relocate(&mut self, segment: &mut Segment, head: &[u8], body: &[u8]) {
        let total = segment.len() + head.len() + body.len();
        let target = self.chunk_with_room(total);
        let start = self.chunks[target].used;
        if !segment.is_empty() {
            self.copy_within(*segment, target);
        }
        let chunk = &mut self.chunks[target];
        chunk.write(head);
        chunk.write(body);
        *segment = Segment { chunk: target as u32, start, len: total as u32 };
    }

    fn copy_within(&mut self, segment: Segment, target: usize) {
        let (from, range) = (segment.chunk as usize, segment.range());
        let at = self.chunks[target].used as usize;
        if from == target {
            self.chunks[target].bytes.copy_within(range, at);
        } else {
            let [source, target] = self.chunks.get_disjoint_mut([from, target]).expect("two different chunks");
            target.bytes[at..at + range.len()].copy_from_slice(&source.bytes[range]);
        }
        self.chunks[target].used += segment.len;
    }

    /// Makes the current chunk one that has room for `bytes`.
    fn chunk_with_room(&mut self, bytes: usize) -> usize {
        let has_room = |chunk: &Chunk| chunk.bytes.len() - chunk.used as usize >= bytes;
        let found = if has_room(&self.chunks[self.current as usize]) {
            self.current as usize
        } else if let Some(index) = self.chunks.iter().position(has_room) {
            index
        } else {
            self.chunks.push(Chunk::new(bytes.max(CHUNK_BYTES)));
            self.chunks.len() - 1
        };
        self.current = found as u32;
        found
    }

    #[inline]
    fn clear(&mut self) {
        self.chunks[0].used = 0;
        self.current = 0;
        if self.chunks.len() > 1 {
            self.clear_others();
        }
    }

    /// Keeps a few chunks, and none that are larger than usual.
    #[cold]
    fn clear_others(&mut self) {
        self.chunks.retain(|chunk| chunk.bytes.len() == CHUNK_BYTES);
        self.chunks.truncate(SPARE_CHUNKS);
        self.chunks.iter_mut().for_each(|chunk| chunk.used = 0);
    }

    fn is_empty(&self) -> bool {
        self.chunks.iter().all(|chunk| chunk.used == 0)
    }
}

impl Segment {
    /// Whether bytes written at `used` of chunk `index` would continue it, or begin it.
    #[inline(always)]
    fn continues(self, index: u32, used: u32) -> bool {
        self.is_empty() || (self.chunk == index && self.start + self.len == used)
    }

    #[inline]
    fn range(self) -> std::ops::Range<usize> {
        self.start as usize..(self.start + self.len) as usize
    }
}

impl Chunk {
    fn new(bytes: usize) -> Self {
        Self { bytes: vec![0; bytes].into_boxed_slice(), used: 0 }
    }

    fn write(&mut self, bytes: &[u8]) {
        let at = self.used as usize;
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self.used += bytes.len() as u32;
    }

    /// Counts `bytes` that were just written at the end as part of `segment`.
    #[inline(always)]
    fn extend(&mut self, segment: &mut Segment, index: u32, bytes: usize) {
        if segment.is_empty() {
            segment.chunk = index;
            segment.start = self.used;
        }
        segment.len += bytes as u32;
        self.used += bytes as u32;
    }
}

/// `copy_from_slice` without its call for the commonest lengths.
#[inline(always)]
fn copy(from: &[u8], to: &mut [u8]) {
    if let (Some(first), Some(last)) = (from.first_chunk::<16>(), from.last_chunk::<16>())
        && from.len() <= 32
        && from.len() == to.len()
    {
        let at = to.len() - 16;
        to[..16].copy_from_slice(first);
        to[at..].copy_from_slice(last);
    } else {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Opcode;

    fn placed(arena: &mut Arena, bytes: &[u8]) -> Segment {
        let mut segment = Segment::default();
        arena.append(&mut segment, bytes);
        segment
    }

    #[test]
    fn replies_of_one_turn_lie_side_by_side() {
        let mut arena = Arena::new();
        let mut segment = Segment::default();
        for payload in [&b"x"[..], &[7; 20], &[8; 40], b""] {
            arena.append_frame(&mut segment, EncodedHeader::server(Opcode::Binary, payload.len() as u64), payload);
        }
        let expected = [&[0x82, 1, b'x', 0x82, 20][..], &[7; 20], &[0x82, 40], &[8; 40], &[0x82, 0]].concat();
        assert_eq!(arena.pending(segment), expected);
    }

    #[test]
    fn a_turn_is_written_while_the_last_one_is_in_flight() {
        let mut arena = Arena::new();
        let first = placed(&mut arena, b"first");
        arena.launch();
        assert!(arena.is_launched());
        let second = placed(&mut arena, b"second");
        assert_eq!((arena.in_flight(first), arena.pending(second)), (&b"first"[..], &b"second"[..]));
        arena.settle();
        arena.launch();
        assert_eq!(arena.in_flight(second), b"second");
        assert_eq!(placed(&mut arena, b"third").start, 0, "the chunk is reused from its start");
    }

    #[test]
    fn an_interrupted_segment_moves_whole() {
        let mut arena = Arena::new();
        let mut first = placed(&mut arena, b"a1");
        let other = placed(&mut arena, b"b2");
        arena.append(&mut first, b"a3");
        assert_eq!(arena.pending(first), b"a1a3");
        assert_eq!(arena.pending(other), b"b2");
    }

    #[test]
    fn of_two_that_share_a_segment_each_continues_its_own() {
        let mut arena = Arena::new();
        let shared = placed(&mut arena, b"all ");
        let (mut one, mut two) = (shared, shared);
        arena.append(&mut one, b"one");
        arena.append(&mut two, b"two");
        let read = |segment| std::str::from_utf8(arena.pending(segment)).expect("text");
        assert_eq!([read(shared), read(one), read(two)], ["all ", "all one", "all two"]);
    }

    #[test]
    fn a_full_chunk_gives_way_to_another_and_large_ones_go_again() {
        let mut arena = Arena::new();
        let big = vec![7; CHUNK_BYTES + 1];
        let mut small = placed(&mut arena, b"st");
        let large = placed(&mut arena, &big);
        assert_eq!(arena.pending(large), &big[..]);
        arena.append(&mut small, &big);
        assert_eq!(&arena.pending(small)[..2], b"st");
        arena.launch();
        arena.settle();
        assert!(arena.in_flight.is_empty());
        assert_eq!(arena.in_flight.chunks.len(), 1);
    }
}
