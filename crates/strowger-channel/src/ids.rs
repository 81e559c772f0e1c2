//! Numbers by which channels, sockets and messages are named.

use std::fmt;

/// One channel, from its making to its loss. Never used twice on a node, so whatever is late finds nobody.
///
/// The number carries the shard that is the channel's home and, in its highest bit, whether the peer is another node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(u64);

const SHARD_SHIFT: u32 = 48;
const GENERATION_SHIFT: u32 = 32;
const NODE: u64 = 1 << 63;

impl ChannelId {
    pub(crate) const fn new(shard: u16, generation: u16, slot: u32, is_node: bool) -> Self {
        let number = (shard as u64) << SHARD_SHIFT | (generation as u64) << GENERATION_SHIFT | slot as u64;
        Self(if is_node { number | NODE } else { number & !NODE })
    }

    /// The channel that has this number.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The channel as a plain number, for carrying it through other parts.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The shard that is the channel's home.
    pub const fn shard(self) -> u16 {
        ((self.0 & !NODE) >> SHARD_SHIFT) as u16
    }

    /// Whether the peer is another node, which speaks for many users.
    pub const fn is_node(self) -> bool {
        self.0 & NODE != 0
    }

    pub(crate) const fn generation(self) -> u16 {
        (self.0 >> GENERATION_SHIFT) as u16
    }

    pub(crate) const fn slot(self) -> u32 {
        self.0 as u32
    }
}

impl fmt::Debug for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "channel-{}-{}-{}",
            self.shard(),
            self.slot(),
            self.generation()
        )
    }
}

/// One socket. The driver numbers them and never uses a number twice.
///
/// It is the fence of a channel: input of a socket that the channel no longer has changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// Names a message towards whoever sent it. This crate only compares tags and hands them back.
pub type Tag = u64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_id_gives_back_what_it_was_made_of() {
        for is_node in [false, true] {
            let id = ChannelId::new(0x7edc, 0xba98, 0x7654_3210, is_node);
            assert_eq!(
                (id.shard(), id.generation(), id.slot(), id.is_node()),
                (0x7edc, 0xba98, 0x7654_3210, is_node)
            );
            assert_eq!(ChannelId::from_number(id.number()), id);
        }
    }
}
