//! Masking and UTF-8 kernels per instruction set, chosen once at run time.
//!
//! A [`Level`] names an instruction set; [`Level::detected`] is the best one that this CPU has, and what
//! [`mask`](super::mask) and [`utf8`](super::utf8) use unless [`force`] pinned another. Each set has three kernels: XOR
//! with the key, validation, and both in one pass over the bytes (`docs/decisions/0001-unmask-and-validate.md`).
//! Payloads of at most 64 bytes do not come here but for text that is not ASCII; see `small`.
//!
//! The kernels judge whole texts: what a chunk boundary cuts is [`Utf8Stream`]'s business.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod lookup;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
pub(super) mod small;
#[cfg(target_arch = "x86_64")]
mod sse;

use std::sync::atomic::{AtomicU8, Ordering};

use super::utf8::{InvalidUtf8, Utf8Stream};
pub(super) use small::{MaskWord, SMALL_MAX};

/// An instruction set with kernels of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Level {
    /// Portable code; the compiler's baseline for the target.
    Scalar = 1,
    /// x86-64 with SSSE3 and SSE4.1.
    Sse = 2,
    /// x86-64 with AVX2.
    Avx2 = 3,
    /// x86-64 with AVX-512 F, BW and VBMI (Ice Lake and Zen 4 onwards).
    Avx512 = 4,
    /// AArch64, all of them.
    Neon = 5,
}

/// The level is not there on this CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this CPU has no {} kernels; it has {}", .0.name(), available_names())]
pub struct LevelUnavailable(pub Level);

impl Level {
    const ALL: [Self; 5] = [Self::Scalar, Self::Sse, Self::Avx2, Self::Avx512, Self::Neon];

    /// The best level of this CPU.
    pub fn detected() -> Self {
        Self::available().last().unwrap_or(Self::Scalar)
    }

    /// The levels of this CPU, the plainest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|level| level.is_available())
    }

    /// Whether this CPU has the level.
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Sse => is_x86_feature_detected!("ssse3") && is_x86_feature_detected!("sse4.1"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vbmi")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => true,
            #[allow(unreachable_patterns, reason = "each target lacks the levels of the others")]
            _ => false,
        }
    }

    /// The name to print.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Sse => "sse",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
        }
    }

    /// [`mask::unmask`](super::mask::unmask) with this level's kernel, whatever the length.
    ///
    /// # Panics
    ///
    /// If the level is not [available](Self::is_available); so do the other operations.
    pub fn unmask(self, bytes: &mut [u8], key: [u8; 4], offset: usize) {
        self.kernels().unmask(bytes, MaskWord::new(key, offset));
    }

    /// [`utf8::unmask_str`](super::utf8::unmask_str) with this level's kernel, whatever the length.
    ///
    /// # Errors
    ///
    /// [`InvalidUtf8`] if it is not UTF-8 or ends inside a character.
    pub fn unmask_str(self, bytes: &mut [u8], key: [u8; 4]) -> Result<&str, InvalidUtf8> {
        self.kernels().unmask_str(bytes, MaskWord::new(key, 0))
    }

    /// [`utf8::validate_str`](super::utf8::validate_str) with this level's kernel, whatever the length.
    ///
    /// # Errors
    ///
    /// [`InvalidUtf8`] if it is not UTF-8 or ends inside a character.
    pub fn validate_str(self, bytes: &[u8]) -> Result<&str, InvalidUtf8> {
        self.kernels().validate_str(bytes)
    }

    /// [`Utf8Stream::push`] with this level's kernel, whatever the length.
    ///
    /// # Errors
    ///
    /// As [`Utf8Stream::push`].
    pub fn push(self, stream: &mut Utf8Stream, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        stream.push_with(self.kernels(), bytes)
    }

    /// [`utf8::unmask_push`](super::utf8::unmask_push) with this level's kernel, whatever the length.
    ///
    /// # Errors
    ///
    /// As [`Utf8Stream::push`].
    pub fn unmask_push(
        self,
        stream: &mut Utf8Stream,
        bytes: &mut [u8],
        key: [u8; 4],
        offset: usize,
    ) -> Result<(), InvalidUtf8> {
        stream.unmask_push_with(self.kernels(), bytes, MaskWord::new(key, offset))
    }

    fn kernels(self) -> Kernels {
        match Kernels::of(self) {
            Ok(kernels) => kernels,
            Err(error) => panic!("{error}"),
        }
    }
}

