//! A user agent: what it keeps, sends and sends again. How it answers is in `answering`, its calls are in `calls`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jsip::{CSeq, Limits, Message, Method, Request, Response, StatusCode, UserId};
use strowger_channel::ConnId;

use super::books::{About, Books, Way};
use super::calls::Call;
use super::chance::Chance;
use super::rooms::{Room, Standing};

/// What a user does later.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    /// Opens a socket, if there is none.
    Connect,
    /// Sends a frame once more for no reason.
    Again {
        text: String,
        dialog: String,
        /// Of which channel, counted from the user's first.
        channel: u32,
        item: Option<usize>,
    },
    /// Answers a request.
    Answer {
        dialog: String,
        cseq: u64,
        code: StatusCode,
    },
    /// The callee decides.
    Pick { call: usize, code: StatusCode },
    /// The caller loses patience.
    Cancel(usize),
    /// Hangs up.
    HangUp(usize),
    /// Sends an INFO.
    Info(usize),
    /// Sends a re-INVITE.
    Reinvite(usize),
    /// Hands on the other side.
    Refer(usize),
    /// No ACK has come for an answer.
    NoAck(usize),
}

/// What the agent wants done.
#[derive(Debug)]
pub(super) enum Act {
    Send(String),
    Later(Duration, Deed),
}

/// What an agent may use while it works.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    pub(super) books: &'a mut Books,
    pub(super) chance: &'a mut Chance,
    /// The user's node takes no new dialogs.
    pub(super) drains: bool,
    /// Everybody's name.
    pub(super) names: &'a [String],
    pub(super) acts: Vec<Act>,
}

/// A request of ours without a final response.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) dialog: String,
    pub(super) cseq: u64,
    pub(super) method: Method,
    pub(super) text: String,
    pub(super) item: Option<usize>,
    /// It would begin a dialog at a node that drains.
    refused: bool,
    /// It is for the second time on a new channel: once more would be without end, should the answers to all that is
    /// sent at once be what loses the channel.
    anew: bool,
}

/// A request that came, and our latest answer.
#[derive(Debug)]
pub(super) struct Heard {
    text: String,
    pub(super) answer: Option<String>,
    pub(super) is_final: bool,
}

/// One user agent.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) number: usize,
    pub(super) name: UserId,
    /// The node, and its host name.
    pub(super) site: usize,
    pub(super) host: String,
    /// Sends a message without an answer again on a new channel, once.
    stubborn: bool,
    pub(super) conn: Option<ConnId>,
    /// What still comes on an older one is of a channel that was lost.
    pub(super) first_conn: ConnId,
    /// Left for good.
    pub(super) gone: bool,
    /// The last socket ended with a reload.
    pub(super) reloaded: bool,
    pub(super) pending: Vec<Pending>,
    finals: BTreeMap<(String, u64), u16>,
    pub(super) heard: BTreeMap<(String, u64), Heard>,
    pub(super) calls: Vec<Call>,
    /// Dialogs that begun here or were begun with us.
    pub(super) dialogs: BTreeSet<String>,
    /// Dialogs of which a reload lost the BYE or CANCEL. One whose transaction is over as well is not repeated: a real
    /// user agent's session timer (RFC 4028) ends such a call, or its patience with ringing.
    pub(super) lost_ends: BTreeSet<String>,
    /// How the user stands to the rooms of his node.
    pub(super) standing: BTreeMap<Room, Standing>,
    /// Dialogs with rooms, and the posts they carry.
    pub(super) visits: BTreeMap<String, (Room, Option<usize>)>,
    next_dialog: u32,
    /// How many channels were lost.
    channel: u32,
}

impl Agent {
    pub(super) fn new(number: usize, name: UserId, (site, host): (usize, String), stubborn: bool) -> Self {
        Self {
            number,
            name,
            site,
            host,
            stubborn,
            conn: None,
            first_conn: ConnId(0),
            gone: false,
            reloaded: false,
            pending: Vec::new(),
            finals: BTreeMap::new(),
            heard: BTreeMap::new(),
            calls: Vec::new(),
            dialogs: BTreeSet::new(),
            lost_ends: BTreeSet::new(),
            standing: BTreeMap::new(),
            visits: BTreeMap::new(),
            next_dialog: 0,
            channel: 0,
        }
    }

    pub(super) fn new_dialog(&mut self) -> String {
        self.next_dialog += 1;
        // Users choose ids without regard to each other: the same ones, here.
        let id = format!("dialog-{}", self.next_dialog);
        self.dialogs.insert(id.clone());
        id
    }

