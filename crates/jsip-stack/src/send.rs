//! Requests of instances.

use std::time::Duration;

use jsip::{DialogId, Header, Method, Request, StatusCode, Uri, UserId};
use strowger_time::Instant;

use crate::config::EXPIRES_MAX;
use crate::dialog::Held;
use crate::perform::Cargo;
use crate::session::refresh::Refresh;
use crate::session::table::{Cell, State, Trigger, cell};
use crate::session::{Role, Session, request_trigger};
use crate::stub::Stub;
use crate::timer::Timer;
use crate::transaction::{ClientState, invite_client};
use crate::watch::{Detail, What};
use crate::{Channel, DialogKey, EndCause, Output, Owner, SendError, Stack, Tag, Token};

impl Stack {
    /// Opens a new dialog with its first request; `id` must be new and unguessable.
    ///
    /// The decision to send comes as [`Output::SendTo`]; the owner answers it with [`Stack::bound`].
    ///
    /// # Errors
    ///
    /// [`SendError::Illegal`] if the method cannot begin a dialog, [`SendError::Syntax`] if a header is at fault.
    pub fn open(
        &mut self,
        now: Instant,
        owner: Owner,
        id: DialogId,
        mut request: Request,
        token: Token,
    ) -> Result<DialogKey, SendError> {
        if !may_open(request.method()) {
            return Err(SendError::Illegal {
                method: request.method(),
                state: "new dialog",
            });
        }
        self.check(&mut request)?;
        let (target, name) = destination(&request)?;
        let index = self.insert(None, id, false);
        self.dialogs[index].owner = Some(owner);
        self.note_begun(index, &request, Some(name.as_str()));
        if request.method() == Method::Invite {
            self.begin_calling_session(now, index, &mut request);
        }
        let transmit = self.begin_client(now, index, request, Some(token));
        let dialog = self.dialogs[index].key();
        self.outputs.push_back(Output::SendTo {
            dialog,
            target,
            name,
            transmit,
        });
        Ok(dialog)
    }

    fn begin_calling_session(&mut self, now: Instant, index: usize, request: &mut Request) {
        if request.expires().is_none() {
            request.set_expires(self.config.session.as_secs());
        }
        let interval = Duration::from_secs(request.expires().unwrap_or(EXPIRES_MAX));
        let towards_peer = Stub::new(request);
        let timer = Timer::Session(self.dialogs[index].at);
        let first = now + self.config.provisional.min(self.config.invite_max);
        self.dialogs[index].session = Some(Box::new(Session {
            role: Role::Uac,
            state: State::Inviting,
            from_peer: towards_peer.reversed(),
            towards_peer,
            timer: Some(self.deadlines.set(first, timer)),
            invite: request.cseq(),
            invite_received: false,
            give_up: now + self.config.invite_max,
            last_ack: None,
            refresh: Refresh::new(interval, true),
        }));
    }

    /// Where the first request of a dialog went: its channel, or `None` if nobody is there (the instance gets 480).
    /// `up` says whether the channel has a socket now.
    pub fn bound(&mut self, now: Instant, dialog: DialogKey, channel: Option<(Channel, bool)>) {
        let index = dialog.index as usize;
        let Some(record) = self.dialogs.get(index) else {
            return;
        };
        // The leg may have ended meanwhile, but a record is bound once.
        if record.epoch != dialog.epoch || record.channel.is_some() {
            return;
        }
        let Some((channel, up)) = channel else {
            self.dialogs[index].held.clear();
            return self.lose(index, EndCause::Refused, StatusCode::TEMPORARILY_UNAVAILABLE);
        };
        self.attach(index, channel);
        self.note(index, What::Bound(channel));
        if self.channels.entry(channel).up == up {
            if !up {
                self.suspend(index);
            }
        } else if up {
            self.channel_up(now, channel);
        } else {
            self.channel_down(channel);
        }
        for held in std::mem::take(&mut self.dialogs[index].held) {
            self.outputs.push_back(match held {
                Held::Send(transmit) => Output::Send { channel, transmit },
                Held::Cancel(invite, transmit) => Output::Cancel {
                    channel,
                    invite,
                    transmit,
                },
                Held::Withdraw(tag) => Output::Withdraw { channel, tag },
            });
        }
        self.settle(now, index);
    }

