//! A caller, users and an endpoint who do what comes to their minds: whatever that is, the call comes to an end and the
//! service itself has ended every leg of it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use strowger_service::jsip::{Method, Request, StatusCode};
use strowger_service::testkit::{Chance, Seen, Sent, TestKit};
use strowger_service::{FetchError, HttpResponse, LegId};
use strowger_webhook::Webhook;

const SHOP: &str = "shop@example.com";
const CARL: &str = "carl@example.com";

struct World {
    kit: TestKit,
    caller: LegId,
    is_call: bool,
    /// Requests of the service that peers may answer.
    open: Vec<Sent>,
    legs: Vec<LegId>,
    /// Those that may hang up: the caller's, and whose user has answered.
    talking: Vec<LegId>,
    /// Whether the caller has a 2xx that he has not acknowledged.
    owes_ack: bool,
    joined: bool,
}

impl World {
    fn new(chance: &mut Chance) -> Self {
        let settings = r#"{"url":"https://a.example.com/","retries":1}"#;
        let mut kit = TestKit::new(Webhook).configured(settings);
        let is_call = chance.below(5) > 0;
        let method = if is_call { Method::Invite } else { Method::Message };
        let caller = kit.incoming(from_carl(method));
        Self {
            kit,
            caller,
            is_call,
            open: Vec::new(),
            legs: vec![caller],
            talking: vec![caller],
            owes_ack: false,
            joined: false,
        }
    }

    fn hear(&mut self) {
        while let Some(seen) = self.kit.next_seen() {
            match seen {
                Seen::Open(sent) => {
                    self.legs.push(sent.leg);
                    self.open.push(sent);
                }
                Seen::Send(sent) => {
                    assert_ne!(sent.id.number(), 0, "{} was left to the stack", sent.method());
                    // A call that is over needs no ACK any more.
                    self.owes_ack &= sent.leg != self.caller || sent.method() != Method::Bye;
                    if !matches!(sent.method(), Method::Ack | Method::Bye | Method::Cancel) {
                        self.open.push(sent);
                    }
                }
                Seen::Response(leg, response) => {
                    let answered = leg == self.caller && response.code().is_success();
                    self.owes_ack |= answered && self.is_call;
                    self.joined |= answered && !self.open.is_empty();
                }
            }
        }
    }

    fn step(&mut self, chance: &mut Chance) {
        match chance.below(12) {
            0..=3 => self.say(chance),
            4..=7 => self.answer(chance),
            8 => {
                let leg = self.legs[chance.below(self.legs.len())];
                // A message has no session that could be hung up.
                if self.is_call && !self.kit.has_ended(leg) && chance.below(3) == 0 {
                    self.owes_ack &= leg != self.caller;
                    if self.talking.contains(&leg) && chance.below(2) == 0 {
                        self.kit.hang_up(leg);
                    } else {
                        self.kit.lose(leg);
                    }
                }
            }
            9 if std::mem::take(&mut self.owes_ack) && !self.kit.has_ended(self.caller) => {
                self.kit.request(self.caller, from_carl(Method::Ack));
            }
            _ => self
                .kit
                .advance(Duration::from_millis(500 * chance.below(30) as u64)),
        }
    }

    /// The endpoint says something.
    fn say(&mut self, chance: &mut Chance) {
        if self.kit.fetches() == 0 {
            return;
        }
        let (id, _) = self.kit.expect_fetch();
        let actions = [
            r#"{"answer":{}}"#,
            r#"{"reject":{}}"#,
            r#"{"dial":{"to":"ann@example.com","ring":10}}"#,
            r#"{"dial":{"to":"ann@example.com","ring":10}},{"bridge":{}}"#,
            r#"{"hunt":{"to":["ann@example.com","ben@example.com"],"ring":5}},{"bridge":{}}"#,
            r#"{"hunt":{"to":["ann@example.com","ben@example.com"],"ring":5,"together":true}},{"bridge":{}}"#,
            r#"{"bridge":{}}"#,
            r#"{"message":{"to":"ann@example.com"}}"#,
            r#"{"hold":{"seconds":5}}"#,
            r#"{"wait":{"seconds":5}}"#,
            r#"{"hangup":{}}"#,
        ];
        let mut response = HttpResponse::new(200);
        let list: Vec<&str> = (0..1 + chance.below(3)).map(|_| chance.of(&actions)).collect();
        response.body = format!(r#"{{"actions":[{}]}}"#, list.join(",")).into();
        let result = match chance.below(12) {
            0 => Err(FetchError::TimedOut),
            1 => Ok(HttpResponse::new(500)),
            2 => Ok(HttpResponse::new(204)),
            _ => Ok(response),
        };
        self.kit.fetched(id, result);
    }

    fn answer(&mut self, chance: &mut Chance) {
        if self.open.is_empty() {
            return;
        }
        let sent = self.open.swap_remove(chance.below(self.open.len()));
        if !self.kit.awaits(&sent) {
            return;
        }
        let code = match chance.below(6) {
            0 => StatusCode::RINGING,
            1 => StatusCode::BUSY_HERE,
            2 => StatusCode::REQUEST_TERMINATED,
            _ => StatusCode::OK,
        };
        if code.is_success() && sent.method() == Method::Invite {
            self.talking.push(sent.leg);
        }
        self.kit.answer(&sent, code);
        if code.is_provisional() {
            self.open.push(sent);
        }
    }

    /// Everybody goes, and the endpoint has nothing more to say.
    fn end(mut self) -> bool {
        if self.is_call && !self.kit.is_over() && !self.kit.has_ended(self.caller) {
            self.kit.hang_up(self.caller);
        }
        for _ in 0..20 {
            self.hear();
            while self.kit.fetches() > 0 {
                let (id, _) = self.kit.expect_fetch();
                self.kit.fetched(id, Ok(HttpResponse::new(204)));
            }
            self.kit.advance(Duration::from_secs(30));
        }
        self.hear();
        self.kit.assert_finished();
        self.joined
    }
}

fn from_carl(method: Method) -> Request {
    Request::new(method, SHOP, CARL, SHOP)
}

#[test]
fn whatever_caller_users_and_endpoint_do_nobody_is_left_over() {
    let mut joined = 0;
    for seed in 0..5000 {
        let outcome = std::panic::catch_unwind(|| {
            let mut chance = Chance::new(seed);
            let mut world = World::new(&mut chance);
            for _ in 0..40 {
                world.hear();
                if world.kit.is_over() {
                    break;
                }
                world.step(&mut chance);
            }
            world.end()
        });
        match outcome {
            Ok(was_joined) => joined += usize::from(was_joined),
            Err(_) => panic!("seed {seed}"),
        }
    }
    assert!(
        joined > 150,
        "only {joined} callers were answered while somebody was called"
    );
}
