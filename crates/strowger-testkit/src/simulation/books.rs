//! What was sent, what became of it, and whether that may be.

use std::collections::BTreeMap;

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Through the relay: in order.
    Relay,
    /// Through a service that may live anywhere or fail.
    Other,
    /// To the echo service and back.
    Echo,
    /// Within a call.
    Call,
}

/// One message of a user.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) way: Way,
    pub(super) applied: u32,
    pub(super) result: Option<u16>,
    /// Its sender's channel was lost: nobody can know.
    pub(super) given_up: bool,
}

/// The books of one run. The first fault stays.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) items: Vec<Item>,
    /// The latest item that was applied, by sender and receiver.
    latest: BTreeMap<(usize, usize), usize>,
    pub(super) calls: usize,
    pub(super) answered: u64,
    pub(super) fault: Option<String>,
}

impl Books {
    pub(super) fn fault(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
    }

    /// A message leaves; the number that names it.
    pub(super) fn send(&mut self, from: usize, to: usize, way: Way) -> usize {
        self.items.push(Item {
            from,
            to,
            way,
            applied: 0,
            result: None,
            given_up: false,
        });
        self.items.len() - 1
    }

    /// A user sees a message for the first time.
    pub(super) fn apply(&mut self, number: usize, user: usize) {
        let Some(item) = self.items.get_mut(number) else {
            return self.fault(format!("user {user} saw message {number}, which nobody sent"));
        };
        item.applied += 1;
        let (from, to, applied, ordered) = (item.from, item.to, item.applied, item.way == Way::Relay);
        if to != user {
            return self.fault(format!("user {user} saw message {number} for user {to}"));
        }
        if applied > 1 {
            return self.fault(format!(
                "user {user} saw message {number} of user {from} {applied} times"
            ));
        }
        if ordered {
            let latest = self.latest.entry((from, to)).or_insert(number);
            if *latest > number {
                let latest = *latest;
                return self.fault(format!(
                    "user {user} saw message {number} of user {from} after {latest}"
                ));
            }
            *latest = number;
        }
    }

    /// The sender of a message has its final response.
    pub(super) fn conclude(&mut self, number: usize, code: u16) {
        let item = &mut self.items[number];
        item.result = Some(code);
        let applied = item.applied;
        if (200..300).contains(&code) && item.way != Way::Echo && applied != 1 {
            self.fault(format!(
                "message {number} was answered {code} and applied {applied} times"
            ));
        }
    }

    /// The channel of the sender was lost.
    pub(super) fn give_up(&mut self, number: usize) {
        self.items[number].given_up = true;
    }
}
