//! Links between nodes (protocol section 6).

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use strowger_channel::LinkState;
use strowger_node::{Config, LinkPolicy, Subject};
use strowger_relay::Relay;
use strowger_service::jsip::UserId;
use strowger_service::{LogLevel, Service};
use strowger_testkit::{Arrived, Reach, SimNet};

use crate::harness::{SHARDS, User, message, name_on, node, request, response};

const NEAR: usize = 0;
const FAR: usize = 1;

/// Two nodes; the near one may dial `far.example`.
struct Nodes {
    net: SimNet,
    shards: u16,
}

impl Nodes {
    fn new(shards: u16) -> Self {
        Self::with_config(shards, Config::default())
    }

    fn with_config(shards: u16, mut config: Config) -> Self {
        let mut net = SimNet::new();
        let services: [(&str, Arc<dyn Service>); 1] = [("relay", Arc::new(Relay))];
        for (number, site) in ["near", "far"].into_iter().enumerate() {
            let host = format!("{site}.example");
            config.realm = vec![host.clone()];
            config.links = LinkPolicy::new(
                ["far.example", "near.example", "*.away"]
                    .map(|pattern| pattern.parse().unwrap())
                    .to_vec(),
            );
            let name = UserId::new(&format!("node-{site}@{host}")).unwrap();
            let node = node(shards, &services, config.clone(), number as u64);
            assert_eq!(net.add(node, &host, 8080, name), number);
        }
        Self { net, shards }
    }

    fn connect(&mut self, site: usize, name: &str) -> User {
        let conn = self.net.node(site).connect(&UserId::new(name).unwrap());
        User {
            name: name.to_owned(),
            conn,
        }
    }

    /// Users of the far node with homes on all its shards.
    fn far_users(&mut self) -> [User; 3] {
        std::array::from_fn(|number| {
            let name = name_on(number as u16 % self.shards, self.shards, &format!("user{number}"));
            let name = name.replace("example.com", "far.example");
            self.connect(FAR, &name)
        })
    }

    fn send(&mut self, site: usize, user: &User, message: &Value) {
        self.net.node(site).send(user.conn, &message.to_string());
        self.net.run();
    }

    #[track_caller]
    fn expect(&mut self, site: usize, user: &User, what: impl Into<Value>) -> Value {
        let what = what.into();
        let Some(Arrived::Text(text)) = self.net.node(site).receive(user.conn) else {
            panic!("{}: nothing instead of {what}", user.name)
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            message[if what.is_string() { "Type" } else { "Code" }],
            what,
            "{message}"
        );
        message
    }

    #[track_caller]
    fn expect_nothing(&mut self, site: usize, user: &User) {
        assert_eq!(self.net.node(site).receive(user.conn), None, "{}", user.name);
    }

    fn advance(&mut self, seconds: u64) {
        let target = self.net.node(NEAR).now() + Duration::from_secs(seconds);
        self.net.advance_to(target);
    }

    /// What the near node wrote about its links.
    fn lines(&mut self) -> Vec<(LogLevel, String)> {
        let lines = self
            .net
            .node(NEAR)
            .logs()
            .iter()
            .filter_map(|line| match &line.subject {
                Subject::Link { host, port, reason } => {
                    assert_eq!((host.as_str(), *port), ("far.example", 8080));
                    Some((line.level, format!("{}: {reason}", line.text)))
                }
                Subject::Service(_) => None,
            });
        lines.collect()
    }

    /// Where the near node's links are.
    fn states(&mut self) -> Vec<LinkState> {
        let shards = self.net.node(NEAR).shards();
        let links = shards.iter().flat_map(|shard| shard.channels().links());
        links.map(|link| link.state).collect()
    }

    #[track_caller]
    fn assert_empty(&mut self) {
        self.advance(600);
        for site in [NEAR, FAR] {
            for shard in self.net.node(site).shards() {
                assert_eq!((shard.instances(), shard.instance_timers()), (0, 0));
                assert_eq!((shard.stack().len(), shard.stack().timers()), (0, 0));
            }
        }
    }
}

