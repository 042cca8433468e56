//! Where the frames of a turn are written before they are sent: few chunks, reused while they are still in cache.
//!
//! A [`Segment`] is a range of one chunk that one connection, or many at once (a fan-out), sends from. Each holder counts; when
//! the last lets go, the chunk is empty again. Sends from here take what the socket accepts at once, so a segment lives for
//! one submit: what a slow peer leaves is copied to its own queue, and never pins a chunk.

use crate::proto::frame::EncodedHeader;

/// Bytes of a chunk. Larger segments get a chunk of their own, dropped after use.
pub(crate) const CHUNK_BYTES: usize = 256 * 1024;

/// Chunks kept when nothing is in flight.
const SPARE_CHUNKS: usize = 2;

/// A range of a chunk; empty means none.
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
}

/// The chunks of one shard.
#[derive(Debug)]
pub(crate) struct Arena {
    chunks: Vec<Chunk>,
    current: u32,
}

#[derive(Debug)]
struct Chunk {
    bytes: Box<[u8]>,
    used: u32,
    holders: u32,
}

impl Arena {
    pub(crate) fn new() -> Self {
        Self { chunks: vec![Chunk::new(CHUNK_BYTES)], current: 0 }
    }

    /// Writes a frame behind `segment` when that is where the chunk ends, else somewhere new together with what the segment
    /// held. The segment is held once afterwards.
    #[inline(always)]
    pub(crate) fn append_frame(&mut self, segment: &mut Segment, header: EncodedHeader, payload: &[u8]) {
        let head_bytes = header.as_bytes().len();
        let chunk = &mut self.chunks[self.current as usize];
        let start = chunk.used as usize;
        // The padding must fit too; the payload overwrites it.
        match chunk.bytes.get_mut(start..start + EncodedHeader::PADDED_BYTES + payload.len()) {
            Some(room) if segment.continues(self.current, chunk.used) => {
                room[..EncodedHeader::PADDED_BYTES].copy_from_slice(header.padded());
                copy(payload, &mut room[head_bytes..head_bytes + payload.len()]);
                chunk.extend(segment, self.current, head_bytes + payload.len());
            }
            _ => self.relocate(segment, header.as_bytes(), payload),
        }
    }

    /// As [`Arena::append_frame`], for bytes of any kind.
    pub(crate) fn append(&mut self, segment: &mut Segment, bytes: &[u8]) {
        let chunk = &mut self.chunks[self.current as usize];
        let start = chunk.used as usize;
        match chunk.bytes.get_mut(start..start + bytes.len()) {
            Some(room) if segment.continues(self.current, chunk.used) => {
                room.copy_from_slice(bytes);
                chunk.extend(segment, self.current, bytes.len());
            }
            _ => self.relocate(segment, bytes, &[]),
        }
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
        chunk.holders += 1;
        if !segment.is_empty() {
            self.release(*segment);
        }
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

    /// The bytes of `segment`.
    #[inline]
    pub(crate) fn bytes(&self, segment: Segment) -> &[u8] {
        &self.chunks[segment.chunk as usize].bytes[segment.range()]
    }

    /// Adds a holder to `segment`.
    #[inline]
    pub(crate) fn hold(&mut self, segment: Segment) {
        self.chunks[segment.chunk as usize].holders += 1;
    }

    /// Lets one holder of `segment` go.
    #[inline]
    pub(crate) fn release(&mut self, segment: Segment) {
        let chunk = &mut self.chunks[segment.chunk as usize];
        debug_assert!(chunk.holders > 0, "a segment was released twice");
        chunk.holders -= 1;
        if chunk.holders == 0 {
            chunk.used = 0;
        }
    }

    /// Frees chunks that nobody holds, beyond a few, and those that are larger than usual.
    pub(crate) fn trim(&mut self) {
        while self.chunks.len() > 1 {
            let last = self.chunks.last().expect("more than one");
            let needed = self.chunks.len() <= SPARE_CHUNKS && last.bytes.len() == CHUNK_BYTES;
            if last.holders > 0 || needed {
                break;
            }
            self.chunks.pop();
        }
        if self.current as usize >= self.chunks.len() {
            self.current = 0;
        }
    }

    /// Holders of all segments: 0 when nothing is pending or in flight.
    pub(crate) fn holders(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::from(chunk.holders)).sum()
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
        Self { bytes: vec![0; bytes].into_boxed_slice(), used: 0, holders: 0 }
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
            self.holders += 1;
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
        assert_eq!(arena.bytes(segment), expected);
        assert_eq!(arena.holders(), 1);
        arena.release(segment);
        assert_eq!(arena.holders(), 0);
        assert_eq!(placed(&mut arena, b"x").start, 0, "the chunk is reused from its start");
    }

    #[test]
    fn an_interrupted_segment_moves_whole() {
        let mut arena = Arena::new();
        let mut first = placed(&mut arena, b"a1");
        let other = placed(&mut arena, b"b2");
        arena.append(&mut first, b"a3");
        assert_eq!(arena.bytes(first), b"a1a3");
        assert_eq!(arena.bytes(other), b"b2");
        assert_eq!(arena.holders(), 2);
    }

    #[test]
    fn a_full_chunk_gives_way_to_another_and_large_ones_go_again() {
        let mut arena = Arena::new();
        let big = vec![7; CHUNK_BYTES + 1];
        let mut small = placed(&mut arena, b"st");
        let large = placed(&mut arena, &big);
        assert_eq!(arena.bytes(large), &big[..]);
        arena.append(&mut small, &big);
        assert_eq!(&arena.bytes(small)[..2], b"st");
        arena.release(large);
        arena.release(small);
        arena.trim();
        assert_eq!(arena.holders(), 0);
        assert_eq!(arena.chunks.len(), 1);
    }
}
