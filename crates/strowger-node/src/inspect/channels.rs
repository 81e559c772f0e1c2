//! What an operator sees of channels and links, and how he ends a channel.

use std::time::Duration;

use jsip::UserId;
use jsip_stack::Channel;
use strowger_channel::{ChannelFilter, ChannelInfo, ChannelKind, ChannelState, ConnId, LinkInfo};
use strowger_time::Instant;

use super::{LOOKS, Page};
use crate::Shard;
use crate::shard::{channel_id, home_of_channel, stack_channel};

/// What can be seen of a channel from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelLook {
    /// How the stack numbers it.
    pub channel: Channel,
    /// Its name: a user's, or `host:port` of a link.
    pub name: String,
    /// What is at its other end.
    pub kind: ChannelKind,
    /// Where it is.
    pub state: ChannelState,
    /// How long it has been there; a new socket counts anew.
    pub age: Duration,
    /// Its socket, if it has one.
    pub conn: Option<ConnId>,
    /// How many messages are in its outbox.
    pub outbox_messages: usize,
    /// How many bytes of text are in its outbox.
    pub outbox_bytes: usize,
    /// How long the oldest message that its peer never acknowledged has been there.
    pub outbox_age: Option<Duration>,
}

impl ChannelLook {
    fn new(now: Instant, info: ChannelInfo) -> Self {
        Self {
            channel: stack_channel(info.id),
            name: info.name,
            kind: info.kind,
            state: info.state,
            age: now.since(info.since),
            conn: info.conn,
            outbox_messages: info.outbox_messages,
            outbox_bytes: info.outbox_bytes,
            outbox_age: info.oldest_unacknowledged.map(|at| now.since(at)),
        }
    }
}

impl Shard {
    /// Up to `limit` of the channels whose home this shard is that fit, from a place on; looks at 10,000 places at most.
    pub fn channel_page(
        &self,
        now: Instant,
        filter: &ChannelFilter,
        from: u32,
        limit: usize,
    ) -> Page<ChannelLook> {
        let found = self.channels.page(filter, from as usize, limit, LOOKS);
        Page::of(self.shard, found).map(|info| ChannelLook::new(now, info))
    }

    /// The channel of a user whose home this shard is, if there is one.
    pub fn channel(&self, now: Instant, name: &UserId) -> Option<ChannelLook> {
        let info = self.channels.info(self.channels.lookup(name)?)?;
        Some(ChannelLook::new(now, info))
    }

    /// Ends the channel of a user whose home this shard is: it is lost, and its socket closed with 1008. `false`: there is
    /// none.
    pub fn end_channel(&mut self, name: &UserId) -> bool {
        let channel = self.channels.lookup(name);
        channel.is_some_and(|channel| self.channels.end(channel))
    }

    /// How many live dialogs of each of the channels this shard has.
    pub fn live_on(&self, channels: &[Channel]) -> Vec<usize> {
        channels
            .iter()
            .map(|channel| self.stack.live_on(*channel))
            .collect()
    }

    /// The names of the channels, of those whose home this shard is.
    pub fn channel_names(&self, channels: &[Channel]) -> Vec<Option<String>> {
        let name = |channel: &Channel| {
            let is_own = home_of_channel(*channel) == self.shard;
            let info = is_own.then(|| self.channels.info(channel_id(*channel)))?;
            info.map(|info| info.name)
        };
        channels.iter().map(name).collect()
    }

    /// Up to `limit` of the links of this shard, those that failed included, from one on.
    pub fn link_page(&self, from: u32, limit: usize) -> Page<LinkInfo> {
        let mut rest = self.channels.links().skip(from as usize);
        let items: Vec<_> = rest.by_ref().take(limit).collect();
        let end = from as usize + items.len();
        let next = rest.next().map(|_| end);
        Page::of(self.shard, (items, next))
    }
}
