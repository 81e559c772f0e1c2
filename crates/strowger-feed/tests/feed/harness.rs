//! A node whose shards tell a feed.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use jsip::UserId;
use serde_json::{Value, json};
use strowger_channel::ConnId;
use strowger_feed::{Bounds, CallView, Feed, Wanted};
use strowger_node::driver::Batch;
use strowger_node::{Config, Registry, Watch};
use strowger_service::Service;
use strowger_testkit::{Arrived, SimNode};
use strowger_time::Instant;

/// The shard counts that every test runs with.
pub(crate) const SHARDS: [u16; 2] = [1, 3];

pub(crate) const BOUNDS: Bounds = Bounds {
    calls: 100,
    bytes: 1 << 20,
    events: 200,
};

pub(crate) struct World {
    pub(crate) node: SimNode,
    pub(crate) feed: Feed,
    shards: u16,
}

impl World {
    pub(crate) fn new(shards: u16) -> Self {
        Self::with(shards, Watch::Closely)
    }

    pub(crate) fn with(shards: u16, watch: Watch) -> Self {
        let relay: Arc<dyn Service> = Arc::new(strowger_relay::Relay);
        let echo: Arc<dyn Service> = Arc::new(strowger_echo::Echo);
        let services = vec![("relay".to_owned(), relay), ("echo".to_owned(), echo)];
        let mut config = Config::default();
        // What was written is acknowledged in the same instant.
        config.channel.ack_interval = Duration::ZERO;
        let node = SimNode::new(config, Registry::new(services, "relay").unwrap(), shards, 1);
        let mut world = Self {
            node,
            feed: Feed::new(BOUNDS),
            shards,
        };
        world.watch(watch);
        world
    }

    pub(crate) fn watch(&mut self, watch: Watch) {
        for shard in 0..self.shards {
            self.node.on_shard(shard, |shard| shard.set_watch(watch));
        }
    }

    pub(crate) fn connect(&mut self, name: &str) -> ConnId {
        let conn = self.node.connect(&UserId::new(name).unwrap());
        self.tell();
        conn
    }

    pub(crate) fn send(&mut self, conn: ConnId, message: &Value) {
        self.node.send(conn, &message.to_string());
        self.tell();
    }

    pub(crate) fn drop_socket(&mut self, conn: ConnId) {
        self.node.disconnect(conn, None);
        self.tell();
    }

    pub(crate) fn advance(&mut self, seconds: u64) {
        let later = self.node.now() + Duration::from_secs(seconds);
        self.node.advance_to(later);
        self.tell();
    }

    /// The next message that came to a user.
    #[track_caller]
    pub(crate) fn next(&mut self, conn: ConnId) -> Value {
        match self.node.receive(conn) {
            Some(Arrived::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Tells the feed what happened: channels before what other shards say of them, as the driver does.
    pub(crate) fn tell(&mut self) {
        let now = self.node.now();
        let mut told = Vec::new();
        for number in 0..self.shards {
            let mut happenings = Vec::new();
            self.node
                .on_shard(number, |shard| shard.take_happenings(now, &mut happenings));
            told.push((number, happenings));
        }
        let of_channels =
            |happening: &strowger_node::Happening| matches!(happening.what, strowger_node::What::Channel(..));
        let mut batches = Vec::new();
        for (number, happenings) in told {
            let (channels, others): (Vec<_>, Vec<_>) = happenings.into_iter().partition(of_channels);
            batches.insert(0, (number, channels));
            batches.push((number, others));
        }
        for (shard, happenings) in batches {
            self.feed.take_in(Batch {
                shard,
                broken: false,
                wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000) + now.since(Instant::ZERO),
                now,
                clock: Duration::ZERO,
                happenings,
            });
        }
    }

    /// All calls, the latest first.
    pub(crate) fn calls(&self) -> Vec<CallView> {
        self.feed.list(&Wanted::default(), None, 100).items
    }

    /// The ladder of a call, an event a line: who, kind, and what matters of it.
    pub(crate) fn ladder(&self, call: &str) -> Vec<String> {
        let (_, list) = self.feed.one(call).unwrap();
        list.iter()
            .map(|event| line(&serde_json::to_value(&**event).unwrap()))
            .collect()
    }

    /// The ladder of the latest call.
    #[track_caller]
    pub(crate) fn latest(&self) -> Vec<String> {
        self.ladder(&self.calls()[0].call)
    }
}

fn line(event: &Value) -> String {
    let who = event["party"]
        .as_str()
        .map_or("-", |party| party.split('@').next().unwrap());
    let kind = event["kind"].as_str().unwrap();
    let words = [
        "label",
        "name",
        "from",
        "to",
        "state",
        "method",
        "code",
        "command",
        "event",
        "cause",
        "why",
        "text",
        "answered_again",
    ];
    let skipped = |word: &str| event["label"].is_string() && ["method", "code", "state"].contains(&word);
    let told = words
        .iter()
        .filter(|word| !skipped(word))
        .filter_map(|word| match &event[*word] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        });
    let told: Vec<_> = told.collect();
    format!("{who} {kind} {}", told.join(" ")).trim_end().to_owned()
}

/// A request between users.
pub(crate) fn request(method: &str, from: &str, to: &str, dialog: &str, cseq: u32) -> Value {
    json!({ "Type": method, "Request-URI": to, "From": from, "To": to, "DialogueID": dialog, "CSeq": cseq })
}

pub(crate) fn response(request: &Value, code: u16) -> Value {
    json!({
        "Type": "RESPONSE", "Code": code, "From": request["From"], "To": request["To"],
        "DialogueID": request["DialogueID"], "CSeq": request["CSeq"]
    })
}
