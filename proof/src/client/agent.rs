//! What a user agent has to do so that nothing is lost: JSON in, JSON out, no socket and no clock.
//!
//! It keeps what nobody has confirmed and sends it again, unchanged and in its order, on each new socket: requests
//! without a final response, a 2xx to an INVITE until its ACK, an ACK until a later request of its call is answered.
//! What it has seen before, by `DialogueID` and `CSeq`, it answers as before and does not apply again.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use crate::plan::{Plan, UserReport};

/// One in so many bodies is large, one in so many of middle size.
const LARGE: usize = 50;
const MIDDLE: usize = 8;
/// In every body, so that writes are also split within characters.
const NOTE: &str = "päivää 👋";

/// Something that is sent again on each new socket.
#[derive(Debug)]
struct Unconfirmed {
    text: String,
    /// A request of ours, with its Type.
    request: Option<&'static str>,
    id: String,
}

/// What confirms it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// The final response.
    Response(String, u64),
    /// The ACK.
    Ack(String),
    /// The answer to a later request in this dialog.
    Later(String),
}

/// A call, at either end.
#[derive(Debug)]
struct Call {
    id: String,
    peer: String,
    caller: bool,
    callee_hangs_up: bool,
}

/// One user.
#[derive(Debug)]
pub(super) struct Agent {
    plan: Plan,
    peers: Vec<String>,
    started: usize,
    next_number: u64,
    unconfirmed: BTreeMap<u64, Unconfirmed>,
    by_key: HashMap<Key, u64>,
    /// How many messages and calls of ours have no final response.
    open: usize,
    /// Requests that came, with our answers.
    heard: HashMap<(String, u64), Vec<String>>,
    /// ACKs by the dialog and number of their INVITE.
    acks: HashMap<(String, u64), String>,
    /// Our requests that had their final response, with its code.
    finals: HashMap<(String, u64), (String, u16)>,
    /// Calls that are not over, by dialog.
    calls: HashMap<String, Call>,
    /// How many answers were told.
    told: usize,
    pub(super) report: UserReport,
}

impl Agent {
    pub(super) fn new(name: &str, plan: &Plan) -> Self {
        // Everybody begins with another peer.
        let own = plan.everybody.iter().position(|user| user == name).unwrap_or(0);
        let mut peers = plan.everybody.clone();
        peers.rotate_left(own);
        peers.retain(|user| user != name);
        Self {
            plan: plan.clone(),
            peers,
            started: 0,
            next_number: 0,
            unconfirmed: BTreeMap::new(),
            by_key: HashMap::new(),
            open: 0,
            heard: HashMap::new(),
            acks: HashMap::new(),
            finals: HashMap::new(),
            calls: HashMap::new(),
            told: 0,
            report: UserReport {
                name: name.to_owned(),
                ..UserReport::default()
            },
        }
    }

    /// Everything was sent and answered, and no call is up.
    pub(super) fn is_done(&self) -> bool {
        self.started == self.total() && self.unconfirmed.is_empty() && self.calls.is_empty()
    }

    /// Waits for something.
    pub(super) fn is_waiting(&self) -> bool {
        !self.unconfirmed.is_empty()
    }

    /// How many requests were answered since the last time this was asked.
    pub(super) fn take_answered(&mut self) -> usize {
        let before = std::mem::replace(&mut self.told, self.report.answers.len());
        self.told - before
    }

    /// The ledger, with the calls that are still up.
    pub(super) fn into_report(mut self) -> UserReport {
        for call in self.calls.into_values() {
            let calls = if call.caller {
                &mut self.report.calls
            } else {
                &mut self.report.rung
            };
            calls.insert(call.id, "up".to_owned());
        }
        self.report
    }

    const fn total(&self) -> usize {
        self.plan.messages + self.plan.calls
    }

    /// What a new socket has to carry first.
    pub(super) fn connected(&mut self, again: bool) -> Vec<String> {
        if again && !self.plan.resend {
            self.unconfirmed.clear();
            self.by_key.clear();
            self.open = 0;
        }
        self.report.resent += if again { self.unconfirmed.len() } else { 0 };
        self.unconfirmed.values().map(|one| one.text.clone()).collect()
    }

