//! The calls of a user agent.

use jsip::{CSeq, Message, Method, Request, Response, StatusCode, Uri, json_string};

use super::agent::{Act, Agent, Deed, Desk, Pending};
use super::books::Way;

/// Who answers in the place of a user, at any node.
pub(super) const ECHO: &str = "echo@";

/// What the names of conferences begin with.
pub(super) const CONFERENCE: &str = "conf";

/// The parameter by which whom somebody is handed on to knows the call.
pub(super) const CALL: &str = "call";

/// How a call stands for one of its users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Our INVITE has no final response.
    Calling {
        /// We sent a CANCEL.
        cancelled: bool,
    },
    /// Their INVITE, of this number, has none.
    Ringing(u64),
    /// Answered.
    Up,
    /// Nothing is left of it.
    Over,
}

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    /// Names it at both ends.
    pub(super) number: usize,
    pub(super) dialog: String,
    peer: String,
    /// The user called, where it is one.
    other: Option<usize>,
    pub(super) state: State,
    next_cseq: u64,
    /// Our latest answer to an INVITE, until its ACK.
    answer: Option<(u64, String)>,
    /// Our latest ACK.
    ack: Option<(u64, String)>,
}

impl Call {
    /// Whether a service is at the other end.
    pub(super) fn is_to_service(&self) -> bool {
        self.peer.starts_with(ECHO) || self.is_to_conference()
    }

    fn is_to_conference(&self) -> bool {
        self.peer.starts_with(CONFERENCE)
    }

    /// The channel was lost, and with it the call.
    pub(super) fn is_lost(&mut self) {
        self.state = State::Over;
        (self.answer, self.ack) = (None, None);
    }

    /// The number of the INVITE that rings.
    pub(super) const fn ringing(&self) -> Option<u64> {
        match self.state {
            State::Ringing(invite) => Some(invite),
            State::Calling { .. } | State::Up | State::Over => None,
        }
    }

    /// What a new socket must carry again: nobody else would.
    pub(super) fn unconfirmed(&self) -> impl Iterator<Item = &str> {
        let up = self.state == State::Up;
        let texts = [&self.answer, &self.ack].into_iter().flatten();
        texts.filter(move |_| up).map(|(_, text)| text.as_str())
    }

    pub(super) fn acknowledged(&mut self, invite: Option<u64>) {
        if self
            .answer
            .as_ref()
            .is_some_and(|(answered, _)| invite == Some(*answered))
        {
            self.answer = None;
        }
    }

    const fn number(&mut self) -> u64 {
        self.next_cseq += 1;
        self.next_cseq
    }
}

impl Agent {
    /// Calls somebody.
    pub(super) fn call(
        &mut self,
        to: (Option<usize>, &str),
        route: Option<&str>,
        panics: u32,
        desk: &mut Desk<'_>,
    ) {
        desk.books.calls += 1;
        let dialog = self.new_dialog();
        let mut invite = self.request(Method::Invite, to.1, &dialog, 1);
        invite.set_body_str(&format!("c{}", desk.books.calls));
        if let Some(route) = route {
            invite.set_route(route);
        }
        if panics > 0 {
            let _ = invite.set_extension(super::services::PANICS_AT, &(panics - 1).to_string());
        }
        let at = self.calls.len();
        self.calls.push(Call {
            number: desk.books.calls,
            dialog,
            peer: to.1.to_owned(),
            other: to.0,
            state: State::Calling { cancelled: false },
            next_cseq: 1,
            answer: None,
            ack: None,
        });
        if desk.chance.percent(30) {
            let delay = desk.chance.millis(0, 15_000);
            desk.acts.push(Act::Later(delay, Deed::Cancel(at)));
        }
        self.ask(invite, None, desk);
    }

    /// Somebody calls.
    pub(super) fn ring(&mut self, invite: &Request, desk: &mut Desk<'_>) {
        let Some(number) = number_of(invite) else {
            // A re-INVITE of a call that the node has forgotten: to the node it is a first one, and nothing here.
            self.answer(
                invite.dialog_id(),
                invite.cseq().get(),
                StatusCode::NO_SUCH_SESSION,
                desk,
            );
            return;
        };
        let at = self.calls.len();
        let cseq = invite.cseq().get();
        self.calls.push(Call {
            number,
            dialog: invite.dialog_id().to_owned(),
            peer: invite.from().to_owned(),
            other: None,
            state: State::Ringing(cseq),
            next_cseq: 100,
            answer: None,
            ack: None,
        });
        if desk.chance.percent(80) {
            let delay = desk.chance.millis(0, 500);
            desk.acts.push(Act::Later(
                delay,
                Deed::Pick {
                    call: at,
                    code: StatusCode::RINGING,
                },
            ));
        }
        let code = match desk.chance.below(10) {
            0..=6 => StatusCode::OK,
            7 => StatusCode::BUSY_HERE,
            8 => StatusCode::DECLINE,
            _ => return,
        };
        let delay = desk.chance.millis(0, 12_000);
        desk.acts.push(Act::Later(delay, Deed::Pick { call: at, code }));
    }

