//! Messages that go round: so many in flight, each from the next of the users who take part to his partner.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::client::{User, Witness, name_of};
use crate::requests::{self, partner};

pub(super) const IN_FLIGHT: u64 = 50;
/// A safety net: how long the last answers may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The users of a server, and what was answered to them.
#[derive(Debug)]
pub(super) struct Turns {
    /// The first so many take part.
    active: u64,
    users: RwLock<Vec<User>>,
    /// Whose turn it is; also what tells one message from another.
    next: AtomicU64,
    goes_on: AtomicBool,
    in_flight: AtomicU64,
    messages: AtomicU64,
    calls: AtomicU64,
    refused: AtomicU64,
}

impl Witness for Turns {
    fn answered(&self, dialog: &str, code: u16) {
        if code != 200 {
            self.refused.fetch_add(1, Ordering::AcqRel);
        }
        if dialog.starts_with('o') {
            self.calls.fetch_add(1, Ordering::AcqRel);
            return;
        }
        self.messages.fetch_add(1, Ordering::AcqRel);
        if self.goes_on.load(Ordering::Acquire) {
            self.send_next();
        } else {
            self.in_flight.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Turns {
    pub(super) const fn new(active: u64) -> Self {
        Self {
            active,
            users: RwLock::new(Vec::new()),
            next: AtomicU64::new(0),
            goes_on: AtomicBool::new(false),
            in_flight: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    pub(super) fn admit(&self, more: Vec<User>) {
        self.users
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(more);
    }

    /// Lets all users go.
    pub(super) fn dismiss(&self) -> Vec<User> {
        std::mem::take(&mut *self.users.write().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn users(&self) -> u64 {
        self.users.read().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    pub(super) fn send(&self, user: u64, text: String) {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(user) = users.get(user as usize) {
            user.send(text);
        }
    }

    fn send_next(&self) {
        let number = self.next.fetch_add(1, Ordering::AcqRel);
        let user = number % self.users().min(self.active).max(1);
        let from = name_of(user);
        self.send(
            user,
            requests::message(&from, &partner(&from), &format!("m{number}"), 104),
        );
    }

    pub(super) fn begin(&self) {
        self.goes_on.store(true, Ordering::Release);
        self.in_flight.store(IN_FLIGHT, Ordering::Release);
        for _ in 0..IN_FLIGHT {
            self.send_next();
        }
    }

    /// Waits for what is in flight; fails where anything was refused.
    pub(super) async fn end(&self) -> Result<(), String> {
        self.goes_on.store(false, Ordering::Release);
        let started = Instant::now();
        while self.in_flight.load(Ordering::Acquire) > 0 {
            if started.elapsed() > PATIENCE {
                return Err("messages were not answered".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.calls().map(|_| ())
    }

    pub(super) fn messages(&self) -> u64 {
        self.messages.load(Ordering::Acquire)
    }

    /// How many calls were answered; fails where anything was refused.
    pub(super) fn calls(&self) -> Result<u64, String> {
        match self.refused.load(Ordering::Acquire) {
            0 => Ok(self.calls.load(Ordering::Acquire)),
            refused => Err(format!("{refused} requests were refused")),
        }
    }
}
