//! What nobody should send.

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{COMPONENT_BYTES, World};

#[tokio::test]
async fn names_that_are_none_are_refused_before_anything_else() {
    let world = World::new();
    for name in [
        "..%2fx",
        "%2e%2e",
        "a%20b",
        "default",
        "%00",
        "a.b",
        &"x".repeat(64),
        "%C3%A9",
    ] {
        let path = format!("/v1/services/{name}");
        world.get(&path).await.problem(400);
        world.post(&format!("{path}/versions"), "one").await.problem(400);
        world.post(&format!("{path}/drain"), "").await.problem(400);
        world.delete(&path).await.problem(400);
    }
    for label in ["..%2fx", "..", "", "a%20b", "built-in", "deadbeef"] {
        world
            .post(&format!("/v1/services/rooms/versions?label={label}"), "one")
            .await
            .problem(400);
    }
    world.load("1", "one").await;
    for version in ["..%2fx", "%2e%2e", "a%20b"] {
        world
            .get(&format!("/v1/services/rooms/versions/{version}"))
            .await
            .problem(400);
        world
            .delete(&format!("/v1/services/rooms/versions/{version}"))
            .await
            .problem(400);
        world
            .make_default(&version.replace("%2f", "/"))
            .await
            .problem(400);
    }
    world.get("/v1/services/../../etc/passwd").await.problem(404);
}

#[tokio::test]
async fn a_component_that_is_too_large_is_refused() {
    let world = World::new();
    let path = "/v1/services/rooms/versions";
    let detail = world
        .post(path, &"x".repeat(COMPONENT_BYTES + 1))
        .await
        .problem(413);
    assert!(detail.contains("1000 bytes"), "{detail}");
    assert_eq!(world.post(path, &"x".repeat(COMPONENT_BYTES)).await.status, 201);
}

#[tokio::test]
async fn what_is_not_there_or_not_meant_so_is_a_problem() {
    let world = World::new();
    world.get("/nothing").await.problem(404);
    world.get("/v2/services").await.problem(404);
    let answer = world.delete("/healthz").await;
    answer.problem(405);
    assert!(answer.headers.contains_key("allow"));
    world
        .ask(Method::PUT, "/v1/services/echo/default", "{")
        .await
        .problem(400);
    world
        .ask(Method::PUT, "/v1/services/echo/default", r#"{"version":1}"#)
        .await
        .problem(422);
    world
        .ask(Method::PUT, "/v1/services/echo/default", r#"{"odd":"1"}"#)
        .await
        .problem(422);
    world
        .ask(Method::PUT, "/v1/services/echo/default", "version=1")
        .await
        .problem(415);
    world
        .delete("/v1/services/rooms?delete=perhaps")
        .await
        .problem(400);
}

#[tokio::test]
async fn no_more_uploads_at_a_time_than_there_is_memory_for() {
    let world = World::new();
    let head = format!(
        "POST /v1/services/rooms/versions HTTP/1.1\r\nhost: {}\r\ncontent-length: 10\r\n\r\none",
        world.authority()
    );
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut tcp = TcpStream::connect(world.authority()).await.unwrap();
        tcp.write_all(head.as_bytes()).await.unwrap();
        slow.push(tcp);
    }
    // They have their places once the server has read their heads.
    let busy = loop {
        let answer = world.post("/v1/services/rooms/versions", "two").await;
        if answer.status == 503 {
            break answer;
        }
    };
    busy.problem(503);
    assert_eq!(busy.headers["retry-after"], "2");
    let mut tcp = slow.remove(0);
    tcp.write_all(b" of ten").await.unwrap();
    let mut answer = [0; 12];
    tcp.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 201");
    assert!(
        world
            .post("/v1/services/rooms/versions", "two")
            .await
            .status
            .is_success()
    );
}

#[tokio::test]
async fn a_change_is_made_whole_also_when_nobody_waits_for_it() {
    let world = World::new();
    let mut tcp = TcpStream::connect(world.authority()).await.unwrap();
    let body = "POST /v1/services/rooms/versions?label=1 HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 3\r\n\r\none";
    tcp.write_all(body.as_bytes()).await.unwrap();
    drop(tcp);
    // Whether it was begun or not, the list and what new instances get agree.
    world.load("2", "two").await;
    assert_eq!(world.say("rooms").await, "two");
    let answer = world.post("/v1/services/rooms/rollback", "").await;
    if answer.status == 200 {
        assert_eq!(world.say("rooms").await, "one");
    }
}