    /// New messages and calls, as many as may be open.
    pub(super) fn start_more(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        while self.started < self.total() && self.open < self.plan.window {
            self.started += 1;
            self.open += 1;
            let (number, every) = (self.started, self.total() / self.plan.calls.max(1));
            let peer = self.peers[number % self.peers.len()].clone();
            if self.plan.calls > 0 && number.is_multiple_of(every) && number / every <= self.plan.calls {
                out.push(self.call(number, &peer));
            } else {
                let id = format!("{}/m{number}", self.report.name);
                let body = body(&id, fill(number));
                self.report.sent.push((id.clone(), peer.clone()));
                out.push(self.request("MESSAGE", &peer, &format!("m{number}"), 1, &id, &body));
            }
        }
        out
    }

    fn call(&mut self, number: usize, peer: &str) -> String {
        let (id, dialog) = (format!("{}/c{number}", self.report.name), format!("c{number}"));
        let callee_hangs_up = number.is_multiple_of(2);
        self.report.calls.insert(id.clone(), "calling".to_owned());
        self.calls.insert(
            dialog.clone(),
            Call {
                id: id.clone(),
                peer: peer.to_owned(),
                caller: true,
                callee_hangs_up,
            },
        );
        let mut body = body(&id, 1_500);
        body["callee_hangs_up"] = callee_hangs_up.into();
        self.request("INVITE", peer, &dialog, 1, &id, &body)
    }

    fn request(
        &mut self,
        method: &'static str,
        to: &str,
        dialog: &str,
        cseq: u64,
        id: &str,
        body: &Value,
    ) -> String {
        let text = json!({
            "Type": method, "Request-URI": to, "From": self.report.name, "To": to,
            "DialogueID": dialog, "CSeq": cseq, "Body": body,
        })
        .to_string();
        self.keep(Key::Response(dialog.to_owned(), cseq), text, Some(method), id)
    }

    fn keep(&mut self, key: Key, text: String, request: Option<&'static str>, id: &str) -> String {
        self.next_number += 1;
        self.by_key.insert(key, self.next_number);
        let (copy, id) = (text.clone(), id.to_owned());
        self.unconfirmed
            .insert(self.next_number, Unconfirmed { text, request, id });
        copy
    }

    fn confirm(&mut self, key: &Key) -> Option<Unconfirmed> {
        self.unconfirmed.remove(&self.by_key.remove(key)?)
    }

