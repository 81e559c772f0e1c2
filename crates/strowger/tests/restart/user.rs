//! A light user: writes to one partner, answers him, calls him, and comes back when the server does.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use strowger::client::{Client, Handshake, Received, Server};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// The pause before the first attempt to come back, and the longest; the real one is drawn from nothing up to it.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How many accepted messages are enough.
const ENOUGH: usize = 3;

/// What all users do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Connect,
    /// Write, and be called.
    Play,
    /// The calls that are up are hung up, those that ring as soon as they are answered.
    HangUp,
    /// The second server: write on.
    PlayAgain,
    Leave,
}

/// How far they are.
#[derive(Debug, Default)]
pub(crate) struct Count {
    pub(crate) connected: AtomicUsize,
    /// Messages accepted by their receivers.
    pub(crate) answered: AtomicUsize,
    /// Calls that are up.
    pub(crate) up: AtomicUsize,
    pub(crate) back: AtomicUsize,
    /// How often a user has had enough messages accepted by one server.
    pub(crate) content: AtomicUsize,
    /// 503 of the first server, which drains, and of the second, which has no time for all at once.
    pub(crate) draining: AtomicUsize,
    pub(crate) too_many: AtomicUsize,
    pub(crate) unreachable: AtomicUsize,
}

/// What a user saw of one server.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Requests by id, with their final response.
    pub(crate) sent: BTreeMap<String, Option<u64>>,
    /// Ids of what the application got, with how often.
    pub(crate) applied: HashMap<String, usize>,
    /// The code with which the socket was closed.
    pub(crate) closed: Option<u16>,
    /// Whether a call is up.
    pub(crate) call_is_up: bool,
}

impl Ledger {
    /// What was seen on another socket of the same server.
    fn add(&mut self, later: Self) {
        self.sent.extend(later.sent);
        for (id, times) in later.applied {
            *self.applied.entry(id).or_default() += times;
        }
        self.call_is_up &= later.call_is_up;
    }
}

pub(crate) struct User {
    number: usize,
    partner: String,
    server: Server,
    count: Arc<Count>,
    chance: StdRng,
    next: usize,
    /// The message that nobody has accepted.
    open: Option<Open>,
    hangs_up: bool,
    /// The dialogs of the messages that came.
    heard: HashSet<String>,
    /// How many messages were refused.
    refused: usize,
    /// How many messages were accepted since this socket was opened.
    accepted: usize,
    deeds: Vec<(Instant, Deed)>,
    ledger: Ledger,
}

#[derive(Clone, Debug)]
struct Open {
    id: String,
    dialog: String,
    text: String,
}

/// Why a user stops playing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Left,
}

#[derive(Debug)]
enum Deed {
    Send(String),
    Write,
    HangUp,
}

impl User {
    pub(crate) fn new(number: usize, server: Server, count: Arc<Count>) -> Self {
        Self {
            number,
            partner: name(number ^ 1),
            server,
            count,
            chance: StdRng::seed_from_u64(number as u64),
            next: 0,
            open: None,
            hangs_up: false,
            heard: HashSet::new(),
            refused: 0,
            accepted: 0,
            deeds: Vec::new(),
            ledger: Ledger::default(),
        }
    }

    /// Both servers; answers what was seen of each.
    pub(crate) async fn run(mut self, mut phase: watch::Receiver<Phase>) -> [Ledger; 2] {
        let mut client = self.connect().await;
        self.count.connected.fetch_add(1, Ordering::Relaxed);
        assert_eq!(self.play(&mut client, &mut phase).await, End::Closed);
        let mut first = std::mem::take(&mut self.ledger);
        loop {
            drop(client);
            self.deeds.clear();
            self.accepted = 0;
            self.pause(0).await;
            client = self.connect().await;
            self.count.back.fetch_add(1, Ordering::Relaxed);
            if self.play(&mut client, &mut phase).await == End::Left {
                break;
            }
            // One who owned a dialog is let in as long as the first server listens, and is closed again.
            self.count.back.fetch_sub(1, Ordering::Relaxed);
            assert_ne!(*phase.borrow(), Phase::PlayAgain, "only the first server closes");
            first.add(std::mem::take(&mut self.ledger));
        }
        client.close().await;
        [first, self.ledger]
    }

