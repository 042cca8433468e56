//! `user_data`: op, slot and generation in 64 bits, so that a stale completion is told from a fresh one (rule 3).

/// Generations count modulo this: 24 bits.
pub(crate) const GENERATION_MASK: u32 = 0x00FF_FFFF;

/// What an op was, as far as its completion needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum OpKind {
    /// `slot` is the accept's entry.
    Accept,
    Recv,
    Send,
    CancelRecv,
    CancelSend,
    Shutdown,
    Close,
    StopAccepting,
    /// Somebody woke us.
    Wake,
    /// We woke somebody.
    WakeShard,
    /// A client's.
    Connect,
    /// A long wait is over.
    Alarm,
}

/// The `user_data` of an op: `kind` in the top 8 bits, then 24 bits of generation, then the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    bits: u64,
}

impl Token {
    #[inline]
    pub(crate) fn new(kind: OpKind, slot: u32, generation: u32) -> Self {
        debug_assert!(generation <= GENERATION_MASK, "a generation has 24 bits");
        Self { bits: (kind as u64) << 56 | u64::from(generation) << 32 | u64::from(slot) }
    }

    /// The token in a completion's `user_data`.
    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Self {
        debug_assert!(bits >> 56 <= OpKind::Alarm as u64, "user_data {bits:#x} is not one of ours");
        Self { bits }
    }

    pub(crate) fn bits(self) -> u64 {
        self.bits
    }

    /// Whether it is a recv's: what most completions are.
    #[inline]
    pub(crate) fn is_recv(self) -> bool {
        self.bits >> 56 == OpKind::Recv as u64
    }

    #[inline]
    pub(crate) fn kind(self) -> OpKind {
        match (self.bits >> 56) as u8 {
            0 => OpKind::Accept,
            1 => OpKind::Recv,
            2 => OpKind::Send,
            3 => OpKind::CancelRecv,
            4 => OpKind::CancelSend,
            5 => OpKind::Shutdown,
            6 => OpKind::Close,
            7 => OpKind::StopAccepting,
            8 => OpKind::Wake,
            9 => OpKind::WakeShard,
            10 => OpKind::Connect,
            _ => OpKind::Alarm,
        }
    }

    pub(crate) fn slot(self) -> u32 {
        self.bits as u32
    }

    pub(crate) fn generation(self) -> u32 {
        (self.bits >> 32) as u32 & GENERATION_MASK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [OpKind; 12] = [
        OpKind::Accept,
        OpKind::Recv,
        OpKind::Send,
        OpKind::CancelRecv,
        OpKind::CancelSend,
        OpKind::Shutdown,
        OpKind::Close,
        OpKind::StopAccepting,
        OpKind::Wake,
        OpKind::WakeShard,
        OpKind::Connect,
        OpKind::Alarm,
    ];

    #[test]
    fn a_token_survives_the_kernel() {
        for kind in KINDS {
            for (slot, generation) in [(0, 0), (1, GENERATION_MASK), (u32::MAX, 7)] {
                let token = Token::from_bits(Token::new(kind, slot, generation).bits());
                assert_eq!((token.kind(), token.slot(), token.generation()), (kind, slot, generation));
            }
        }
    }
}
