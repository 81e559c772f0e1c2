//! What an operator sees of dialogs, and how he ends one.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jsip::DialogId;
use jsip_stack::{Channel, DialogBrief, DialogInfo, DialogKey, Noted, Open, Owner};
use strowger_time::{DeadlineId, Instant};

use super::{InstanceId, InstanceIdError, LOOKS, Page};
use crate::Shard;
use crate::instances::{InstanceKey, Running};

/// What peers and instances read of a dialog that an operator has ended.
const REASON: &str = "ended by the operator";
/// The state of a dialog that has no INVITE session.
const NO_SESSION: &str = "Transaction";

/// Names a dialog among all that ever are on a node; written as the name of an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DialogRef(InstanceId);

impl DialogRef {
    pub(crate) const fn new(shard: &Shard, key: DialogKey) -> Self {
        Self::of(shard.node, shard.shard, key)
    }

    pub(crate) const fn of(node: u16, shard: u16, key: DialogKey) -> Self {
        let (index, epoch) = key.numbers();
        Self(InstanceId::new(node, shard, index, epoch))
    }

    /// It as a number; no two dialogs of a node have the same one in one life of the process.
    pub const fn number(self) -> u128 {
        self.0.number()
    }

    /// The shard on which it lives.
    pub const fn shard(self) -> u16 {
        self.0.shard()
    }
}

impl fmt::Display for DialogRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for DialogRef {
    type Err = InstanceIdError;

    fn from_str(text: &str) -> Result<Self, InstanceIdError> {
        text.parse().map(Self)
    }
}

/// Which dialogs are wanted: all that fit everything that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DialogFilter {
    /// Those on a channel.
    pub channel: Option<Channel>,
    /// Those of instances of a service.
    pub service: Option<String>,
    /// Those whose session is in a state, in any case; `Transaction` is the state outside of a session.
    pub state: Option<String>,
}

/// What can be seen of a dialog from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogLook {
    /// Its name towards the operator.
    pub id: DialogRef,
    /// Its `DialogueID` on its channel.
    pub dialog: DialogId,
    /// Its channel; `None` until that is known.
    pub channel: Option<Channel>,
    /// The state of its session; `Transaction` outside of one.
    pub state: &'static str,
    /// Whether the peer of its channel began it.
    pub begun_by_peer: bool,
    /// The `From` of its first request; `None` if it is longer than 255 bytes.
    pub from: Option<String>,
    /// The `To` likewise.
    pub to: Option<String>,
    /// How many seconds a session lives unless it is refreshed.
    pub expires: Option<u64>,
    /// What is not done, at most 16.
    pub open: Vec<Open>,
    /// What the timers that run guard, and how long each still runs.
    pub timers: Vec<(&'static str, Duration)>,
    /// Its instance, and the service of that.
    pub instance: Option<(InstanceId, Arc<str>)>,
    /// Where one dialog was asked for: the dialogs of the instance, this one included.
    pub legs: Vec<DialogRef>,
    /// Likewise: how long each timer of the instance still runs.
    pub instance_timers: Vec<Duration>,
    /// Likewise: its latest messages, the oldest first, and how long ago each passed.
    pub messages: Vec<(Duration, Noted)>,
}

impl Shard {
    /// Up to `limit` of the live dialogs of this shard that fit, from a place on; looks at 10,000 places at most.
    pub fn dialog_page(
        &self,
        now: Instant,
        filter: &DialogFilter,
        from: u32,
        limit: usize,
    ) -> Page<DialogLook> {
        let fits = |dialog: &DialogBrief| self.fits(filter, dialog);
        let found = self.stack.page(from as usize, limit, LOOKS, fits);
        Page::of(self.shard, found).map(|info| self.look(now, info))
    }

    /// One dialog, if it is alive, with its latest messages, and the legs and timers of its instance.
    pub fn dialog(&self, now: Instant, id: DialogRef) -> Option<DialogLook> {
        let key = self.dialog_key(id)?;
        let info = self.stack.info(key)?;
        let running = info.brief.owner.and_then(|owner| self.owner(owner));
        let mut look = self.look(now, info);
        if let Some((_, running)) = running {
            look.legs = running
                .legs
                .dialogs()
                .map(|key| DialogRef::new(self, key))
                .collect();
            let timers = running.timers.iter().map(|(_, deadline)| *deadline);
            look.instance_timers = timers.map(|deadline| left(now, deadline)).collect();
        }
        let passed = self.stack.trail(key).into_iter();
        look.messages = passed.map(|passed| (now.since(passed.at), passed)).collect();
        Some(look)
    }

    /// Ends a dialog: its peer gets BYE, CANCEL or 480, and for its instance it is as if the peer had left. `false`: it had
    /// ended before.
    pub fn end_dialog(&mut self, now: Instant, id: DialogRef) -> bool {
        let key = self.dialog_key(id);
        key.is_some_and(|key| self.stack.end(now, key, REASON))
    }

    fn dialog_key(&self, id: DialogRef) -> Option<DialogKey> {
        let InstanceId {
            node,
            shard,
            index,
            epoch,
        } = id.0;
        (node == self.node && shard == self.shard).then(|| DialogKey::from_numbers(index, epoch))
    }

    fn owner(&self, owner: Owner) -> Option<(InstanceKey, &Running)> {
        let (key, _) = self.instances.find(owner)?;
        Some((key, self.instances.get(key)?))
    }

    fn fits(&self, filter: &DialogFilter, dialog: &DialogBrief) -> bool {
        let state = dialog.state.unwrap_or(NO_SESSION);
        filter
            .channel
            .is_none_or(|channel| dialog.channel == Some(channel))
            && filter
                .state
                .as_ref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(state))
            && filter.service.as_ref().is_none_or(|service| {
                let running = dialog.owner.and_then(|owner| self.owner(owner));
                running.is_some_and(|(_, running)| running.kind.name.eq_ignore_ascii_case(service))
            })
    }

    fn look(&self, now: Instant, info: DialogInfo) -> DialogLook {
        let running = info.brief.owner.and_then(|owner| self.owner(owner));
        let timers = info.timers.iter();
        DialogLook {
            id: DialogRef::new(self, info.brief.key),
            channel: info.brief.channel,
            state: info.brief.state.unwrap_or(NO_SESSION),
            begun_by_peer: info.begun_by_peer,
            timers: timers.map(|timer| (timer.guards, timer.at.since(now))).collect(),
            dialog: info.id,
            from: info.from,
            to: info.to,
            expires: info.expires,
            open: info.open,
            instance: running.map(|(key, running)| (self.id_of(key), Arc::clone(&running.kind.name))),
            legs: Vec::new(),
            instance_timers: Vec::new(),
            messages: Vec::new(),
        }
    }
}

/// How long a deadline is away; nothing if it is due.
fn left(now: Instant, deadline: DeadlineId) -> Duration {
    deadline.at().since(now)
}
