//! One shard with `relay`, and two users on it: messages and calls from the frame that comes in to the one that goes out.

use std::sync::Arc;
use std::time::Duration;

use jsip::{StatusCode, UserId};
use strowger_channel::{ConnId, Frame};
use strowger_node::{Config, Effect, JournalSettings, Registry, Shard};
use strowger_relay::Relay;
use strowger_time::Instant;

use crate::messages::{self, ALICE, BOB};
use crate::stack::Run;

const SIDES: [(ConnId, &str); 2] = [(ConnId(1), ALICE), (ConnId(2), BOB)];
/// Between two of them: what lingers after one is forgotten while later ones run.
const PAUSE: Duration = Duration::from_secs(1);
/// How much of the journal is kept: a few hundred operations, so that it goes round.
const RING_BYTES: usize = 128 * 1024;
/// How much a socket takes at once.
const BATCH_BYTES: usize = 64 * 1024;

pub(crate) struct Node {
    shard: Shard,
    now: Instant,
    done: u64,
    /// What came to each user and is not looked at.
    inboxes: [Vec<Vec<u8>>; 2],
    frames: Vec<Frame>,
}

impl Node {
    pub(crate) fn new() -> Self {
        let services = vec![("relay".to_owned(), Arc::new(Relay) as _)];
        let registry = Registry::new(services, "relay").expect("relay is a name");
        let mut shard = Shard::new(Arc::new(Config::default()), Arc::new(registry), 1, 0, 1, 1);
        for (conn, name) in SIDES {
            let name = UserId::new(name).expect("names of ours are names");
            shard.connect(Instant::ZERO, name, conn);
        }
        Self {
            shard,
            now: Instant::ZERO,
            done: 0,
            inboxes: [Vec::new(), Vec::new()],
            frames: Vec::new(),
        }
    }

    /// The same, with everything that happens written into a ring in memory.
    pub(crate) fn with_journal() -> Self {
        let mut node = Self::new();
        node.shard.set_journal(Some(JournalSettings {
            ring_bytes: RING_BYTES,
            bodies: false,
            to: None,
            began_us: 0,
        }));
        node
    }

    /// A MESSAGE and its 200.
    pub(crate) fn message(&mut self, run: Run<'_>) {
        let dialog = self.next();
        self.send(run, 0, &messages::message(&dialog));
        let request = self.received(1);
        self.send(run, 1, &messages::answer(&request, StatusCode::OK));
        self.received(0);
    }

    /// INVITE, 180, 200, ACK, BYE, 200.
    pub(crate) fn call(&mut self, run: Run<'_>) {
        let dialog = self.next();
        self.send(run, 0, &messages::invite(&dialog, 1));
        let invite = self.received(1);
        self.send(run, 1, &messages::answer(&invite, StatusCode::RINGING));
        self.received(0);
        self.send(run, 1, &messages::answer(&invite, StatusCode::OK));
        self.received(0);
        self.send(run, 0, &messages::ack(&dialog));
        self.received(1);
        self.send(run, 0, &messages::bye(&dialog));
        // The stack answers it at once; the other side is told.
        self.received(0);
        let bye = self.received(1);
        self.send(run, 1, &messages::answer(&bye, StatusCode::OK));
    }

    fn next(&mut self) -> String {
        self.done += 1;
        self.now = self.now + PAUSE;
        format!("d-{}", self.done)
    }

    /// The oldest message that came to a user.
    fn received(&mut self, side: usize) -> Vec<u8> {
        assert!(
            !self.inboxes[side].is_empty(),
            "nothing came to {}",
            SIDES[side].1
        );
        self.inboxes[side].remove(0)
    }

    fn send(&mut self, run: Run<'_>, side: usize, text: &str) {
        run(&mut || self.carry(side, text));
    }

    /// What a driver does with a frame and with all that follows from it; users answer each Ping at once.
    fn carry(&mut self, side: usize, text: &str) {
        let (shard, now) = (&mut self.shard, self.now);
        shard.receive_text(now, SIDES[side].0, text);
        shard.settle(now);
        while let Some(effect) = shard.poll_effect() {
            let Effect::Wake(conn) = effect else { continue };
            let inbox = &mut self.inboxes[conn.0 as usize - 1];
            shard.take_batch(now, conn, BATCH_BYTES, &mut self.frames);
            shard.written(now, conn);
            for frame in self.frames.drain(..) {
                match frame {
                    Frame::Text(text) => inbox.push(text.to_vec()),
                    Frame::Ping(payload) => shard.receive_pong(now, conn, &payload),
                    Frame::Binary(_) => unreachable!("no outbox makes a binary frame"),
                }
            }
            shard.settle(now);
        }
        while shard.poll_timeout().is_some_and(|due| due <= now) {
            shard.handle_timeout(now);
            shard.settle(now);
        }
    }
}
