//! The live calls of a channel, as its peer sees them.

use jsip::{CSeq, DialogId, Method};

use crate::dialog::Dialog;
use crate::session::Role;
use crate::session::table::State;
use crate::{Channel, Stack};

/// How far a listed call is, in the terms of RFC 4235.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The INVITE has no response above 100.
    Trying,
    /// It has a provisional one.
    Early,
    /// It has a 2xx.
    Confirmed,
}

/// One end of a listed call: the channel's peer or we.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The peer of the channel that was asked for.
    Local,
    /// Our instance, which stands for the other party.
    Remote,
}

/// What a transaction still waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// Its final response.
    Response,
    /// The ACK of the final response to an INVITE.
    Ack,
}

/// A request that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Its method.
    pub method: Method,
    /// Its sequence number.
    pub cseq: CSeq,
    /// Who sent it.
    pub from: End,
    /// What it waits for: a response from the end that did not send it, or an ACK from the one that did.
    pub awaits: Awaited,
}

/// One live call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The dialog's id.
    pub id: DialogId,
    /// Who began it.
    pub initiator: End,
    /// How far it is.
    pub progress: Progress,
    /// The peer's URI, as in the `From` or `To` of the first INVITE; `None` if longer than [`Listed::LONGEST`].
    pub identity: Option<String>,
    /// The other party's URI, likewise.
    pub other_identity: Option<String>,
    /// The `Request-URI` of what the peer sends, likewise.
    pub other_target: Option<String>,
    /// The highest sequence number of the peer that is known: any above it is new.
    pub cseq: Option<CSeq>,
    /// The highest of ours.
    pub other_cseq: Option<CSeq>,
    /// How many seconds the session lives unless it is refreshed.
    pub expires: u64,
    /// Who sends the UPDATEs that refresh it.
    pub refresher: End,
    /// What is not done, at most [`Listed::MOST_OPEN`].
    pub open: Vec<Open>,
}

impl Listed {
    /// A URI that is longer is left out, in bytes.
    pub const LONGEST: usize = 255;
    /// The most open requests that are listed.
    pub const MOST_OPEN: usize = 16;
}

/// The live calls of a channel, as far as they were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The calls, in no particular order.
    pub calls: Vec<Listed>,
    /// How many more there are.
    pub more: usize,
}

impl Listing {
    /// Adds what another shard listed; keeps `most` calls and counts the rest.
    pub fn add(&mut self, other: Self, most: usize) {
        self.calls.extend(other.calls);
        self.more += other.more + self.calls.len().saturating_sub(most);
        self.calls.truncate(most);
    }
}

impl Stack {
    /// Lists at most `most` live calls of a channel. Costs a pass over the channel's dialogs.
    pub fn calls_of(&self, channel: Channel, most: usize) -> Listing {
        let mut listing = Listing::default();
        let Some(record) = self.channels.get(channel) else {
            return listing;
        };
        let dialogs = record.dialogs.iter().map(|index| &self.dialogs[*index as usize]);
        for dialog in dialogs.filter(|dialog| dialog.alive && !dialog.session_is_over()) {
            if listing.calls.len() >= most {
                listing.more += 1;
            } else {
                listing.calls.extend(listed(dialog));
            }
        }
        listing
    }
}

fn listed(dialog: &Dialog) -> Option<Listed> {
    let session = dialog.session.as_ref()?;
    let begun_by_peer = session.role == Role::Uas;
    let (seen, ours) = (&session.from_peer, session.refresh.ours);
    let invite = session.invite_received.then_some(session.invite);
    let servers = dialog.servers.iter().map(|server| server.cseq);
    Some(Listed {
        id: dialog.id.clone(),
        initiator: if begun_by_peer { End::Local } else { End::Remote },
        progress: progress(session.state)?,
        identity: short(seen.from()),
        other_identity: short(seen.to()),
        other_target: short(seen.request_uri()),
        cseq: servers.chain(session.last_ack).chain(invite).max(),
        other_cseq: CSeq::new(dialog.next_cseq.get() - 1),
        expires: session.refresh.interval.as_secs(),
        refresher: if ours { End::Remote } else { End::Local },
        open: open(dialog),
    })
}

pub(crate) fn short(uri: &str) -> Option<String> {
    (uri.len() <= Listed::LONGEST).then(|| uri.to_owned())
}

const fn progress(state: State) -> Option<Progress> {
    match state {
        State::Inviting => Some(Progress::Trying),
        State::Early | State::EarlyPrack | State::EarlyUpdate | State::Cancelling => Some(Progress::Early),
        State::Answered | State::Established | State::Reinviting | State::Rerefused | State::Reanswered => {
            Some(Progress::Confirmed)
        }
        State::Refused | State::Abandoned | State::Terminated => None,
    }
}

pub(crate) fn open(dialog: &Dialog) -> Vec<Open> {
    let local = dialog.servers.iter().filter_map(|server| {
        let awaits = if server.is_open() {
            Awaited::Response
        } else if server.awaits_ack() {
            Awaited::Ack
        } else {
            return None;
        };
        Some(Open {
            method: server.method,
            cseq: server.cseq,
            from: End::Local,
            awaits,
        })
    });
    let remote = dialog.clients.iter().filter_map(|client| {
        let awaits = if client.is_open() {
            Awaited::Response
        } else if client.method == Method::Invite && client.ack.is_none() {
            Awaited::Ack
        } else {
            return None;
        };
        Some(Open {
            method: client.method,
            cseq: client.cseq,
            from: End::Remote,
            awaits,
        })
    });
    local.chain(remote).take(Listed::MOST_OPEN).collect()
}