    /// Rings, answers or declines.
    pub(super) fn pick(&mut self, at: usize, code: StatusCode, desk: &mut Desk<'_>) {
        let Some(invite) = self.calls[at].ringing() else {
            return;
        };
        let dialog = self.calls[at].dialog.clone();
        if !self.answer(&dialog, invite, code, desk) {
            return;
        }
        if code.is_success() {
            self.calls[at].state = State::Up;
            self.await_ack(at, invite, desk);
            self.plan(at, desk);
        } else if code.is_final() {
            self.calls[at].state = State::Over;
        }
    }

    fn await_ack(&mut self, at: usize, invite: u64, desk: &mut Desk<'_>) {
        let answer = self.heard.get(&(self.calls[at].dialog.clone(), invite));
        self.calls[at].answer = answer
            .and_then(|heard| heard.answer.clone())
            .map(|text| (invite, text));
        desk.acts
            .push(Act::Later(std::time::Duration::from_secs(70), Deed::NoAck(at)));
    }

    /// What the user will do in a call that is up.
    fn plan(&self, at: usize, desk: &mut Desk<'_>) {
        for _ in 0..desk.chance.below(4) {
            let delay = desk.chance.millis(0, 40_000);
            desk.acts.push(Act::Later(delay, Deed::Info(at)));
        }
        if desk.chance.percent(30) {
            let delay = desk.chance.millis(0, 40_000);
            desk.acts.push(Act::Later(delay, Deed::Reinvite(at)));
        }
        if desk.chance.percent(15) {
            let delay = desk.chance.millis(0, 30_000);
            desk.acts.push(Act::Later(delay, Deed::Refer(at)));
        }
        if desk.chance.percent(50) {
            let delay = desk.chance.millis(0, 60_000);
            desk.acts.push(Act::Later(delay, Deed::HangUp(at)));
        }
    }

    fn inside(&mut self, at: usize, method: Method) -> Request {
        let cseq = self.calls[at].number();
        let call = &self.calls[at];
        self.request(method, &call.peer, &call.dialog, cseq)
    }

    pub(super) fn cancel(&mut self, at: usize, desk: &mut Desk<'_>) {
        if self.calls[at].state != (State::Calling { cancelled: false }) {
            return;
        }
        self.calls[at].state = State::Calling { cancelled: true };
        let mut cancel = self.inside(at, Method::Cancel);
        cancel.set_related_cseq(CSeq::new(1));
        self.ask(cancel, None, desk);
    }

    pub(super) fn hang_up(&mut self, at: usize, desk: &mut Desk<'_>) {
        if self.calls[at].state == State::Up {
            self.calls[at].state = State::Over;
            let bye = self.inside(at, Method::Bye);
            self.ask(bye, None, desk);
        }
    }

    pub(super) fn info(&mut self, at: usize, desk: &mut Desk<'_>) {
        let call = &self.calls[at];
        let way = Way::Call(call.number);
        if call.state != State::Up || desk.books.is_referred(way) {
            return;
        }
        let to = match call.other {
            Some(other) => (other, call.peer.clone()),
            None if call.is_to_conference() => {
                let other = desk.chance.below(desk.names.len());
                (other, desk.names[other].clone())
            }
            None => return,
        };
        let item = desk.books.send(self.number, to.0, way);
        let mut info = self.inside(at, Method::Info);
        info.set_request_uri(&to.1);
        info.set_body_str(&format!("m{item}"));
        self.ask(info, Some(item), desk);
    }

    pub(super) fn reinvite(&mut self, at: usize, desk: &mut Desk<'_>) {
        if self.calls[at].state == State::Up && self.open_invite(at).is_none() {
            let invite = self.inside(at, Method::Invite);
            self.ask(invite, None, desk);
        }
    }

