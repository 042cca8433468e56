//! The name of a connection, for as long as the server runs.

use std::fmt;
use std::str::FromStr;

/// Names one connection of a running server: shard, slot, and a generation that tells it from the slot's earlier holders.
///
/// Printed as 16 hexadecimal digits, which [`FromStr`] reads again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId {
    pub(crate) shard: u16,
    pub(crate) generation: u32,
    pub(crate) slot: u32,
}

/// The text is not a connection id: 16 hexadecimal digits were expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a connection id: 16 hexadecimal digits were expected")]
pub struct ParseConnIdError;

const SLOT_BITS: u32 = 28;
const GENERATION_BITS: u32 = 24;
const SHARD_BITS: u32 = 12;

/// Generations count modulo this plus one; a ring's tokens have as many bits for them (`shard/tests/rules.rs`).
pub(crate) const GENERATION_MASK: u32 = (1 << GENERATION_BITS) - 1;

impl ConnId {
    /// The shard that holds the connection, counted from 0.
    pub fn shard(self) -> usize {
        usize::from(self.shard)
    }

    /// The connection's place among those of its shard or client: small, and used again by later ones.
    pub fn slot(self) -> usize {
        self.slot as usize
    }

    /// The id as one number: 12 bits of shard, 24 of generation, 28 of slot.
    pub fn to_bits(self) -> u64 {
        u64::from(self.shard) << (GENERATION_BITS + SLOT_BITS)
            | u64::from(self.generation) << SLOT_BITS
            | u64::from(self.slot)
    }

    /// The id that [`ConnId::to_bits`] made.
    pub fn from_bits(bits: u64) -> Self {
        Self {
            shard: (bits >> (GENERATION_BITS + SLOT_BITS)) as u16 & ((1 << SHARD_BITS) - 1),
            generation: (bits >> SLOT_BITS) as u32 & GENERATION_MASK,
            slot: bits as u32 & ((1 << SLOT_BITS) - 1),
        }
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.to_bits())
    }
}

impl FromStr for ConnId {
    type Err = ParseConnIdError;

    fn from_str(text: &str) -> Result<Self, ParseConnIdError> {
        if text.len() != 16 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ParseConnIdError);
        }
        u64::from_str_radix(text, 16).map(Self::from_bits).map_err(|_| ParseConnIdError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text() {
        for (shard, generation, slot) in [(0, 0, 0), (4095, GENERATION_MASK, (1 << 28) - 1), (3, 70_000, 12)] {
            let id = ConnId { shard, generation, slot };
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for text in ["", "12", "+000000000000000", "000000000000000g", "00000000000000000"] {
            assert_eq!(text.parse::<ConnId>(), Err(ParseConnIdError), "{text:?}");
        }
    }
}
