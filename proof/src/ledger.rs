//! Compares what the users say: nothing lost, nothing applied twice, calls that both ends agree on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use crate::plan::UserReport;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The sender never heard a final response.
    Unanswered(String),
    /// The sender was told that it failed.
    Refused(String, u16),
    /// The sender was told 2xx, and no application saw it.
    Lost(String),
    /// The application of this user saw it so many times.
    Twice(String, String, usize),
    /// It was seen by a user it was not sent to, or by one when nobody sent it.
    Astray(String, String),
    /// It was seen before this earlier one of the same sender to the same receiver.
    OutOfOrder(String, String),
    /// A request had two different final responses.
    TwoAnswers(String, Vec<u16>),
    /// How the caller and the callee say that the call ended.
    Disagreed(String, String, String),
    /// A user got so many frames that were not as they were sent.
    Damaged(String, usize),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanswered(id) => write!(f, "{id}: no final response"),
            Self::Refused(id, code) => write!(f, "{id}: refused with {code}"),
            Self::Lost(id) => write!(f, "{id}: lost, although its sender was told 2xx"),
            Self::Twice(id, user, times) => write!(f, "{id}: applied {times} times by {user}"),
            Self::Astray(id, user) => write!(f, "{id}: seen by {user}, to whom nobody sent it"),
            Self::OutOfOrder(id, earlier) => write!(f, "{id}: seen before {earlier}, which was sent first"),
            Self::TwoAnswers(id, codes) => write!(f, "{id}: answered {codes:?}"),
            Self::Disagreed(id, caller, callee) => {
                write!(f, "{id}: `{caller}` for the caller, `{callee}` for the callee")
            }
            Self::Damaged(user, frames) => write!(f, "{user}: {frames} damaged frames"),
        }
    }
}

/// All ledgers, compared.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) faults: Vec<Fault>,
    /// Messages that were sent, those within calls included.
    pub(crate) messages: usize,
    /// Messages answered 2xx and applied once.
    pub(crate) delivered: usize,
    pub(crate) calls: usize,
    /// Pairs of sender and receiver whose order was compared.
    pub(crate) pairs: usize,
    /// Nothing moved any more before everything was answered.
    pub(crate) stuck: bool,
    /// What the server kept when everybody was gone.
    pub(crate) left_over: Option<String>,
}

impl Verdict {
    /// Whether all is as it must be.
    pub(crate) fn is_good(&self) -> bool {
        self.faults.is_empty() && !self.stuck && self.left_over.is_none()
    }

    /// How many faults are of this kind.
    pub(crate) fn count(&self, kind: impl Fn(&Fault) -> bool) -> usize {
        self.faults.iter().filter(|fault| kind(fault)).count()
    }
}

/// Compares the ledgers of all users.
pub(crate) fn compare(users: &[UserReport]) -> Verdict {
    let mut verdict = Verdict::default();
    for user in users.iter().filter(|user| user.damaged > 0) {
        verdict
            .faults
            .push(Fault::Damaged(user.name.clone(), user.damaged));
    }
    messages(users, &mut verdict);
    order(users, &mut verdict);
    calls(users, &mut verdict);
    verdict
}

fn messages(users: &[UserReport], verdict: &mut Verdict) {
    let mut codes: HashMap<&str, Vec<u16>> = HashMap::new();
    for (id, code) in users.iter().flat_map(|user| &user.answers) {
        codes.entry(id).or_default().push(*code);
    }
    let mut seen: HashMap<(&str, &str), usize> = HashMap::new();
    for user in users {
        for id in &user.applied {
            *seen.entry((id, &user.name)).or_default() += 1;
        }
    }
    for (id, to) in users.iter().flat_map(|user| &user.sent) {
        verdict.messages += 1;
        let applied = seen.remove(&(id.as_str(), to.as_str())).unwrap_or(0);
        let faults = verdict.faults.len();
        if applied > 1 {
            verdict.faults.push(Fault::Twice(id.clone(), to.clone(), applied));
        }
        match codes.get(id.as_str()).map(Vec::as_slice) {
            None | Some([]) => verdict.faults.push(Fault::Unanswered(id.clone())),
            Some([200..=299]) if applied == 0 => verdict.faults.push(Fault::Lost(id.clone())),
            Some([200..=299]) => {}
            Some([code]) => verdict.faults.push(Fault::Refused(id.clone(), *code)),
            Some(several) => verdict
                .faults
                .push(Fault::TwoAnswers(id.clone(), several.to_vec())),
        }
        verdict.delivered += usize::from(faults == verdict.faults.len());
    }
    let mut astray: Vec<_> = seen.into_keys().collect();
    astray.sort_unstable();
    let astray = astray
        .into_iter()
        .map(|(id, user)| Fault::Astray(id.to_owned(), user.to_owned()));
    verdict.faults.extend(astray);
}

/// What one user sends another is applied, each for the first time, in the order in which it was first sent.
fn order(users: &[UserReport], verdict: &mut Verdict) {
    let mut places: HashMap<&str, (&str, usize)> = HashMap::new();
    for user in users {
        for (place, (id, _)) in user.sent.iter().enumerate() {
            places.insert(id, (&user.name, place));
        }
    }
    for receiver in users {
        let mut applied = BTreeSet::new();
        let mut latest: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
        for id in receiver.applied.iter().filter(|id| applied.insert(id.as_str())) {
            let Some((sender, place)) = places.get(id.as_str()) else {
                continue;
            };
            match latest.get(sender) {
                Some((later, overtaker)) if later > place => {
                    verdict
                        .faults
                        .push(Fault::OutOfOrder((*overtaker).to_owned(), id.clone()));
                }
                _ => {
                    latest.insert(sender, (*place, id));
                }
            }
        }
        verdict.pairs += latest.len();
    }
}

