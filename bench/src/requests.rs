//! The requests that are sent, and the answers to them.

use jsip::{CSeq, Limits, Message, Method, Request, Response, StatusCode};

/// The users of the bench are `a7@bench.example` and its partner `b7@bench.example`.
pub(crate) fn name(side: char, pair: u64) -> String {
    format!("{side}{pair}@bench.example")
}

/// The partner of `a7@...` is `b7@...` and the other way round; who is on neither side is his own.
pub(crate) fn partner(name: &str) -> String {
    match (name.strip_prefix('a'), name.strip_prefix('b')) {
        (Some(rest), _) => format!("b{rest}"),
        (None, Some(rest)) => format!("a{rest}"),
        (None, None) => name.to_owned(),
    }
}

/// Whether what this user says is for all: `s0@...`.
pub(crate) fn is_speaker(name: &str) -> bool {
    name.starts_with('s')
}

fn request(method: Method, from: &str, to: &str, dialog: &str, cseq: u64) -> Request {
    let mut request = Request::new(method, to, from, to);
    request.set_dialog_id(dialog);
    request.set_cseq(CSeq::new(cseq).unwrap_or(CSeq::FIRST));
    request
}

/// A MESSAGE with a body of about so many bytes. It begins with the dialog, which has another name at the far side.
pub(crate) fn message(from: &str, to: &str, dialog: &str, bytes: usize) -> String {
    let mut message = request(Method::Message, from, to, dialog, 1);
    let text = "hello, world ".repeat(bytes.div_ceil(13));
    message.set_body_str(&format!("{dialog} {text}"));
    Message::Request(message).encode()
}

/// The room of all members.
const ROOM: &str = "room:1@bench.example";

fn of_room(method: Method, from: &str, dialog: &str) -> Request {
    let mut request = request(method, from, ROOM, dialog, 1);
    request.set_route("node;type=chatroom");
    request.set_asserted_identity(from);
    request
}

/// Joins the room for an hour.
pub(crate) fn join(from: &str, dialog: &str) -> String {
    let mut subscribe = of_room(Method::Subscribe, from, dialog);
    subscribe.set_expires(3600);
    Message::Request(subscribe).encode()
}

/// As [`message`], to the room.
pub(crate) fn say(from: &str, dialog: &str, bytes: usize) -> String {
    let mut message = of_room(Method::Message, from, dialog);
    let text = "hello, world ".repeat(bytes.div_ceil(13));
    message.set_body_str(&format!("{dialog} {text}"));
    Message::Request(message).encode()
}

/// An INVITE with 2 KB of SDP.
pub(crate) fn invite(from: &str, to: &str, dialog: &str) -> String {
    let mut invite = request(Method::Invite, from, to, dialog, 1);
    invite.set_body_str(&"a=candidate:1 1 udp 2122260223 192.0.2.1 56143 typ host\r\n".repeat(36));
    Message::Request(invite).encode()
}

/// The ACK of an answered INVITE, and the BYE that ends the call at once.
pub(crate) fn acknowledge_and_end(from: &str, to: &str, dialog: &str) -> [String; 2] {
    [
        acknowledge(from, to, dialog),
        Message::Request(request(Method::Bye, from, to, dialog, 3)).encode(),
    ]
}

/// The ACK of an answered INVITE, after which the call lives.
pub(crate) fn acknowledge(from: &str, to: &str, dialog: &str) -> String {
    let mut ack = request(Method::Ack, from, to, dialog, 2);
    ack.set_related_cseq(Some(CSeq::FIRST));
    Message::Request(ack).encode()
}

pub(crate) fn decode(text: &str) -> Option<Message> {
    Message::decode(text, &Limits::default()).ok()
}

/// What a callee answers: 200 to whatever comes, 180 first to an INVITE, nothing to an ACK.
pub(crate) fn answers(request: &Request) -> Vec<String> {
    let mut answers = Vec::new();
    if request.method() == Method::Ack {
        return answers;
    }
    let mut ok = Response::to(request, StatusCode::OK);
    if request.method() == Method::Invite {
        answers.push(Message::Response(Response::to(request, StatusCode::RINGING)).encode());
        ok.copy_body_from(request);
    }
    answers.push(Message::Response(ok).encode());
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_partners_and_others_are_their_own() {
        assert_eq!(partner("a7@bench.example"), "b7@bench.example");
        assert_eq!(partner("b7@bench.example"), "a7@bench.example");
        assert_eq!(partner("c7@bench.example"), "c7@bench.example");
        assert!(is_speaker("s0@bench.example") && !is_speaker("a0@bench.example"));
    }
}
