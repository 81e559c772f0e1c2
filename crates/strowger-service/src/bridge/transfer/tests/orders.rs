//! Every order of what can happen while one side is handed on: no leg is left without an owner.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use jsip::{CSeq, Method, Response, StatusCode};

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
    /// The re-INVITE meets one of his own: 491.
    OtherCollides,
    OtherHangsUp,
    OtherIsLost,
    ReferrerHangsUp,
    ReferrerIsLost,
    TimePasses,
    /// The referrer answers the oldest NOTIFY that he has not answered.
    NotifyIsTaken,
    NotifyIsRefused,
    /// INFO, which whoever gets it answers at once.
    OtherSays,
    /// Re-INVITE, likewise.
    OtherAsks,
    ReferrerAsks,
}

/// What becomes of the transfer and its three legs.
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

/// When and how the referrer answers what he is told, among the turns that a transfer takes.
const TELLING: [Act; 11] = [
    Act::TimePasses,
    Act::TargetRings,
    Act::TargetAnswers,
    Act::TargetDeclines,
    Act::TargetHangsUp,
    Act::OtherAgrees,
    Act::OtherRefuses,
    Act::OtherHangsUp,
    Act::ReferrerHangsUp,
    Act::NotifyIsTaken,
    Act::NotifyIsRefused,
];

/// What the two who still talk to each other say meanwhile.
const TALKING: [Act; 10] = [
    Act::TargetAnswers,
    Act::TargetDeclines,
    Act::TargetHangsUp,
    Act::OtherAgrees,
    Act::OtherRefuses,
    Act::OtherHangsUp,
    Act::ReferrerHangsUp,
    Act::OtherSays,
    Act::OtherAsks,
    Act::ReferrerAsks,
];

/// What may happen between two attempts to have him talk to the target.
const COLLIDING: [Act; 10] = [
    Act::TargetAnswers,
    Act::TargetHangsUp,
    Act::TargetIsLost,
    Act::OtherCollides,
    Act::OtherAgrees,
    Act::OtherHangsUp,
    Act::OtherIsLost,
    Act::OtherAsks,
    Act::ReferrerHangsUp,
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
    /// Who has sent a re-INVITE that has no final response, and its CSeq.
    asked: Option<(LegId, CSeq)>,
    /// Sessions that are over as the peer sees it.
    closed: BTreeSet<LegId>,
    told: Vec<u16>,
    /// NOTIFY requests that have no answer; `None` where they are answered at once.
    notifies: Option<VecDeque<RequestId>>,
    /// 2xx of peers that were not acknowledged.
    owed: BTreeSet<LegId>,
}

