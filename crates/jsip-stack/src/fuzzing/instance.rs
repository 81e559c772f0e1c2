//! What instances do, and what they get.

use jsip::{CSeq, DialogId, Method, Request, Response, StatusCode};

use super::leg::{Leg, Sent};
use super::peer::{code, dress, method};
use super::world::World;
use crate::{Channel, Delivery, DialogKey, Owner, Release, SendError, Token};

impl World {
    fn new_leg(&mut self, key: DialogKey, open: Vec<Request>) {
        self.legs.push(Leg {
            key,
            open,
            ended: false,
            released: false,
        });
    }

    fn pick_leg(&self, choice: u8) -> Option<usize> {
        let back = usize::from(choice) % 8;
        let running = self
            .legs
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, leg)| !leg.released);
        running.map(|(at, _)| at).nth(back)
    }

    /// A request of the instance with this token is about to go out.
    fn note(&mut self, leg: usize, method: Method) -> Token {
        let token = Token(self.next_token);
        self.next_token += 1;
        self.requests.insert(
            token,
            Sent {
                leg,
                method,
                finals: 0,
            },
        );
        token
    }

    pub(super) fn instance_opens(&mut self, a: u8, b: u8, c: u8) {
        let uri = ["zero@example.com", "one@example.com", "nobody@example.com"][usize::from(b) % 3];
        let mut request = Request::new(method(a), uri, "service@example.com", uri);
        dress(&mut request, c);
        let leg = self.legs.len();
        let token = self.note(leg, request.method());
        let id = DialogId::new(&format!("own{leg}.{}", token.0)).expect("a good id");
        match self.stack.open(self.now, Owner(leg as u64), id, request, token) {
            Ok(key) => self.new_leg(key, Vec::new()),
            Err(_) => drop(self.requests.remove(&token)),
        }
    }

    pub(super) fn instance_sends(&mut self, a: u8, b: u8, c: u8) {
        let Some(leg) = self.pick_leg(a) else { return };
        let mut request = Request::new(
            method(b),
            "peer@example.com",
            "service@example.com",
            "peer@example.com",
        );
        dress(&mut request, c);
        let token = self.note(leg, request.method());
        let result = self.stack.send(self.now, self.legs[leg].key, request, token);
        if let Err(error) = result {
            self.requests.remove(&token);
            assert_eq!(error == SendError::Ended, self.legs[leg].ended);
        }
    }

    pub(super) fn instance_responds(&mut self, a: u8, b: u8, c: u8) {
        let Some(leg) = self.pick_leg(a) else { return };
        let open = &self.legs[leg].open;
        if open.is_empty() {
            return;
        }
        let request = open[usize::from(b) % open.len()].clone();
        let response = Response::to(&request, code(c));
        let (key, is_final) = (self.legs[leg].key, response.code().is_final());
        if self.stack.respond(self.now, key, response).is_ok() && is_final {
            let again = self
                .stack
                .respond(self.now, key, Response::to(&request, StatusCode::OK));
            assert!(again.is_err(), "a second final response is refused");
        }
    }

    pub(super) fn instance_ends(&mut self, a: u8, b: u8) {
        let Some(leg) = self.pick_leg(a) else { return };
        let how = if b.is_multiple_of(2) {
            Release::Finished
        } else {
            Release::Failed
        };
        self.legs[leg].released = true;
        self.stack.release(self.now, self.legs[leg].key, how);
    }

    /// A request began a dialog.
    pub(super) fn offer(&mut self, dialog: DialogKey, _channel: Channel, request: Request) {
        if self.accepting {
            let owner = Owner(self.legs.len() as u64);
            self.new_leg(dialog, vec![request]);
            self.stack.accept(dialog, owner);
        } else {
            self.stack
                .reject(self.now, dialog, StatusCode::NOT_FOUND, "no such service", None);
        }
    }

    /// Something for an instance.
    pub(super) fn hand_over(&mut self, owner: Owner, delivery: Delivery) {
        let leg = self.leg_of(owner);
        assert!(!leg.ended, "nothing comes on a leg that ended: {delivery:?}");
        assert!(!leg.released, "nothing comes on a released leg: {delivery:?}");
        match delivery {
            Delivery::Request(request) => match request.method() {
                Method::Ack | Method::Bye | Method::Cancel => {}
                _ => leg.open.push(request),
            },
            Delivery::Response { to, response } => {
                let sent = self
                    .requests
                    .get_mut(&to)
                    .expect("a response to a request that was sent");
                assert_eq!(sent.leg as u64, owner.0);
                assert_eq!(
                    sent.finals, 0,
                    "nothing comes after a final response: {response:?}"
                );
                assert!(
                    response.code() != StatusCode::TRYING || sent.method != Method::Invite,
                    "100 is not delivered"
                );
                sent.finals += usize::from(response.code().is_final());
            }
            Delivery::Expired { cseq } => assert!(has(&leg.open, cseq), "{cseq} was never delivered"),
            Delivery::Ended(_) => leg.ended = true,
        }
    }
}

fn has(open: &[Request], cseq: CSeq) -> bool {
    open.iter().any(|request| request.cseq() == cseq)
}
