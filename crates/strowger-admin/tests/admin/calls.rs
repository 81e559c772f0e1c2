//! Calls and figures as they happen.

use std::time::Duration;

use http::Method;
use serde_json::Value;
use strowger_admin::access::Tokens;

use crate::harness::{Setup, Stream, World};

/// The next event of an answer that goes on.
async fn next(stream: &mut Stream) -> (String, Option<String>, Value) {
    let next = tokio::time::timeout(Duration::from_secs(60), stream.next()).await;
    next.expect("something comes").expect("it goes on")
}

/// The next one of this name.
async fn next_named(stream: &mut Stream, name: &str) -> (Option<String>, Value) {
    loop {
        let (event, id, data) = next(stream).await;
        if event == name {
            return (id, data);
        }
    }
}

#[tokio::test]
async fn figures_come_again_and_again() {
    let world = World::new();
    let mut stream = world.follow("/v1/figures/stream?every_ms=200").await;
    assert_eq!(stream.headers["cache-control"], "no-store");
    assert_eq!(stream.headers["x-accel-buffering"], "no");
    let (_, first) = next_named(&mut stream, "figures").await;
    world.hold("echo").await;
    let started = async {
        loop {
            let (_, figures) = next_named(&mut stream, "figures").await;
            assert!(figures["at_ms"].as_f64() > first["at_ms"].as_f64());
            if figures["instances"] == 1 {
                break figures;
            }
        }
    };
    let figures = tokio::time::timeout(Duration::from_secs(60), started).await;
    assert!(figures.unwrap()["in_services"]["echo"]["count"].is_u64());
    for bad in ["199", "60001", "x", "-1"] {
        let answer = world.get(&format!("/v1/figures/stream?every_ms={bad}")).await;
        answer.problem(400);
    }
}

#[tokio::test]
async fn a_call_is_listed_shown_and_followed_to_its_end() {
    let world = World::new();
    let mut all = world.follow("/v1/calls/stream?service=echo").await;
    world.hold("echo").await;
    let (_, call) = next_named(&mut all, "call").await;
    assert_eq!(
        (&call["service"], &call["ended_ms"]),
        (&"echo".into(), &Value::Null)
    );
    let name = call["call"].as_str().unwrap();
    let (id, event) = next_named(&mut all, "event").await;
    assert_eq!(
        (id, &event["call"], &event["kind"]),
        (None, &name.into(), &"handled".into())
    );
    let mut one = world.follow(&format!("/v1/calls/{name}/stream?after=1")).await;
    let (id, event) = next_named(&mut one, "event").await;
    assert_eq!((id.as_deref(), &event["seq"]), (Some("2"), &2.into()));
    let listed = world.get("/v1/calls?service=echo&live=true").await.json();
    assert_eq!(
        (&listed["items"][0]["call"], &listed["next"]),
        (&name.into(), &Value::Null)
    );
    let shown = world.get(&format!("/v1/calls/{name}")).await.json();
    assert_eq!(shown["call"], name);
    let kinds: Vec<_> = shown["list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["handled", "logged", "decided", "decided"], "{shown}");
    assert_eq!(shown["list"][1]["text"], "GET /hold");
    let ended = world
        .ask(Method::DELETE, &format!("/v1/instances/{name}"), "")
        .await;
    assert_eq!(ended.status, 204);
    let (_, event) = next_named(&mut one, "event").await;
    let last = loop {
        let (name, _, data) = next(&mut one).await;
        if name == "end" {
            break data;
        }
    };
    assert!(last.is_object() && event["seq"].is_u64());
    assert_eq!(one.next().await, None);
    let listed = world.get("/v1/calls?live=true").await.json();
    assert_eq!(listed["items"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn what_does_not_fit_is_a_problem() {
    let world = World::new();
    for bad in [
        "/v1/calls?limit=0",
        "/v1/calls?limit=1001",
        "/v1/calls?after=0x1",
        "/v1/calls?after=+1",
        "/v1/calls?other=1",
        "/v1/calls?live=maybe",
        "/v1/calls/stream?backlog=2",
    ] {
        world.get(bad).await.problem(400);
    }
    let long = "a".repeat(256);
    world.get(&format!("/v1/calls?user={long}")).await.problem(400);
    for gone in ["0000ff-0-0", "d:0000ff-0-0", "x", "%00"] {
        assert!(
            world
                .get(&format!("/v1/calls/{gone}"))
                .await
                .problem(404)
                .contains("not kept")
        );
        world.get(&format!("/v1/calls/{gone}/stream")).await.problem(404);
    }
}

#[tokio::test]
async fn bodies_are_for_those_who_may_do_more_than_read() {
    let tokens = "read reader-0123456789\noperate operates-0123456789";
    let mut world = World::with(Setup {
        tokens: Tokens::parse(tokens).unwrap(),
        ..Setup::default()
    });
    world.get("/v1/calls").await.problem(401);
    world.token = Some("operates-0123456789".to_owned());
    let _all = world.follow("/v1/calls/stream").await;
    let body = r#"{"to": "nobody@example.com", "text": "hello"}"#;
    assert_eq!(world.post("/v1/messages", body).await.json()["code"], 480);
    let listed = async {
        loop {
            let listed = world.get("/v1/calls?user=nobody&live=false").await.json();
            if let Some(call) = listed["items"][0]["call"].as_str() {
                break call.to_owned();
            }
        }
    };
    let call = tokio::time::timeout(Duration::from_secs(60), listed)
        .await
        .unwrap();
    let path = format!("/v1/calls/{call}");
    let sent = |call: Value| {
        let list = call["list"].as_array().unwrap().clone();
        let sent = list.into_iter().find(|event| event["kind"] == "sent");
        sent.unwrap()
    };
    assert_eq!(sent(world.get(&path).await.json())["body"], "\"hello\"");
    world.token = Some("reader-0123456789".to_owned());
    let event = sent(world.get(&path).await.json());
    assert_eq!(
        (&event["label"], &event["body"]),
        (&"MESSAGE 1".into(), &Value::Null)
    );
    let mut stream = world.follow(&format!("{path}/stream")).await;
    loop {
        let (name, _, data) = next(&mut stream).await;
        assert_eq!(data["body"], Value::Null);
        if name == "end" {
            break;
        }
    }
}
