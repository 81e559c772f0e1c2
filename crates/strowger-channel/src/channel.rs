//! One channel as its shard keeps it.

use jsip::UserId;
use strowger_time::{DeadlineId, Instant};

use crate::outbox::Outbox;
use crate::rate::{Bucket, Meter};
use crate::{ChannelId, ConnId};

/// What a channel is called. Users and links have name spaces of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// Peers connect to us under this name.
    User(UserId),
    /// We dial this node.
    Link(Box<LinkName>),
}

/// Where a link leads; the host in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkName {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Where a channel is in its life.
///
/// | state | new socket | socket ends | ended with 1000 | dial failed | its timer |
/// |---|---|---|---|---|---|
/// | `Open` | `Open`, the old one closed 4001 | `Retained`; link: `BackingOff` | lost | - | Ping, or dead |
/// | `Retained` | `Open` | - | - | - | lost |
/// | `Dialling` | `Open` | - | - | `BackingOff`, or lost | none: the driver answers |
/// | `BackingOff` | `Open` | - | - | - | `Dialling` |
#[derive(Debug)]
pub(crate) enum Life {
    /// It has a socket.
    Open(Connection),
    /// It waits for the next socket.
    Retained,
    /// A link that the driver is dialling.
    Dialling {
        /// How many attempts failed before.
        failed: usize,
    },
    /// A link that is to be dialled in a while.
    BackingOff {
        /// How many attempts failed.
        failed: usize,
    },
}

/// Whether the driver knows that there is something to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    /// Nothing was said.
    Idle,
    /// It was told, and has not come yet.
    Woken,
    /// It has a batch and has not said that it is written.
    Writing,
}

/// The socket of a channel.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) conn: ConnId,
    /// When a frame or a Pong came last.
    pub(crate) last_heard: Instant,
    /// The sequence number in the latest Ping.
    pub(crate) pinged: Option<u64>,
    /// When that Ping was taken for writing.
    pub(crate) pinged_at: Option<Instant>,
    /// When the oldest Ping without a Pong was written.
    pub(crate) unanswered_since: Option<Instant>,
    /// The sequence number in the latest Pong.
    pub(crate) answered: Option<u64>,
    /// How many malformed messages came.
    pub(crate) malformed: usize,
    /// A link: how many attempts failed, until this socket has shown life.
    pub(crate) failed: usize,
    pub(crate) writer: Writer,
    /// The next batch carries a Ping even if nothing else.
    pub(crate) ping_due: bool,
    /// It was pinged because it was silent, and has been silent since.
    pub(crate) probed: bool,
    /// Entries are released when they are written, since Pongs do not come.
    pub(crate) release_on_write: bool,
}

impl Connection {
    pub(crate) const fn new(now: Instant, conn: ConnId) -> Self {
        Self {
            conn,
            last_heard: now,
            pinged: None,
            pinged_at: None,
            unanswered_since: None,
            answered: None,
            malformed: 0,
            failed: 0,
            writer: Writer::Idle,
            ping_due: false,
            probed: false,
            release_on_write: false,
        }
    }
}

/// Who has proven that a channel is theirs.
#[derive(Debug)]
pub(crate) struct Holder {
    pub(crate) identity: UserId,
    /// Due when the credential of the present socket is over.
    pub(crate) expiry: Option<DeadlineId>,
}

#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) id: ChannelId,
    pub(crate) name: Name,
    pub(crate) life: Life,
    /// Since when its life is what it is.
    pub(crate) since: Instant,
    /// Whether it ever had a socket.
    pub(crate) opened: bool,
    /// Whether the peer is another node, which speaks for many users.
    pub(crate) is_node: bool,
    /// Boxed, since where nothing is to be proven there is none.
    pub(crate) holder: Option<Box<Holder>>,
    pub(crate) outbox: Outbox,
    pub(crate) bucket: Bucket,
    /// Frames that are no message of their own.
    pub(crate) frames: Meter,
    /// Due when something has to happen in its life.
    pub(crate) life_timer: Option<DeadlineId>,
    /// Due when the oldest entry of the outbox may be too old.
    pub(crate) age_timer: Option<DeadlineId>,
    /// Due when what went out without a Ping has to have one.
    pub(crate) ping_timer: Option<DeadlineId>,
}

impl Channel {
    pub(crate) fn new(id: ChannelId, name: Name, life: Life) -> Self {
        Self {
            id,
            is_node: matches!(name, Name::Link(_)),
            name,
            life,
            since: Instant::ZERO,
            opened: false,
            holder: None,
            outbox: Outbox::new(),
            bucket: Bucket::default(),
            frames: Meter::default(),
            life_timer: None,
            age_timer: None,
            ping_timer: None,
        }
    }

    pub(crate) const fn is_link(&self) -> bool {
        matches!(self.name, Name::Link(_))
    }

    pub(crate) fn holder_mut(&mut self) -> Option<&mut Holder> {
        self.holder.as_deref_mut()
    }

    pub(crate) const fn connection_mut(&mut self) -> Option<&mut Connection> {
        match &mut self.life {
            Life::Open(connection) => Some(connection),
            Life::Retained | Life::Dialling { .. } | Life::BackingOff { .. } => None,
        }
    }

    pub(crate) const fn connection(&self) -> Option<&Connection> {
        match &self.life {
            Life::Open(connection) => Some(connection),
            Life::Retained | Life::Dialling { .. } | Life::BackingOff { .. } => None,
        }
    }

    pub(crate) fn is_flushed(&self) -> bool {
        !self.outbox.has_unwritten() && self.outbox.oldest_unreleased().is_none()
    }
}