    pub(super) fn request(&self, method: Method, to: &str, dialog: &str, cseq: u64) -> Request {
        let mut request = Request::new(method, to, self.name.as_str(), to);
        request.set_dialog_id(dialog);
        request.set_cseq(CSeq::new(cseq).unwrap_or(CSeq::FIRST));
        request
    }

    /// Sends a request and keeps it until it has its final response.
    pub(super) fn ask(&mut self, request: Request, item: Option<usize>, desk: &mut Desk<'_>) {
        let (dialog, cseq, method) = (
            request.dialog_id().to_owned(),
            request.cseq().get(),
            request.method(),
        );
        let text = Message::Request(request).encode();
        if desk.chance.percent(4) {
            let delay = desk.chance.millis(0, 1_500);
            desk.acts.push(Act::Later(
                delay,
                Deed::Again {
                    text: text.clone(),
                    dialog: dialog.clone(),
                    channel: self.channel,
                    item,
                },
            ));
        }
        desk.acts.push(Act::Send(text.clone()));
        let begins =
            matches!(method, Method::Message | Method::Subscribe) || (method == Method::Invite && cseq == 1);
        self.pending.push(Pending {
            dialog,
            cseq,
            method,
            text,
            item,
            refused: begins && desk.drains,
            anew: false,
        });
    }

    /// Sends a MESSAGE.
    pub(super) fn message(
        &mut self,
        to: (usize, &str),
        way: Way,
        route: Option<&str>,
        panics: u32,
        desk: &mut Desk<'_>,
    ) {
        let item = desk.books.send(self.number, to.0, way);
        let (dialog, cseq) = (self.new_dialog(), 1 + desk.chance.below(5) as u64);
        let mut request = self.request(Method::Message, to.1, &dialog, cseq);
        request.set_body_str(&format!("m{item}"));
        if let Some(route) = route {
            request.set_route(route);
        }
        if panics > 0 {
            let _ = request.set_extension(super::services::PANICS_AT, &(panics - 1).to_string());
        }
        self.ask(request, Some(item), desk);
    }

    /// A new socket. `lost`: it found another channel, so what was open is over.
    ///
    /// A user agent cannot see that by itself; this one is told, or else it would repeat requests of which the node
    /// remembers nothing.
    pub(super) fn connected(&mut self, conn: ConnId, lost: bool, desk: &mut Desk<'_>) {
        self.conn = Some(conn);
        if lost {
            self.first_conn = conn;
            self.channel += 1;
            for pending in std::mem::take(&mut self.pending) {
                match pending.item {
                    Some(item) if self.stubborn && pending.method == Method::Message && !pending.anew => {
                        desk.books.sends_anew(item);
                        desk.acts.push(Act::Send(pending.text.clone()));
                        self.pending.push(Pending {
                            refused: desk.drains,
                            anew: true,
                            ..pending
                        });
                    }
                    Some(item) => desk.books.give_up(item),
                    None => {}
                }
            }
            for call in &mut self.calls {
                call.is_lost();
            }
            self.visits_lost();
            return;
        }
        for call in &self.calls {
            desk.acts
                .extend(call.unconfirmed().map(|text| Act::Send(text.to_owned())));
        }
        for pending in &self.pending {
            desk.books.repeat(pending.item);
            self.visit_repeated(&pending.dialog, desk);
            desk.acts.push(Act::Send(pending.text.clone()));
        }
    }

    /// A frame came.
    pub(super) fn receive(&mut self, text: &str, desk: &mut Desk<'_>) {
        match Message::decode(text, &Limits::default()) {
            Ok(Message::Request(request)) => self.on_request(text, &request, desk),
            Ok(Message::Response(response)) => self.on_response(&response, desk),
            Err(error) => {
                let text = format!("user {} got {text}: {error}", self.number);
                desk.books.fault(About::Run, text);
            }
        }
    }

    /// A frame came and the application never saw it.
    pub(super) fn loses(&mut self, text: &str) {
        if let Ok(Message::Request(request)) = Message::decode(text, &Limits::default())
            && matches!(request.method(), Method::Bye | Method::Cancel)
        {
            self.lost_ends.insert(request.dialog_id().to_owned());
        }
    }

