//! What the two users say.

use jsip::{CSeq, Limits, Message, Method, Request, Response, StatusCode};

pub(crate) const ALICE: &str = "alice@example.com";
pub(crate) const BOB: &str = "bob@example.com";

fn request(method: Method, dialog: &str, cseq: u64) -> Request {
    let mut request = Request::new(method, BOB, ALICE, BOB);
    request.set_dialog_id(dialog);
    request.set_cseq(CSeq::new(cseq).unwrap_or(CSeq::FIRST));
    request
}

/// A MESSAGE of about 300 bytes.
pub(crate) fn message(dialog: &str) -> String {
    let mut message = request(Method::Message, dialog, 1);
    message.set_body_str(&"hello, world ".repeat(12));
    Message::Request(message).encode()
}

/// An INVITE with 2 KB of SDP.
pub(crate) fn invite(dialog: &str, cseq: u64) -> String {
    let mut invite = request(Method::Invite, dialog, cseq);
    invite.set_body_str(&"a=candidate:1 1 udp 2122260223 192.0.2.1 56143 typ host\r\n".repeat(36));
    Message::Request(invite).encode()
}

pub(crate) fn ack(dialog: &str) -> String {
    let mut ack = request(Method::Ack, dialog, 2);
    ack.set_related_cseq(Some(CSeq::FIRST));
    Message::Request(ack).encode()
}

pub(crate) fn bye(dialog: &str) -> String {
    Message::Request(request(Method::Bye, dialog, 3)).encode()
}

/// The answer to a request that came as this text.
pub(crate) fn answer(text: &[u8], code: StatusCode) -> String {
    let text = str::from_utf8(text).expect("what the server writes is UTF-8");
    let Ok(Message::Request(request)) = Message::decode(text, &Limits::default()) else {
        panic!("no request: {text}");
    };
    let mut response = Response::to(&request, code);
    if request.method() == Method::Invite && code == StatusCode::OK {
        response.copy_body_from(&request);
    }
    Message::Response(response).encode()
}
