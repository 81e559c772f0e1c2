//! Sending: requests, responses, and the answers that the stack gives by itself.

use jsip::{CSeq, Method, Request, Response, StatusCode};
use strowger_time::Instant;

use crate::dialog::Held;
use crate::output::{Kind, Transmit};
use crate::stub::{Stub, set_retry_after, with_reason};
use crate::timer::Timer;
use crate::transaction::{
    ClientRecord, ClientState, Reply, ServerState, client, invite_client, invite_server, server,
};
use crate::watch::What;
use crate::{Channel, Encoded, Output, Stack, Tag, Token};

impl Stack {
    /// Sends on the dialog's channel, or holds the message until the channel is known.
    pub(crate) fn transmit(&mut self, index: usize, message: Encoded, tag: Tag, kind: Kind) {
        let transmit = Transmit {
            message,
            tag,
            kind,
            dialog: Some(self.dialogs[index].key()),
        };
        self.send_or_hold(index, transmit);
    }

    fn send_or_hold(&mut self, index: usize, transmit: Transmit) {
        let dialog = &mut self.dialogs[index];
        match dialog.channel {
            Some(channel) => self.outputs.push_back(Output::Send { channel, transmit }),
            None => dialog.held.push(Held::Send(transmit)),
        }
    }

    /// Sends what went out before.
    pub(crate) fn transmit_again(&mut self, index: usize, message: Encoded, tag: Tag, kind: Kind) {
        self.note_sent_again(index, &message);
        self.transmit(index, message, tag, kind);
    }

    /// Sends a request on a known dialog and begins its transaction. ACK has none; CANCEL names its INVITE.
    pub(crate) fn transmit_request(
        &mut self,
        now: Instant,
        index: usize,
        request: Request,
        token: Option<Token>,
    ) {
        match request.method() {
            Method::Ack => self.transmit_ack(index, request),
            Method::Cancel => self.transmit_cancel(now, index, request, token),
            _ => {
                let transmit = self.begin_client(now, index, request, token);
                self.send_or_hold(index, transmit);
            }
        }
    }

    fn transmit_cancel(&mut self, now: Instant, index: usize, mut cancel: Request, token: Option<Token>) {
        let Some(invite) = self.dialogs[index].session.as_ref().map(|session| session.invite) else {
            return;
        };
        let Some(serial) = self.dialogs[index].client(invite).map(|client| client.serial) else {
            return;
        };
        cancel.set_related_cseq(Some(invite));
        let tag = Tag::new(self.shard, index as u32, serial);
        let transmit = self.begin_client(now, index, cancel, token);
        match self.dialogs[index].channel {
            Some(channel) => self.outputs.push_back(Output::Cancel {
                channel,
                invite: tag,
                transmit,
            }),
            None => self.dialogs[index].held.push(Held::Cancel(tag, transmit)),
        }
    }

    /// Gives a request its ids and makes its client transaction.
    pub(crate) fn begin_client(
        &mut self,
        now: Instant,
        index: usize,
        mut request: Request,
        token: Option<Token>,
    ) -> Transmit {
        let (method, expires, stub) = (request.method(), request.expires(), Stub::new(&request));
        self.stamp(index, &mut request);
        let message = self.writing.request(&request);
        let tag = self.next_tag(index);
        let cseq = request.cseq();
        let at = self.dialogs[index].at;
        let (state, deadline) = if method == Method::Invite {
            if let Some(session) = &mut self.dialogs[index].session {
                session.invite = cseq;
            }
            (ClientState::Invite(invite_client::State::Calling), None)
        } else {
            let deadline = self
                .deadlines
                .set(now + self.config.transaction, Timer::Client(at, cseq));
            (ClientState::Plain(client::State::Trying), Some(deadline))
        };
        let client = ClientRecord {
            cseq,
            method,
            serial: tag.serial(),
            token,
            stub,
            state,
            deadline,
            expires,
            ack: None,
        };
        self.note(index, What::TransactionBegun(client.name()));
        self.dialogs[index].add_client(client);
        self.note_sent_request(index, &request);
        Transmit {
            message,
            tag,
            dialog: Some(self.dialogs[index].key()),
            kind: if matches!(method, Method::Bye | Method::Cancel) {
                Kind::Ending
            } else {
                Kind::Request
            },
        }
    }