fn available_names() -> String {
    Level::available().map(Level::name).collect::<Vec<_>>().join(", ")
}

/// Pins the level of the whole process, for tests and for comparing levels. At any time, from any thread.
///
/// # Errors
///
/// [`LevelUnavailable`] if the CPU lacks it; the choice stays as it was.
pub fn force(level: Level) -> Result<(), LevelUnavailable> {
    Kernels::of(level).map(|kernels| CHOSEN.store(kernels.0 as u8, Ordering::Relaxed))
}

/// The level that this process uses.
pub fn current() -> Level {
    Kernels::current().0
}

/// The process's [`Level`] as a number, zero until first used. Holds available levels only.
static CHOSEN: AtomicU8 = AtomicU8::new(0);

/// The kernels of a level that this CPU has: that it has it was checked where the value was made.
#[derive(Clone, Copy)]
pub(super) struct Kernels(Level);

/// Calls a kernel of the level that `$kernels` holds.
macro_rules! dispatch {
    ($kernels:expr, $kernel:ident($($argument:expr),*)) => {
        match $kernels.0 {
            // SAFETY: a `Kernels` is made by `of`, which checked the CPU, or read from `CHOSEN`, which `of` filled.
            #[cfg(target_arch = "x86_64")]
            Level::Sse => unsafe { sse::$kernel($($argument),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { avx2::$kernel($($argument),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { avx512::$kernel($($argument),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Level::Neon => unsafe { neon::$kernel($($argument),*) },
            _ => scalar::$kernel($($argument),*),
        }
    };
}

impl Kernels {
    /// The kernels that this process uses.
    #[inline]
    pub(super) fn current() -> Self {
        match CHOSEN.load(Ordering::Relaxed) {
            1 => Self(Level::Scalar),
            2 => Self(Level::Sse),
            3 => Self(Level::Avx2),
            4 => Self(Level::Avx512),
            5 => Self(Level::Neon),
            _ => Self::choose(),
        }
    }

    /// Chooses once. A race of several threads chooses the same.
    #[cold]
    fn choose() -> Self {
        let level = Level::detected();
        CHOSEN.store(level as u8, Ordering::Relaxed);
        Self(level)
    }

    fn of(level: Level) -> Result<Self, LevelUnavailable> {
        if level.is_available() { Ok(Self(level)) } else { Err(LevelUnavailable(level)) }
    }

    pub(super) fn unmask(self, bytes: &mut [u8], word: MaskWord) {
        dispatch!(self, unmask(bytes, word));
    }

    pub(super) fn unmask_str(self, bytes: &mut [u8], word: MaskWord) -> Result<&str, InvalidUtf8> {
        if dispatch!(self, unmask_validate(bytes, word)) {
            // SAFETY: the kernel found them to be valid UTF-8.
            Ok(unsafe { str::from_utf8_unchecked(bytes) })
        } else {
            Err(InvalidUtf8)
        }
    }

    pub(super) fn validate_str(self, bytes: &[u8]) -> Result<&str, InvalidUtf8> {
        if dispatch!(self, validate(bytes)) {
            // SAFETY: the kernel found them to be valid UTF-8.
            Ok(unsafe { str::from_utf8_unchecked(bytes) })
        } else {
            Err(InvalidUtf8)
        }
    }
}

#[cfg(test)]
mod tests;
