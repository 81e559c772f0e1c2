//! Two users, a callback and somebody who ends calls do what comes to their minds: whatever that is, the call comes to an end and
//! the service itself has ended every leg of it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use strowger_click2call::Click2Call;
use strowger_service::jsip::{Method, StatusCode};
use strowger_service::testkit::{Chance, Seen, Sent, TestKit};
use strowger_service::{FetchError, HttpRequest, HttpResponse, LegId};

struct World {
    kit: TestKit,
    topic: String,
    /// Requests of the service that users may answer.
    open: Vec<Sent>,
    legs: Vec<LegId>,
    talking: Vec<LegId>,
    /// States of which the callback was told.
    told: Vec<String>,
}

impl World {
    fn new() -> Self {
        let mut kit = TestKit::new(Click2Call);
        let mut order = HttpRequest::new("POST", "/calls");
        order.body =
            br#"{"from":"ann@x.org","to":"ben@x.org","ring":10,"callback":"https://shop.x.org/"}"#.to_vec();
        let id = kit.http(order);
        let location = kit.expect_http(id, 201).headers.pop().unwrap().1;
        Self {
            kit,
            topic: location.replace("calls/", "call/"),
            open: Vec::new(),
            legs: Vec::new(),
            talking: Vec::new(),
            told: Vec::new(),
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
                }
                Seen::Response(..) => {}
            }
        }
    }

    fn step(&mut self, chance: &mut Chance) {
        match chance.below(10) {
            0..=4 => self.answer(chance),
            5 | 6 => self.hang_up(chance),
            7 => self.call_back(chance.below(3)),
            8 if chance.below(4) == 0 => self.kit.publish(&self.topic.clone(), "end"),
            _ => self.kit.advance(Duration::from_secs(chance.below(8) as u64)),
        }
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

    fn hang_up(&mut self, chance: &mut Chance) {
        if self.legs.is_empty() {
            return;
        }
        let leg = self.legs[chance.below(self.legs.len())];
        if self.kit.has_ended(leg) || chance.below(3) > 0 {
            return;
        }
        if self.talking.contains(&leg) {
            self.kit.hang_up(leg);
        } else {
            self.kit.lose(leg);
        }
    }

    fn call_back(&mut self, how: usize) {
        if self.kit.fetches() == 0 {
            return;
        }
        let (id, request) = self.kit.expect_fetch();
        if how == 0 {
            return self.kit.fetched(id, Err(FetchError::TimedOut));
        }
        let text = String::from_utf8(request.body).unwrap();
        let (_, state) = text.split_once(r#""state":""#).unwrap();
        self.told.push(state.split('"').next().unwrap().to_owned());
        self.kit.fetched(id, Ok(HttpResponse::new(200)));
    }

    /// Somebody ends the call, and the callback answers.
    fn end(mut self) -> Vec<String> {
        if !self.kit.is_over() {
            self.kit.publish(&self.topic.clone(), "end");
        }
        for _ in 0..30 {
            self.hear();
            if !self.kit.is_over() {
                self.call_back(1);
            }
            self.kit.advance(Duration::from_secs(5));
        }
        self.hear();
        self.kit.assert_finished();
        self.told
    }
}

#[test]
fn whatever_the_two_do_nobody_is_left_over_and_the_callback_hears_it_in_order() {
    let mut connected = 0;
    for seed in 0..3000 {
        let outcome = std::panic::catch_unwind(|| {
            let mut chance = Chance::new(seed);
            let mut world = World::new();
            for _ in 0..25 {
                world.hear();
                if world.kit.is_over() {
                    break;
                }
                world.step(&mut chance);
            }
            world.end()
        });
        let Ok(told) = outcome else { panic!("seed {seed}") };
        let order = ["answered", "connected", "ended"];
        let places: Vec<_> = told
            .iter()
            .map(|state| order.iter().position(|name| name == state))
            .collect();
        assert!(
            places.is_sorted() && !places.contains(&None),
            "seed {seed}: {told:?}"
        );
        connected += usize::from(told.iter().any(|state| state == "connected"));
    }
    assert!(connected > 500, "only {connected} calls were connected");
}