    /// Sends a response to a request of the peer and moves its transaction; refused if it has a final one already.
    pub(crate) fn transmit_response(&mut self, index: usize, mut response: Response) {
        let (cseq, code) = (response.cseq(), response.code());
        if response.reason_phrase().is_none() {
            // Writes the phrase of the code.
            response.set_code(code);
        }
        let is_final = code.is_final();
        let tag = if is_final { self.next_tag(index) } else { Tag::NONE };
        let Some(server) = self.dialogs[index].server(cseq) else {
            return;
        };
        server.state = match server.state {
            ServerState::Plain(state) => {
                let trigger = if is_final {
                    server::Trigger::Final
                } else {
                    server::Trigger::Provisional
                };
                match server::cell(state, trigger) {
                    crate::transaction::Cell::Go(next, _) => ServerState::Plain(next),
                    crate::transaction::Cell::Discard | crate::transaction::Cell::Refuse => return,
                }
            }
            ServerState::Invite(state) => match invite_server::cell(state, invite_trigger(code)) {
                crate::transaction::Cell::Go(next, _) => ServerState::Invite(next),
                crate::transaction::Cell::Discard | crate::transaction::Cell::Refuse => return,
            },
        };
        let deadline = if is_final { server.deadline.take() } else { None };
        let message = self.writing.response(&response);
        server.last = Some(message.clone());
        if is_final {
            server.reply = Reply::Unreleased(tag.serial());
        }
        let transaction = server.name();
        if is_final && transaction.method == Method::Invite {
            self.dialogs[index].put_last(cseq);
        }
        if let Some(deadline) = deadline {
            self.deadlines.cancel(deadline);
        }
        if is_final {
            self.note(index, What::TransactionEnded(transaction, code));
            self.linger_later(index);
        }
        let kind = if is_final { Kind::Final } else { Kind::Other };
        self.note_sent_response(index, &response);
        self.transmit(index, message, tag, kind);
    }

    /// Answers a request of the peer on behalf of the instance.
    pub(crate) fn answer(&mut self, index: usize, cseq: CSeq, code: StatusCode, reason: Option<&str>) {
        let dialog = &mut self.dialogs[index];
        let id = dialog.id.clone();
        let Some(server) = dialog.server(cseq) else { return };
        let response = with_reason(server.stub.response(id.as_str(), cseq, code), reason);
        self.transmit_response(index, response);
    }

    /// Answers the open INVITE of the peer, if there is one.
    pub(crate) fn answer_invite(&mut self, index: usize, code: StatusCode) {
        if let Some(cseq) = self.dialogs[index].open_server_invite().map(|server| server.cseq) {
            self.answer(index, cseq, code, None);
        }
    }

    /// Answers a request without keeping anything of it.
    pub(crate) fn answer_stateless(
        &mut self,
        channel: Channel,
        request: &Request,
        code: StatusCode,
        reason: &str,
        retry_after: Option<u32>,
    ) {
        if request.method() == Method::Ack {
            return;
        }
        let mut response = with_reason(Response::to(request, code), Some(reason));
        if let Some(seconds) = retry_after {
            set_retry_after(&mut response, seconds);
        }
        let dialog = self.find(channel, request.dialog_id());
        let dialog = dialog.map(|index| self.dialogs[index].key());
        let transmit = Transmit {
            dialog,
            ..Transmit::stateless(response)
        };
        self.outputs.push_back(Output::Send { channel, transmit });
    }
}

/// What a response of ours means for the server transaction of an INVITE.
const fn invite_trigger(code: StatusCode) -> invite_server::Trigger {
    match code.as_u16() {
        ..=199 => invite_server::Trigger::Provisional,
        200..=299 => invite_server::Trigger::Success,
        300.. => invite_server::Trigger::Failure,
    }
}
