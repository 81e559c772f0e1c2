//! A service in JavaScript as a component: `sdk/js-service/test/services/probe.ts` does what the Request-URI names.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use strowger_host::{Host, Limits, LoadedService, Settings};
use strowger_service::jsip::{Limits as MessageLimits, Message, Method, Request, StatusCode};
use strowger_service::testkit::TestKit;
use strowger_service::{Event, HttpRequest, HttpResponse, LogLevel, SendError, Service as _};

use crate::rust::directory;

/// Loads the component that `cargo xtask guests` has built. It takes seconds to compile, so once for all tests.
fn load() -> LoadedService {
    static HOST: OnceLock<Host> = OnceLock::new();
    let cached = || {
        Host::new(Settings {
            cache: Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("javascript")),
            ..Settings::default()
        })
    };
    let path = directory().join("probe-js.wasm");
    let limits = Limits {
        // The machine may be busy; what never ends is ended all the same.
        budget: Duration::from_secs(2),
        ..Limits::default()
    };
    HOST.get_or_init(|| cached().unwrap())
        .load_file(&path, limits)
        .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask guests`", path.display()))
}

fn loaded() -> LoadedService {
    static LOADED: OnceLock<LoadedService> = OnceLock::new();
    LOADED.get_or_init(load).clone()
}

fn kit() -> TestKit {
    TestKit::new(loaded())
}

fn request(method: Method, to: &str) -> Request {
    let to = format!("{to}@example.com");
    Request::new(method, &to, "alice@example.com", &to)
}

/// Asks the probe something; gives the Body of the answer.
fn ask(kit: &mut TestKit, what: &str) -> String {
    let leg = kit.incoming(request(Method::Message, what));
    let response = kit.expect_response(leg, StatusCode::OK);
    response.body().unwrap().to_owned()
}

fn logs(kit: &TestKit) -> Vec<&str> {
    kit.logs().iter().map(|(_, text)| text.as_str()).collect()
}

#[test]
fn it_imports_nothing_but_the_interface_and_answers_a_message() {
    let mut kit = kit();
    let text = r#"{"Type":"MESSAGE","Request-URI":"echo@y.z","From":"a@y.z","To":"x@y.z","DialogueID":"d","CSeq":1,"Body":{"ü" : ["\u00fc", 1]}}"#;
    let Ok(Message::Request(request)) = Message::decode(text, &MessageLimits::default()) else {
        panic!("a request")
    };
    let leg = kit.incoming(request);
    let response = kit.expect_response(leg, StatusCode::OK);
    assert_eq!(response.body(), Some(r#"{"ü" : ["\u00fc", 1]}"#));
    kit.assert_finished();
}

#[test]
fn a_bridge_passes_a_call_as_it_came_and_ends_it() {
    let mut kit = kit();
    let mut invite = request(Method::Invite, "bob");
    invite.set_extension("X-Ticket", "12345678901234567890").unwrap();
    let alice = kit.incoming(invite.clone());
    let bob = kit.expect_open();
    assert_eq!(bob.request.extension("X-Ticket"), Some("12345678901234567890"));
    kit.answer(&bob, StatusCode::RINGING);
    kit.expect_response(alice, StatusCode::RINGING);
    kit.answer(&bob, StatusCode::OK);
    kit.expect_response(alice, StatusCode::OK);
    kit.request(alice, invite.with_method(Method::Ack));
    kit.expect_send(bob.leg, Method::Ack);
    kit.hang_up(bob.leg);
    kit.expect_send(alice, Method::Bye);
    kit.assert_finished();
}

#[test]
fn a_script_lets_agents_ring_in_turn() {
    let mut kit = kit();
    let caller = kit.incoming(request(Method::Invite, "hunt"));
    let ann = kit.expect_open();
    assert_eq!(ann.request_uri(), "ann@example.com");
    kit.answer(&ann, StatusCode::RINGING);
    kit.expect_response(caller, StatusCode::RINGING);
    kit.advance(Duration::from_secs(10));
    kit.expect_send(ann.leg, Method::Cancel);
    let ben = kit.expect_open();
    kit.answer(&ben, StatusCode::OK);
    kit.expect_response(caller, StatusCode::OK);
    kit.request(caller, request(Method::Ack, "hunt"));
    kit.expect_send(ben.leg, Method::Ack);
    kit.lose(caller);
    kit.expect_send(ben.leg, Method::Bye);
    kit.assert_finished();
}

#[test]
fn the_store_the_settings_and_chance_are_the_hosts() {
    let mut kit = kit().configured(r#"{"a":1}"#);
    ask(&mut kit, "relation");
    assert_eq!(ask(&mut kit, "count"), r#""1""#);
    assert_eq!(ask(&mut kit, "count"), r#""2""#);
    assert_eq!(ask(&mut kit, "store"), r#"[["a/1","a/2"],"short",null,null]"#);
    assert_eq!(kit.store().get("a/2").unwrap().value[..], [0, 255]);
    kit.advance(Duration::from_secs(5));
    let facts = ask(&mut kit, "facts");
    assert!(facts.contains(r#"5000,{"a":1}"#), "{facts}");
    let draw = || {
        let mut kit = TestKit::new(loaded());
        ask(&mut kit, "random")
    };
    assert_eq!(draw(), draw());
}

#[test]
fn siblings_watches_and_new_settings_are_events() {
    let mut kit = kit();
    ask(&mut kit, "relation");
    ask(&mut kit, "listen");
    ask(&mut kit, "publish");
    assert_eq!(kit.expect_published(), ("news".to_owned(), "hello".to_owned()));
    kit.publish("news", "fresh");
    ask(&mut kit, "sync");
    assert!(kit.sync());
    let mut kit = kit.configured(r#"{"a":2}"#);
    kit.event(Event::ConfigChanged);
    assert_eq!(
        logs(&kit),
        [
            r#"{"type":"published","topic":"news","text":"fresh"}"#,
            r#"{"type":"synced","id":1}"#,
            r#"settings: {"a":2}"#
        ]
    );
}

#[test]
fn http_goes_both_ways() {
    let mut kit = kit();
    assert_eq!(ask(&mut kit, "fetch"), "1");
    let (id, request) = kit.expect_fetch();
    assert_eq!(
        (request.body, request.timeout),
        ("ü".into(), Duration::from_secs(10))
    );
    let mut response = HttpResponse::new(200);
    response.body = "schön".into();
    kit.fetched(id, Ok(response));
    assert_eq!(logs(&kit), ["fetched schön"]);

    let service = loaded();
    assert!(service.takes_http());
    let keyed = HttpRequest::new("GET", "/keyed/a");
    assert_eq!(service.try_http_key(&keyed), Ok(Some("a".to_owned())));
    let mut kit = TestKit::new(service);
    let mut asked = HttpRequest::new("PUT", "/other");
    asked.body = b"{}".to_vec();
    let asked = kit.http(asked);
    let response = kit.expect_http(asked, 202);
    assert_eq!(response.body, b"PUT /other {}");
}

#[test]
fn keys_and_settings_are_asked_for() {
    let service = loaded();
    let mut keyed = request(Method::Message, "echo");
    assert_eq!(service.key(&keyed), None);
    keyed.set_extension("X-Key", r#""room""#).unwrap();
    assert_eq!(service.key(&keyed).as_deref(), Some("room"));
    assert_eq!(
        service.check_config(r#"{"wrong":1}"#),
        Err("it is wrong".to_owned())
    );
    assert_eq!(service.check_config("{}"), Ok(()));
}

#[test]
fn an_instance_goes_over_to_the_next_version() {
    let mut kit = kit();
    ask(&mut kit, "relation");
    assert_eq!(ask(&mut kit, "times"), "2");
    kit.upgrade(loaded()).unwrap();
    assert_eq!(ask(&mut kit, "times"), "3");
}

#[test]
fn what_is_thrown_ends_the_instance_and_says_where() {
    let mut kit = kit();
    let leg = kit.incoming(request(Method::Message, "throw"));
    kit.expect_response(leg, StatusCode::SERVER_INTERNAL_ERROR);
    assert_eq!(kit.failure(), Some("TypeError: this is wrong"));
    let (level, text) = &kit.logs()[0];
    assert_eq!(*level, LogLevel::Error);
    assert!(text.contains("this is wrong\n    at "), "{text}");
}

#[test]
fn nothing_ambient_is_there_and_it_says_so() {
    for (what, said) in [
        ("clock", "no clock"),
        ("date", "no clock"),
        ("chance", "no chance"),
    ] {
        let mut kit = kit();
        let leg = kit.incoming(request(Method::Message, what));
        kit.expect_response(leg, StatusCode::SERVER_INTERNAL_ERROR);
        assert!(kit.failure().unwrap().contains(said), "{what}");
    }
    let mut kit = kit();
    ask(&mut kit, "console");
    assert_eq!(kit.logs(), [(LogLevel::Warn, r#"odd {"a":1} [2]"#.to_owned())]);
}

#[test]
fn a_runaway_and_a_memory_bomb_end_alone() {
    // Their pause is theirs alone.
    let service = load();
    let kit = || TestKit::new(service.clone());
    let mut neighbour = kit();
    ask(&mut neighbour, "relation");
    for what in ["forever", "memory"] {
        let mut kit = kit();
        let leg = kit.incoming(request(Method::Message, what));
        kit.expect_response(leg, StatusCode::SERVER_INTERNAL_ERROR);
        assert!(kit.failure().is_some(), "{what}");
    }
    assert_eq!(ask(&mut neighbour, "times"), "2");
}

#[test]
fn what_is_refused_is_told() {
    let mut kit = kit();
    ask(&mut kit, "relation");
    ask(&mut kit, "stray");
    assert!(matches!(
        kit.refusals(),
        [(
            _,
            SendError::LegEnded | SendError::UnknownLeg | SendError::Answered
        )]
    ));
    assert!(logs(&kit)[0].contains(r#""type":"refused""#), "{:?}", kit.logs());
}
