//! Callers and agents who do what comes to their minds: whatever that is, the line comes to rest and nobody is left over.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use strowger_hunt::{Hunt, Number, Settings};
use strowger_service::LegId;
use strowger_service::jsip::{Method, Request, StatusCode};
use strowger_service::testkit::{Chance, Seen, Sent, TestKit};

const SALES: &str = "sales@example.com";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    /// A caller whose INVITE has no final response.
    Calls,
    /// Somebody with an answered call.
    Talks,
    /// His session is over, as he sees it.
    Done,
}

struct World {
    kit: TestKit,
    peers: BTreeMap<LegId, Peer>,
    callers: BTreeSet<LegId>,
    cancelled: BTreeSet<LegId>,
    /// Requests of the service that peers may answer.
    open: Vec<Sent>,
    /// How many callers were told that they wait.
    queued: usize,
}

impl World {
    fn new(number: Number) -> Self {
        Self {
            kit: TestKit::new(Hunt::new(Settings {
                numbers: [(SALES.to_owned(), number)].into(),
                ..Settings::default()
            })),
            peers: BTreeMap::new(),
            callers: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            open: Vec::new(),
            queued: 0,
        }
    }

    fn hear(&mut self) {
        while let Some(seen) = self.kit.next_seen() {
            match seen {
                Seen::Open(sent) => self.open.push(sent),
                Seen::Send(sent) => {
                    if sent.method() == Method::Cancel {
                        self.cancelled.insert(sent.leg);
                    } else if sent.method() == Method::Bye {
                        let before = self.peers.insert(sent.leg, Peer::Done);
                        assert_ne!(before, Some(Peer::Done), "BYE to somebody who is gone");
                    } else if sent.method() != Method::Ack {
                        self.open.push(sent);
                    }
                }
                Seen::Response(leg, response) if response.code().is_final() => {
                    if let Some(peer @ Peer::Calls) = self.peers.get_mut(&leg) {
                        *peer = if response.code().is_success() {
                            Peer::Talks
                        } else {
                            Peer::Done
                        };
                    }
                }
                Seen::Response(_, response) => {
                    self.queued += usize::from(response.code() == StatusCode::QUEUED);
                }
            }
        }
    }

    fn step(&mut self, chance: &mut Chance) {
        match chance.below(10) {
            0 | 1 => {
                let caller = format!("caller{}@example.com", self.peers.len());
                let leg = self
                    .kit
                    .incoming(Request::new(Method::Invite, SALES, &caller, SALES));
                self.peers.insert(leg, Peer::Calls);
                self.callers.insert(leg);
            }
            2..=5 => self.answer(chance),
            6 | 7 => self.leave(chance),
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
        let code = match chance.below(5) {
            0 => StatusCode::RINGING,
            1 => StatusCode::BUSY_HERE,
            2 => StatusCode::REQUEST_TERMINATED,
            _ => StatusCode::OK,
        };
        // An answer that crosses the CANCEL makes nobody talk: the stack ends that call.
        let wanted = !self.cancelled.contains(&sent.leg);
        if wanted && code == StatusCode::OK && sent.method() == Method::Invite {
            self.peers.entry(sent.leg).or_insert(Peer::Talks);
        }
        self.kit.answer(&sent, code);
        if code.is_provisional() {
            self.open.push(sent);
        }
    }

    fn leave(&mut self, chance: &mut Chance) {
        let there: Vec<LegId> = self
            .peers
            .iter()
            .filter(|(_, peer)| **peer != Peer::Done)
            .map(|(leg, _)| *leg)
            .collect();
        if there.is_empty() {
            return;
        }
        let leg = there[chance.below(there.len())];
        self.peers.insert(leg, Peer::Done);
        if self.kit.is_over() || self.kit.has_ended(leg) {
            return;
        }
        if chance.below(3) == 0 {
            self.kit.lose(leg);
        } else {
            self.kit.hang_up(leg);
        }
    }

    /// All callers hang up: everybody whom they talked to must be told, and the line ends.
    fn end(mut self) {
        let callers: Vec<LegId> = self.callers.iter().copied().collect();
        for leg in callers {
            let before = self.peers.insert(leg, Peer::Done);
            if before != Some(Peer::Done) && !self.kit.is_over() && !self.kit.has_ended(leg) {
                self.kit.hang_up(leg);
            }
            self.hear();
        }
        self.kit.advance(Duration::from_secs(200));
        self.hear();
        let left = self.peers.values().filter(|peer| **peer != Peer::Done).count();
        assert_eq!(left, 0, "peers who talk to nobody");
        // A line that nobody has called has not begun.
        if !self.peers.is_empty() {
            self.kit.assert_finished();
        }
    }
}

fn number(seed: u64) -> Number {
    let mut number = Number::in_turn([], Duration::from_secs(5));
    let agent = |name: &str| format!("{name}@example.com");
    number.steps = vec![vec![agent("a"), agent("b")], vec![agent("c")], vec![agent("a")]];
    number.queue = 3;
    number.wait = Duration::from_secs(20);
    number.wrap_up = Duration::from_secs(seed % 3);
    number.overflow = (seed % 2 == 1).then(|| agent("desk"));
    number
}

#[test]
fn whatever_callers_and_agents_do_nobody_is_left_over() {
    let mut queued = 0;
    for seed in 0..300 {
        let outcome = std::panic::catch_unwind(|| {
            let mut chance = Chance::new(seed);
            let mut world = World::new(number(seed));
            let mut queued = 0;
            for _ in 0..100 {
                if world.kit.is_over() {
                    // The line is idle; the next caller finds a new one.
                    queued += world.queued;
                    std::mem::replace(&mut world, World::new(number(seed))).end();
                }
                world.step(&mut chance);
                world.hear();
            }
            queued += world.queued;
            world.end();
            queued
        });
        match outcome {
            Ok(count) => queued += count,
            Err(_) => panic!("seed {seed}"),
        }
    }
    assert!(queued > 300, "only {queued} callers waited");
}
