//! Bytes to messages, incrementally.
//!
//! A data frame that lies whole in the input is unmasked where it is and lent: nothing is copied and nothing is
//! remembered. What spans inputs (a header, a control payload, a fragmented message) lives in state that the decoder
//! borrows from the shard's [`Pool`] and gives back, so that an idle connection holds one null pointer.
//!
//! What to answer, and when to close, is the connection's business.

#![forbid(unsafe_code)]

mod assembly;
mod event;
mod partial;
mod pool;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use assembly::Assembly;
pub use event::{Decoded, Event, Message};
pub use pool::Pool;

use self::partial::{Partial, Progress};
use super::{CloseFrame, Header, Opcode, ProtocolError, Role, mask, utf8};

/// What the decoder enforces; one per shard, shared by all its connections.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Our role.
    pub role: Role,
    /// Largest message, after reassembly, in bytes.
    pub message_bytes_max: usize,
}

/// A connection's decoder: eight bytes while it is between frames.
///
/// Call [`decode`](Self::decode) until the input is used up, [`settle`](Self::settle) when a read is done with, and
/// [`release`](Self::release) when the connection ends.
#[derive(Debug, Default)]
pub struct Decoder {
    partial: Option<Box<Partial>>,
}

/// First byte of a whole text or binary message: FIN and the opcode.
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

/// A frame that lacks so much may be worth receiving into its own buffer. Few in tests, so that simulated ones are.
const REST_BYTES_MIN: usize = if cfg!(test) { 600 } else { 64 * 1024 };

const _: () = assert!(size_of::<Decoder>() == 8, "the decoder is part of each idle connection's slot");

impl Decoder {
    /// A decoder at the start of a connection's frames.
    pub const fn new() -> Self {
        Self { partial: None }
    }