    /// Hands on the other side to somebody else.
    pub(super) fn refer(&mut self, at: usize, desk: &mut Desk<'_>) {
        let call = &self.calls[at];
        if call.state != State::Up || call.is_to_service() {
            return;
        }
        let number = call.number;
        desk.books.refer(number);
        let third = (self.number + 1 + desk.chance.below(desk.names.len() - 1)) % desk.names.len();
        let target = format!("{};{CALL}={number}", desk.names[third]);
        let mut refer = self.inside(at, Method::Refer);
        let _ = refer.set_extension("Refer-To", &json_string(&target));
        self.ask(refer, None, desk);
    }

    fn open_invite(&self, at: usize) -> Option<&Pending> {
        let dialog = &self.calls[at].dialog;
        self.pending
            .iter()
            .find(|pending| pending.method == Method::Invite && pending.dialog == *dialog)
    }

    pub(super) fn no_ack(&mut self, at: usize, desk: &mut Desk<'_>) {
        if self.calls[at].answer.is_some() {
            self.hang_up(at, desk);
        }
    }

    pub(super) fn on_reinvite(&mut self, at: usize, invite: &Request, desk: &mut Desk<'_>) {
        let (dialog, cseq) = (invite.dialog_id().to_owned(), invite.cseq().get());
        let code = match self.calls[at].state {
            State::Over => StatusCode::NO_SUCH_SESSION,
            State::Calling { .. } | State::Ringing(_) => StatusCode::REQUEST_PENDING,
            State::Up if self.open_invite(at).is_some() => StatusCode::REQUEST_PENDING,
            State::Up if desk.chance.percent(20) => StatusCode::NOT_ACCEPTABLE_HERE,
            State::Up => StatusCode::OK,
        };
        self.answer(&dialog, cseq, code, desk);
        if code.is_success() {
            self.await_ack(at, cseq, desk);
        }
    }

    /// A request of ours has its final response.
    pub(super) fn concluded(&mut self, pending: &Pending, response: &Response, desk: &mut Desk<'_>) {
        let Some(at) = self.calls.iter().position(|call| call.dialog == pending.dialog) else {
            return;
        };
        let code = response.code();
        match pending.method {
            Method::Invite => self.invite_concluded(at, pending.cseq, code, desk),
            // RFC 3261 section 12.2.1.2: the peer knows nothing of the call.
            Method::Info | Method::Refer if code == StatusCode::NO_SUCH_SESSION => self.hang_up(at, desk),
            _ => {}
        }
    }

    fn invite_concluded(&mut self, at: usize, invite: u64, code: StatusCode, desk: &mut Desk<'_>) {
        let mut ack = self.inside(at, Method::Ack);
        ack.set_related_cseq(CSeq::new(invite));
        let text = Message::Request(ack).encode();
        desk.acts.push(Act::Send(text.clone()));
        let first = invite == 1;
        if first && !code.is_success() {
            desk.books.refuse(self.calls[at].number);
        }
        if code.is_success() {
            self.calls[at].ack = Some((invite, text));
        }
        match self.calls[at].state {
            State::Calling { cancelled } if first && code.is_success() => {
                desk.books.answered += 1;
                self.calls[at].state = State::Up;
                if cancelled {
                    self.hang_up(at, desk);
                } else {
                    self.plan(at, desk);
                }
            }
            State::Calling { .. } if first => self.calls[at].state = State::Over,
            State::Up if code == StatusCode::NO_SUCH_SESSION => self.hang_up(at, desk),
            State::Calling { .. } | State::Ringing(_) | State::Up | State::Over => {}
        }
    }

    /// A final response came once more: if it is a 2xx to our INVITE, so does its ACK.
    pub(super) fn confirm_again(&self, dialog: &str, invite: u64, desk: &mut Desk<'_>) {
        let call = self.calls.iter().find(|call| call.dialog == dialog);
        if let Some((of, text)) = call.and_then(|call| call.ack.as_ref())
            && *of == invite
        {
            desk.acts.push(Act::Send(text.clone()));
        }
    }
}

/// Which call a first INVITE is of: its Body says so, or the URI that its referrer gave.
fn number_of(invite: &Request) -> Option<usize> {
    let body = invite.body_str().unwrap_or_default();
    let referred = || Uri::parse(invite.request_uri()).ok()?.param(CALL)?;
    let number = body.strip_prefix('c').or_else(referred);
    number?.parse().ok()
}
