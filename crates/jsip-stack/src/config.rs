//! Timers and limits of the stack.

use std::time::Duration;

use crate::Channel;

/// Timers and limits of the stack, with the defaults of the protocol's section 9.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long a non-INVITE transaction waits for its final response (`timers.transaction`, default 5 s; RFC 3261
    /// timers B and F). Also how long the ACK of a refused INVITE and the final response of a cancelled one are
    /// awaited.
    pub transaction: Duration,
    /// How long an INVITE waits for its next response, and any other transaction after a provisional one
    /// (`timers.provisional`, default 60 s; RFC 3261 timer C).
    pub provisional: Duration,
    /// How long an INVITE may stay without a final response in all (`timers.invite_max`, default 180 s).
    pub invite_max: Duration,
    /// The `Expire` given to a first INVITE that has none, in whole seconds (`timers.session`, default 600 s).
    pub session: Duration,
    /// How long a finished transaction absorbs retransmissions after its final response was released
    /// (`timers.linger`, default 5 s). Costs memory: the response is kept that long.
    pub linger: Duration,
    /// The smallest `Expire` of an INVITE or UPDATE (`limits.session_min`, default 1 s).
    pub session_min: Duration,
    /// How many live dialogs one channel may have begun (`limits.dialogs_per_channel`, default 1,000); the next gets 503.
    pub dialogs_per_channel: usize,
    /// How many finished transactions linger per channel (`limits.lingering_per_channel`, default 1,024); beyond
    /// it the oldest is forgotten, and a retransmission of it is taken as new.
    pub lingering_per_channel: usize,
    /// As `dialogs_per_channel`, for a channel whose peer is another node (`limits.dialogs_per_link`, default 20,000).
    pub dialogs_per_link: usize,
    /// As `lingering_per_channel`, for a channel whose peer is another node (`limits.lingering_per_link`, default
    /// 20,480).
    pub lingering_per_link: usize,
    /// How many of its latest messages a live dialog keeps for [`Stack::trail`](crate::Stack::trail)
    /// (`admin.dialog_messages`, default 0: none). Each takes 24 bytes.
    pub messages_per_dialog: usize,
}

impl Config {
    /// How many live dialogs the peer of this channel may have begun.
    pub(crate) const fn dialogs_on(&self, channel: Channel) -> usize {
        if channel.is_link() {
            self.dialogs_per_link
        } else {
            self.dialogs_per_channel
        }
    }

    /// How many finished transactions linger on this channel.
    pub(crate) const fn lingering_on(&self, channel: Channel) -> usize {
        if channel.is_link() {
            self.lingering_per_link
        } else {
            self.lingering_per_channel
        }
    }
}

/// The longest `Expire` in seconds: a larger one is taken as this (protocol section 2).
pub(crate) const EXPIRES_MAX: u64 = 86_400;

impl Default for Config {
    fn default() -> Self {
        Self {
            transaction: Duration::from_secs(5),
            provisional: Duration::from_secs(60),
            invite_max: Duration::from_secs(180),
            session: Duration::from_secs(600),
            linger: Duration::from_secs(5),
            session_min: Duration::from_secs(1),
            dialogs_per_channel: 1_000,
            lingering_per_channel: 1_024,
            dialogs_per_link: 20_000,
            lingering_per_link: 20_480,
            messages_per_dialog: 0,
        }
    }
}