#[test]
fn a_call_crosses_two_nodes() {
    for shards in SHARDS {
        let mut nodes = Nodes::new(shards);
        let alice = nodes.connect(NEAR, "alice@near.example");
        for bob in nodes.far_users() {
            nodes.send(NEAR, &alice, &request("INVITE", &alice, &bob.name, &bob.name, 1));
            let invite = nodes.expect(FAR, &bob, "INVITE");
            assert_eq!(invite["Max-Forwards"], 18);
            nodes.send(FAR, &bob, &response(&invite, 200));
            nodes.expect(NEAR, &alice, 200);
            nodes.send(NEAR, &alice, &request("ACK", &alice, &bob.name, &bob.name, 2));
            nodes.expect(FAR, &bob, "ACK");
            nodes.send(NEAR, &alice, &request("BYE", &alice, &bob.name, &bob.name, 3));
            nodes.expect(NEAR, &alice, 200);
            let bye = nodes.expect(FAR, &bob, "BYE");
            nodes.send(FAR, &bob, &response(&bye, 200));
        }
        nodes.assert_empty();
    }
}

#[test]
fn all_dialogs_to_a_node_share_one_link() {
    for shards in SHARDS {
        let mut nodes = Nodes::new(shards);
        let users = nodes.far_users();
        let callers: Vec<_> = (0..3)
            .map(|number| nodes.connect(NEAR, &format!("alice{number}@near.example")))
            .collect();
        for (caller, callee) in callers.iter().zip(&users) {
            nodes.send(NEAR, caller, &request("INVITE", caller, &callee.name, "d1", 1));
            let invite = nodes.expect(FAR, callee, "INVITE");
            nodes.send(FAR, callee, &response(&invite, 200));
            nodes.expect(NEAR, caller, 200);
            nodes.send(NEAR, caller, &request("ACK", caller, &callee.name, "d1", 2));
            nodes.expect(FAR, callee, "ACK");
            assert_eq!(nodes.net.links(), 1);
        }
        for (caller, callee) in callers.iter().zip(&users) {
            nodes.send(NEAR, caller, &request("BYE", caller, &callee.name, "d1", 3));
            nodes.expect(NEAR, caller, 200);
            let bye = nodes.expect(FAR, callee, "BYE");
            nodes.send(FAR, callee, &response(&bye, 200));
        }
        nodes.assert_empty();
    }
}

#[test]
fn messages_wait_in_order_while_the_link_is_dialled() {
    for shards in SHARDS {
        let mut nodes = Nodes::new(shards);
        nodes.net.set_reach(FAR, Reach::Slow);
        let alice = nodes.connect(NEAR, "alice@near.example");
        let [bob, ..] = nodes.far_users();
        for number in 0..5 {
            nodes.send(
                NEAR,
                &alice,
                &message(&alice, &bob.name, &format!("d{number}"), &number.to_string()),
            );
        }
        nodes.advance(1);
        nodes.expect_nothing(FAR, &bob);
        nodes.net.set_reach(FAR, Reach::Up);
        for number in 0..5 {
            let message = nodes.expect(FAR, &bob, "MESSAGE");
            assert_eq!(message["Body"], number.to_string());
            nodes.send(FAR, &bob, &response(&message, 200));
            nodes.expect(NEAR, &alice, 200);
        }
        nodes.assert_empty();
    }
}

#[test]
fn a_link_that_breaks_is_dialled_again_and_a_call_over_it_goes_on() {
    for shards in SHARDS {
        let mut nodes = Nodes::new(shards);
        let alice = nodes.connect(NEAR, "alice@near.example");
        let [bob, ..] = nodes.far_users();
        nodes.send(NEAR, &alice, &request("INVITE", &alice, &bob.name, "d1", 1));
        let invite = nodes.expect(FAR, &bob, "INVITE");
        nodes.net.cut(FAR);
        assert_eq!(nodes.net.links(), 0);
        nodes.send(FAR, &bob, &response(&invite, 200));
        nodes.expect_nothing(NEAR, &alice);
        nodes.advance(1);
        assert_eq!(nodes.net.links(), 1);
        nodes.expect(NEAR, &alice, 200);
        nodes.send(NEAR, &alice, &request("ACK", &alice, &bob.name, "d1", 2));
        nodes.expect(FAR, &bob, "ACK");
        nodes.send(NEAR, &alice, &request("BYE", &alice, &bob.name, "d1", 3));
        nodes.expect(NEAR, &alice, 200);
        let bye = nodes.expect(FAR, &bob, "BYE");
        nodes.send(FAR, &bob, &response(&bye, 200));
        nodes.assert_empty();
    }
}

