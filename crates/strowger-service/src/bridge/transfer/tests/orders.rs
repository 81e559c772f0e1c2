//! Every order of what can happen while one side is handed on: no leg is left without an owner.

use std::collections::BTreeSet;
use std::time::Duration;

use jsip::{Method, StatusCode};

use super::super::super::tests::{from_alice, from_bob, talking};
use super::refer;
use crate::testkit::{Seen, Sent, TestKit};
use crate::{LegId, RequestId, SendError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    TargetRings,
    TargetAnswers,
    TargetDeclines,
    TargetHangsUp,
    TargetIsLost,
    OtherAgrees,
    OtherRefuses,
    OtherHangsUp,
    OtherIsLost,
    ReferrerHangsUp,
    ReferrerIsLost,
    TimePasses,
}

const ACTS: [Act; 12] = [
    Act::TargetRings,
    Act::TargetAnswers,
    Act::TargetDeclines,
    Act::TargetHangsUp,
    Act::TargetIsLost,
    Act::OtherAgrees,
    Act::OtherRefuses,
    Act::OtherHangsUp,
    Act::OtherIsLost,
    Act::ReferrerHangsUp,
    Act::ReferrerIsLost,
    Act::TimePasses,
];

/// A call in which one side has sent a REFER, and what each peer knows of it.
struct World {
    kit: TestKit,
    referrer: LegId,
    other: LegId,
    target: LegId,
    invite: Option<RequestId>,
    again: Option<RequestId>,
    answered: bool,
    /// Sessions that are over as the peer sees it.
    closed: BTreeSet<LegId>,
    told: Vec<u16>,
    /// 2xx of peers that were not acknowledged.
    owed: BTreeSet<LegId>,
}

impl World {
    fn new(caller_refers: bool) -> Self {
        let (mut kit, alice, bob) = talking();
        let (referrer, other) = if caller_refers { (alice, bob) } else { (bob, alice) };
        let request = if caller_refers { from_alice } else { from_bob };
        kit.request(referrer, refer(request(Method::Refer)));
        let mut world = Self {
            kit,
            referrer,
            other,
            target: referrer,
            invite: None,
            again: None,
            answered: false,
            closed: BTreeSet::new(),
            told: Vec::new(),
            owed: BTreeSet::new(),
        };
        world.hear();
        world
    }

    /// Takes in what the service has sent.
    fn hear(&mut self) {
        while let Some(seen) = self.kit.next_seen() {
            match seen {
                Seen::Open(sent) => (self.target, self.invite) = (sent.leg, Some(sent.id)),
                Seen::Send(sent) => self.hear_request(&sent),
                Seen::Response(..) => {}
            }
        }
    }

    fn hear_request(&mut self, sent: &Sent) {
        match sent.method() {
            Method::Invite => self.again = Some(sent.id),
            Method::Ack => {
                self.owed.remove(&sent.leg);
            }
            Method::Bye => {
                assert!(self.closed.insert(sent.leg), "BYE twice");
                // A call that was up ends with the BYE, whatever is open in it.
                self.owed.remove(&self.other);
            }
            Method::Notify => {
                let code: Option<u16> = sent.body().and_then(|body| body.get(8..11)?.parse().ok());
                self.told.extend(code);
                if !self.kit.is_over() && !self.kit.has_ended(sent.leg) {
                    self.kit.answer(sent, StatusCode::OK);
                }
            }
            _ => {}
        }
    }

