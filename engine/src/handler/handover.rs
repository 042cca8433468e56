//! A large message that stands in a buffer of its own while the application has it. When the application sends it on as it is, the
//! buffer goes to the send queue, instead of a copy.

use super::local::Local;
use crate::conn::slot::ARENA_MESSAGE_MAX;
use crate::proto::{Decoder, EncodedHeader, Event};

/// What may be handed over, and to whom it was.
#[derive(Debug, Default)]
pub(crate) struct Handover {
    /// Address and length of the message; 0 for none.
    offered: (usize, usize),
    taker: Option<u32>,
    /// How many were taken.
    pub(crate) count: u64,
}

impl Handover {
    /// The application gets `event`, which was assembled.
    pub(crate) fn offer(&mut self, event: &Event<'_>) {
        if let Event::Message(message) = event
            && message.len() > ARENA_MESSAGE_MAX
        {
            self.offered = (message.as_bytes().as_ptr().addr(), message.len());
        }
    }

    fn is_offered(&self, payload: &[u8]) -> bool {
        self.taker.is_none() && self.offered == (payload.as_ptr().addr(), payload.len())
    }
}

impl<D> Local<D> {
    /// Queues a frame, or promises it, when it is what the application was offered.
    pub(super) fn queue_frame(&mut self, slot: u32, header: EncodedHeader, payload: &[u8]) {
        let queue = self.conns[slot].queue.get_or_insert_default();
        if self.handover.is_offered(payload) {
            queue.promise(header, payload.len());
            self.handover.taker = Some(slot);
        } else {
            queue.push(header.as_bytes(), payload);
        }
    }

    /// The application is done with what it was offered: the buffer goes to who took it.
    pub(crate) fn hand_over(&mut self, decoder: &mut Decoder) {
        self.handover.offered = (0, 0);
        let Some(slot) = self.handover.taker.take() else { return };
        self.handover.count += 1;
        let mut message = decoder.take_assembly();
        if message.is_roomy() {
            // The queue counts payloads: who does not read them must not hold more memory than that.
            let fitted = message.fitted();
            self.pool.take_buffer(std::mem::replace(&mut message, fitted));
        }
        let unwanted = match &mut self.conns[slot].queue {
            Some(queue) => queue.keep_promise(message),
            None => Some(message),
        };
        if let Some(buffer) = unwanted {
            self.pool.take_buffer(buffer);
        }
    }
}