    /// Sends a request of an instance on a dialog.
    ///
    /// The stack sets `DialogueID`, `CSeq` and, for ACK and CANCEL, `RelatedID`.
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`] if the leg has ended, [`SendError::Illegal`] if the state does not allow the method,
    /// [`SendError::Syntax`] if a header is at fault. Nothing is sent then.
    pub fn send(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        mut request: Request,
        token: Token,
    ) -> Result<(), SendError> {
        let index = self.leg(dialog).ok_or(SendError::Ended)?;
        self.check(&mut request)?;
        let method = request.method();
        let Some(session) = &self.dialogs[index].session else {
            if !may_open(method) || method == Method::Invite {
                return Err(SendError::Illegal {
                    method,
                    state: "outside a session",
                });
            }
            self.transmit_request(now, index, request, Some(token));
            return Ok(());
        };
        let state = session.state;
        let trigger = request_trigger(&request, state, session.role, false);
        let illegal = SendError::Illegal {
            method,
            state: state.name(),
        };
        if !matches!(cell(state, trigger), Cell::Go(..)) || self.is_out_of_place(index, trigger) {
            return Err(illegal);
        }
        self.fire(now, index, trigger, Cargo::Sent(request, Some(token)));
        self.settle(now, index);
        Ok(())
    }

    /// What the table does not see: whose INVITE it is, and whether an UPDATE is open.
    fn is_out_of_place(&self, index: usize, trigger: Trigger) -> bool {
        let dialog = &self.dialogs[index];
        let Some(session) = &dialog.session else {
            return true;
        };
        match trigger {
            Trigger::Ack => session.invite_received || !self.is_unacknowledged(index),
            Trigger::CancelSent => {
                session.invite_received
                    || dialog
                        .clients
                        .iter()
                        .any(|client| client.method == Method::Cancel && client.is_open())
            }
            Trigger::Update => dialog.has_open(Method::Update),
            _ => false,
        }
    }

    /// Whether a request may go on the wire; cuts a too large `Expire`.
    fn check(&self, request: &mut Request) -> Result<(), SendError> {
        let empty = |header: Header| SendError::Syntax {
            header: header.as_str(),
            fault: "must not be empty",
        };
        if request.request_uri().is_empty() {
            return Err(empty(Header::RequestUri));
        }
        if request.from().is_empty() {
            return Err(empty(Header::From));
        }
        if request.to().is_empty() {
            return Err(empty(Header::To));
        }
        if let (Method::Invite | Method::Update, Some(expires)) = (request.method(), request.expires()) {
            if expires < self.config.session_min.as_secs() {
                return Err(SendError::Syntax {
                    header: Header::Expires.as_str(),
                    fault: "below the smallest session",
                });
            }
            if expires > EXPIRES_MAX {
                request.set_expires(EXPIRES_MAX);
            }
        }
        Ok(())
    }

    /// The outbox forgot an INVITE of ours together with its CANCEL, or a request that timed out: it was never
    /// written to a socket.
    pub fn withdrawn(&mut self, now: Instant, tag: Tag) {
        self.note_tagged(tag, Detail::Withdrawn);
        let index = tag.index();
        let Some(dialog) = self.dialogs.get_mut(index) else {
            return;
        };
        let serial = tag.serial();
        let Some(client) = dialog.clients.iter().find(|client| client.serial == serial) else {
            return;
        };
        if client.method != Method::Invite || !(client.is_open() || client.is_abandoned()) {
            return;
        }
        let cancels: Vec<_> = dialog
            .clients
            .iter()
            .filter(|client| client.method == Method::Cancel && client.is_open())
            .map(|client| (client.cseq, client.deadline))
            .collect();
        for (cseq, deadline) in cancels {
            if let Some(deadline) = deadline {
                self.deadlines.cancel(deadline);
            }
            self.dialogs[index].clients.retain(|client| client.cseq != cseq);
        }
        self.fire(now, index, Trigger::Withdrawn, Cargo::None);
        if let Some(client) = self.dialogs[index]
            .clients
            .iter_mut()
            .find(|client| client.serial == serial)
        {
            client.state = ClientState::Invite(invite_client::State::Completed);
        }
        self.settle(now, index);
    }

    /// The outbox had no room for a request of ours: it is answered 503 with `Retry-After` (in seconds), and nobody
    /// will receive it.
    pub fn no_room(&mut self, now: Instant, tag: Tag, retry_after: u32) {
        let (index, serial) = (tag.index(), tag.serial());
        let Some(dialog) = self.dialogs.get_mut(index) else {
            return;
        };
        let Some(client) = dialog.clients.iter_mut().find(|client| client.serial == serial) else {
            return;
        };
        let mut response =
            client
                .stub
                .response(dialog.id.as_str(), client.cseq, StatusCode::SERVICE_UNAVAILABLE);
        response.set_reason("too much waits for the recipient");
        // It fails only for a name or a value that is no header, and these are.
        let _ = response.set_extension("Retry-After", &retry_after.to_string());
        match client.state {
            ClientState::Plain(state) => self.receive_plain(now, index, response, state),
            ClientState::Invite(_) if client.is_open() || client.is_abandoned() => {
                client.state = ClientState::Invite(invite_client::State::Completed);
                let transaction = client.name();
                let cargo = Cargo::Answer(response, client.token);
                self.note(
                    index,
                    What::TransactionEnded(transaction, StatusCode::SERVICE_UNAVAILABLE),
                );
                self.fire(now, index, Trigger::NoRoom, cargo);
                self.settle(now, index);
            }
            ClientState::Invite(_) => {}
        }
    }

    /// A request timed out: if it was never written, nobody shall receive it later.
    pub(crate) fn withdraw(&mut self, index: usize, serial: u32) {
        let tag = Tag::new(self.shard, index as u32, serial);
        match self.dialogs[index].channel {
            Some(channel) => self.outputs.push_back(Output::Withdraw { channel, tag }),
            None => self.dialogs[index].held.push(Held::Withdraw(tag)),
        }
    }
}

/// Whether a request of an instance with this method may begin a dialog.
const fn may_open(method: Method) -> bool {
    match method {
        Method::Invite
        | Method::Register
        | Method::Options
        | Method::Message
        | Method::Subscribe
        | Method::Notify
        | Method::Refer => true,
        Method::Ack | Method::Bye | Method::Cancel | Method::Info | Method::Update | Method::Prack => false,
    }
}

/// The first Router URI, else the Request-URI, and the name it stands for (protocol section 6).
fn destination(request: &Request) -> Result<(String, UserId), SendError> {
    let (header, text) = match request.first_route() {
        Some(route) => (Header::Route, route),
        None => (Header::RequestUri, request.request_uri()),
    };
    let fault = |fault| SendError::Syntax {
        header: header.as_str(),
        fault,
    };
    let uri = Uri::parse(text).map_err(|_| fault("not a URI"))?;
    let name = UserId::from_uri(&uri).map_err(|_| fault("names no user and no node"))?;
    Ok((text.to_owned(), name))
}
