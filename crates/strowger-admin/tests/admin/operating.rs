//! Channels, dialogs, links, messages and the node as a whole.

use http::Method;
use jsip::UserId;
use strowger_channel::net::Knock;

use crate::harness::World;

#[tokio::test]
async fn a_user_is_shown_and_ended() {
    let world = World::new();
    let ticket = world.announce("alice@example.com").await;
    let list = world
        .get("/v1/channels?state=open&kind=user&name=alice")
        .await
        .json();
    let alice = &list["items"][0];
    assert_eq!(
        (&alice["channel"], &alice["state"], &alice["dialogs"]),
        (&"alice@example.com".into(), &"open".into(), &0.into())
    );
    let path = "/v1/channels/alice%40example.com";
    assert_eq!(world.get(path).await.json()["outbox_messages"], 0);
    assert_eq!(world.delete(path).await.status, 204);
    world.delete(path).await.problem(404);
    world.get(path).await.problem(404);
    drop(ticket);
    for bad in ["state=gone", "kind=x", "limit=0", "after=x", "odd=1"] {
        world.get(&format!("/v1/channels?{bad}")).await.problem(400);
    }
    world.get("/v1/channels/%00").await.problem(400);
}

#[tokio::test]
async fn a_message_waits_in_the_outbox_and_its_dialog_can_be_ended() {
    let world = World::new();
    let _alice = world.announce("alice@example.com").await;
    let body = r#"{"to": "alice@example.com", "text": "noon"}"#;
    let (answer, ()) = tokio::join!(world.post("/v1/messages", body), async {
        let path = "/v1/dialogs?user=alice@example.com&state=transaction";
        let end = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
        let dialog = loop {
            let list = world.get(path).await.json();
            if let Some(dialog) = list["items"].get(0) {
                break dialog.clone();
            }
            assert!(tokio::time::Instant::now() < end, "there is no dialog");
        };
        assert_eq!(
            (&dialog["channel"], &dialog["from"], &dialog["open"][0]["method"]),
            (
                &"alice@example.com".into(),
                &"operator@localhost".into(),
                &"MESSAGE".into()
            )
        );
        let path = format!("/v1/dialogs/{}", dialog["dialog"].as_str().unwrap());
        assert_eq!(world.get(&path).await.json()["state"], "Transaction");
        assert_eq!(world.delete(&path).await.status, 204);
        world.delete(&path).await.problem(404);
    });
    assert_eq!(answer.json()["code"], 480);
    assert_eq!(answer.json()["reason"], "ended by the operator");
}

#[tokio::test]
async fn a_message_to_nobody_is_answered_480_and_a_bad_one_is_refused() {
    let world = World::new();
    let answer = world
        .post("/v1/messages", r#"{"to": "nobody@example.com", "text": "x"}"#)
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["code"]),
        (200, &480.into())
    );
    for bad in [
        r#"{"to": "", "text": "x"}"#,
        r#"{"to": "bob@example.com", "text": "x", "from": "alice@example.com"}"#,
    ] {
        world.post("/v1/messages", bad).await.problem(400);
    }
    assert_eq!(
        world.get("/v1/links").await.json()["items"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn the_node_tells_its_limits_and_takes_a_log_level() {
    let world = World::new();
    let limits = world.get("/v1/limits").await.json();
    assert_eq!(limits["limits"][0]["key"], "timers.transaction");
    let set = async |level: &str| {
        let body = format!(r#"{{"level": "{level}"}}"#);
        world.ask(Method::PUT, "/v1/log-level", &body).await
    };
    assert_eq!(set("debug").await.status, 204);
    assert_eq!(set("loud").await.problem(400), "`loud` is no level");
}

#[tokio::test]
async fn a_drain_is_begun_once_and_shows_in_readiness() {
    let world = World::new();
    for _ in 0..2 {
        assert_eq!(world.post("/v1/drain", "").await.status, 202);
    }
    assert_eq!(world.get("/readyz").await.status, 503);
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    let name = UserId::new("bob@example.com").unwrap();
    let (uri, headers) = (
        http::Uri::from_static("/rtc?userid=bob@example.com"),
        http::HeaderMap::new(),
    );
    let knock = Knock {
        name: &name,
        uri: &uri,
        headers: &headers,
        address: std::net::Ipv4Addr::LOCALHOST.into(),
        certificate: None,
    };
    while world.node.admission().admit(knock).await.is_ok() {
        assert!(tokio::time::Instant::now() < end, "users still come in");
    }
}
