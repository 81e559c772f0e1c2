//! Instances, their log lines, and what services answer themselves.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;

use crate::harness::World;

async fn list(world: &World, query: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let part = world.get(&format!("/v1/instances?{query}{after}")).await.json();
        all.extend(part["items"].as_array().unwrap().iter().cloned());
        match part["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn instances_are_listed_in_parts_and_filtered() {
    let world = World::new();
    world.load("1", "one").await;
    for _ in 0..3 {
        world.hold("rooms").await;
    }
    world.load("2", "two").await;
    world.hold("rooms").await;
    world.hold("echo").await;
    for limit in [1, 2, 100] {
        assert_eq!(list(&world, &format!("limit={limit}")).await.len(), 5);
        assert_eq!(
            list(&world, &format!("limit={limit}&service=rooms")).await.len(),
            4
        );
        assert_eq!(
            list(&world, &format!("limit={limit}&service=rooms&version=1"))
                .await
                .len(),
            3
        );
    }
    let built_in = list(&world, "service=echo&version=built-in").await;
    assert_eq!((built_in.len(), &built_in[0]["timers"]), (1, &1.into()));
    for bad in [
        "limit=0",
        "limit=1001",
        "after=x",
        "version=1",
        "limit=x",
        "odd=1",
        "service=../x",
    ] {
        world.get(&format!("/v1/instances?{bad}")).await.problem(400);
    }
    world
        .get("/v1/instances?service=rooms&version=9")
        .await
        .problem(404);
}

#[tokio::test]
async fn one_instance_is_shown_and_ended() {
    let world = World::new();
    world.hold("echo").await;
    let id = list(&world, "").await[0]["instance"].as_str().unwrap().to_owned();
    let path = format!("/v1/instances/{id}");
    assert_eq!(world.get(&path).await.json()["service"], "echo");
    assert_eq!(world.delete(&path).await.status, 204);
    world.get(&path).await.problem(404);
    world.delete(&path).await.problem(404);
    world.delete("/v1/instances/..%2fx").await.problem(400);
    assert!(list(&world, "").await.is_empty());
}

#[tokio::test]
async fn log_lines_are_read_and_waited_for() {
    let world = World::new();
    world.get("/services/echo/a").await;
    world.get("/services/echo/b").await;
    let lines = world.get("/v1/services/echo/logs?limit=1").await.json();
    assert_eq!(
        (&lines["lines"][0]["text"], &lines["last"]),
        (&"GET /a".into(), &1.into())
    );
    let (waited, _) = tokio::join!(world.get("/v1/services/echo/logs?after=2&wait=30"), async {
        tokio::task::yield_now().await;
        world.get("/services/echo/c?d=e").await
    });
    assert_eq!(waited.json()["lines"][0]["text"], "GET /c?d=e");
    assert_eq!(
        world.get("/v1/services/relay/logs").await.json()["lines"],
        Value::Array(Vec::new())
    );
    for bad in ["wait=31", "limit=0", "limit=1001", "after=-1"] {
        world
            .get(&format!("/v1/services/echo/logs?{bad}"))
            .await
            .problem(400);
    }
    world.get("/v1/services/nobody/logs").await.problem(404);
}

#[tokio::test]
async fn a_service_answers_below_its_name() {
    let world = World::new();
    assert_eq!(world.get("/services/echo/").await.text(), "built-in echo");
    assert_eq!(
        world.post("/services/echo/some/path?x=1", "body").await.text(),
        "built-in echo"
    );
    assert_eq!(world.get("/services/nobody/x").await.status, 404);
    world
        .post("/services/echo/x", &"x".repeat(101))
        .await
        .problem(413);
    world.get("/services/echo").await.problem(404);
}

#[tokio::test]
async fn a_drain_shows_in_readiness_and_not_in_health() {
    let world = World::new();
    assert_eq!(world.get("/readyz").await.text(), "ready\n");
    world.draining.store(true, Ordering::Release);
    let answer = world.get("/readyz").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (503, "draining\n"));
    assert_eq!(world.get("/healthz").await.text(), "ok\n");
    world.hold("echo").await;
    // The shard tells its figures when it has settled.
    let end = tokio::time::Instant::now() + Duration::from_secs(60);
    while world.get("/figures").await.json()["instances"] != 1 {
        assert!(tokio::time::Instant::now() < end, "the instance is not counted");
    }
}

#[tokio::test]
async fn figures_come_as_prometheus_reads_them() {
    let world = World::new();
    world.load("1", "one").await;
    world.hold("rooms").await;
    let end = tokio::time::Instant::now() + Duration::from_secs(60);
    let text = loop {
        let text = world.get("/metrics").await.text().to_owned();
        if text.contains("strowger_instances 1\n") {
            break text;
        }
        assert!(
            tokio::time::Instant::now() < end,
            "the instance is not counted: {text}"
        );
    };
    for line in [
        "# TYPE strowger_channels gauge",
        "# TYPE strowger_messages counter",
        "strowger_messages_total{direction=\"received\"} 0",
        "strowger_requests_refused_total{reason=\"rate\"} 0",
        "strowger_service_instances{service=\"rooms\",version=\"1\"} 1",
        "strowger_service_starts_total{service=\"rooms\",version=\"1\"} 1.0",
        "strowger_draining 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
    // Each metric is described once, and no two samples have the same name and labels.
    let mut seen = std::collections::HashSet::new();
    for line in text.lines().filter(|line| !line.starts_with("# HELP")) {
        let sample = line.rsplit_once(' ').map_or(line, |(sample, _)| sample);
        assert!(seen.insert(sample.to_owned()), "{sample} is there twice");
    }
}

#[tokio::test]
async fn a_reload_says_what_it_took_over() {
    let world = World::new();
    let answer = world.ask(http::Method::POST, "/v1/reload", "").await.json();
    assert_eq!(
        answer,
        serde_json::json!({"taken": ["origins"], "needs_restart": []})
    );
}
