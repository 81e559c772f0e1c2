//! The channels of a shard, for whoever wants to list them.

use strowger_time::Instant;

use super::Channels;
use crate::channel::{Channel, Life, Name};
use crate::{ChannelId, ConnId};

/// What is at the other end of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// A user who connected.
    User,
    /// Another node that connected.
    Node,
    /// Another node that this one dials.
    Link,
}

/// Where a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelState {
    /// It has a socket.
    Open,
    /// It waits for the next socket.
    Retained,
    /// A link that is being dialled.
    Connecting,
    /// A link that is dialled again in a while.
    Waiting,
}

/// A channel, for whoever wants to list them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelInfo {
    /// The channel.
    pub id: ChannelId,
    /// Its name: a user's, or `host:port` of a link.
    pub name: String,
    /// Whether it is a link that this node dials.
    pub is_link: bool,
    /// What is at its other end.
    pub kind: ChannelKind,
    /// Where it is.
    pub state: ChannelState,
    /// Since when it has been there: a new socket counts anew.
    pub since: Instant,
    /// Its socket, if it has one.
    pub conn: Option<ConnId>,
    /// How many messages are in its outbox.
    pub outbox_messages: usize,
    /// How many bytes of text are in its outbox.
    pub outbox_bytes: usize,
    /// When the oldest message that its peer never acknowledged was sent.
    pub oldest_unacknowledged: Option<Instant>,
}

/// When the oldest messages were sent that their peers never acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oldest {
    /// On channels with a socket.
    pub open: Option<Instant>,
    /// On the others.
    pub away: Option<Instant>,
}

/// Which channels are wanted: all that fit everything that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelFilter {
    /// Those whose names begin so. A link's name is `host:port`.
    pub name: Option<String>,
    /// Those of this kind.
    pub kind: Option<ChannelKind>,
    /// Those that are there.
    pub state: Option<ChannelState>,
}

impl ChannelFilter {
    fn fits(&self, channel: &Channel) -> bool {
        self.kind.is_none_or(|kind| kind == kind_of(channel))
            && self.state.is_none_or(|state| state == state_of(channel))
            && self.name.as_ref().is_none_or(|name| match &channel.name {
                Name::User(user) => user.as_str().starts_with(name.as_str()),
                Name::Link(_) => name_of(channel).starts_with(name.as_str()),
            })
    }
}

impl ChannelInfo {
    pub(super) fn of(channel: &Channel) -> Self {
        Self {
            id: channel.id,
            name: name_of(channel),
            is_link: channel.is_link(),
            kind: kind_of(channel),
            state: state_of(channel),
            since: channel.since,
            conn: channel.connection().map(|connection| connection.conn),
            outbox_messages: channel.outbox.len(),
            outbox_bytes: channel.outbox.bytes(),
            oldest_unacknowledged: channel.outbox.oldest_undelivered(),
        }
    }
}

impl Channels {
    /// Up to `limit` of the channels that fit, from a place on, of `looks` places at most; and the place to go on from,
    /// `None` behind the last.
    pub fn page(
        &self,
        filter: &ChannelFilter,
        from: usize,
        limit: usize,
        looks: usize,
    ) -> (Vec<ChannelInfo>, Option<usize>) {
        let mut infos = Vec::new();
        for place in from..self.registry.places() {
            if infos.len() >= limit || place - from >= looks {
                return (infos, Some(place));
            }
            let channel = self.registry.at(place).filter(|channel| filter.fits(channel));
            infos.extend(channel.map(ChannelInfo::of));
        }
        (infos, None)
    }

    /// When the oldest messages were sent that wait. Costs a pass over all channels.
    pub fn oldest_unacknowledged(&self) -> Oldest {
        let mut oldest = Oldest::default();
        for channel in self.registry.iter() {
            let Some(at) = channel.outbox.oldest_undelivered() else {
                continue;
            };
            let oldest = match channel.life {
                Life::Open(_) => &mut oldest.open,
                Life::Retained | Life::Dialling { .. } | Life::BackingOff { .. } => &mut oldest.away,
            };
            *oldest = Some(oldest.map_or(at, |oldest| oldest.min(at)));
        }
        oldest
    }

    /// One channel, if it is still there.
    pub fn info(&self, channel: ChannelId) -> Option<ChannelInfo> {
        self.registry.get(channel).map(ChannelInfo::of)
    }
}

fn name_of(channel: &Channel) -> String {
    match &channel.name {
        Name::User(user) => user.as_str().to_owned(),
        Name::Link(link) => format!("{}:{}", link.host, link.port),
    }
}

const fn kind_of(channel: &Channel) -> ChannelKind {
    match (&channel.name, channel.is_node) {
        (Name::Link(_), _) => ChannelKind::Link,
        (Name::User(_), true) => ChannelKind::Node,
        (Name::User(_), false) => ChannelKind::User,
    }
}

const fn state_of(channel: &Channel) -> ChannelState {
    match channel.life {
        Life::Open(_) => ChannelState::Open,
        Life::Retained => ChannelState::Retained,
        Life::Dialling { .. } => ChannelState::Connecting,
        Life::BackingOff { .. } => ChannelState::Waiting,
    }
}
