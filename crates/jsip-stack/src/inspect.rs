//! The live dialogs of a stack, for whoever wants to list them.

use jsip::DialogId;
use strowger_time::{DeadlineId, Instant};

use crate::dialog::Dialog;
use crate::listing::{open, short};
use crate::session::Role;
use crate::session::table::State;
use crate::stub::Stub;
use crate::{Channel, DialogKey, Open, Owner, Stack};

/// What a live dialog is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DialogBrief {
    /// Its key.
    pub key: DialogKey,
    /// Its channel; `None` until that is known.
    pub channel: Option<Channel>,
    /// The leg that it is for an instance.
    pub owner: Option<Owner>,
    /// The state of its session; `None` outside of one.
    pub state: Option<&'static str>,
}

/// A timer that runs for a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerInfo {
    /// What it guards: `session`, `refresh`, `request` (one of ours that has no response) or `response` (one that the
    /// instance owes).
    pub guards: &'static str,
    /// When it is due.
    pub at: Instant,
}

/// A live dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DialogInfo {
    /// What it is found by.
    pub brief: DialogBrief,
    /// The `DialogueID` on its channel.
    pub id: DialogId,
    /// Whether the peer of its channel began it.
    pub begun_by_peer: bool,
    /// The `From` of its first request; `None` if it is longer than 255 bytes.
    pub from: Option<String>,
    /// The `To` likewise.
    pub to: Option<String>,
    /// How many seconds an INVITE session lives unless it is refreshed.
    pub expires: Option<u64>,
    /// What is not done, at most 16; `Local` is the peer of the channel.
    pub open: Vec<Open>,
    /// The timers that run. While the channel has no socket, most do not.
    pub timers: Vec<TimerInfo>,
}

impl Stack {
    /// Up to `limit` of the live dialogs that fit, from a place on, of `looks` places at most; and the place to go on from,
    /// `None` behind the last.
    pub fn page(
        &self,
        from: usize,
        limit: usize,
        looks: usize,
        fits: impl Fn(&DialogBrief) -> bool,
    ) -> (Vec<DialogInfo>, Option<usize>) {
        let mut infos = Vec::new();
        for place in from..self.dialogs.capacity() {
            if infos.len() >= limit || place - from >= looks {
                return (infos, Some(place));
            }
            let dialog = self.dialogs.get(place).filter(|dialog| dialog.alive);
            infos.extend(dialog.filter(|dialog| fits(&brief(dialog))).map(info));
        }
        (infos, None)
    }

    /// One dialog, if it is alive.
    pub fn info(&self, key: DialogKey) -> Option<DialogInfo> {
        self.leg(key).map(|index| info(&self.dialogs[index]))
    }

    /// How many live dialogs a channel has.
    pub fn live_on(&self, channel: Channel) -> usize {
        self.channels.get(channel).map_or(0, |record| record.live)
    }
}

fn brief(dialog: &Dialog) -> DialogBrief {
    DialogBrief {
        key: dialog.key(),
        channel: dialog.channel,
        owner: dialog.owner,
        state: dialog.state().map(State::name),
    }
}

fn info(dialog: &Dialog) -> DialogInfo {
    let session = dialog.session.as_deref();
    let first = session.map_or_else(
        || transaction_stub(dialog),
        |session| {
            Some(match session.role {
                Role::Uas => &session.from_peer,
                Role::Uac => &session.towards_peer,
            })
        },
    );
    DialogInfo {
        brief: brief(dialog),
        id: dialog.id.clone(),
        begun_by_peer: dialog.begun_by_peer,
        from: first.and_then(|stub| short(stub.from())),
        to: first.and_then(|stub| short(stub.to())),
        expires: session.map(|session| session.refresh.interval.as_secs()),
        open: open(dialog),
        timers: timers(dialog),
    }
}

/// The strings of the latest request of a dialog that has no session.
fn transaction_stub(dialog: &Dialog) -> Option<&Stub> {
    let received = dialog.servers.last().map(|server| &server.stub);
    received.or_else(|| dialog.clients.last().map(|client| &client.stub))
}

fn timers(dialog: &Dialog) -> Vec<TimerInfo> {
    let session = dialog.session.as_deref();
    let of_session = session
        .into_iter()
        .flat_map(|session| [("session", session.timer), ("refresh", session.refresh.timer)]);
    let of_clients = dialog.clients.iter().map(|client| ("request", client.deadline));
    let of_servers = dialog.servers.iter().map(|server| ("response", server.deadline));
    of_session
        .chain(of_clients)
        .chain(of_servers)
        .filter_map(|(guards, deadline)| {
            let at = deadline.map(DeadlineId::at)?;
            Some(TimerInfo { guards, at })
        })
        .take(MOST_TIMERS)
        .collect()
}

/// The most timers of a dialog that are told.
const MOST_TIMERS: usize = 16;
