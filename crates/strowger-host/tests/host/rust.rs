//! Services written in Rust, native and as components: the same source must do the same.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use strowger_host::{Limits, LoadedService};
use strowger_service::jsip::{Limits as MessageLimits, Message, Method, Request, StatusCode};
use strowger_service::testkit::TestKit;
use strowger_service::{
    Context, Entry, Event, Expected, Facts, FetchError, HttpRequest, HttpResponse, Ids, LegId, LogLevel,
    SendError, Service, Store, StoreError, Surroundings,
};

use crate::guests::host;

/// Where `cargo xtask guests` puts what it builds.
pub(crate) fn directory() -> PathBuf {
    std::env::var_os("STROWGER_GUESTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests/wasm32-unknown-unknown/release"),
        PathBuf::from,
    )
}

/// A component that `cargo xtask guests` has built.
fn loaded(name: &str) -> LoadedService {
    // Most tests are not about time.
    load(name, Duration::from_secs(10))
}

fn load(name: &str, budget: Duration) -> LoadedService {
    let path = directory().join(format!("{name}.wasm"));
    let module = std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask guests`", path.display()));
    let limits = Limits {
        budget,
        ..Limits::default()
    };
    host().load(&module, limits).unwrap()
}

fn read(text: &str) -> Request {
    match Message::decode(text, &MessageLimits::default()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn invite(to: &str) -> Request {
    Request::new(Method::Invite, to, "alice@example.com", to)
}

/// Runs one story with both.
fn both(native: impl Service, name: &str, story: fn(TestKit)) {
    story(TestKit::new(native).named(name));
    let service = loaded(name);
    story(TestKit::new(service.clone()).named(name));
    let figures = service.figures();
    assert_eq!((figures.instances, figures.failed), (0, 0));
    assert!(figures.calls > 0 && figures.time > Duration::ZERO && figures.memory > 0);
}

#[test]
fn echo_answers_with_the_same_bytes() {
    both(strowger_echo::Echo, "echo", |mut kit| {
        let leg = kit.incoming(read(
            r#"{"Type":"MESSAGE","Request-URI":"x@y.z","From":"a@y.z","To":"x@y.z","DialogueID":"d","CSeq":1,"X-Odd":[1e2, null],"Body":{"ü" : "\u00fc"}}"#,
        ));
        let response = kit.expect_response(leg, StatusCode::OK);
        assert!(
            response.encode().contains(r#""Body":{"ü" : "\u00fc"}"#),
            "{}",
            response.encode()
        );
        kit.assert_finished();
    });
}

#[test]
fn relay_passes_a_call_and_its_end() {
    both(strowger_relay::Relay, "relay", |mut kit| {
        let alice = kit.incoming(read(
            r#"{"Type":"INVITE","Request-URI":"bob@y.z","From":"a@y.z","To":"bob@y.z","DialogueID":"d","CSeq":1,"X-Ticket":12345678901234567890,"Body":{"sdp":  "v=0"}}"#,
        ));
        let bob = kit.expect_open();
        assert!(
            bob.request
                .encode()
                .contains(r#""X-Ticket":12345678901234567890,"Body":{"sdp":  "v=0"}"#)
        );
        kit.answer(&bob, StatusCode::RINGING);
        kit.expect_response(alice, StatusCode::RINGING);
        kit.answer(&bob, StatusCode::OK);
        kit.expect_response(alice, StatusCode::OK);
        kit.request(alice, invite("bob@y.z").with_method(Method::Ack));
        kit.expect_send(bob.leg, Method::Ack);
        kit.hang_up(alice);
        kit.expect_send(bob.leg, Method::Bye);
        kit.assert_finished();
    });
}

#[test]
fn a_call_that_is_forwarded_takes_no_memory_of_the_service() {
    let service = loaded("relay");
    let mut kit = TestKit::new(service.clone()).named("relay");
    let alice = kit.incoming(invite("bob@y.z"));
    let bob = kit.expect_open();
    let before = service.figures();
    assert_eq!(before.instances, 0);
    kit.answer(&bob, StatusCode::OK);
    kit.expect_response(alice, StatusCode::OK);
    kit.request(alice, invite("bob@y.z").with_method(Method::Ack));
    kit.expect_send(bob.leg, Method::Ack);
    kit.hang_up(bob.leg);
    kit.expect_send(alice, Method::Bye);
    kit.assert_finished();
    assert_eq!(service.figures().calls, before.calls);
}

#[test]
fn relay_takes_off_the_router_that_led_to_it() {
    both(strowger_relay::Relay, "relay", |mut kit| {
        let mut request = invite("bob@y.z");
        request.set_route("relay.y.z, carol@y.z");
        kit.incoming(request);
        assert_eq!(kit.expect_open().request.first_route(), Some("carol@y.z"));
    });
}

#[test]
fn an_async_hunt_lets_agents_ring_and_gives_up() {
    both(strowger_hunt::Hunt::default(), "hunt", |mut kit| {
        let mut request = invite("sales@example.com");
        request.set_route("node;type=hunt;ring=10, a@example.com, b@example.com");
        let caller = kit.incoming(request);
        let first = kit.expect_open();
        assert_eq!(first.request.request_uri(), "a@example.com");
        kit.answer(&first, StatusCode::RINGING);
        kit.expect_response(caller, StatusCode::RINGING);
        kit.advance(Duration::from_secs(10));
        kit.expect_send(first.leg, Method::Cancel);
        let second = kit.expect_open();
        kit.answer(&second, StatusCode::BUSY_HERE);
        kit.expect_response(caller, StatusCode::BUSY_HERE);
        kit.assert_finished();
    });
}

const ROOM: &str = "room:888@example.com";

fn in_room(method: Method, user: &str, text: &str) -> Request {
    let mut request = Request::new(method, ROOM, user, ROOM);
    request.set_asserted_identity(user);
    if method == Method::Subscribe {
        request.set_expires(600);
    } else {
        request.set_body_str(text);
    }
    request
}

/// Two members join; the service is replaced; what one says the other reads.
fn a_room_across(mut kit: TestKit, next: impl Service) {
    for user in ["ann@example.com", "ben@example.com"] {
        let leg = kit.incoming(in_room(Method::Subscribe, user, ""));
        kit.expect_response(leg, StatusCode::OK);
    }
    kit.upgrade(next).unwrap();
    let leg = kit.incoming(in_room(Method::Message, "ann@example.com", "still here"));
    kit.expect_response(leg, StatusCode::OK);
    let said = kit.expect_open();
    assert_eq!(said.request.request_uri(), "ben@example.com");
    assert_eq!(said.request.body_str().as_deref(), Some("still here"));
    kit.answer(&said, StatusCode::OK);
    kit.advance(Duration::from_secs(600));
    kit.assert_finished();
}

#[test]
fn a_room_keeps_its_members_from_native_to_component_to_native() {
    let native = || strowger_chatroom::Chatroom::default();
    let (one, other) = (loaded("chatroom"), loaded("chatroom"));
    a_room_across(TestKit::new(one.clone()), other.clone());
    a_room_across(TestKit::new(native()), one.clone());
    a_room_across(TestKit::new(one.clone()), native());
    for service in [one, other] {
        let figures = service.figures();
        assert_eq!((figures.instances, figures.failed), (0, 0));
    }
}

#[test]
fn a_component_says_why_it_does_not_take_an_instance_over() {
    let mut kit = TestKit::new(loaded("chatroom"));
    let leg = kit.incoming(in_room(Method::Subscribe, "ann@example.com", ""));
    kit.expect_response(leg, StatusCode::OK);
    let refusal = kit.upgrade(loaded("echo")).unwrap_err();
    assert_eq!(refusal, "the new version does not take over what was saved");
    assert_eq!(
        TestKit::new(loaded("echo")).upgrade(loaded("echo")).unwrap_err(),
        "the instance cannot be saved"
    );
    let leg = kit.incoming(in_room(Method::Subscribe, "ann@example.com", ""));
    kit.expect_response(leg, StatusCode::OK);
}

#[test]
fn a_panic_in_rust_is_told_with_its_text() {
    let mut kit = TestKit::new(loaded("probe"));
    let leg = kit.incoming(probe("panic"));
    assert!(kit.failure().unwrap().contains("trapped"), "{:?}", kit.failure());
    let (level, text) = &kit.logs()[0];
    assert_eq!(*level, LogLevel::Error);
    assert!(text.contains("on purpose"), "{text}");
    assert!(kit.has_ended(leg));
}

fn probe(what: &str) -> Request {
    let mut request = Request::new(Method::Message, "x@y.z", "a@y.z", "x@y.z");
    request.set_body_str(what);
    request
}

fn ask(kit: &mut TestKit, what: &str) -> (LegId, String) {
    let leg = kit.incoming(probe(what));
    let response = kit.expect_response(leg, StatusCode::OK);
    (leg, response.body_str().unwrap_or_default().into_owned())
}

#[test]
fn memory_that_a_rust_service_eats_is_bounded() {
    let mut kit = TestKit::new(loaded("probe"));
    kit.incoming(probe("eat"));
    assert!(
        kit.failure().unwrap().contains("bytes of memory"),
        "{:?}",
        kit.failure()
    );
}

#[test]
fn a_rust_service_that_calls_itself_without_end_or_never_returns_is_ended() {
    for (what, why) in [
        ("sink", "the call stack is exhausted"),
        ("spin", "took more than"),
    ] {
        let service = load("probe", Duration::from_millis(20));
        let mut kit = TestKit::new(service);
        kit.incoming(probe(what));
        assert!(kit.failure().unwrap().contains(why), "{:?}", kit.failure());
    }
}

#[test]
fn a_guest_sees_names_hosts_time_and_relations_as_natives_do() {
    let mut kit = TestKit::new(loaded("probe"))
        .named("asker")
        .on_host("here.example");
    kit.advance(Duration::from_secs(5));
    let (_, told) = ask(&mut kit, "facts");
    assert_eq!(told, "asker here.example 5s");
    let mut kit = TestKit::new(loaded("probe"));
    let (_, relid) = ask(&mut kit, "relation");
    assert_eq!(kit.relations(), [relid]);
}

#[test]
fn chance_in_a_guest_comes_from_the_host() {
    let draw = || ask(&mut TestKit::new(loaded("probe")), "random").1;
    assert_eq!(draw(), draw());
    assert_ne!(draw(), "0");
}

#[test]
fn a_guest_is_told_of_what_is_refused() {
    let mut kit = TestKit::new(loaded("probe"));
    kit.incoming(probe("stray"));
    assert!(matches!(
        kit.refusals(),
        [(_, SendError::LegEnded | SendError::UnknownLeg)]
    ));
    assert!(
        kit.logs().iter().any(|(_, text)| text.contains("refused")),
        "{:?}",
        kit.logs()
    );
}

#[test]
fn a_guest_uses_the_store_that_it_shares_with_its_siblings() {
    let mut kit = TestKit::new(loaded("probe"));
    // It stays for those who know its relation id.
    ask(&mut kit, "relation");
    assert_eq!(ask(&mut kit, "count").1, "1");
    assert_eq!(ask(&mut kit, "count").1, "2");
    kit.restart();
    ask(&mut kit, "relation");
    assert_eq!(ask(&mut kit, "count").1, "3");
    assert_eq!(kit.store().get("count").unwrap().value[..], [3]);
    assert_eq!(
        ask(&mut kit, "store").1,
        r#"true Err(Changed { version: Some(4) }) true ["a/1", "a/2"] None"#
    );
    kit.advance(Duration::from_secs(2));
    assert_eq!(kit.store().keys("a/", 10), Vec::<String>::new());
}

#[test]
fn a_guest_makes_http_requests_and_is_told_what_came_of_them() {
    let mut kit = TestKit::new(loaded("probe"));
    assert_eq!(ask(&mut kit, "fetch").1, "1");
    assert_eq!(ask(&mut kit, "fetch").1, "2");
    let (first, request) = kit.expect_fetch();
    assert_eq!((request.method.as_str(), request.body), ("POST", vec![0, 255]));
    assert_eq!(request.headers, [("x-a".to_owned(), "b".to_owned())]);
    assert_eq!(request.timeout, Duration::from_secs(10));
    let mut response = HttpResponse::new(404);
    response.body = vec![7];
    kit.fetched(first, Ok(response));
    let (second, _) = kit.expect_fetch();
    kit.fetched(second, Err(FetchError::Failed("nobody".to_owned())));
    let logs: Vec<&str> = kit.logs().iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(logs, ["fetched: 404 [7]", "not fetched: no connection: nobody"]);
}

#[test]
fn a_guest_answers_http_requests() {
    let service = loaded("probe");
    assert!(service.takes_http() && !loaded("echo").takes_http());
    let request = |url: &str| HttpRequest {
        headers: vec![("content-type".to_owned(), "x/y".to_owned())],
        body: b"{}".to_vec(),
        ..HttpRequest::new("PUT", url)
    };
    assert_eq!(
        service.try_http_key(&request("/keyed/a")),
        Ok(Some("a".to_owned()))
    );
    assert_eq!(service.try_http_key(&request("/other")), Ok(None));
    let mut kit = TestKit::new(service);
    let asked = kit.http(request("/other"));
    let response = kit.expect_http(asked, 202);
    assert_eq!(
        (response.body, response.headers),
        (b"{}".to_vec(), request("").headers)
    );
}

#[test]
fn a_guest_publishes_listens_and_waits_for_the_disk() {
    let mut kit = TestKit::new(loaded("probe"));
    ask(&mut kit, "publish");
    assert_eq!(kit.expect_published(), ("news".to_owned(), "hello".to_owned()));
    kit.publish("news", "fresh");
    assert_eq!(ask(&mut kit, "sync").1, "1");
    assert!(kit.sync());
    let logs: Vec<&str> = kit.logs().iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(logs, ["news: fresh", "stored 1"]);
}

#[test]
fn a_guest_watches_the_store() {
    let mut kit = TestKit::new(loaded("probe"));
    ask(&mut kit, "watch");
    kit.change_store("a/1", Some(b"one"));
    kit.change_store("b/1", Some(b"one"));
    kit.change_store("a/1", None);
    let logs: Vec<&str> = kit.logs().iter().map(|(_, text)| &**text).collect();
    assert_eq!(
        logs,
        ["changed: a/ false", "changed: a/1 true", "changed: a/1 false"]
    );
}

#[test]
fn a_guest_checks_and_reads_its_settings() {
    let service = loaded("probe");
    assert_eq!(
        service.check_config(r#"{"wrong":1}"#),
        Err("it is wrong".to_owned())
    );
    let mut kit = TestKit::new(service).configured(r#"{"a":1}"#);
    ask(&mut kit, "relation");
    assert_eq!(ask(&mut kit, "config").1, r#"{"a":1}"#);
    kit.configure(r#"{"a":2}"#);
    assert_eq!(ask(&mut kit, "config").1, r#"{"a":2}"#);
    kit.shut_down(Duration::from_secs(30));
    let logs: Vec<&str> = kit.logs().iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(logs, [r#"settings: {"a":2}"#, "ends within 30s"]);
}

#[test]
fn who_gets_the_memory_of_another_instance_is_told_what_holds_for_itself() {
    let service = loaded("probe");
    let mut memory = Vec::new();
    for (name, config) in [
        ("one", r#"{"a":1}"#),
        ("one", r#"{"a":2}"#),
        ("other", r#"{"a":2}"#),
        ("one", r#"{"a":1}"#),
    ] {
        let mut kit = TestKit::new(service.clone()).named(name).configured(config);
        // So it stays to be asked.
        let (_, relation) = ask(&mut kit, "relation");
        assert_eq!(ask(&mut kit, "config").1, config);
        assert_eq!(ask(&mut kit, "facts").1, format!("{name}  0ns"));
        assert_eq!(kit.relations(), [relation]);
        memory.push(service.figures().memory);
    }
    assert!(memory.iter().all(|bytes| *bytes == memory[0]), "{memory:?}");
}

#[test]
fn a_call_that_was_ordered_over_http_is_placed_joined_told_and_ended() {
    both(strowger_click2call::Click2Call, "click2call", |kit| {
        let mut kit = kit.configured(r#"{"ring":20}"#);
        let mut order = HttpRequest::new("POST", "/calls");
        order.body = br#"{"from":"ann@x.org","to":"ben@x.org","callback":"https://shop.x.org/"}"#.to_vec();
        let id = kit.http(order);
        let response = kit.expect_http(id, 201);
        assert!(
            response
                .headers
                .iter()
                .any(|(name, value)| name == "location" && value.starts_with("calls/"))
        );
        let ann = kit.expect_open();
        assert_eq!(ann.request_uri(), "ann@x.org");
        kit.answer(&ann, StatusCode::OK);
        let ben = kit.expect_open();
        kit.advance(Duration::from_secs(19));
        kit.answer(&ben, StatusCode::OK);
        kit.expect_send(ben.leg, Method::Ack);
        kit.expect_send(ann.leg, Method::Ack);
        for state in ["answered", "connected"] {
            let (id, told) = kit.expect_fetch();
            assert!(String::from_utf8_lossy(&told.body).contains(&format!(r#""state":"{state}""#)));
            kit.fetched(id, Ok(HttpResponse::new(204)));
        }
        let key = kit.store().keys("call/", 2).pop().unwrap();
        kit.publish(&key, "end");
        kit.expect_send(ann.leg, Method::Bye);
        kit.expect_send(ben.leg, Method::Bye);
        let (id, told) = kit.expect_fetch();
        assert!(String::from_utf8_lossy(&told.body).contains(r#""cause":"cancelled""#));
        kit.fetched(id, Err(FetchError::NotGranted));
        kit.assert_finished();
    });
}

/// Writes down what is asked of it.
#[derive(Clone, Default)]
struct Listening(Arc<Mutex<Vec<String>>>);

impl Store for Listening {
    fn get(&self, key: &str) -> Option<Entry> {
        self.0.lock().unwrap().push(format!("get {key}"));
        None
    }

    fn set(&self, key: &str, _: Expected, _: &[u8], _: Option<Duration>) -> Result<u64, StoreError> {
        self.0.lock().unwrap().push(format!("set {key}"));
        Ok(1)
    }

    fn delete(&self, _: &str, _: Expected) -> Result<(), StoreError> {
        Ok(())
    }

    fn keys(&self, _: &str, _: usize) -> Vec<String> {
        Vec::new()
    }

    fn shared(&self) -> Option<Arc<dyn Store + Send + Sync>> {
        Some(Arc::new(self.clone()))
    }
}

#[test]
fn each_event_has_the_store_that_it_came_with() {
    let mut instance = loaded("probe").start();
    let facts = Facts {
        now: Duration::ZERO,
        service: "probe",
        own_hosts: &[],
    };
    let mut ids = Ids::new("relation".to_owned());
    let leg = ids.next_leg();
    let request = read(
        r#"{"Type":"INFO","Request-URI":"x@y.z","From":"a@y.z","To":"x@y.z","DialogueID":"d","CSeq":1,"Body":"count"}"#,
    );
    for event in [
        Event::Incoming {
            leg,
            request: request.clone(),
        },
        Event::Request { leg, request },
    ] {
        let (store, mut commands) = (Listening::default(), Vec::new());
        let around = Surroundings {
            store: &store,
            config: "{}",
        };
        instance.handle(
            event,
            &mut Context::new(&mut ids, &facts, &mut commands).in_surroundings(around),
        );
        assert_eq!(*store.0.lock().unwrap(), ["get count", "set count"]);
    }
}
