//! Users, services made of closures, and a node to put them on.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use strowger_channel::ConnId;
use strowger_node::{Config, Registry, Shard};
use strowger_service::jsip::{Method, Request, Response, StatusCode, UserId};
use strowger_service::{Context, Event, Instance, LegId, Service};
use strowger_testkit::{Arrived, SimNode};

/// The shard counts that every test runs with.
pub(crate) const SHARDS: [u16; 2] = [1, 3];

/// What an instance does with its events.
pub(crate) type Handler = Box<dyn FnMut(Event, &mut Context<'_>)>;

struct Closure<F> {
    start: F,
    key: fn(&Request) -> Option<String>,
}

struct Handling(Handler);

impl Instance for Handling {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        (self.0)(event, cx);
    }
}

impl<F: Fn() -> Handler + Send + Sync + 'static> Service for Closure<F> {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Handling((self.start)()))
    }

    fn key(&self, request: &Request) -> Option<String> {
        (self.key)(request)
    }
}

/// A service whose instances have state, which `start` makes.
pub(crate) fn stateful(start: impl Fn() -> Handler + Send + Sync + 'static) -> Arc<dyn Service> {
    Arc::new(Closure { start, key: |_| None })
}

/// As [`stateful`], with a key function.
pub(crate) fn keyed(
    key: fn(&Request) -> Option<String>,
    start: impl Fn() -> Handler + Send + Sync + 'static,
) -> Arc<dyn Service> {
    Arc::new(Closure { start, key })
}

/// A service without state.
pub(crate) fn service(handle: fn(Event, &mut Context<'_>)) -> Arc<dyn Service> {
    stateful(move || Box::new(handle))
}

/// The text of a request's Body.
pub(crate) fn body(request: &Request) -> String {
    request
        .body_str()
        .map(|text| text.into_owned())
        .unwrap_or_default()
}

/// Answers with a Body.
pub(crate) fn answer(leg: LegId, request: &Request, code: StatusCode, text: &str, cx: &mut Context<'_>) {
    let mut response = Response::to(request, code);
    response.set_body_str(text);
    cx.respond(leg, response);
}

/// A request of an instance.
pub(crate) fn to_user(method: Method, user: &str) -> Request {
    Request::new(method, user, "service@example.com", user)
}

/// Answers every request 200 and holds calls.
pub(crate) fn echo() -> Arc<dyn Service> {
    service(|event, cx| {
        if let Event::Incoming { leg, request } | Event::Request { leg, request } = event
            && !matches!(request.method(), Method::Ack | Method::Bye | Method::Cancel)
        {
            answer(leg, &request, StatusCode::OK, &body(&request), cx);
        }
    })
}

/// A connected client.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) conn: ConnId,
}

/// A node and its users.
pub(crate) struct World {
    pub(crate) node: SimNode,
    shards: u16,
}

impl World {
    /// A node with these services; the first is the default.
    pub(crate) fn new(shards: u16, services: &[(&str, Arc<dyn Service>)]) -> Self {
        Self::with_config(shards, services, Config::default())
    }

    pub(crate) fn with_config(shards: u16, services: &[(&str, Arc<dyn Service>)], config: Config) -> Self {
        Self {
            node: node(shards, services, config, 1),
            shards,
        }
    }

    pub(crate) fn connect(&mut self, name: &str) -> User {
        let conn = self.node.connect(&UserId::new(name).unwrap());
        User {
            name: name.to_owned(),
            conn,
        }
    }

    /// Connects users whose homes are spread over the shards, as far as there are any.
    pub(crate) fn connect_apart<const N: usize>(&mut self) -> [User; N] {
        std::array::from_fn(|number| {
            let home = number as u16 % self.shards;
            let name = name_on(home, self.shards, &format!("user{number}"));
            self.connect(&name)
        })
    }

    pub(crate) fn send(&mut self, user: &User, message: &Value) {
        self.node.send(user.conn, &message.to_string());
    }