/// A call that is not over at both ends is a fault; one that was taken twice as well.
fn calls(users: &[UserReport], verdict: &mut Verdict) {
    let mut callees: BTreeMap<&str, &str> = BTreeMap::new();
    let mut taken: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for user in users {
        callees.extend(user.rung.iter().map(|(id, state)| (id.as_str(), state.as_str())));
        for id in &user.taken {
            taken.entry(id).or_insert((&user.name, 0)).1 += 1;
        }
    }
    for (id, caller) in users.iter().flat_map(|user| &user.calls) {
        verdict.calls += 1;
        let callee = callees.remove(id.as_str()).unwrap_or("never rung");
        if caller != "ended" || callee != "ended" {
            let (caller, callee) = (caller.clone(), callee.to_owned());
            verdict.faults.push(Fault::Disagreed(id.clone(), caller, callee));
        }
        if let Some((user, times)) = taken.get(id.as_str()).filter(|(_, times)| *times > 1) {
            verdict
                .faults
                .push(Fault::Twice(id.clone(), (*user).to_owned(), *times));
        }
    }
    for (id, callee) in callees {
        let fault = Fault::Disagreed(id.to_owned(), "never called".to_owned(), callee.to_owned());
        verdict.faults.push(fault);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ann sends bob two messages and calls him once; all is well.
    fn well() -> [UserReport; 2] {
        let text = str::to_owned;
        let ann = UserReport {
            name: text("ann"),
            sent: vec![(text("a1"), text("bob")), (text("a2"), text("bob"))],
            answers: vec![(text("a2"), 200), (text("a1"), 200)],
            calls: [(text("c1"), text("ended"))].into(),
            ..UserReport::default()
        };
        let bob = UserReport {
            name: text("bob"),
            applied: vec![text("a1"), text("a2")],
            rung: [(text("c1"), text("ended"))].into(),
            taken: vec![text("c1")],
            ..UserReport::default()
        };
        [ann, bob]
    }

    fn faults(change: impl FnOnce(&mut UserReport, &mut UserReport)) -> Vec<String> {
        let [mut ann, mut bob] = well();
        change(&mut ann, &mut bob);
        let verdict = compare(&[ann, bob]);
        verdict.faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ledgers_that_agree_have_no_fault() {
        let verdict = compare(&well());
        assert_eq!(verdict.faults, []);
        assert_eq!(
            (verdict.messages, verdict.delivered, verdict.calls, verdict.pairs),
            (2, 2, 1, 1)
        );
    }

    #[test]
    fn a_message_that_no_application_saw_is_lost() {
        assert_eq!(
            faults(|_, bob| drop(bob.applied.remove(1))),
            ["a2: lost, although its sender was told 2xx"]
        );
    }

    #[test]
    fn a_message_without_an_answer_is_found() {
        assert_eq!(
            faults(|ann, _| drop(ann.answers.remove(0))),
            ["a2: no final response"]
        );
    }

    #[test]
    fn a_refusal_is_found() {
        assert_eq!(faults(|ann, _| ann.answers[1].1 = 408), ["a1: refused with 408"]);
    }

    #[test]
    fn two_different_answers_are_found() {
        assert_eq!(
            faults(|ann, _| ann.answers.push(("a1".to_owned(), 408))),
            ["a1: answered [200, 408]"]
        );
    }

    #[test]
    fn a_message_applied_twice_is_found_and_is_no_fault_of_order() {
        assert_eq!(
            faults(|_, bob| bob.applied.push("a1".to_owned())),
            ["a1: applied 2 times by bob"]
        );
    }

    #[test]
    fn a_message_for_another_user_is_found() {
        assert_eq!(
            faults(|ann, _| ann.applied.push("a1".to_owned())),
            ["a1: seen by ann, to whom nobody sent it"]
        );
    }

    #[test]
    fn a_message_that_overtakes_is_found() {
        assert_eq!(
            faults(|_, bob| bob.applied.reverse()),
            ["a2: seen before a1, which was sent first"]
        );
    }

    #[test]
    fn a_call_that_is_up_at_one_end_is_found() {
        assert_eq!(
            faults(|_, bob| drop(bob.rung.insert("c1".to_owned(), "up".to_owned()))),
            ["c1: `ended` for the caller, `up` for the callee"]
        );
    }

    #[test]
    fn a_call_that_nobody_took_and_one_that_nobody_made_are_found() {
        assert_eq!(
            faults(|ann, _| {
                ann.calls.clear();
                ann.calls.insert("c2".to_owned(), "480".to_owned());
            }),
            [
                "c2: `480` for the caller, `never rung` for the callee",
                "c1: `never called` for the caller, `ended` for the callee",
            ]
        );
    }

    #[test]
    fn an_invite_taken_for_two_calls_is_found() {
        assert_eq!(
            faults(|_, bob| bob.taken.push("c1".to_owned())),
            ["c1: applied 2 times by bob"]
        );
    }

    #[test]
    fn damaged_frames_are_found() {
        assert_eq!(faults(|_, bob| bob.damaged = 1), ["bob: 1 damaged frames"]);
    }
}
