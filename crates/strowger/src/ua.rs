//! A user agent for the terminal: shows what arrives, and calls, answers, messages, hangs up.

use std::collections::HashMap;
use std::io::Write;

use jsip::{CSeq, DialogId, Message, Method, Request, Response, StatusCode, UserId};

/// What a person typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Call somebody.
    Call(String),
    /// Answer the call that rings.
    Answer,
    /// Decline the call that rings.
    Reject,
    /// End the call, or give up calling.
    HangUp,
    /// Send a message.
    Message(String, String),
    /// Send a JSIP message as written.
    Raw(String),
    /// Show the commands.
    Help,
    /// End the program.
    Quit,
}

/// What `help` shows.
pub const HELP: &str =
    "commands: call USER | answer | reject | hangup | msg USER TEXT | raw JSON | help | quit";

impl Command {
    /// Reads one line; `Err` says what to type instead, an empty line is `Ok(None)`.
    ///
    /// # Errors
    ///
    /// A line that is no command.
    pub fn parse(line: &str) -> Result<Option<Self>, String> {
        let line = line.trim();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let command = match word {
            "" => return Ok(None),
            "call" | "c" if !rest.is_empty() => Self::Call(rest.to_owned()),
            "answer" | "a" => Self::Answer,
            "reject" | "r" => Self::Reject,
            "hangup" | "h" => Self::HangUp,
            "msg" | "m" => match rest.split_once(char::is_whitespace) {
                Some((user, text)) => Self::Message(user.to_owned(), text.trim().to_owned()),
                None => return Err("msg USER TEXT: say what to whom".to_owned()),
            },
            "raw" if !rest.is_empty() => Self::Raw(rest.to_owned()),
            "help" | "?" => Self::Help,
            "quit" | "q" | "exit" => Self::Quit,
            _ => return Err(format!("`{line}` is no command; {HELP}")),
        };
        Ok(Some(command))
    }
}

/// The call a user agent has.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Call {
    /// We called; the INVITE's CSeq.
    Calling { peer: String, invite: u64 },
    /// They called; the INVITE waits for an answer.
    Ringing { peer: String, invite: Box<Request> },
    /// It stands.
    Talking { peer: String },
}

/// The state of a terminal user agent: text in, text out, no I/O.
#[derive(Debug)]
pub struct UserAgent {
    name: UserId,
    dialogs: u64,
    seed: u64,
    cseq: HashMap<String, u64>,
    /// The service that new dialogs are for.
    service: Option<String>,
    /// Requests without a final response.
    waiting: usize,
    call: Option<(DialogId, Call)>,
}

/// What a user agent does in answer to something.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// JSIP messages to send, in order.
    pub send: Vec<String>,
    /// Lines to show.
    pub show: Vec<String>,
}

impl Reaction {
    fn show(mut self, line: impl Into<String>) -> Self {
        self.show.push(line.into());
        self
    }

    fn send(mut self, message: &Message) -> Self {
        self.send.push(message.encode());
        self
    }
}

impl UserAgent {
    /// A user agent of this name; `seed` makes its dialog ids differ from those of other runs.
    pub fn new(name: UserId, seed: u64) -> Self {
        Self {
            name,
            dialogs: 0,
            seed,
            cseq: HashMap::new(),
            service: None,
            waiting: 0,
            call: None,
        }
    }

    /// Has new dialogs reach this service (`Router` with `type`) instead of the server's default one.
    #[must_use]
    pub fn with_service(mut self, service: Option<String>) -> Self {
        self.service = service;
        self
    }

    /// Whether a request has no final response yet.
    pub const fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    fn request(&mut self, method: Method, to: &str, dialog: &str) -> Request {
        let mut request = Request::new(method, to, self.name.as_str(), to);
        request.set_dialog_id(dialog);
        let cseq = self.cseq.entry(dialog.to_owned()).or_insert(0);
        *cseq += 1;
        request.set_cseq(CSeq::new(*cseq).unwrap_or(CSeq::FIRST));
        if method != Method::Ack {
            self.waiting += 1;
        }
        if let (1, Some(service)) = (*cseq, &self.service) {
            let host = self.name.host();
            request.set_route(&format!("{service}.{host};type={service}"));
        }
        request
    }

    fn new_dialog(&mut self) -> String {
        self.dialogs += 1;
        format!("ua-{:012x}-{}", self.seed & 0xffff_ffff_ffff, self.dialogs)
    }

