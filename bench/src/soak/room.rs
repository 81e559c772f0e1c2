//! A room in which one speaks now and then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jsip::{Method, Request};
use tokio::task::JoinHandle;

use crate::client::{User, Witness, connect_named, leave_all};
use crate::requests;
use crate::server::Server;

/// Not the numbers of others.
const NUMBERS: u64 = 500_000;

/// After so many messages subscriptions are renewed.
const RENEWAL: u64 = 1000;

#[derive(Debug, Default)]
struct Heard(AtomicU64);

impl Witness for Heard {
    fn asked(&self, _: u64, request: &Request) {
        if request.method() == Method::Message {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub(super) struct Room {
    heard: Arc<Heard>,
    over: Arc<AtomicBool>,
    task: JoinHandle<Vec<User>>,
}

fn name_of(number: u64) -> String {
    requests::name('m', number)
}

impl Room {
    /// All join; the first speaks at these intervals.
    pub(super) async fn open(server: &Server, members: u64, pause: Duration) -> Result<Self, String> {
        let heard = Arc::new(Heard::default());
        let witness = Arc::clone(&heard) as Arc<dyn Witness>;
        let numbers = NUMBERS..NUMBERS + members + 1;
        let users = connect_named(server.address(), numbers, name_of, &witness).await?;
        join(&users, 0);
        let over = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(speak(users, pause, Arc::clone(&over)));
        Ok(Self { heard, over, task })
    }

    /// All leave; how often a member heard the speaker. Fails where nobody ever did.
    pub(super) async fn close(self) -> Result<u64, String> {
        self.over.store(true, Ordering::Release);
        let users = self.task.await.map_err(|error| error.to_string())?;
        leave_all(users).await;
        match self.heard.0.load(Ordering::Relaxed) {
            0 => Err("nobody heard what was said in the room".to_owned()),
            heard => Ok(heard),
        }
    }
}

/// For an hour; again for another.
fn join(users: &[User], time: u64) {
    for (number, user) in (NUMBERS..).zip(users) {
        user.send(requests::join(&name_of(number), &format!("j{time}")));
    }
}

async fn speak(users: Vec<User>, pause: Duration, over: Arc<AtomicBool>) -> Vec<User> {
    let mut number = 0_u64;
    while !over.load(Ordering::Acquire) {
        tokio::time::sleep(pause).await;
        number += 1;
        if number.is_multiple_of(RENEWAL) {
            join(&users, number);
        }
        if let Some(speaker) = users.first() {
            speaker.send(requests::say(&name_of(NUMBERS), &format!("w{number}"), 104));
        }
    }
    users
}
