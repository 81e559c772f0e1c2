//! A node that a tracker follows.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsip::UserId;
use serde_json::{Value, json};
use strowger_channel::ConnId;
use strowger_node::driver::Batch;
use strowger_node::{Config, Registry, Watch};
use strowger_observe::{Tracker, Wants};
use strowger_service::Service;
use strowger_testkit::{Arrived, SimNode};

/// The time of day at which the node starts.
pub(crate) fn start() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

pub(crate) struct World {
    pub(crate) node: SimNode,
    pub(crate) tracker: Tracker,
}

impl World {
    pub(crate) fn new(wants: Wants, watch: Watch) -> Self {
        let echo: Arc<dyn Service> = Arc::new(strowger_echo::Echo);
        let registry = Registry::new(vec![("echo".to_owned(), echo)], "echo").unwrap();
        let mut node = SimNode::new(Config::default(), registry, 1, 1);
        node.on_shard(0, |shard| shard.set_watch(watch));
        Self {
            node,
            tracker: Tracker::new(wants),
        }
    }

    pub(crate) fn connect(&mut self, name: &str) -> ConnId {
        self.node.connect(&UserId::new(name).unwrap())
    }

    pub(crate) fn send(&mut self, conn: ConnId, message: &Value) {
        self.node.send(conn, &message.to_string());
        while let Some(Arrived::Text(_)) = self.node.receive(conn) {}
        self.tell();
    }

    pub(crate) fn advance(&mut self, millis: u64) {
        let later = self.node.now() + Duration::from_millis(millis);
        self.node.advance_to(later);
    }

    /// Tells the tracker what happened.
    pub(crate) fn tell(&mut self) {
        self.tell_as(false);
    }

    pub(crate) fn tell_as(&mut self, broken: bool) {
        let (now, mut happenings) = (self.node.now(), Vec::new());
        self.node
            .on_shard(0, |shard| shard.take_happenings(now, &mut happenings));
        self.tracker.take_in(Batch {
            shard: 0,
            broken,
            wall: start() + now.since(strowger_time::Instant::ZERO),
            now,
            clock: Duration::ZERO,
            happenings,
        });
    }
}

/// A request of alice to the echo service.
pub(crate) fn request(method: &str, dialog: &str, cseq: u32) -> Value {
    json!({
        "Type": method,
        "Request-URI": "echo@example.com",
        "From": "alice@example.com",
        "To": "echo@example.com",
        "DialogueID": dialog,
        "CSeq": cseq,
    })
}
