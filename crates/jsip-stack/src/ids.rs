//! Small integers by which the stack and its owner name things.

/// A channel, as the owner of the stack numbers them. The highest bit of the number says that the peer is another node,
/// which speaks for many users: for such a channel the limits of links hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(u64);

impl Channel {
    /// Names a channel by the owner's number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The owner's number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// Whether the peer is another node.
    pub const fn is_link(self) -> bool {
        self.0 >> 63 == 1
    }
}

/// One leg of one instance, as the owner of the stack numbers them; the stack only hands it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(pub u64);

/// A request that an instance sent, as the instance numbers them; it comes back with each response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u32);

/// A dialog, as seen by an instance (a leg): from its first request to its end.
///
/// A key is never used twice: after its end every call with it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialogKey {
    pub(crate) index: u32,
    pub(crate) epoch: u32,
}

impl DialogKey {
    /// The key that is written as these numbers; it may name nothing.
    pub const fn from_numbers(index: u32, epoch: u32) -> Self {
        Self { index, epoch }
    }

    /// The key as numbers: its place, and what tells it from earlier ones in the same place.
    pub const fn numbers(self) -> (u32, u32) {
        (self.index, self.epoch)
    }
}

/// Names one transmitted message towards the outbox, which uses it to say that the message was released or withdrawn.
///
/// It carries the number of the shard that sent it, so that the news finds its way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u64);

const INDEX_BITS: u32 = 28;
const SERIAL_BITS: u32 = 28;
const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;
pub(crate) const SERIAL_MASK: u64 = (1 << SERIAL_BITS) - 1;

impl Tag {
    /// The tag of messages of which no news is wanted.
    pub const NONE: Self = Self(0);

    pub(crate) const fn new(shard: u8, index: u32, serial: u32) -> Self {
        Self(
            (shard as u64) << (INDEX_BITS + SERIAL_BITS)
                | (index as u64 & INDEX_MASK) << SERIAL_BITS
                | serial as u64,
        )
    }

    /// The tag as a plain number, for carrying it through the outbox.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The tag that has this number.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The shard whose stack made the tag.
    pub const fn shard(self) -> u8 {
        (self.0 >> (INDEX_BITS + SERIAL_BITS)) as u8
    }

    pub(crate) const fn index(self) -> usize {
        ((self.0 >> SERIAL_BITS) & INDEX_MASK) as usize
    }

    pub(crate) const fn serial(self) -> u32 {
        (self.0 & SERIAL_MASK) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_gives_back_what_it_was_made_of() {
        let tag = Tag::new(255, 0x0abc_def1, 0x0123_4567);
        assert_eq!(
            (tag.shard(), tag.index(), tag.serial()),
            (255, 0x0abc_def1, 0x0123_4567)
        );
        assert_eq!(Tag::from_number(tag.number()), tag);
    }
}