/// Fast failures, so that a link is given up before a transaction.
fn impatient() -> Config {
    let mut config = Config::default();
    config.channel.link.retries = 2;
    config.channel.link.first_pause = Duration::from_millis(100);
    config
}

#[test]
fn a_link_that_fails_for_good_gives_503_to_what_waits_for_an_answer() {
    for shards in SHARDS {
        let mut nodes = Nodes::with_config(shards, impatient());
        nodes.net.set_reach(FAR, Reach::Down);
        let alice = nodes.connect(NEAR, "alice@near.example");
        nodes.send(NEAR, &alice, &message(&alice, "bob@far.example", "d1", ""));
        nodes.send(
            NEAR,
            &alice,
            &request("INVITE", &alice, "carol@far.example", "d2", 1),
        );
        nodes.expect_nothing(NEAR, &alice);
        nodes.advance(1);
        nodes.expect(NEAR, &alice, 503);
        nodes.expect(NEAR, &alice, 503);
        nodes.send(
            NEAR,
            &alice,
            &request("ACK", &alice, "carol@far.example", "d2", 2),
        );
        // A second later, the next request tries again.
        nodes.advance(1);
        nodes.net.set_reach(FAR, Reach::Up);
        let [bob, ..] = nodes.far_users();
        nodes.send(NEAR, &alice, &message(&alice, &bob.name, "d3", ""));
        let message = nodes.expect(FAR, &bob, "MESSAGE");
        nodes.send(FAR, &bob, &response(&message, 200));
        nodes.expect(NEAR, &alice, 200);
        nodes.assert_empty();
    }
}

#[test]
fn a_link_that_fails_for_good_ends_the_calls_over_it() {
    for shards in SHARDS {
        let mut nodes = Nodes::with_config(shards, impatient());
        let alice = nodes.connect(NEAR, "alice@near.example");
        let [bob, ..] = nodes.far_users();
        nodes.send(NEAR, &alice, &request("INVITE", &alice, &bob.name, "d1", 1));
        let invite = nodes.expect(FAR, &bob, "INVITE");
        nodes.send(FAR, &bob, &response(&invite, 200));
        nodes.expect(NEAR, &alice, 200);
        nodes.send(NEAR, &alice, &request("ACK", &alice, &bob.name, "d1", 2));
        nodes.expect(FAR, &bob, "ACK");
        nodes.net.set_reach(FAR, Reach::Down);
        nodes.net.cut(FAR);
        nodes.advance(1);
        let bye = nodes.expect(NEAR, &alice, "BYE");
        nodes.send(NEAR, &alice, &response(&bye, 200));
        // The far node waits for the link as for any channel.
        nodes.expect_nothing(FAR, &bob);
        nodes.advance(120);
        let bye = nodes.expect(FAR, &bob, "BYE");
        nodes.send(FAR, &bob, &response(&bye, 200));
        nodes.assert_empty();
    }
}

#[test]
fn a_host_that_is_not_allowed_or_our_own_is_never_dialled() {
    for shards in SHARDS {
        let mut nodes = Nodes::new(shards);
        let alice = nodes.connect(NEAR, "alice@near.example");
        for (number, to) in ["bob@elsewhere.example", "bob@near.example", "bob@far.example.com"]
            .iter()
            .enumerate()
        {
            nodes.send(NEAR, &alice, &message(&alice, to, &format!("d{number}"), ""));
            nodes.expect(NEAR, &alice, 480);
        }
        assert_eq!(nodes.net.links(), 0);
        nodes.assert_empty();
    }
}

