//! A call is handed on, on a node: whatever the three say and in whatever order, no leg is left without an owner.
//!
//! The orders that the bridge alone may meet are gone through in `strowger-service`; here the stack is between, so CANCEL, 487 and
//! the 200 that crosses them are the peers' own, and what is left over shows in the node's tables.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jsip::{CSeq, Limits, Message, Method, Request, Response, StatusCode, UserId};
use strowger_channel::ConnId;
use strowger_node::{Config, Registry};
use strowger_relay::Relay;
use strowger_service::Service;
use strowger_testkit::{Arrived, SimNode};

/// How many of these acts follow one another at most; what is open then is answered.
const DEPTH: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Referrer,
    Other,
    Target,
}

const ALL: [Who; 3] = [Who::Referrer, Who::Other, Who::Target];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// Answers one of the requests that he has not answered: which, and with what.
    Answer(Who, usize, u16),
    HangsUp(Who),
    /// Time passes until whoever waits for an answer has given up.
    TimePasses,
}

/// A call, as one of its two sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Before,
    Up,
    /// What is still open in it gets 487.
    Over,
}

/// A user agent that does what it is told to.
struct Peer {
    name: &'static str,
    conn: ConnId,
    /// Our name of the call.
    dialog: Option<String>,
    stage: Stage,
    /// Requests that wait for his answer; an INVITE whose sender has cancelled it is marked.
    open: Vec<(Request, bool)>,
    rang: bool,
    owed_ack: bool,
    cseq: u64,
    /// Final responses to what he has sent.
    heard: VecDeque<Response>,
}

struct World {
    node: SimNode,
    peers: [Peer; 3],
    /// How it went, as the referrer was told.
    told: Vec<u16>,
}

impl Peer {
    fn ends(&mut self) {
        (self.stage, self.owed_ack) = (Stage::Over, false);
    }
}

fn node() -> SimNode {
    let services: Vec<(String, Arc<dyn Service>)> = vec![("relay".to_owned(), Arc::new(Relay))];
    let mut config = Config::default();
    // What was written is acknowledged in the same instant.
    config.channel.ack_interval = Duration::ZERO;
    SimNode::new(config, Registry::new(services, "relay").unwrap(), 2, 7)
}