    /// Sends a request and takes its answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, user: &User, message: &Value) -> Value {
        self.send(user, message);
        self.next(user)
    }

    /// The next message that came to a user.
    #[track_caller]
    pub(crate) fn next(&mut self, user: &User) -> Value {
        match self.node.receive(user.conn) {
            Some(Arrived::Text(text)) => serde_json::from_str(&text).expect("the node sends JSON"),
            other => panic!("{}: {other:?}", user.name),
        }
    }

    /// The next message to a user is a request with this method, or a response with this code.
    #[track_caller]
    pub(crate) fn expect(&mut self, user: &User, what: impl Into<Value>) -> Value {
        let (what, message) = (what.into(), self.next(user));
        let field = if what.is_string() { "Type" } else { "Code" };
        assert_eq!(message[field], what, "{}: {message}", user.name);
        message
    }

    /// Nothing came to a user.
    #[track_caller]
    pub(crate) fn expect_nothing(&mut self, user: &User) {
        assert_eq!(self.node.receive(user.conn), None, "{}", user.name);
    }

    pub(crate) fn respond(&mut self, user: &User, request: &Value, code: u16) {
        self.send(user, &response(request, code));
    }

    /// A call of a user to a service that answers 200 at once.
    #[track_caller]
    pub(crate) fn call(&mut self, user: &User, to: &str, dialog: &str) {
        self.send(user, &request("INVITE", user, to, dialog, 1));
        self.expect(user, 200);
        self.send(user, &request("ACK", user, to, dialog, 2));
    }

    pub(crate) fn advance(&mut self, seconds: u64) {
        let target = self.node.now() + Duration::from_secs(seconds);
        self.node.advance_to(target);
    }

    pub(crate) fn instances(&self) -> usize {
        self.node.shards().iter().map(Shard::instances).sum()
    }

    pub(crate) fn count(&self, counter: fn(&strowger_node::Counters) -> u64) -> u64 {
        self.node
            .shards()
            .iter()
            .map(|shard| counter(shard.counters()))
            .sum()
    }

    /// Nothing runs, and once lingering is over nothing is left of what ran.
    #[track_caller]
    pub(crate) fn assert_empty(&mut self) {
        for shard in self.node.shards() {
            assert_eq!(shard.instances(), 0, "instances");
            assert_eq!(shard.instance_timers(), 0, "timers of instances");
            assert_eq!(shard.stack().live(), 0, "live dialogs");
        }
        self.advance(600);
        for shard in self.node.shards() {
            assert_eq!(shard.stack().len(), 0, "records");
            assert_eq!(shard.stack().timers(), 0, "timers");
            assert!(!shard.has_effects(), "effects");
        }
    }
}

pub(crate) fn node(
    shards: u16,
    services: &[(&str, Arc<dyn Service>)],
    mut config: Config,
    seed: u64,
) -> SimNode {
    // What was written is acknowledged in the same instant.
    config.channel.ack_interval = Duration::ZERO;
    let default = services[0].0;
    let services = services
        .iter()
        .map(|(name, service)| ((*name).to_owned(), Arc::clone(service)))
        .collect();
    SimNode::new(config, Registry::new(services, default).unwrap(), shards, seed)
}

/// A user name whose home is this shard.
pub(crate) fn name_on(home: u16, shards: u16, user: &str) -> String {
    let names = (0..).map(|number| format!("{user}-{number}@example.com"));
    let mut at_home = names.filter(|name| Shard::home(&UserId::new(name).unwrap(), shards) == home);
    at_home.next().expect("some name has its home there")
}

pub(crate) fn request(method: &str, from: &User, to: &str, dialog: &str, cseq: u32) -> Value {
    json!({
        "Type": method, "Request-URI": to, "From": from.name, "To": to, "DialogueID": dialog, "CSeq": cseq
    })
}

pub(crate) fn message(from: &User, to: &str, dialog: &str, text: &str) -> Value {
    let mut message = request("MESSAGE", from, to, dialog, 1);
    message["Body"] = text.into();
    message
}

pub(crate) fn routed(mut request: Value, router: &str) -> Value {
    request["Router"] = router.into();
    request
}

pub(crate) fn response(request: &Value, code: u16) -> Value {
    json!({
        "Type": "RESPONSE", "Code": code, "From": request["From"], "To": request["To"],
        "DialogueID": request["DialogueID"], "CSeq": request["CSeq"]
    })
}
