//! What a connection must remember while a header, a frame or a message is not whole.
//!
//! A header's bytes wait in an array until it can be parsed; a control payload waits in another; a message's
//! fragments are unmasked where they arrived and appended to one buffer, which grows with what came, never with
//! what was announced. The rest of a large frame may be received into that buffer itself, which is ahead of what came by
//! a bounded number of bytes then. Text is checked on the way in, so that a bad byte fails at once.

#![forbid(unsafe_code)]

use crate::proto::frame::{CONTROL_BYTES_MAX, HEADER_BYTES_MAX, Header, Role};
use crate::proto::utf8::{self, Utf8Stream};
use crate::proto::{Opcode, ProtocolError, mask};

use super::assembly::Assembly;

/// Room for the rest of a frame of which next to nothing came. Who announces much and sends nothing must not cost much.
const AHEAD_BYTES: usize = 8 * 1024;

/// Up to here, room is three times what came, so that a frame moves few times as it grows; from there on, as much as came.
const AHEAD_BYTES_THRICE: usize = 1024 * 1024;

/// Reassembly state, borrowed from the pool.
#[derive(Debug)]
pub(super) struct Partial {
    /// Start of a header; in use: `header_bytes`.
    header: [u8; HEADER_BYTES_MAX],
    header_bytes: u8,
    /// The frame whose payload is being received.
    frame: Option<Frame>,
    /// Text or binary, while a data message is open.
    message: Option<Opcode>,
    /// The open message's payload so far, or the one that was delivered last.
    assembled: Assembly,
    /// Bytes behind it that were received there and not looked at yet.
    filled_bytes: usize,
    /// How far the open text message is valid; between characters when none is open. It outlives frames, because a
    /// fragment may end inside a character (RFC6455-8.1-2).
    utf8: Utf8Stream,
    /// A control payload; in use: `control_bytes`.
    control: [u8; CONTROL_BYTES_MAX],
    control_bytes: u8,
    /// The peer closed or broke the protocol: nothing is read any more.
    ended: bool,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    opcode: Opcode,
    fin: bool,
    mask: Option<[u8; 4]>,
    received_bytes: u64,
    payload_bytes: u64,
}

/// Where a frame stands after some input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// All input was taken, the frame wants more.
    Unfinished,
    /// The frame is whole, its message is not.
    Fragment,
    /// A message ([`Opcode::Text`] or [`Opcode::Binary`]) or a control frame is whole.
    Whole(Opcode),
}

impl Partial {
    /// Continues a header with the start of `input`; says how many bytes of it were the header's.
    pub(super) fn push_header(&mut self, input: &[u8], role: Role) -> Result<Option<(Header, usize)>, ProtocolError> {
        let held = usize::from(self.header_bytes);
        let taken = input.len().min(HEADER_BYTES_MAX - held);
        self.header[held..held + taken].copy_from_slice(&input[..taken]);
        match Header::parse(&self.header[..held + taken], role)? {
            Some((header, header_bytes)) => {
                self.header_bytes = 0;
                Ok(Some((header, header_bytes - held)))
            }
            None => {
                self.header_bytes = (held + taken) as u8;
                Ok(None)
            }
        }
    }

    /// Starts a frame that [`Self::check`] let through.
    pub(super) fn begin(&mut self, header: &Header) {
        let Header { fin, opcode, mask, payload_bytes, .. } = *header;
        self.frame = Some(Frame { opcode, fin, mask, received_bytes: 0, payload_bytes });
        if matches!(opcode, Opcode::Text | Opcode::Binary) {
            self.message = Some(opcode);
        }
    }

    /// Takes what `input` has of the frame under way, unmasking it in place; says how many bytes that was.
    pub(super) fn push_payload(&mut self, input: &mut [u8]) -> Result<(usize, Progress), ProtocolError> {
        let Some(frame) = self.frame else { return Ok((0, Progress::Fragment)) };
        let taken = frame.missing_bytes().min(input.len());
        let payload = &mut input[..taken];
        if frame.opcode.is_control() {
            self.push_control(frame, payload);
        } else {
            self.push_data(frame, payload)?;
        }
        Ok((taken, self.advance(frame, taken)?))
    }

