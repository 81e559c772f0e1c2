//! Devices, callers and watchers who do what comes to their minds: whatever that is, the user's instance comes to rest, and no
//! message is lost that its sender was told is kept.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::time::Duration;

use strowger_registrar::Registrar;
use strowger_service::LegId;
use strowger_service::jsip::{Method, Request, StatusCode};
use strowger_service::testkit::{Chance, Seen, Sent, TestKit};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";
const DEVICES: [&str; 3] = [
    "alice@example.com",
    "alice+phone@example.com",
    "alice+tablet@example.com",
];

struct World {
    kit: TestKit,
    /// Requests of the service that peers may answer.
    open: Vec<Sent>,
    /// Those that may hang up: callers, and devices that have answered.
    talking: Vec<LegId>,
    /// The legs of messages, with their text.
    sent: Vec<(LegId, String)>,
    /// Messages that were accepted, and those that a device has answered.
    kept: BTreeSet<String>,
    read: BTreeSet<String>,
    messages: usize,
}

impl World {
    fn hear(&mut self) {
        while let Some(seen) = self.kit.next_seen() {
            match seen {
                Seen::Open(sent) => {
                    let text = sent.body_str().unwrap_or_default();
                    let is_new = sent.method() != Method::Message || !self.read.contains(&*text);
                    assert!(is_new, "message {text} comes again");
                    self.open.push(sent);
                }
                Seen::Send(sent) => {
                    assert_ne!(sent.id.number(), 0, "{} was left to the stack", sent.method());
                    if !matches!(sent.method(), Method::Ack | Method::Bye | Method::Cancel) {
                        self.open.push(sent);
                    }
                }
                Seen::Response(leg, response) if response.code() == StatusCode::ACCEPTED => {
                    let text = self.sent.iter().find(|(sent, _)| *sent == leg);
                    self.kept.extend(text.map(|(_, text)| text.clone()));
                }
                Seen::Response(..) => {}
            }
        }
    }

    fn comes(&mut self, request: Request) -> LegId {
        // An instance that has nothing to do has ended; its legs are nobody's any more.
        if self.kit.is_over() {
            self.kit.restart();
            self.open.clear();
            self.talking.clear();
        }
        self.kit.incoming(request)
    }

    fn step(&mut self, chance: &mut Chance) {
        match chance.below(14) {
            0 | 1 => {
                let device = DEVICES[chance.below(3)];
                let mut register = Request::new(Method::Register, "example.com", device, ALICE);
                register.set_expires([0, 20, 60][chance.below(3)]);
                self.comes(register);
            }
            2 => {
                let mut watch = from_bob(Method::Subscribe);
                watch.set_event("presence");
                watch.set_expires([0, 20, 60][chance.below(3)]);
                self.comes(watch);
            }
            3 => {
                let leg = self.comes(from_bob(Method::Invite));
                self.talking.push(leg);
            }
            4 | 5 => {
                self.messages += 1;
                let text = self.messages.to_string();
                let mut message = from_bob(Method::Message);
                message.set_body_str(&text);
                let leg = self.comes(message);
                self.sent.push((leg, text));
            }
            6..=9 => self.answer(chance),
            10 => self.leave(chance),
            11 | 12 => {
                self.kit.sync();
            }
            _ => self
                .kit
                .advance(Duration::from_millis(500 * chance.below(30) as u64)),
        }
    }

    fn answer(&mut self, chance: &mut Chance) {
        if self.open.is_empty() {
            return;
        }
        let sent = self.open.swap_remove(chance.below(self.open.len()));
        if self.kit.is_over() || !self.kit.awaits(&sent) {
            return;
        }
        let code = match chance.below(6) {
            0 if sent.method() == Method::Invite => StatusCode::RINGING,
            1 => StatusCode::TEMPORARILY_UNAVAILABLE,
            2 if sent.method() == Method::Invite => StatusCode::DECLINE,
            _ => StatusCode::OK,
        };
        if code.is_success() && sent.method() == Method::Invite {
            self.talking.push(sent.leg);
        }
        if code.is_success() && sent.method() == Method::Message {
            self.read.insert(sent.body_str().unwrap().into_owned());
        }
        self.kit.answer(&sent, code);
        if code.is_provisional() {
            self.open.push(sent);
        }
    }

    fn leave(&mut self, chance: &mut Chance) {
        if self.talking.is_empty() {
            return;
        }
        let leg = self.talking.swap_remove(chance.below(self.talking.len()));
        if !self.kit.is_over() && !self.kit.has_ended(leg) {
            match chance.below(2) {
                0 => self.kit.lose(leg),
                _ => self.kit.hang_up(leg),
            }
        }
    }

    /// Everybody goes; then a device comes and reads what is kept.
    fn end(mut self) -> usize {
        for leg in std::mem::take(&mut self.talking) {
            if !self.kit.is_over() && !self.kit.has_ended(leg) {
                self.kit.hang_up(leg);
            }
            self.hear();
        }
        for _ in 0..30 {
            self.kit.sync();
            self.kit.advance(Duration::from_secs(10));
            self.hear();
        }
        self.kit.assert_finished();
        let mut register = Request::new(Method::Register, "example.com", DEVICES[1], ALICE);
        register.set_expires(60);
        self.comes(register);
        self.hear();
        while let Some(sent) = self.open.pop() {
            assert!(self.open.is_empty(), "two at a time");
            self.read.insert(sent.body_str().unwrap().into_owned());
            self.kit.answer(&sent, StatusCode::OK);
            self.hear();
        }
        let lost: Vec<&String> = self.kept.difference(&self.read).collect();
        assert!(lost.is_empty(), "messages {lost:?} are lost");
        self.kept.len()
    }
}

fn from_bob(method: Method) -> Request {
    Request::new(method, ALICE, BOB, ALICE)
}

#[test]
fn whatever_devices_callers_and_watchers_do_nobody_is_left_over_and_no_message_lost() {
    let mut kept = 0;
    for seed in 0..500 {
        let outcome = std::panic::catch_unwind(|| {
            let mut chance = Chance::new(seed);
            let mut world = World {
                kit: TestKit::new(Registrar),
                open: Vec::new(),
                talking: Vec::new(),
                sent: Vec::new(),
                kept: BTreeSet::new(),
                read: BTreeSet::new(),
                messages: 0,
            };
            for _ in 0..100 {
                world.step(&mut chance);
                world.hear();
            }
            world.end()
        });
        match outcome {
            Ok(count) => kept += count,
            Err(_) => panic!("seed {seed}"),
        }
    }
    assert!(kept > 1000, "only {kept} messages were kept");
}