impl World {
    fn new(caller_refers: bool, acts: &[Act]) -> Self {
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
            asked: None,
            closed: BTreeSet::new(),
            told: Vec::new(),
            notifies: acts.contains(&Act::NotifyIsTaken).then(VecDeque::new),
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
                Seen::Response(leg, response) => self.hear_response(leg, &response),
            }
        }
    }

    fn hear_response(&mut self, leg: LegId, response: &Response) {
        let gone = response.code() == StatusCode::NO_SUCH_SESSION;
        assert!(
            !gone || leg != self.other,
            "the one who stays was told that the call is over"
        );
        if self.asked == Some((leg, response.cseq())) && response.code().is_final() {
            self.asked = None;
            if response.code().is_success() && self.kit.is_up(leg) {
                self.kit.request(leg, from_alice(Method::Ack));
            }
        }
    }

    fn hear_request(&mut self, sent: &Sent) {
        match sent.method() {
            // What one of the two asks the other carries no name of the target.
            Method::Invite if sent.body().is_some() => {
                self.owed.insert(sent.leg);
                self.take_at_once(sent);
            }
            Method::Invite => self.again = Some(sent.id),
            Method::Info => self.take_at_once(sent),
            Method::Ack => {
                self.owed.remove(&sent.leg);
            }
            Method::Bye => {
                assert!(self.closed.insert(sent.leg), "BYE twice");
                // A call that was up ends with the BYE, whatever is open in it.
                self.owed.remove(&self.other);
                self.owed.remove(&sent.leg);
            }
            Method::Notify => {
                let code: Option<u16> = sent.body().and_then(|body| body.get(8..11)?.parse().ok());
                self.told.extend(code);
                match &mut self.notifies {
                    Some(notifies) => notifies.push_back(sent.id),
                    None => self.take_at_once(sent),
                }
            }
            _ => {}
        }
    }

    fn take_at_once(&mut self, sent: &Sent) {
        if !self.kit.is_over() && self.kit.awaits(sent) {
            self.kit.answer(sent, StatusCode::OK);
        }
    }

    fn notify(&self) -> Option<RequestId> {
        self.notifies.as_ref()?.front().copied()
    }

    fn answer_notify(&mut self, code: StatusCode) {
        if let Some(notify) = self.notifies.as_mut().and_then(VecDeque::pop_front) {
            self.kit.answer(notify, code);
        }
    }

    fn ask(&mut self, leg: LegId) {
        let mut invite = from_alice(Method::Invite);
        invite.set_body_str("hold");
        self.asked = Some((leg, self.kit.request(leg, invite)));
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
                Act::OtherAgrees | Act::OtherRefuses | Act::OtherCollides => {
                    self.again.is_some_and(|again| self.kit.awaits(again)) && talks(self.other)
                }
                Act::OtherHangsUp | Act::OtherIsLost => talks(self.other),
                Act::ReferrerHangsUp | Act::ReferrerIsLost => talks(self.referrer),
                Act::TimePasses => true,
                Act::NotifyIsTaken | Act::NotifyIsRefused => {
                    self.notify().is_some_and(|notify| self.kit.awaits(notify))
                }
                Act::OtherSays => talks(self.other),
                // The stack refuses what collides with an INVITE that is open, and a UA sends no such.
                Act::OtherAsks => talks(self.other) && self.may_ask(),
                Act::ReferrerAsks => talks(self.referrer) && self.may_ask(),
            }
    }

    /// Whether no re-INVITE is open.
    fn may_ask(&self) -> bool {
        self.asked.is_none() && self.again.is_none_or(|again| !self.kit.awaits(again))
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
            Act::OtherCollides => self.answer_other(StatusCode::REQUEST_PENDING),
            Act::OtherHangsUp => self.hang_up(self.other),
            Act::OtherIsLost => self.lose(self.other),
            Act::ReferrerHangsUp => self.hang_up(self.referrer),
            Act::ReferrerIsLost => self.lose(self.referrer),
            Act::TimePasses => self.kit.advance(Duration::from_secs(61)),
            Act::NotifyIsTaken => self.answer_notify(StatusCode::OK),
            Act::NotifyIsRefused => self.answer_notify(StatusCode::NO_SUCH_SESSION),
            Act::OtherSays => {
                self.kit.request(self.other, from_alice(Method::Info));
            }
            Act::OtherAsks => self.ask(self.other),
            Act::ReferrerAsks => self.ask(self.referrer),
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
        self.asked = self.asked.filter(|(asking, _)| *asking != leg);
        self.closed.insert(leg);
        self.owed.remove(&leg);
        self.kit.hang_up(leg);
    }

    fn lose(&mut self, leg: LegId) {
        self.closed.insert(leg);
        self.owed.remove(&leg);
        self.invite = self.invite.filter(|_| leg != self.target);
        self.again = self.again.filter(|_| leg != self.other);
        self.asked = self.asked.filter(|(asking, _)| *asking != leg);
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
fn play(caller_refers: bool, acts: &[Act], steps: &[Step]) -> Option<World> {
    let mut world = World::new(caller_refers, acts);
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

/// Goes through all orders of at most `depth` of these acts, each with each of the `lasts` behind it; gives back how many.
fn explore(caller_refers: bool, acts: &[Act], steps: &mut Vec<Step>, depth: usize, lasts: &[Step]) -> usize {
    let mut count = 0;
    for last in lasts {
        steps.push(last.clone());
        count += usize::from(try_out(caller_refers, acts, steps).is_some());
        steps.pop();
    }
    if depth == 0 {
        return count;
    }
    for act in acts {
        // Twice they lead nowhere else.
        let once = matches!(act, Act::TargetRings | Act::OtherSays);
        if once && steps.iter().any(|step| step.contains(act)) {
            continue;
        }
        steps.push(vec![*act]);
        if try_out(caller_refers, acts, steps) == Some(true) {
            count += explore(caller_refers, acts, steps, depth - 1, lasts);
        }
        steps.pop();
    }
    count
}

/// Plays the steps and checks what is left; `None` where they are not possible, else whether the transfer goes on.
fn try_out(caller_refers: bool, acts: &[Act], steps: &[Step]) -> Option<bool> {
    let outcome = std::panic::catch_unwind(|| {
        let world = play(caller_refers, acts, steps)?;
        let goes_on = !world.kit.is_over() && !world.kit.has_ended(world.target);
        world.check(steps.iter().any(|step| step.len() > 1));
        Some(goes_on)
    });
    outcome.unwrap_or_else(|_| panic!("in this order: {steps:?}, the caller refers: {caller_refers}"))
}

fn singles(acts: &[Act]) -> Vec<Step> {
    acts.iter().map(|act| vec![*act]).collect()
}

fn pairs(acts: &[Act]) -> Vec<Step> {
    let acts = acts.iter().filter(|act| **act != Act::TimePasses);
    acts.clone()
        .flat_map(|first| acts.clone().map(|second| vec![*first, *second]))
        .collect()
}

/// How many orders there are, whoever refers.
fn explored(acts: &[Act], depth: usize, lasts: &[Step]) -> usize {
    [true, false]
        .map(|caller_refers| explore(caller_refers, acts, &mut Vec::new(), depth, lasts))
        .into_iter()
        .sum()
}

#[test]
fn no_order_of_events_leaves_a_leg_without_an_owner() {
    let count = explored(&ACTS, 6, &singles(&ACTS));
    assert!(count > 800, "{count} orders");
}

#[test]
fn nor_do_events_that_cross() {
    let count = explored(&ACTS, 4, &pairs(&ACTS));
    assert!(count > 800, "{count} orders");
}

#[test]
fn nor_does_any_order_in_which_the_referrer_answers_what_he_is_told() {
    let count = explored(&TELLING, 6, &singles(&TELLING)) + explored(&TELLING, 3, &pairs(&TELLING));
    assert!(count > 800, "{count} orders");
}

#[test]
fn nor_does_what_the_two_say_to_each_other_meanwhile() {
    let count = explored(&TALKING, 5, &singles(&TALKING)) + explored(&TALKING, 3, &pairs(&TALKING));
    assert!(count > 800, "{count} orders");
}

#[test]
fn nor_does_a_reinvite_that_meets_another_one() {
    let count = explored(&COLLIDING, 6, &singles(&COLLIDING)) + explored(&COLLIDING, 3, &pairs(&COLLIDING));
    assert!(count > 800, "{count} orders");
}
