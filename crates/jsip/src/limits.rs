//! What a message may cost.

/// The bounds of a message on receipt. Anything beyond is refused with a [`Fault`](crate::Fault) of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of the whole text in bytes; 64 KiB by default. Never more than [`Limits::MAX_MESSAGE_BYTES`].
    pub message_bytes: usize,
    /// How deep objects and arrays may nest, the message itself being level 1; 64 by default. Never more than
    /// [`Limits::MAX_DEPTH`].
    pub depth: usize,
    /// How many headers a message may have, known or not; 128 by default. Never more than [`Limits::MAX_HEADERS`],
    /// since looking for duplicates costs the square of it.
    pub headers: usize,
}

impl Limits {
    /// The largest value of [`Limits::message_bytes`] that has an effect: 1 GiB.
    pub const MAX_MESSAGE_BYTES: usize = 1 << 30;
    /// The largest value of [`Limits::depth`] that has an effect.
    pub const MAX_DEPTH: usize = 128;
    /// The largest value of [`Limits::headers`] that has an effect.
    pub const MAX_HEADERS: usize = 1024;

    /// Returns these limits with none above what the codec can do.
    pub(crate) fn effective(self) -> Self {
        Self {
            message_bytes: self.message_bytes.min(Self::MAX_MESSAGE_BYTES),
            depth: self.depth.min(Self::MAX_DEPTH),
            headers: self.headers.min(Self::MAX_HEADERS),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 64 * 1024,
            depth: 64,
            headers: 128,
        }
    }
}