    /// Until the socket is closed, or until all leave.
    async fn play(&mut self, client: &mut Client, phase: &mut watch::Receiver<Phase>) -> End {
        phase.mark_changed();
        loop {
            let due = self.deeds.iter().map(|(at, _)| *at).min();
            let due = due.unwrap_or_else(|| Instant::now() + Duration::from_secs(3_600));
            let texts = tokio::select! {
                received = client.receive() => match received {
                    Received::Text(text) => self.receive(&text),
                    Received::Closed(code) => {
                        self.ledger.closed = code;
                        return End::Closed;
                    }
                },
                () = sleep_until(due) => self.act(due),
                changed = phase.changed() => {
                    let now = *phase.borrow_and_update();
                    if changed.is_err() || now == Phase::Leave {
                        return End::Left;
                    }
                    self.enter(now)
                }
            };
            for text in texts {
                // A socket that is gone says so when it is read.
                let _ = client.send(text).await;
            }
        }
    }

    fn enter(&mut self, phase: Phase) -> Vec<String> {
        match phase {
            Phase::Play => {
                self.later(0..1_000, Deed::Write);
                if self.calls() {
                    return vec![self.request("INVITE", "c", 1, "call")];
                }
            }
            Phase::HangUp => {
                self.hangs_up = true;
                if self.ledger.call_is_up && self.calls() {
                    self.later(0..1_000, Deed::HangUp);
                }
            }
            Phase::PlayAgain => self.later(0..1_000, Deed::Write),
            Phase::Connect | Phase::Leave => {}
        }
        Vec::new()
    }

    /// One user in ten calls his partner, who picks up soon or, for every second call, late.
    const fn calls(&self) -> bool {
        self.number.is_multiple_of(10)
    }

    /// One pair of users in ten asks again at once, so that requests are on their way when the sockets are closed.
    const fn is_impatient(&self) -> bool {
        matches!(self.number % 20, 2 | 3)
    }

    fn later(&mut self, millis: std::ops::Range<u64>, deed: Deed) {
        let at = Instant::now() + Duration::from_millis(self.chance.random_range(millis));
        self.deeds.push((at, deed));
    }

    fn act(&mut self, due: Instant) -> Vec<String> {
        let Some(at) = self.deeds.iter().position(|(at, _)| *at == due) else {
            return Vec::new();
        };
        match self.deeds.swap_remove(at).1 {
            Deed::Send(text) => vec![text],
            Deed::Write => vec![self.write()],
            Deed::HangUp => vec![self.request("BYE", "c", 3, "bye")],
        }
    }

    /// The message that is open once more, or the next one.
    fn write(&mut self) -> String {
        let open = self.open.clone().unwrap_or_else(|| {
            self.next += 1;
            self.message(
                format!("{}/{}", self.number, self.next),
                format!("m{}", self.next),
            )
        });
        self.ledger.sent.insert(open.id.clone(), None);
        let text = open.text.clone();
        self.open = Some(open);
        text
    }

    fn message(&self, id: String, dialog: String) -> Open {
        let text = self.request("MESSAGE", &dialog, 1, &id);
        Open { id, dialog, text }
    }

    fn request(&self, method: &str, dialog: &str, cseq: u64, body: &str) -> String {
        json!({
            "Type": method, "Request-URI": self.partner, "From": name(self.number), "To": self.partner,
            "DialogueID": dialog, "CSeq": cseq, "Body": body,
        })
        .to_string()
    }