    /// Bytes that a data frame under way lacks; 0 when none is.
    pub(super) fn rest_bytes(&self) -> usize {
        self.frame.filter(|frame| !frame.opcode.is_control()).map_or(0, |frame| frame.missing_bytes())
    }

    /// Where they may be received, as far as there is room.
    pub(super) fn rest(&mut self) -> &mut [u8] {
        let missing = self.rest_bytes();
        let held = self.assembled.len();
        if missing > 0 && self.assembled.capacity() == held {
            let ahead = (3 * held).min(AHEAD_BYTES_THRICE).max(held).max(AHEAD_BYTES);
            self.assembled.reserve(missing.min(ahead));
        }
        let room = self.assembled.room();
        let count = missing.min(room.len());
        &mut room[..count]
    }

    /// So many bytes were received there.
    pub(super) fn fill(&mut self, count: usize) {
        assert!(self.filled_bytes == 0 && count <= self.rest_bytes(), "a frame was filled beyond its end");
        self.filled_bytes = count;
    }

    pub(super) const fn is_filled(&self) -> bool {
        self.filled_bytes > 0
    }

    /// Takes what was received there, unmasking it where it is.
    pub(super) fn take_filled(&mut self) -> Result<Progress, ProtocolError> {
        let count = std::mem::take(&mut self.filled_bytes);
        let Some(frame) = self.frame else { return Ok(Progress::Fragment) };
        admit(&mut self.utf8, self.message, frame, &mut self.assembled.room()[..count])?;
        self.assembled.advance(count);
        self.advance(frame, count)
    }

    /// Notes that the frame under way has `taken` bytes more.
    #[inline]
    fn advance(&mut self, mut frame: Frame, taken: usize) -> Result<Progress, ProtocolError> {
        frame.received_bytes += taken as u64;
        self.frame = Some(frame);
        if frame.received_bytes < frame.payload_bytes {
            return Ok(Progress::Unfinished);
        }
        self.frame = None;
        self.finish(frame)
    }

    /// What the open message holds; `None` when none is open.
    pub(super) fn open_message_bytes(&self) -> Option<usize> {
        self.message.map(|_| self.assembled.len())
    }

    /// The message or control payload that [`Progress::Whole`] told of; until [`Self::forget_delivered`].
    pub(super) fn payload(&self, opcode: Opcode) -> &[u8] {
        if opcode.is_control() { &self.control[..usize::from(self.control_bytes)] } else { self.assembled.payload() }
    }

    /// Lets go of what was delivered.
    pub(super) fn forget_delivered(&mut self) {
        if self.message.is_none() {
            self.assembled.clear();
        }
        if self.frame.is_none() {
            self.control_bytes = 0;
        }
    }

    pub(super) const fn is_in_payload(&self) -> bool {
        self.frame.is_some()
    }