    /// Does what a person typed. [`Command::Help`] and [`Command::Quit`] are the caller's.
    pub fn command(&mut self, command: Command) -> Reaction {
        let reaction = Reaction::default();
        match (command, self.call.clone()) {
            (Command::Call(_), Some(_)) => reaction.show("there is a call already: hangup first"),
            (Command::Call(peer), None) => self.invite(&peer),
            (Command::Answer, Some((_, Call::Ringing { peer, invite }))) => {
                let mut ok = Response::to(&invite, StatusCode::OK);
                ok.copy_body_from(&invite);
                if let Some((_, call)) = &mut self.call {
                    *call = Call::Talking { peer: peer.clone() };
                }
                reaction
                    .send(&Message::Response(ok))
                    .show(format!("talking to {peer}"))
            }
            (Command::Reject, Some((_, Call::Ringing { peer, invite }))) => {
                self.call = None;
                let busy = Response::to(&invite, StatusCode::BUSY_HERE);
                reaction
                    .send(&Message::Response(busy))
                    .show(format!("rejected {peer}"))
            }
            (Command::HangUp, Some((dialog, Call::Talking { peer }))) => {
                self.call = None;
                let bye = self.request(Method::Bye, &peer, dialog.as_str());
                reaction.send(&Message::Request(bye)).show("hung up")
            }
            (Command::HangUp, Some((dialog, Call::Calling { peer, invite }))) => {
                self.call = None;
                let mut cancel = self.request(Method::Cancel, &peer, dialog.as_str());
                cancel.set_related_cseq(CSeq::new(invite));
                reaction.send(&Message::Request(cancel)).show("gave up")
            }
            (Command::HangUp, Some((_, Call::Ringing { .. }))) => self.command(Command::Reject),
            (Command::Answer | Command::Reject, _) => reaction.show("nobody is calling"),
            (Command::HangUp, None) => reaction.show("there is no call"),
            (Command::Message(peer, text), _) => {
                let dialog = self.new_dialog();
                let mut message = self.request(Method::Message, &peer, &dialog);
                message.set_content_type("text/plain");
                message.set_body_str(&text);
                reaction.send(&Message::Request(message))
            }
            (Command::Raw(text), _) => Reaction {
                send: vec![text],
                show: Vec::new(),
            },
            (Command::Help | Command::Quit, _) => reaction.show(HELP),
        }
    }

    fn invite(&mut self, peer: &str) -> Reaction {
        let dialog = self.new_dialog();
        let mut invite = self.request(Method::Invite, peer, &dialog);
        invite.set_content_type("text/plain");
        invite.set_body_str("a terminal has no media");
        let cseq = invite.cseq().get();
        if let Ok(id) = DialogId::new(&dialog) {
            self.call = Some((
                id,
                Call::Calling {
                    peer: peer.to_owned(),
                    invite: cseq,
                },
            ));
        }
        Reaction::default()
            .send(&Message::Request(invite))
            .show(format!("calling {peer}"))
    }

    /// Reacts to a message of the server.
    pub fn receive(&mut self, text: &str) -> Reaction {
        match Message::decode(text, &jsip::Limits::default()) {
            Ok(Message::Request(request)) => self.on_request(request),
            Ok(Message::Response(response)) => self.on_response(&response),
            Err(error) => Reaction::default().show(format!("not JSIP ({error}): {text}")),
        }
    }

    fn on_request(&mut self, request: Request) -> Reaction {
        let reaction = Reaction::default();
        let from = request.from().to_owned();
        let ok = Message::Response(Response::to(&request, StatusCode::OK));
        let ours = self
            .call
            .as_ref()
            .is_some_and(|(id, _)| id.as_str() == request.dialog_id());
        match request.method() {
            Method::Message => {
                let text = request
                    .body_str()
                    .map_or_else(String::new, std::borrow::Cow::into_owned);
                reaction.send(&ok).show(format!("{from}: {text}"))
            }
            Method::Invite if ours => {
                let mut ok = Response::to(&request, StatusCode::OK);
                ok.copy_body_from(&request);
                reaction
                    .send(&Message::Response(ok))
                    .show(format!("{from} changed the call"))
            }
            Method::Invite if self.call.is_some() => {
                let busy = Response::to(&request, StatusCode::BUSY_HERE);
                reaction
                    .send(&Message::Response(busy))
                    .show(format!("{from} called: busy"))
            }
            Method::Invite => {
                let ringing = Response::to(&request, StatusCode::RINGING);
                if let Ok(id) = DialogId::new(request.dialog_id()) {
                    self.call = Some((
                        id,
                        Call::Ringing {
                            peer: from.clone(),
                            invite: Box::new(request),
                        },
                    ));
                }
                reaction
                    .send(&Message::Response(ringing))
                    .show(format!("{from} calls: answer or reject"))
            }
            Method::Ack => reaction,
            Method::Bye | Method::Cancel => {
                let mut reaction = reaction.send(&ok);
                if request.method() == Method::Cancel
                    && let Some((_, Call::Ringing { invite, .. })) = &self.call
                    && ours
                {
                    let ended = Response::to(invite, StatusCode::REQUEST_TERMINATED);
                    reaction = reaction.send(&Message::Response(ended));
                }
                if ours {
                    self.call = None;
                    reaction = reaction.show(format!("{from} hung up"));
                }
                reaction
            }
            method => reaction.send(&ok).show(format!("{from} sent {method}")),
        }
    }

