//! What a user agent does about a request that it sees for the first time.

use jsip::{Method, Request, StatusCode};

use super::agent::{Act, Agent, Deed, Desk};
use super::calls::State;

impl Agent {
    pub(super) fn answer_new(&mut self, request: &Request, desk: &mut Desk<'_>) {
        let (dialog, cseq) = (request.dialog_id(), request.cseq().get());
        let call = self.calls.iter().position(|call| call.dialog == dialog);
        match request.method() {
            Method::Message => self.on_message(request, desk),
            Method::Invite => match call {
                None => self.ring(request, desk),
                Some(call) => self.on_reinvite(call, request, desk),
            },
            Method::Ack => {
                if let Some(call) = call.map(|at| &mut self.calls[at]) {
                    call.acknowledged(request.related_cseq().map(jsip::CSeq::get));
                }
            }
            Method::Bye => {
                self.answer(dialog, cseq, StatusCode::OK, desk);
                if let Some(call) = call {
                    let ringing = self.calls[call].ringing();
                    if let Some(invite) = ringing {
                        self.answer(dialog, invite, StatusCode::REQUEST_TERMINATED, desk);
                    }
                    self.calls[call].state = State::Over;
                }
            }
            Method::Cancel => {
                self.answer(dialog, cseq, StatusCode::OK, desk);
                let related = request.related_cseq().map_or(0, jsip::CSeq::get);
                let cancelled = self.answer(dialog, related, StatusCode::REQUEST_TERMINATED, desk);
                if let Some(call) = call.map(|at| &mut self.calls[at])
                    && cancelled
                    && call.ringing() == Some(related)
                {
                    call.state = State::Over;
                }
            }
            Method::Info | Method::Update => {
                let up = call.is_some_and(|call| self.calls[call].state != State::Over);
                // A hunt tells who waits where he stands.
                let is_place = request.body().is_some_and(|body| body.starts_with('{'));
                if up && request.method() == Method::Info && !is_place {
                    self.apply(request, desk);
                }
                let code = if up {
                    StatusCode::OK
                } else {
                    StatusCode::NO_SUCH_SESSION
                };
                self.answer(dialog, cseq, code, desk);
            }
            Method::Notify => self.on_notify(call, request, desk),
            other => {
                let fault = format!("user {} got a {other}", self.number);
                desk.books.fault(self.about(dialog), fault);
            }
        }
    }

    /// The application sees a message for the first time.
    fn apply(&self, request: &Request, desk: &mut Desk<'_>) {
        let body = request.body_str().unwrap_or_default();
        match body.strip_prefix('m').and_then(|number| number.parse().ok()) {
            Some(number) => desk.books.apply(number, self.number),
            None => {
                let fault = format!("user {} got a message without its number: {body}", self.number);
                desk.books.fault(self.about(request.dialog_id()), fault);
            }
        }
    }

    /// Of a room, a conference or a transfer.
    fn on_notify(&mut self, call: Option<usize>, request: &Request, desk: &mut Desk<'_>) {
        let body = request.body().unwrap_or_default();
        if call.is_none() && body.contains(r#""state":"lost""#) {
            desk.books.told_lost(self.site, self.number);
        }
        if call.is_some() && body.contains(r#""code":200"#) {
            desk.books.transfers += 1;
        }
        let over = call.is_some_and(|call| self.calls[call].state == State::Over);
        let code = if over {
            StatusCode::NO_SUCH_SESSION
        } else {
            StatusCode::OK
        };
        self.answer(request.dialog_id(), request.cseq().get(), code, desk);
    }

    fn on_message(&self, request: &Request, desk: &mut Desk<'_>) {
        let body = request.body_str().unwrap_or_default();
        if let Some(Ok(post)) = body.strip_prefix('p').map(str::parse) {
            return self.on_post(post, request, desk);
        }
        self.apply(request, desk);
        let (dialog, cseq) = (request.dialog_id().to_owned(), request.cseq().get());
        let code = if desk.chance.percent(90) {
            StatusCode::OK
        } else {
            StatusCode::BUSY_HERE
        };
        let delay = match desk.chance.below(10) {
            0..=5 => desk.chance.millis(0, 20),
            6..=8 => desk.chance.millis(20, 3_000),
            // Some never answer in time.
            _ => desk.chance.millis(3_000, 20_000),
        };
        desk.acts
            .push(Act::Later(delay, Deed::Answer { dialog, cseq, code }));
    }
}