impl World {
    fn new(caller_refers: bool) -> Self {
        let mut node = node();
        let mut peer = |name: &'static str| Peer {
            name,
            conn: node.connect(&UserId::new(name).unwrap()),
            dialog: None,
            stage: Stage::Before,
            open: Vec::new(),
            rang: false,
            owed_ack: false,
            cseq: 0,
            heard: VecDeque::new(),
        };
        let peers = [peer("alice@x.org"), peer("bob@x.org"), peer("carol@x.org")];
        let mut world = Self {
            node,
            peers,
            told: Vec::new(),
        };
        let (caller, callee) = if caller_refers {
            (Who::Referrer, Who::Other)
        } else {
            (Who::Other, Who::Referrer)
        };
        world.peer(caller).dialog = Some("call".to_owned());
        world.sends(caller, callee, Method::Invite, &[]);
        world.answers(callee, 0, 200);
        world.peer(caller).stage = Stage::Up;
        world.sends(caller, callee, Method::Ack, &[]);
        assert!(!world.peer(callee).owed_ack);
        let target = format!("\"{}\"", world.peer(Who::Target).name);
        world.sends(Who::Referrer, Who::Other, Method::Refer, &[("Refer-To", &target)]);
        assert_eq!(
            world.peer(Who::Referrer).heard.back().unwrap().code(),
            StatusCode::ACCEPTED
        );
        world
    }

    fn peer(&mut self, who: Who) -> &mut Peer {
        &mut self.peers[who as usize]
    }

    fn sends(&mut self, who: Who, to: Who, method: Method, extensions: &[(&str, &str)]) {
        let (name, other) = (self.peer(who).name, self.peer(to).name);
        let peer = self.peer(who);
        peer.cseq += 1;
        let mut request = Request::new(method, other, name, other);
        request.set_dialog_id(peer.dialog.as_deref().unwrap());
        request.set_cseq(CSeq::new(peer.cseq).unwrap());
        for (header, value) in extensions {
            request.set_extension(header, value).unwrap();
        }
        let (conn, text) = (peer.conn, request.encode());
        self.node.send(conn, &text);
        self.hear();
    }

    /// Everybody takes in what has come.
    fn hear(&mut self) {
        for who in ALL {
            while let Some(arrived) = self.node.receive(self.peers[who as usize].conn) {
                let Arrived::Text(text) = arrived else {
                    panic!("{who:?}: {arrived:?}")
                };
                match Message::decode(&text, &Limits::default()).unwrap() {
                    Message::Request(request) => self.hears(who, request),
                    Message::Response(response) if response.code().is_final() => {
                        self.peer(who).heard.push_back(response);
                    }
                    Message::Response(_) => {}
                }
            }
        }
    }

    fn hears(&mut self, who: Who, request: Request) {
        if request.method() == Method::Notify {
            let code: Option<u16> = request.body().and_then(|body| body.get(8..11)?.parse().ok());
            self.told.extend(code);
        }
        let peer = self.peer(who);
        match request.method() {
            Method::Ack => peer.owed_ack = false,
            Method::Bye => {
                assert_eq!(peer.stage, Stage::Up, "{who:?}: BYE twice");
                peer.ends();
                peer.open.push((request, false));
            }
            Method::Cancel => {
                for (open, cancelled) in &mut peer.open {
                    *cancelled |= open.method() == Method::Invite;
                }
                peer.open.push((request, false));
            }
            _ => {
                peer.dialog.get_or_insert_with(|| request.dialog_id().to_owned());
                peer.open.push((request, false));
            }
        }
    }

    fn answers(&mut self, who: Who, at: usize, code: u16) {
        let code = StatusCode::new(code).unwrap();
        let peer = self.peer(who);
        let (request, _) = &peer.open[at];
        let (is_invite, response) = (request.method() == Method::Invite, Response::to(request, code));
        if code.is_final() {
            peer.open.remove(at);
        } else {
            peer.rang = true;
        }
        if is_invite && code.is_success() && peer.stage != Stage::Over {
            (peer.stage, peer.owed_ack) = (Stage::Up, true);
        }
        let (conn, text) = (peer.conn, response.encode());
        self.node.send(conn, &text);
        self.hear();
    }

    /// What somebody may do now.
    fn possible(&self) -> Vec<Act> {
        let mut acts = Vec::new();
        for who in ALL {
            let peer = &self.peers[who as usize];
            for (at, (request, cancelled)) in peer.open.iter().enumerate() {
                let codes: &[u16] = match request.method() {
                    Method::Notify => &[200, 481],
                    Method::Invite if peer.stage == Stage::Over => &[487],
                    Method::Invite if *cancelled => &[487, 200],
                    Method::Invite if who == Who::Target && !peer.rang => &[180, 200, 486],
                    Method::Invite => &[200, 488],
                    _ => &[200],
                };
                acts.extend(codes.iter().map(|code| Act::Answer(who, at, *code)));
            }
            // Who waits for an ACK hangs up all the same.
            if peer.stage == Stage::Up {
                acts.push(Act::HangsUp(who));
            }
        }
        acts.push(Act::TimePasses);
        acts
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Answer(who, at, code) => self.answers(who, at, code),
            Act::HangsUp(who) => self.hangs_up(who),
            Act::TimePasses => self.lets_pass(Duration::from_secs(61)),
        }
    }

    fn hangs_up(&mut self, who: Who) {
        self.peer(who).ends();
        let to = if who == Who::Other {
            Who::Referrer
        } else {
            Who::Other
        };
        self.sends(who, to, Method::Bye, &[]);
    }

    fn lets_pass(&mut self, span: Duration) {
        self.node.advance_to(self.node.now() + span);
        self.hear();
    }

    /// Whether nothing more comes of it.
    fn is_over(&self) -> bool {
        self.peers
            .iter()
            .all(|peer| peer.open.is_empty() && peer.stage != Stage::Up)
    }

    /// Everybody answers everything; the target is not at home.
    fn settle(&mut self) {
        for _ in 0..40 {
            let next = ALL
                .into_iter()
                .find(|who| !self.peers[*who as usize].open.is_empty());
            let Some(who) = next else { break };
            let (request, cancelled) = &self.peers[who as usize].open[0];
            let code = match request.method() {
                Method::Invite if *cancelled || self.peers[who as usize].stage == Stage::Over => 487,
                Method::Invite if who == Who::Target => 486,
                _ => 200,
            };
            self.answers(who, 0, code);
        }
    }

    fn check(mut self) {
        self.settle();
        self.lets_pass(Duration::from_secs(61));
        self.settle();
        let up: Vec<Who> = ALL
            .into_iter()
            .filter(|who| self.peer(*who).stage == Stage::Up)
            .collect();
        let finals = self.told.iter().filter(|code| **code >= 200).count();
        assert!(finals <= 1, "told {:?}", self.told);
        for who in ALL {
            let peer = self.peer(who);
            assert!(!peer.owed_ack, "{who:?} never got his ACK");
            let gone = peer
                .heard
                .iter()
                .any(|heard| heard.code() == StatusCode::NO_SUCH_SESSION);
            assert!(!gone, "{who:?} was told that there is no such session");
        }
        match up[..] {
            [] => {}
            [one, two] => self.talk(one, two),
            _ => panic!("{up:?} are up"),
        }
        self.settle();
        self.lets_pass(Duration::from_secs(10));
        for shard in self.node.shards() {
            let left = (shard.stack().live(), shard.instances(), shard.legs());
            assert_eq!(left, (0, 0, 0), "live dialogs, instances and legs");
        }
    }

    /// The two who are left hear each other, until one hangs up.
    fn talk(&mut self, one: Who, two: Who) {
        for (from, to) in [(one, two), (two, one)] {
            self.sends(from, to, Method::Info, &[]);
            let (info, _) = self.peer(to).open.last().unwrap();
            assert_eq!(info.method(), Method::Info);
            self.answers(to, 0, 200);
            assert_eq!(self.peer(from).heard.back().unwrap().code(), StatusCode::OK);
        }
        self.hangs_up(one);
        assert_eq!(self.peer(two).stage, Stage::Over, "{two:?} is alone");
    }
}

/// Plays the acts, of which each was possible, and checks what is left; gives back what may follow.
fn try_out(caller_refers: bool, acts: &[Act]) -> Vec<Act> {
    let outcome = std::panic::catch_unwind(|| {
        let mut world = World::new(caller_refers);
        acts.iter().for_each(|act| world.act(*act));
        let possible = if world.is_over() {
            Vec::new()
        } else {
            world.possible()
        };
        world.check();
        possible
    });
    outcome.unwrap_or_else(|_| panic!("in this order: {acts:?}, the caller refers: {caller_refers}"))
}

fn explore(caller_refers: bool, acts: &mut Vec<Act>) -> usize {
    let possible = try_out(caller_refers, acts);
    let mut count = 1;
    if acts.len() == DEPTH {
        return count;
    }
    for act in possible {
        if act == Act::TimePasses && acts.contains(&act) {
            continue;
        }
        acts.push(act);
        count += explore(caller_refers, acts);
        acts.pop();
    }
    count
}

#[test]
fn no_order_of_bye_notify_200_487_and_cancel_leaves_a_leg_without_an_owner() {
    for caller_refers in [true, false] {
        let count = explore(caller_refers, &mut Vec::new());
        assert!(count > 5000, "{count} orders");
    }
}
