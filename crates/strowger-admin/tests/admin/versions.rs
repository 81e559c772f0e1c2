//! Versions are loaded, chosen, rolled back and unloaded while instances run.

use http::Method;

use crate::harness::World;

#[tokio::test]
async fn a_loaded_version_is_what_new_instances_get_at_once() {
    let world = World::new();
    let answer = world.post("/v1/services/rooms/versions?label=1.0", "one").await;
    assert_eq!(answer.status, 201);
    let version = answer.json();
    assert_eq!(
        (&version["label"], &version["is_default"], &version["bytes"]),
        (&"1.0".into(), &true.into(), &3.into())
    );
    assert_eq!(
        version["version"],
        "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    );
    assert_eq!(world.say("rooms").await, "one");
    let again = world.post("/v1/services/Rooms/versions?label=1.0", "one").await;
    assert_eq!(again.status, 200);
    assert_eq!(world.counts("rooms").await.len(), 1);
}

#[tokio::test]
async fn running_instances_finish_on_the_old_version_and_both_counts_are_seen() {
    let world = World::new();
    world.load("1", "one").await;
    assert_eq!(world.hold("rooms").await, "one");
    world.load("2", "two").await;
    assert_eq!(world.hold("rooms").await, "two");
    assert_eq!(world.hold("rooms").await, "two");
    assert_eq!(
        world.counts("rooms").await,
        [("1".to_owned(), 1), ("2".to_owned(), 2)]
    );
    let service = world.get("/v1/services/rooms").await.json();
    assert_eq!(
        (&service["instances"], &service["default"]),
        (&3.into(), &"2".into())
    );
    assert_eq!(service["versions"][1]["figures"]["started"], 2);
    let answer = world.post("/v1/services/rooms/rollback", "").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["default"]),
        (200, &"1".into())
    );
    assert_eq!(world.hold("rooms").await, "one");
    assert_eq!(
        world.counts("rooms").await,
        [("1".to_owned(), 2), ("2".to_owned(), 2)]
    );
}

#[tokio::test]
async fn a_version_that_fails_changes_nothing() {
    let world = World::new();
    world.load("1", "one").await;
    let before = world.get("/v1/services").await.json();
    let detail = world
        .post("/v1/services/rooms/versions?label=2", "bad")
        .await
        .problem(422);
    assert_eq!(
        detail,
        "the file for `rooms` does not pass its start check: trapped"
    );
    world.post("/v1/services/new/versions", "bad").await.problem(422);
    assert_eq!(world.get("/v1/services").await.json(), before);
    assert_eq!(world.say("rooms").await, "one");
    world.get("/v1/services/new").await.problem(404);
}

#[tokio::test]
async fn a_version_is_chosen_by_label_and_digest_and_what_is_built_in_by_that_name() {
    let world = World::new();
    world.load("1", "one").await;
    world
        .post("/v1/services/rooms/versions?label=2&default=false", "two")
        .await;
    assert_eq!(world.say("rooms").await, "one");
    for (version, says) in [
        ("2", "two"),
        ("7692c3ad", "one"),
        (
            "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3",
            "two",
        ),
    ] {
        assert_eq!(world.make_default(version).await.status, 200, "{version}");
        assert_eq!(world.say("rooms").await, says);
    }
    world.make_default("3").await.problem(404);
    world.make_default("built-in").await.problem(404);
    world
        .post("/v1/services/relay/versions?label=1", "another relay")
        .await;
    assert_eq!(world.say("relay").await, "another relay");
    let body = r#"{"version":"built-in"}"#;
    assert_eq!(
        world
            .ask(Method::PUT, "/v1/services/relay/default", body)
            .await
            .status,
        200
    );
    assert_eq!(world.say("relay").await, "built-in relay");
}

#[tokio::test]
async fn a_label_is_given_once() {
    let world = World::new();
    world.load("1", "one").await;
    let detail = world
        .post("/v1/services/rooms/versions?label=1", "other")
        .await
        .problem(409);
    assert!(detail.starts_with("the label 1 is taken"), "{detail}");
    world
        .post("/v1/services/rooms/versions?label=2", "one")
        .await
        .problem(409);
}

#[tokio::test]
async fn a_service_with_running_instances_drains_before_it_is_unloaded() {
    let world = World::new();
    world.load("1", "one").await;
    world.hold("rooms").await;
    let detail = world.delete("/v1/services/rooms").await.problem(409);
    assert_eq!(detail, "1 instances run on it; drain it, or ask to end them");
    let answer = world.post("/v1/services/rooms/drain", "").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["instances"]),
        (202, &1.into())
    );
    assert_eq!(world.get("/services/rooms/say").await.status, 404);
    assert_eq!(world.delete("/v1/services/rooms?end=true").await.status, 204);
    assert_eq!(world.counts("rooms").await, [("1".to_owned(), 0)]);
    // Its version is kept until it is deleted.
    assert_eq!(world.make_default("1").await.status, 200);
    assert_eq!(world.say("rooms").await, "one");
    assert_eq!(world.delete("/v1/services/rooms?delete=true").await.status, 204);
    world.get("/v1/services/rooms").await.problem(404);
}

#[tokio::test]
async fn one_version_is_unloaded_unless_it_is_the_default_or_runs() {
    let world = World::new();
    world.load("1", "one").await;
    world.hold("rooms").await;
    world.load("2", "two").await;
    world.delete("/v1/services/rooms/versions/2").await.problem(409);
    world.delete("/v1/services/rooms/versions/1").await.problem(409);
    world.delete("/v1/services/rooms/versions/3").await.problem(404);
    assert_eq!(
        world
            .delete("/v1/services/rooms/versions/1?end=true&delete=true")
            .await
            .status,
        204
    );
    assert_eq!(world.counts("rooms").await, [("2".to_owned(), 0)]);
    world.post("/v1/services/rooms/rollback", "").await.problem(409);
}

#[tokio::test]
async fn what_is_built_in_or_the_default_service_cannot_be_taken_away() {
    let world = World::new();
    world.delete("/v1/services/echo").await.problem(409);
    world.post("/v1/services/relay/versions?label=1", "one").await;
    assert_eq!(world.delete("/v1/services/relay?delete=true").await.status, 204);
    assert_eq!(world.say("relay").await, "built-in relay");
}

#[tokio::test]
async fn old_versions_make_room_for_new_ones() {
    let world = World::new();
    for number in 0..20 {
        world.load(&format!("v{number}"), &format!("text {number}")).await;
    }
    let labels: Vec<String> = world
        .counts("rooms")
        .await
        .into_iter()
        .map(|(label, _)| label)
        .collect();
    assert_eq!(labels, ["v16", "v17", "v18", "v19"]);
}

#[tokio::test]
async fn signatures_go_along() {
    let world = World::new();
    let path = "/v1/services/rooms/versions";
    world.post(path, "signed").await.problem(422);
    let mut request = world.request(Method::POST, path, "signed");
    request
        .headers_mut()
        .insert("strowger-signature", "YnkgbWU=".parse().unwrap());
    assert_eq!(world.send(request).await.status, 201);
    // It is kept with the component, and shown again when that is needed again.
    world.load("2", "two").await;
    assert_eq!(world.post("/v1/services/rooms/rollback", "").await.status, 200);
    let mut request = world.request(Method::POST, path, "signed");
    request
        .headers_mut()
        .insert("strowger-signature", "?".parse().unwrap());
    world.send(request).await.problem(400);
}