    fn can(&self, act: Act) -> bool {
        let lives = |leg| !self.kit.has_ended(leg);
        let talks = |leg| lives(leg) && !self.closed.contains(&leg);
        !self.kit.is_over()
            && match act {
                Act::TargetRings | Act::TargetAnswers | Act::TargetDeclines => {
                    self.invite.is_some_and(|invite| self.kit.awaits(invite))
                }
                Act::TargetHangsUp => self.answered && talks(self.target),
                Act::TargetIsLost => lives(self.target) && !self.closed.contains(&self.target),
                Act::OtherAgrees | Act::OtherRefuses => {
                    self.again.is_some_and(|again| self.kit.awaits(again)) && talks(self.other)
                }
                Act::OtherHangsUp | Act::OtherIsLost => talks(self.other),
                Act::ReferrerHangsUp | Act::ReferrerIsLost => talks(self.referrer),
                Act::TimePasses => true,
            }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::TargetRings => self.answer_target(StatusCode::RINGING),
            Act::TargetAnswers => self.answer_target(StatusCode::OK),
            Act::TargetDeclines => self.answer_target(StatusCode::DECLINE),
            Act::TargetHangsUp => self.hang_up(self.target),
            Act::TargetIsLost => self.lose(self.target),
            Act::OtherAgrees => self.answer_other(StatusCode::OK),
            Act::OtherRefuses => self.answer_other(StatusCode::NOT_ACCEPTABLE_HERE),
            Act::OtherHangsUp => self.hang_up(self.other),
            Act::OtherIsLost => self.lose(self.other),
            Act::ReferrerHangsUp => self.hang_up(self.referrer),
            Act::ReferrerIsLost => self.lose(self.referrer),
            Act::TimePasses => self.kit.advance(Duration::from_secs(61)),
        }
    }

    fn answer_target(&mut self, code: StatusCode) {
        let Some(invite) = self.invite else { return };
        if code.is_final() {
            self.invite = None;
        }
        // The kit deals with an answer that crosses a CANCEL as the stack does.
        self.answered = code.is_success() && !self.kit.is_cancelling(self.target);
        if self.answered {
            self.owed.insert(self.target);
        }
        self.kit.answer(invite, code);
    }

    fn answer_other(&mut self, code: StatusCode) {
        let Some(again) = self.again.take() else { return };
        if code.is_success() {
            self.owed.insert(self.other);
        }
        self.kit.answer(again, code);
    }

    fn hang_up(&mut self, leg: LegId) {
        self.closed.insert(leg);
        self.owed.remove(&leg);
        self.kit.hang_up(leg);
    }

    fn lose(&mut self, leg: LegId) {
        self.closed.insert(leg);
        self.owed.remove(&leg);
        self.invite = self.invite.filter(|_| leg != self.target);
        self.again = self.again.filter(|_| leg != self.other);
        self.kit.lose(leg);
    }

    /// Lets everything come to rest and looks at what is left.
    fn check(mut self, crossed: bool) {
        for _ in 0..8 {
            self.kit.advance(Duration::from_secs(61));
            self.hear();
        }
        let legs = [self.referrer, self.other, self.target];
        let left: Vec<LegId> = legs.into_iter().filter(|leg| !self.kit.has_ended(*leg)).collect();
        let finals = self.told.iter().filter(|code| **code >= 200).count();
        assert!(finals <= 1, "told {:?}", self.told);
        assert_eq!(self.owed, BTreeSet::new(), "no ACK");
        if !crossed {
            // A leg that is lost is over before its last events are handled.
            let mut refusals = self.kit.refusals().iter();
            assert!(
                refusals.all(|(_, error)| *error == SendError::LegEnded),
                "{:?}",
                self.kit.refusals()
            );
        }
        if left.is_empty() {
            return self.kit.assert_finished();
        }
        let [one, two] = left[..] else {
            panic!("{} legs are left", left.len())
        };
        assert!(!self.closed.contains(&one) && !self.closed.contains(&two));
        if left.contains(&self.referrer) {
            assert_eq!(finals, 1, "the referrer was told {:?}", self.told);
        }
        for (from, to) in [(one, two), (two, one)] {
            self.kit.request(from, from_alice(Method::Info));
            let info = self.kit.expect_send(to, Method::Info);
            self.kit.answer(&info, StatusCode::OK);
            self.kit.expect_response(from, StatusCode::OK);
        }
        self.kit.hang_up(one);
        self.kit.expect_send(two, Method::Bye);
        self.kit.assert_finished();
    }
}

/// What happens at one moment.
type Step = Vec<Act>;

/// Plays the steps; `None` where one of them is not possible there.
fn play(caller_refers: bool, steps: &[Step]) -> Option<World> {
    let mut world = World::new(caller_refers);
    for step in steps {
        let mut possible = true;
        let crossing = step.len() > 1;
        world.kit.hold(crossing);
        for act in step {
            possible = possible && world.can(*act);
            if possible {
                world.act(*act);
            }
        }
        world.kit.hold(false);
        world.hear();
        if !possible {
            return None;
        }
    }
    Some(world)
}

/// Goes through all orders of at most `depth` steps, each with each of the `lasts` behind it; gives back how many.
fn explore(caller_refers: bool, steps: &mut Vec<Step>, depth: usize, lasts: &[Step]) -> usize {
    let mut count = 0;
    for last in lasts {
        steps.push(last.clone());
        count += usize::from(try_out(caller_refers, steps).is_some());
        steps.pop();
    }
    if depth == 0 {
        return count;
    }
    for act in ACTS {
        // Ringing twice leads nowhere else.
        if act == Act::TargetRings && steps.iter().any(|step| step.contains(&act)) {
            continue;
        }
        steps.push(vec![act]);
        if try_out(caller_refers, steps) == Some(true) {
            count += explore(caller_refers, steps, depth - 1, lasts);
        }
        steps.pop();
    }
    count
}

/// Plays the steps and checks what is left; `None` where they are not possible, else whether the transfer goes on.
fn try_out(caller_refers: bool, steps: &[Step]) -> Option<bool> {
    let outcome = std::panic::catch_unwind(|| {
        let world = play(caller_refers, steps)?;
        let goes_on = !world.kit.is_over() && !world.kit.has_ended(world.target);
        world.check(steps.iter().any(|step| step.len() > 1));
        Some(goes_on)
    });
    outcome.unwrap_or_else(|_| panic!("in this order: {steps:?}, the caller refers: {caller_refers}"))
}

fn singles() -> Vec<Step> {
    ACTS.iter().map(|act| vec![*act]).collect()
}

#[test]
fn no_order_of_events_leaves_a_leg_without_an_owner() {
    for caller_refers in [true, false] {
        let count = explore(caller_refers, &mut Vec::new(), 6, &singles());
        assert!(count > 400, "{count} orders");
    }
}

#[test]
fn nor_do_events_that_cross() {
    let acts = ACTS.iter().filter(|act| **act != Act::TimePasses);
    let pairs: Vec<Step> = acts
        .clone()
        .flat_map(|first| acts.clone().map(|second| vec![*first, *second]))
        .collect();
    for caller_refers in [true, false] {
        let count = explore(caller_refers, &mut Vec::new(), 4, &pairs);
        assert!(count > 400, "{count} orders");
    }
}