#[test]
fn peers_cannot_make_a_node_dial_any_number_of_hosts() {
    for shards in SHARDS {
        let mut config = impatient();
        config.limits.links = 2;
        let mut nodes = Nodes::with_config(shards, config);
        let alice = nodes.connect(NEAR, "alice@near.example");
        for number in 0..20 {
            nodes.send(
                NEAR,
                &alice,
                &message(&alice, &format!("bob@n{number}.away"), &format!("d{number}"), ""),
            );
        }
        let channels = |nodes: &mut Nodes| -> usize {
            nodes
                .net
                .node(NEAR)
                .shards()
                .iter()
                .map(|shard| shard.channels().len())
                .sum()
        };
        assert!(channels(&mut nodes) <= 1 + 2 * usize::from(shards));
        nodes.advance(5);
        let mut codes = Vec::new();
        while let Some(Arrived::Text(text)) = nodes.net.node(NEAR).receive(alice.conn) {
            codes.push(
                serde_json::from_str::<Value>(&text).unwrap()["Code"]
                    .as_u64()
                    .unwrap(),
            );
        }
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes, [480, 503]);
        assert_eq!(channels(&mut nodes), 1);
        nodes.assert_empty();
    }
}

#[test]
fn every_change_of_a_link_is_one_line_in_the_log() {
    for shards in SHARDS {
        let mut nodes = Nodes::with_config(shards, impatient());
        let alice = nodes.connect(NEAR, "alice@near.example");
        let [bob, ..] = nodes.far_users();
        nodes.send(NEAR, &alice, &message(&alice, &bob.name, "d1", ""));
        let message = nodes.expect(FAR, &bob, "MESSAGE");
        nodes.send(FAR, &bob, &response(&message, 200));
        nodes.expect(NEAR, &alice, 200);
        assert_eq!(nodes.states(), [LinkState::Up]);
        nodes.net.set_reach(FAR, Reach::Down);
        nodes.net.cut(FAR);
        assert_eq!(nodes.states(), [LinkState::Waiting { retry: 1 }]);
        nodes.advance(1);
        assert_eq!(nodes.states(), [LinkState::Failed]);
        let told = |level, text: &str| (level, text.to_owned());
        assert_eq!(
            nodes.lines(),
            [
                told(LogLevel::Info, "link is up: "),
                told(LogLevel::Warn, "link lost, dialling again: the connection broke"),
                told(LogLevel::Warn, "link cannot be dialled, trying again: down"),
                told(LogLevel::Error, "link failed: down"),
            ]
        );
        nodes.assert_empty();
    }
}

#[test]
fn a_link_that_is_refused_gives_503_at_once_and_is_not_dialled_again_for_every_request() {
    for shards in SHARDS {
        let mut nodes = Nodes::new(shards);
        nodes.net.set_reach(FAR, Reach::Refused);
        let alice = nodes.connect(NEAR, "alice@near.example");
        for number in 0..100 {
            let dialog = format!("d{number}");
            nodes.send(NEAR, &alice, &message(&alice, "bob@far.example", &dialog, ""));
            let r = nodes.expect(NEAR, &alice, 503);
            if number == 0 {
                eprintln!("{r}");
            }
        }
        let shards = nodes.net.node(NEAR).shards();
        let dials: u64 = shards.iter().map(|shard| shard.channels().counters().dials).sum();
        assert_eq!(dials, 1);
        assert_eq!(nodes.lines().len(), 1);
        nodes.advance(1);
        nodes.net.set_reach(FAR, Reach::Up);
        let [bob, ..] = nodes.far_users();
        nodes.send(NEAR, &alice, &message(&alice, &bob.name, "again", ""));
        let message = nodes.expect(FAR, &bob, "MESSAGE");
        nodes.send(FAR, &bob, &response(&message, 200));
        nodes.expect(NEAR, &alice, 200);
        nodes.assert_empty();
    }
}

#[test]
fn a_link_carries_more_dialogs_than_one_user_may_begin() {
    for shards in SHARDS {
        let mut config = Config::default();
        config.stack.dialogs_per_channel = 2;
        let mut nodes = Nodes::with_config(shards, config);
        let users = nodes.far_users();
        for number in 0..6 {
            let from = nodes.connect(NEAR, &format!("writer{number}@near.example"));
            let message = message(&from, &users[0].name, "d", "hello");
            nodes.send(NEAR, &from, &message);
            nodes.expect(FAR, &users[0], "MESSAGE");
        }
    }
}