    /// Decodes up to one event from `input`, unmasking in place.
    ///
    /// The event borrows from `input`, or from the decoder when it spanned inputs. After a close frame or an error
    /// the rest of the connection's bytes is consumed and ignored (§1.4, §7.1.7).
    ///
    /// # Errors
    ///
    /// The first violation of the protocol; its [`close_code`](ProtocolError::close_code) answers it.
    // Always inlined, into the one place of a program that reads frames: the event need not go through memory then.
    #[inline(always)]
    pub fn decode<'a>(
        &'a mut self,
        rules: &Rules,
        pool: &mut Pool,
        input: &'a mut [u8],
    ) -> Result<Decoded<'a>, ProtocolError> {
        if self.partial.is_none()
            && let Some(small) = SmallFrame::peek(rules, input)
        {
            let consumed = small.frame_bytes();
            return match small.message(&mut input[SmallFrame::HEADER_BYTES..consumed]) {
                Ok(message) => Ok(Decoded { consumed, event: Some(Event::Message(message)), is_assembled: false }),
                Err(error) => Err(self.fail(pool, error)),
            };
        }
        self.decode_any(rules, pool, input)
    }

    /// The message, when `input` is one small whole data frame and nothing else: what a server reads most of the time.
    ///
    /// Only for a decoder that [is idle](Self::is_idle). After an error the connection must end.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::InvalidUtf8`].
    #[inline(always)]
    pub fn whole_message<'a>(rules: &Rules, input: &'a mut [u8]) -> Option<Result<Message<'a>, ProtocolError>> {
        let small = SmallFrame::peek(rules, input).filter(|small| small.frame_bytes() == input.len())?;
        Some(small.message(&mut input[SmallFrame::HEADER_BYTES..]))
    }

    /// As [`Decoder::whole_message`], for a client.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::InvalidUtf8`].
    #[inline(always)]
    pub fn whole_reply<'a>(rules: &Rules, input: &'a mut [u8]) -> Option<Result<Message<'a>, ProtocolError>> {
        let (&[first, second], payload) = input.split_first_chunk()?;
        let is_small = usize::from(second) == payload.len() && payload.len() < 126;
        if rules.role != Role::Client || !is_small || payload.len() > rules.message_bytes_max {
            return None;
        }
        match first {
            BINARY => Some(Ok(Message::Binary(payload))),
            TEXT => Some(utf8::validate_str(payload).map(Message::Text).map_err(|_| ProtocolError::InvalidUtf8)),
            _ => None,
        }
    }

    /// Whether nothing is held at all.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.partial.is_none()
    }

    /// Gives the memory of a message that was delivered back to `pool`; call it after the last event of a read.
    #[inline]
    pub fn settle(&mut self, pool: &mut Pool) {
        if self.partial.is_some() {
            self.settle_partial(pool);
        }
    }

    /// Gives everything back to `pool`, at the end of the connection; the decoder is as new then.
    #[inline]
    pub fn release(&mut self, pool: &mut Pool) {
        if let Some(partial) = self.partial.take() {
            pool.take_back(partial);
        }
    }

    /// Whether nothing is held of a header, a frame or a fragmented message.
    #[inline]
    pub fn is_between_messages(&self) -> bool {
        self.partial.as_ref().is_none_or(|partial| partial.is_between_messages())
    }

    /// Whether the rest of a frame is long enough to be received where [`Decoder::rest`] says.
    #[inline]
    pub fn has_long_rest(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| partial.rest_bytes() >= REST_BYTES_MIN)
    }

    /// Where the rest of the data frame under way may be received instead of being copied there, as far as there is room; `None`
    /// when no such frame is under way. [`Decoder::fill`] is to be told how much was.
    #[inline]
    pub fn rest(&mut self) -> Option<&mut [u8]> {
        self.partial.as_mut().map(|partial| partial.rest()).filter(|rest| !rest.is_empty())
    }

    /// Hears how many bytes stand at the start of what [`Decoder::rest`] lent; the next [`decode`](Self::decode) takes them before
    /// its input, which may be empty.
    ///
    /// # Panics
    ///
    /// When these are more than the frame lacks, or the last ones were not taken yet.
    #[inline]
    pub fn fill(&mut self, count: usize) {
        self.partial.as_mut().expect("what is filled was lent").fill(count);
    }

    /// Whether there are such bytes.
    #[inline]
    pub fn is_filled(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| partial.is_filled())
    }

    /// The buffer of the message that the last event was, when it [was assembled](Decoded::is_assembled): instead of a copy.
    pub(crate) fn take_assembly(&mut self) -> Assembly {
        self.partial.as_mut().map(|partial| partial.take_assembly()).unwrap_or_default()
    }

    /// Everything but the small whole frame: finds the event first, then borrows it.
    #[inline(never)]
    fn decode_any<'a>(
        &'a mut self,
        rules: &Rules,
        pool: &mut Pool,
        input: &'a mut [u8],
    ) -> Result<Decoded<'a>, ProtocolError> {
        let input_bytes = input.len();
        match self.find(rules, pool, input) {
            Ok(Found::Nothing) => Ok(Decoded { consumed: input_bytes, event: None, is_assembled: false }),
            Ok(Found::InInput { header, payload }) => {
                let consumed = if header.opcode == Opcode::Close { input_bytes } else { payload.end };
                match lend(&header, &mut input[payload]) {
                    Ok(event) => {
                        if header.opcode == Opcode::Close {
                            self.end(pool);
                        }
                        Ok(Decoded { consumed, event: Some(event), is_assembled: false })
                    }
                    Err(error) => Err(self.fail(pool, error)),
                }
            }
            Ok(Found::Held { opcode, consumed }) => {
                let partial = self.partial.get_or_insert_with(|| pool.lend());
                let consumed = if opcode == Opcode::Close { input_bytes } else { consumed };
                if opcode == Opcode::Close {
                    partial.end();
                }
                let event = event(opcode, partial.payload(opcode))?;
                Ok(Decoded { consumed, event: Some(event), is_assembled: !opcode.is_control() })
            }
            Err(error) => Err(self.fail(pool, error)),
        }
    }

    /// Reads frames until one completes an event or `input` is used up.
    #[inline]
    fn find(&mut self, rules: &Rules, pool: &mut Pool, input: &mut [u8]) -> Result<Found, ProtocolError> {
        self.settle(pool);
        if self.partial.as_ref().is_some_and(|partial| partial.has_ended()) {
            return Ok(Found::Nothing);
        }
        let mut at = 0;
        loop {
            if !self.partial.as_ref().is_some_and(|partial| partial.is_in_payload()) {
                let Some((header, header_bytes)) = self.next_header(rules, pool, &input[at..])? else {
                    return Ok(Found::Nothing);
                };
                at += header_bytes;
                self.check(rules, &header)?;
                let missing = input.len() - at;
                if is_single(&header) && header.payload_bytes <= missing as u64 {
                    return Ok(Found::InInput { header, payload: at..at + header.payload_bytes as usize });
                }
                self.partial.get_or_insert_with(|| pool.lend()).begin(&header);
            }
            let partial = self.partial.get_or_insert_with(|| pool.lend());
            let progress = if partial.is_filled() {
                partial.take_filled()?
            } else {
                let (taken, progress) = partial.push_payload(&mut input[at..])?;
                at += taken;
                progress
            };
            match progress {
                Progress::Unfinished if at == input.len() => return Ok(Found::Nothing),
                Progress::Unfinished => {}
                Progress::Fragment => {}
                Progress::Whole(opcode) => return Ok(Found::Held { opcode, consumed: at }),
            }
        }
    }

    /// The next frame's header; `None` when `input` ends before it does, and its bytes are kept then.
    #[inline]
    fn next_header(
        &mut self,
        rules: &Rules,
        pool: &mut Pool,
        input: &[u8],
    ) -> Result<Option<(Header, usize)>, ProtocolError> {
        if let Some(partial) = &mut self.partial {
            return partial.push_header(input, rules.role);
        }
        let parsed = Header::parse(input, rules.role)?;
        if parsed.is_none() && !input.is_empty() {
            self.partial.insert(pool.lend()).push_header(input, rules.role)?;
        }
        Ok(parsed)
    }

    /// The rules that need to know of the frames before: order and size.
    #[inline]
    fn check(&self, rules: &Rules, header: &Header) -> Result<(), ProtocolError> {
        // RFC6455-5.4-3
        if header.opcode.is_control() {
            return Ok(());
        }
        let open = self.partial.as_ref().and_then(|partial| partial.open_message_bytes());
        let held = match (open, header.opcode) {
            // RFC6455-5.4-1
            (None, Opcode::Continuation) => return Err(ProtocolError::UnexpectedContinuation),
            (None, _) => 0,
            (Some(held), Opcode::Continuation) => held,
            // RFC6455-5.4-2
            (Some(_), opcode) => return Err(ProtocolError::ExpectedContinuation(opcode)),
        };
        // RFC6455-10.4-1: what is announced counts, before any of it is held.
        let bytes_max = rules.message_bytes_max;
        if header.payload_bytes > bytes_max.saturating_sub(held) as u64 {
            return Err(ProtocolError::MessageTooBig { bytes_max });
        }
        Ok(())
    }

    #[inline(never)]
    fn settle_partial(&mut self, pool: &mut Pool) {
        if let Some(partial) = &mut self.partial {
            partial.forget_delivered();
            if partial.is_between_messages() && !partial.has_ended() {
                self.release(pool);
            }
        }
    }

    // RFC6455-7.1.7-1
    #[cold]
    fn fail(&mut self, pool: &mut Pool, error: ProtocolError) -> ProtocolError {
        self.end(pool);
        error
    }

    // RFC6455-5.5.1-3
    #[cold]
    fn end(&mut self, pool: &mut Pool) {
        self.partial.get_or_insert_with(|| pool.lend()).end();
    }
}