    fn on_request(&mut self, text: &str, request: &Request, desk: &mut Desk<'_>) {
        let key = (request.dialog_id().to_owned(), request.cseq().get());
        if let Some(heard) = self.heard.get(&key) {
            if heard.text != text {
                let fault = format!(
                    "user {} got two requests of one number: {} and {text}",
                    self.number, heard.text
                );
                desk.books.fault(self.about(&key.0), fault);
            }
            desk.acts.extend(heard.answer.clone().map(Act::Send));
            return;
        }
        let begins = matches!(
            request.method(),
            Method::Message | Method::Notify | Method::Invite
        );
        if request.method() == Method::Cancel && !self.dialogs.contains(&key.0) {
            // The INVITE was refused, since too much waits for this user, while its CANCEL was on the way to his shard.
            // RFC 3261 §9.2: a CANCEL that finds nothing gets 481.
            let refusal = Response::to(request, StatusCode::NO_SUCH_SESSION).encode();
            return desk.acts.push(Act::Send(refusal));
        }
        if !begins && !self.dialogs.contains(&key.0) {
            let fault = format!(
                "user {} got a request of a dialog it does not know: {text}",
                self.number
            );
            return desk.books.fault(self.about(&key.0), fault);
        }
        self.heard.insert(
            key,
            Heard {
                text: text.to_owned(),
                answer: None,
                is_final: false,
            },
        );
        self.answer_new(request, desk);
        self.dialogs.insert(request.dialog_id().to_owned());
    }

    /// Answers a request, unless it has a final answer.
    pub(super) fn answer(&mut self, dialog: &str, cseq: u64, code: StatusCode, desk: &mut Desk<'_>) -> bool {
        let Some(heard) = self
            .heard
            .get_mut(&(dialog.to_owned(), cseq))
            .filter(|heard| !heard.is_final)
        else {
            return false;
        };
        let Ok(Message::Request(request)) = Message::decode(&heard.text, &Limits::default()) else {
            return false;
        };
        let text = Message::Response(Response::to(&request, code)).encode();
        heard.is_final = code.is_final();
        heard.answer = Some(text.clone());
        desk.acts.push(Act::Send(text));
        true
    }

    fn on_response(&mut self, response: &Response, desk: &mut Desk<'_>) {
        let (dialog, cseq, code) = (
            response.dialog_id(),
            response.cseq().get(),
            response.code().as_u16(),
        );
        if !self.dialogs.contains(dialog) {
            let fault = format!(
                "user {} got a response in a dialog of nobody: {response:?}",
                self.number
            );
            return desk.books.fault(self.about(dialog), fault);
        }
        if !response.code().is_final() {
            return;
        }
        let key = (dialog.to_owned(), cseq);
        if let Some(before) = self.finals.get(&key) {
            if *before != code && !desk.books.is_kept_by_nobody(*before) {
                let user = self.number;
                let fault = format!("user {user} got {before} and {code} for request {cseq} of {dialog}");
                desk.books.fault(self.about(dialog), fault);
            }
            self.confirm_again(dialog, cseq, desk);
            return;
        }
        let Some(at) = self
            .pending
            .iter()
            .position(|pending| pending.dialog == dialog && pending.cseq == cseq)
        else {
            // Of a channel before this one.
            return;
        };
        let pending = self.pending.remove(at);
        self.finals.insert(key, code);
        if pending.refused && (code != 503 || response.extension("Retry-After").is_none()) {
            let fault = format!(
                "user {} began {dialog} at a node that drains and got {code}, not 503 with Retry-After",
                self.number
            );
            desk.books.fault(self.about(dialog), fault);
        }
        if let Some(item) = pending.item {
            desk.books.conclude(item, code);
        }
        self.visited(&pending, response.code(), desk);
        self.concluded(&pending, response, desk);
    }

    pub(super) fn about(&self, dialog: &str) -> About {
        About::Dialog {
            user: self.number,
            id: dialog.to_owned(),
        }
    }

    /// A deed of this user's is due.
    pub(super) fn act(&mut self, deed: Deed, desk: &mut Desk<'_>) {
        match deed {
            Deed::Connect => {}
            Deed::Again {
                text,
                dialog,
                channel,
                item,
            } => {
                if channel == self.channel {
                    desk.books.repeat(item);
                    self.visit_repeated(&dialog, desk);
                    desk.acts.push(Act::Send(text));
                }
            }
            Deed::Answer { dialog, cseq, code } => {
                self.answer(&dialog, cseq, code, desk);
            }
            Deed::Pick { call, code } => self.pick(call, code, desk),
            Deed::Cancel(call) => self.cancel(call, desk),
            Deed::HangUp(call) => self.hang_up(call, desk),
            Deed::Info(call) => self.info(call, desk),
            Deed::Reinvite(call) => self.reinvite(call, desk),
            Deed::Refer(call) => self.refer(call, desk),
            Deed::NoAck(call) => self.no_ack(call, desk),
        }
    }
}

/// Whether a frame of the node is a request that wants a response.
pub(super) fn is_request(text: &str) -> bool {
    !text.contains("\"Type\":\"RESPONSE\"") && !text.contains("\"Type\":\"ACK\"")
}