    fn on_response(&mut self, response: &Response) -> Reaction {
        let reaction = Reaction::default();
        let code = response.code();
        if !code.is_provisional() {
            self.waiting = self.waiting.saturating_sub(1);
        }
        let phrase = response.reason_phrase().unwrap_or(code.reason_phrase());
        let why = response
            .reason()
            .map_or_else(String::new, |reason| format!(" ({reason})"));
        let line = format!("{} {phrase}{why}", code.as_u16());
        let calling = match &self.call {
            Some((id, Call::Calling { peer, invite })) if id.as_str() == response.dialog_id() => {
                (*invite == response.cseq().get()).then(|| peer.clone())
            }
            _ => None,
        };
        let Some(peer) = calling else {
            // A 200 to a message that says no more is silence; anything else is worth a line.
            return match response.body_str().filter(|text| !text.is_empty()) {
                Some(text) => reaction.show(format!("{line}: {text}")),
                None if code == StatusCode::OK => reaction,
                None => reaction.show(line),
            };
        };
        if code.is_provisional() {
            return reaction.show(line);
        }
        if !code.is_success() {
            self.call = None;
            return self.acknowledge(reaction, &peer, response).show(line);
        }
        if let Some((_, call)) = &mut self.call {
            *call = Call::Talking { peer: peer.clone() };
        }
        self.acknowledge(reaction, &peer, response)
            .show(format!("talking to {peer}"))
    }

    fn acknowledge(&mut self, reaction: Reaction, peer: &str, response: &Response) -> Reaction {
        let mut ack = self.request(Method::Ack, peer, response.dialog_id());
        ack.set_related_cseq(Some(response.cseq()));
        reaction.send(&Message::Request(ack))
    }
}

/// Writes lines for a person, with a prompt behind them.
///
/// # Errors
///
/// What the terminal says.
pub fn show(out: &mut impl Write, lines: &[String], prompt: &str) -> std::io::Result<()> {
    for line in lines {
        writeln!(out, "\r{line}")?;
    }
    write!(out, "\r{prompt}> ")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(name: &str) -> UserAgent {
        UserAgent::new(UserId::new(name).unwrap(), 7)
    }

    #[test]
    fn two_agents_call_answer_and_hang_up() {
        let (mut alice, mut bob) = (agent("alice@x.org"), agent("bob@x.org"));
        let invite = alice
            .command(Command::Call("bob@x.org".to_owned()))
            .send
            .remove(0);
        let ringing = bob.receive(&invite).send.remove(0);
        assert_eq!(alice.receive(&ringing).show, ["180 Ringing"]);
        let ok = bob.command(Command::Answer).send.remove(0);
        let answered = alice.receive(&ok);
        assert_eq!(answered.show, ["talking to bob@x.org"]);
        assert!(answered.send[0].contains(r#""RelatedID":1"#));
        let bye = alice.command(Command::HangUp).send.remove(0);
        assert_eq!(bob.receive(&bye).show, ["alice@x.org hung up"]);
        assert_eq!(bob.command(Command::HangUp).show, ["there is no call"]);
    }

    #[test]
    fn a_second_caller_hears_busy() {
        let (mut alice, mut bob) = (agent("alice@x.org"), agent("bob@x.org"));
        let first = alice
            .command(Command::Call("bob@x.org".to_owned()))
            .send
            .remove(0);
        bob.receive(&first);
        let second = agent("carol@x.org")
            .command(Command::Call("bob@x.org".to_owned()))
            .send
            .remove(0);
        assert!(bob.receive(&second.replace("ua-", "ub-")).send[0].contains("486"));
    }

    #[test]
    fn a_message_may_be_for_a_service_and_its_answer_is_shown() {
        let mut alice = agent("alice@x.org").with_service(Some("echo".to_owned()));
        let sent = alice.command(Command::Message("echo@x.org".to_owned(), "hi".to_owned()));
        let Ok(Message::Request(message)) = Message::decode(&sent.send[0], &jsip::Limits::default()) else {
            panic!("{sent:?}");
        };
        assert!(sent.send[0].contains(r#""Router":"echo.x.org;type=echo""#));
        assert!(alice.is_waiting());
        let mut ok = Response::to(&message, StatusCode::OK);
        ok.set_body_str("hi alice");
        let shown = alice.receive(&Message::Response(ok).encode());
        assert_eq!(shown.show, ["200 OK: hi alice"]);
        assert!(!alice.is_waiting());
    }

    #[test]
    fn a_line_that_is_no_command_is_explained() {
        assert!(Command::parse("dial bob").unwrap_err().contains("call USER"));
        assert_eq!(Command::parse("  "), Ok(None));
        assert_eq!(
            Command::parse("msg bob@x.org  hello there"),
            Ok(Some(Command::Message(
                "bob@x.org".to_owned(),
                "hello there".to_owned()
            )))
        );
    }
}