    /// A frame came: what to send for it.
    pub(super) fn receive(&mut self, text: &str) -> Vec<String> {
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            self.report.damaged += 1;
            return Vec::new();
        };
        let (Some(dialog), Some(cseq)) = (message["DialogueID"].as_str(), message["CSeq"].as_u64()) else {
            self.report.damaged += 1;
            return Vec::new();
        };
        let key = (dialog.to_owned(), cseq);
        if message["Type"] == "RESPONSE" {
            return self.on_response(key, &message);
        }
        if let Some(answers) = self.heard.get(&key)
            && (self.plan.absorb || message["Type"] != "MESSAGE")
        {
            self.report.absorbed += 1;
            return answers.clone();
        }
        let out = self.on_request(&key, &message);
        let answers = out.iter().filter(|text| text.contains("\"RESPONSE\""));
        self.heard.insert(key, answers.cloned().collect());
        out
    }

    fn on_request(&mut self, (dialog, _): &(String, u64), message: &Value) -> Vec<String> {
        let body = &message["Body"];
        let id = body["id"].as_str().unwrap_or_default().to_owned();
        match message["Type"].as_str().unwrap_or_default() {
            "MESSAGE" | "INFO" => {
                self.apply(id, body);
                vec![response(message, 200)]
            }
            "INVITE" => {
                self.report.taken.push(id.clone());
                self.report.rung.insert(id.clone(), "answered".to_owned());
                let call = Call {
                    id: id.clone(),
                    peer: message["From"].as_str().unwrap_or_default().to_owned(),
                    caller: false,
                    callee_hangs_up: body["callee_hangs_up"] == true,
                };
                self.calls.insert(dialog.clone(), call);
                let ok = self.keep(Key::Ack(dialog.clone()), response(message, 200), None, &id);
                vec![response(message, 180), ok]
            }
            "ACK" => {
                self.confirm(&Key::Ack(dialog.clone()));
                let hangs_up = self.calls.get(dialog).is_some_and(|call| call.callee_hangs_up);
                Vec::from_iter(hangs_up.then(|| self.bye(dialog, 1)).flatten())
            }
            "BYE" => {
                self.end_call(dialog);
                vec![response(message, 200)]
            }
            other => vec![response(message, if other.is_empty() { 400 } else { 501 })],
        }
    }

    fn apply(&mut self, id: String, body: &Value) {
        let size = body["size"].as_u64();
        let fill = body["fill"].as_str().map(|fill| fill.len() as u64);
        let whole = size.is_some() && size == fill && body["note"] == NOTE;
        self.report.damaged += usize::from(!whole);
        self.report.applied.push(id);
    }

    fn on_response(&mut self, key: (String, u64), message: &Value) -> Vec<String> {
        let code = message["Code"].as_u64().and_then(|code| u16::try_from(code).ok());
        let Some(code) = code.filter(|code| *code >= 200) else {
            return Vec::new();
        };
        let Some(done) = self.confirm(&Key::Response(key.0.clone(), key.1)) else {
            return self.on_repeated(&key, code);
        };
        self.finals.insert(key.clone(), (done.id.clone(), code));
        self.report.answers.push((done.id.clone(), code));
        let dialog = key.0.clone();
        match done.request {
            Some("MESSAGE") => self.open -= 1,
            Some("INVITE") => {
                self.open -= 1;
                return self.on_answer(key, done.id, code);
            }
            Some("INFO") => {
                self.confirm(&Key::Later(dialog.clone()));
                return Vec::from_iter(self.bye(&dialog, 4));
            }
            _ => self.end_call(&dialog),
        }
        Vec::new()
    }

    /// The INVITE's final response: ACK, and an INFO in the call unless the callee is about to hang up.
    fn on_answer(&mut self, (dialog, cseq): (String, u64), id: String, code: u16) -> Vec<String> {
        let Some(call) = self.calls.get(&dialog) else {
            return Vec::new();
        };
        let (peer, callee_hangs_up) = (call.peer.clone(), call.callee_hangs_up);
        let ack = json!({
            "Type": "ACK", "Request-URI": peer, "From": self.report.name, "To": peer,
            "DialogueID": dialog, "CSeq": 2, "RelatedID": cseq,
        })
        .to_string();
        if code >= 300 {
            self.calls.remove(&dialog);
            self.report.calls.insert(id, code.to_string());
            return vec![ack];
        }
        self.acks.insert((dialog.clone(), cseq), ack.clone());
        let ack = self.keep(Key::Later(dialog.clone()), ack, None, &id);
        if callee_hangs_up {
            return vec![ack];
        }
        let info = format!("{id}/i");
        self.report.sent.push((info.clone(), peer.clone()));
        let body = body(&info, 20);
        vec![ack, self.request("INFO", &peer, &dialog, 3, &info, &body)]
    }

    /// A final response once more: the ACK of a 2xx goes out again.
    fn on_repeated(&mut self, key: &(String, u64), code: u16) -> Vec<String> {
        if let Some((id, first)) = self.finals.get(key)
            && *first != code
        {
            self.report.answers.push((id.clone(), code));
        }
        Vec::from_iter(self.acks.get(key).cloned())
    }

    fn bye(&mut self, dialog: &str, cseq: u64) -> Option<String> {
        let call = self.calls.get(dialog)?;
        let (id, peer) = (format!("{}/b", call.id), call.peer.clone());
        Some(self.request("BYE", &peer, dialog, cseq, &id, &Value::Null))
    }

    fn end_call(&mut self, dialog: &str) {
        let Some(call) = self.calls.remove(dialog) else {
            return;
        };
        // The call was answered and acknowledged, or it could not have ended.
        self.confirm(&Key::Ack(dialog.to_owned()));
        self.confirm(&Key::Later(dialog.to_owned()));
        let calls = if call.caller {
            &mut self.report.calls
        } else {
            &mut self.report.rung
        };
        calls.insert(call.id, "ended".to_owned());
    }
}

/// How long the body of a user's message is: mostly short, some of them tens of kilobytes.
fn fill(number: usize) -> usize {
    let spread = number.wrapping_mul(2_654_435_761) >> 7;
    if number.is_multiple_of(LARGE) {
        spread % 30_000
    } else if number.is_multiple_of(MIDDLE) {
        spread % 4_000
    } else {
        spread % 300
    }
}

fn body(id: &str, size: usize) -> Value {
    json!({ "id": id, "size": size, "note": NOTE, "fill": "x".repeat(size) })
}

fn response(request: &Value, code: u16) -> String {
    json!({
        "Type": "RESPONSE", "Code": code, "From": request["From"], "To": request["To"],
        "DialogueID": request["DialogueID"], "CSeq": request["CSeq"],
    })
    .to_string()
}