    /// Whether nothing is held of a header, a frame or a message.
    pub(super) const fn is_between_messages(&self) -> bool {
        self.header_bytes == 0 && self.frame.is_none() && self.message.is_none()
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// From now on nothing is read. A control payload stays, so that a close frame can be delivered.
    pub(super) fn end(&mut self) {
        self.ended = true;
        self.header_bytes = 0;
        self.frame = None;
        self.message = None;
        self.filled_bytes = 0;
        self.assembled = Assembly::default();
    }

    /// The message that was delivered; this has none then.
    pub(super) fn take_assembly(&mut self) -> Assembly {
        std::mem::take(&mut self.assembled)
    }

    /// Lends an empty one to assemble in.
    pub(super) fn put_buffer(&mut self, buffer: Assembly) {
        self.assembled = buffer;
    }

    /// Back to the beginning, with its buffer if that is no larger than `buffer_bytes_max`. What the header's and the control payload's
    /// bytes were does not matter.
    pub(super) fn reset(&mut self, buffer_bytes_max: usize) {
        self.assembled.clear();
        if self.assembled.capacity() > buffer_bytes_max {
            self.assembled = Assembly::default();
        }
        self.header_bytes = 0;
        self.frame = None;
        self.message = None;
        self.filled_bytes = 0;
        self.utf8 = Utf8Stream::default();
        self.control_bytes = 0;
        self.ended = false;
    }

    pub(super) const fn buffer_bytes(&self) -> usize {
        self.assembled.capacity()
    }

    #[cfg(test)]
    pub(super) fn reserve_for_test(&mut self, bytes: usize) {
        self.assembled.reserve(bytes);
    }

    fn push_control(&mut self, frame: Frame, payload: &mut [u8]) {
        if let Some(key) = frame.mask {
            mask::unmask(payload, key, frame.received_bytes as usize);
        }
        let held = usize::from(self.control_bytes);
        self.control[held..held + payload.len()].copy_from_slice(payload);
        self.control_bytes += payload.len() as u8;
    }

    /// Appends data.
    fn push_data(&mut self, frame: Frame, payload: &mut [u8]) -> Result<(), ProtocolError> {
        admit(&mut self.utf8, self.message, frame, payload)?;
        self.reserve(payload.len(), frame);
        self.assembled.push(payload);
        Ok(())
    }

    /// Makes room for `arrived` bytes, doubling, but in a last frame never past the message's end.
    fn reserve(&mut self, arrived: usize, frame: Frame) {
        let held = self.assembled.len();
        if self.assembled.capacity() - held >= arrived {
            return;
        }
        let doubled = arrived.max(self.assembled.capacity());
        self.assembled.reserve(if frame.fin { doubled.min(frame.missing_bytes()) } else { doubled });
    }

    fn finish(&mut self, frame: Frame) -> Result<Progress, ProtocolError> {
        if frame.opcode.is_control() {
            return Ok(Progress::Whole(frame.opcode));
        }
        // RFC6455-5.4-4
        if !frame.fin {
            return Ok(Progress::Fragment);
        }
        match self.message.take() {
            Some(Opcode::Text) => {
                self.utf8.finish().map_err(|_| ProtocolError::InvalidUtf8)?;
                Ok(Progress::Whole(Opcode::Text))
            }
            _ => Ok(Progress::Whole(Opcode::Binary)),
        }
    }
}

impl Frame {
    fn missing_bytes(self) -> usize {
        usize::try_from(self.payload_bytes - self.received_bytes).unwrap_or(usize::MAX)
    }
}

/// Unmasks and checks data where it is. The key goes on where the last piece of the frame ended (RFC6455-5.3-1); text is refused at
/// its first bad byte, also when its frame is not whole yet (RFC6455-8.1-1).
#[inline]
fn admit(
    utf8: &mut Utf8Stream,
    message: Option<Opcode>,
    frame: Frame,
    payload: &mut [u8],
) -> Result<(), ProtocolError> {
    let offset = frame.received_bytes as usize;
    match (message, frame.mask) {
        (Some(Opcode::Text), Some(key)) => utf8::unmask_push(utf8, payload, key, offset),
        (Some(Opcode::Text), None) => utf8.push(payload),
        (_, Some(key)) => {
            mask::unmask(payload, key, offset);
            Ok(())
        }
        (_, None) => Ok(()),
    }
    .map_err(|_| ProtocolError::InvalidUtf8)
}

impl Default for Partial {
    fn default() -> Self {
        Self {
            header: [0; HEADER_BYTES_MAX],
            header_bytes: 0,
            frame: None,
            message: None,
            assembled: Assembly::default(),
            filled_bytes: 0,
            utf8: Utf8Stream::default(),
            control: [0; CONTROL_BYTES_MAX],
            control_bytes: 0,
            ended: false,
        }
    }
}