    fn receive(&mut self, text: &str) -> Vec<String> {
        let message: Value = serde_json::from_str(text).expect("the server sends JSON");
        match message["Type"].as_str().expect("a message has a type") {
            "RESPONSE" => return self.on_response(&message),
            "MESSAGE" => {
                let dialog = message["DialogueID"].as_str().expect("a message has a dialog");
                if !self.heard.insert(dialog.to_owned()) {
                    // Absorbed, and answered again.
                    return vec![response(&message, 200)];
                }
                let id = message["Body"].as_str().expect("the body is an id").to_owned();
                *self.ledger.applied.entry(id).or_default() += 1;
                self.later(0..150, Deed::Send(response(&message, 200)));
            }
            "INVITE" => {
                let late = self.number % 20 == 1;
                self.later(
                    if late { 2_500..3_500 } else { 0..50 },
                    Deed::Send(response(&message, 200)),
                );
                return vec![response(&message, 180)];
            }
            "ACK" => self.ledger.call_is_up = true,
            "BYE" => {
                self.ledger.call_is_up = false;
                return vec![response(&message, 200)];
            }
            other => panic!("a {other}"),
        }
        Vec::new()
    }

    fn on_response(&mut self, response: &Value) -> Vec<String> {
        let code = response["Code"].as_u64().expect("a response has a code");
        if code < 200 {
            return Vec::new();
        }
        match (response["DialogueID"].as_str(), response["CSeq"].as_u64()) {
            (Some("c"), Some(1)) => {
                assert_eq!(code, 200, "{response}");
                self.ledger.call_is_up = true;
                self.count.up.fetch_add(1, Ordering::Relaxed);
                if self.hangs_up {
                    self.later(0..1_000, Deed::HangUp);
                }
                return vec![self.request("ACK", "c", 2, "")];
            }
            (Some("c"), _) => {
                assert_eq!(code, 200, "{response}");
                self.ledger.call_is_up = false;
            }
            (Some(dialog), _) => {
                let open = self.open.take().expect("each message is answered once");
                assert_eq!(open.dialog, dialog);
                self.ledger.sent.insert(open.id.clone(), Some(code));
                if code == 503 {
                    self.ask_later(open, response);
                } else {
                    self.accepted += 1;
                    self.count
                        .content
                        .fetch_add(usize::from(self.accepted == ENOUGH), Ordering::Relaxed);
                    self.count.answered.fetch_add(1, Ordering::Relaxed);
                    self.later(50..400, Deed::Write);
                }
            }
            (None, _) => panic!("{response}"),
        }
        Vec::new()
    }

    /// Not accepted: once more, as a new request, when the server wants to be asked again.
    fn ask_later(&mut self, open: Open, response: &Value) {
        let seconds = response["Retry-After"].as_u64();
        let millis = seconds.expect("a 503 says when to come again") * 1_000;
        self.refused += 1;
        let dialog = format!("r{}", self.refused);
        self.open = Some(self.message(open.id, dialog));
        if self.is_impatient() {
            self.later(20..80, Deed::Write);
        } else {
            self.later(millis..millis + 500, Deed::Write);
        }
    }

    /// Tries until there is a socket: with growing, random pauses, and not before the server wants to be asked again.
    async fn connect(&mut self) -> Client {
        let query = format!("userid={}", name(self.number));
        for attempt in 1.. {
            match self.server.connect(&query).await {
                Ok(Handshake::Open(client)) => return *client,
                Ok(Handshake::Refused {
                    status,
                    retry_after,
                    body,
                }) => {
                    assert_eq!(status.as_u16(), 503, "{body}");
                    let draining = body.contains("draining");
                    let count = if draining {
                        &self.count.draining
                    } else {
                        &self.count.too_many
                    };
                    count.fetch_add(1, Ordering::Relaxed);
                    sleep(retry_after.expect("a 503 says when to come again")).await;
                    self.pause(1).await;
                }
                Err(_) => {
                    self.count.unreachable.fetch_add(1, Ordering::Relaxed);
                    self.pause(attempt).await;
                }
            }
        }
        unreachable!("attempts do not run out")
    }

    async fn pause(&mut self, attempt: u32) {
        let longest = LONGEST_PAUSE.min(FIRST_PAUSE * 2_u32.pow(attempt.min(8)));
        sleep(longest.mul_f64(self.chance.random())).await;
    }
}

pub(crate) fn name(number: usize) -> String {
    format!("user{number}@restart.example")
}

fn response(request: &Value, code: u16) -> String {
    json!({
        "Type": "RESPONSE", "Code": code, "From": request["From"], "To": request["To"],
        "DialogueID": request["DialogueID"], "CSeq": request["CSeq"],
    })
    .to_string()
}