/// Where the next event's payload is.
enum Found {
    /// Nowhere: all input was consumed.
    Nothing,
    /// In the input, still masked.
    InInput { header: Header, payload: Range<usize> },
    /// In the partial, unmasked; and so much of the input was used.
    Held { opcode: Opcode, consumed: usize },
}

/// A whole data frame of at most 63 bytes from a client, the commonest thing that a server reads.
///
/// Masking so few bytes is inlined; what is left is a handful of comparisons.
#[derive(Clone, Copy)]
struct SmallFrame {
    is_text: bool,
    key: [u8; 4],
    payload_bytes: usize,
}

impl SmallFrame {
    /// Two bytes and the mask key.
    const HEADER_BYTES: usize = 6;

    /// Leaves everything unusual to [`Header::parse`], whose rules it implies.
    #[inline(always)]
    fn peek(rules: &Rules, input: &[u8]) -> Option<Self> {
        let &[first, second, k0, k1, k2, k3] = input.first_chunk()?;
        // From FIN and text, MASK and no length. What is left has one bit for binary and six for the length, unless
        // the frame is of another kind: a smaller first byte borrows, which shows in the same bits.
        let above = u16::from_le_bytes([first, second]).wrapping_sub(u16::from_le_bytes([0x81, 0x80]));
        let payload_bytes = usize::from(above >> 8);
        let is_small = above & !0x3F01 == 0 && payload_bytes <= rules.message_bytes_max;
        let small = Self { is_text: above & 1 == 0, key: [k0, k1, k2, k3], payload_bytes };
        (is_small && rules.role == Role::Server && small.frame_bytes() <= input.len()).then_some(small)
    }

    #[inline(always)]
    fn frame_bytes(self) -> usize {
        Self::HEADER_BYTES + self.payload_bytes
    }

    #[inline(always)]
    fn message(self, payload: &mut [u8]) -> Result<Message<'_>, ProtocolError> {
        if self.is_text {
            let text = utf8::unmask_str(payload, self.key).map_err(|_| ProtocolError::InvalidUtf8)?;
            Ok(Message::Text(text))
        } else {
            mask::unmask(payload, self.key, 0);
            Ok(Message::Binary(payload))
        }
    }
}

/// Whether the frame is an event by itself.
#[inline]
fn is_single(header: &Header) -> bool {
    header.fin && header.opcode != Opcode::Continuation
}

/// The event of a frame that lies whole in the input, unmasked there (RFC6455-5.3-1).
#[inline]
fn lend<'a>(header: &Header, payload: &'a mut [u8]) -> Result<Event<'a>, ProtocolError> {
    match header.mask {
        Some(key) if header.opcode == Opcode::Text => {
            let text = utf8::unmask_str(payload, key).map_err(|_| ProtocolError::InvalidUtf8)?;
            Ok(Event::Message(Message::Text(text)))
        }
        Some(key) => {
            mask::unmask(payload, key, 0);
            event(header.opcode, payload)
        }
        None => event(header.opcode, payload),
    }
}

/// The event of a whole, unmasked payload.
fn event(opcode: Opcode, payload: &[u8]) -> Result<Event<'_>, ProtocolError> {
    Ok(match opcode {
        Opcode::Text => {
            Event::Message(Message::Text(utf8::validate_str(payload).map_err(|_| ProtocolError::InvalidUtf8)?))
        }
        Opcode::Binary | Opcode::Continuation => Event::Message(Message::Binary(payload)),
        Opcode::Close => Event::Close(CloseFrame::parse(payload)?),
        // RFC6455-5.5.2-1
        Opcode::Ping => Event::Ping(payload),
        Opcode::Pong => Event::Pong(payload),
    })
}
