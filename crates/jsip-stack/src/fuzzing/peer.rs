//! What peers do.

use jsip::{CSeq, Message, Method, Request, Response, StatusCode};

use super::world::World;
use crate::Channel;

pub(super) const METHODS: [Method; 13] = [
    Method::Invite,
    Method::Ack,
    Method::Bye,
    Method::Cancel,
    Method::Register,
    Method::Options,
    Method::Info,
    Method::Update,
    Method::Prack,
    Method::Subscribe,
    Method::Notify,
    Method::Message,
    Method::Refer,
];

pub(super) const CODES: [u16; 10] = [100, 180, 183, 200, 202, 302, 481, 486, 487, 603];

pub(super) fn method(choice: u8) -> Method {
    METHODS[usize::from(choice) % METHODS.len()]
}

pub(super) fn code(choice: u8) -> StatusCode {
    StatusCode::new(CODES[usize::from(choice) % CODES.len()]).expect("a status code")
}

/// Puts the headers on a request that the bits ask for.
pub(super) fn dress(request: &mut Request, bits: u8) {
    if bits & 1 != 0 {
        request.set_body_str("body");
    }
    match (bits >> 1) & 3 {
        1 => request.set_expires(30),
        2 => request.set_expires(90_000),
        3 => request.set_expires(0),
        _ => {}
    }
}

impl World {
    /// `a`: channel (bit 0), CSeq (bits 1-2: new, new, the latest one, small), RelatedID (bits 3-4: none, the latest
    /// INVITE, small); `b`: method; `c`: dialog (bits 0-2: four of the peer's own, else one seen), headers.
    pub(super) fn peer_requests(&mut self, a: u8, b: u8, c: u8) {
        let at = self.channel(a & 1);
        let method = method(b);
        let mut request = Request::new(
            method,
            "service@example.com",
            "peer@example.com",
            "service@example.com",
        );
        let line = &self.lines[at];
        let id = match c & 7 {
            own @ 0..=3 => format!("d{own}"),
            seen => {
                let back = usize::from(seen - 4);
                line.seen
                    .iter()
                    .rev()
                    .nth(back)
                    .map_or_else(|| "d0".to_owned(), |request| request.dialog_id().to_owned())
            }
        };
        request.set_dialog_id(&id);
        let mine = || line.sent.iter().rev().filter(|request| request.dialog_id() == id);
        let number = match (a >> 1) & 3 {
            0 | 1 => CSeq::new(self.next_cseq),
            2 => mine().next().map(|request| request.cseq()),
            _ => CSeq::new(u64::from(c >> 6) + 1),
        };
        request.set_cseq(number.unwrap_or(CSeq::FIRST));
        let related = match (a >> 3) & 3 {
            0 | 3 => None,
            1 => mine()
                .find(|request| request.method() == Method::Invite)
                .map(|request| request.cseq()),
            _ => CSeq::new(u64::from(c >> 6) + 1),
        };
        if matches!(method, Method::Ack | Method::Cancel) {
            request.set_related_cseq(related);
        }
        dress(&mut request, c >> 3);
        self.next_cseq += 1;
        self.peer_sends(at, request);
    }

    pub(super) fn peer_repeats(&mut self, a: u8) {
        let at = self.channel(a & 1);
        let back = usize::from(a >> 1) % 8;
        if let Some(request) = self.lines[at].sent.iter().rev().nth(back).cloned() {
            self.peer_sends(at, request);
        }
    }

    fn peer_sends(&mut self, at: usize, request: Request) {
        if !self.lines[at].up {
            return;
        }
        let number = self.lines[at].number;
        if request.method() != Method::Ack {
            let key = (number, request.dialog_id().to_owned(), request.cseq());
            let what = (request.method(), request.request_uri().to_owned());
            let owed = self.owed.entry(key).or_default();
            if !owed.contains(&what) {
                owed.push(what);
            }
        }
        self.lines[at].sent.push(request.clone());
        self.stack
            .receive(self.now, Channel::new(number), Message::Request(request));
    }

    /// `a`: channel (bit 0), which request, from the latest; `b`: code.
    pub(super) fn peer_responds(&mut self, a: u8, b: u8) {
        let at = self.channel(a & 1);
        let line = &self.lines[at];
        let back = usize::from(a >> 1) % 8;
        let Some(request) = line.seen.iter().rev().nth(back).filter(|_| line.up) else {
            return;
        };
        let response = Response::to(request, code(b));
        let channel = Channel::new(line.number);
        self.stack.receive(self.now, channel, Message::Response(response));
    }
}
