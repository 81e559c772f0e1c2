//! What was loaded is there after a restart.

use std::fs;
use std::path::Path;

use strowger_admin::services::RestoreError;

use crate::harness::{Setup, World, restore};

fn setup(data: &Path) -> Setup {
    Setup {
        data: Some(data.to_owned()),
        ..Setup::default()
    }
}

/// The one file with this text.
fn file_with(directory: &Path, text: &str) -> std::path::PathBuf {
    let files = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found = files.filter(|path| fs::read(path).is_ok_and(|bytes| bytes == text.as_bytes()));
    found.next().unwrap()
}

#[tokio::test]
async fn the_loaded_set_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("services");
    let world = World::with(setup(&data));
    world.load("1", "one").await;
    world.load("2", "two").await;
    world
        .post("/v1/services/echo/versions?label=1", "another echo")
        .await;
    let before = world.get("/v1/services").await.json();
    world.stop().await;

    let world = World::with(setup(&data));
    assert_eq!(
        (world.say("rooms").await, world.say("echo").await),
        ("two".to_owned(), "another echo".to_owned())
    );
    let mut after = world.get("/v1/services").await.json();
    // Figures count from the start, and only of what was needed.
    let mut without_figures = before;
    for services in [&mut after, &mut without_figures] {
        for service in services.as_array_mut().unwrap() {
            for version in service["versions"].as_array_mut().unwrap() {
                version["figures"].take();
            }
        }
    }
    assert_eq!(after, without_figures);
    assert_eq!(world.post("/v1/services/rooms/rollback", "").await.status, 200);
    assert_eq!(world.say("rooms").await, "one");
    world.delete("/v1/services/rooms?delete=true").await;
    world.stop().await;

    let world = World::with(setup(&data));
    world.get("/v1/services/rooms").await.problem(404);
    let files = fs::read_dir(&data).unwrap().count();
    assert_eq!(files, 3, "the lock, the manifest, and one component");
    world.stop().await;
}

#[tokio::test]
async fn a_version_that_is_damaged_on_disk_is_stepped_over_and_shown() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_owned();
    let world = World::with(setup(&data));
    world.load("1", "one").await;
    world.load("2", "two").await;
    world.stop().await;
    fs::write(file_with(&data, "two"), "too").unwrap();

    let world = World::with(setup(&data));
    assert_eq!(world.say("rooms").await, "one");
    let versions = world.get("/v1/services/rooms/versions").await.json();
    assert!(
        versions[1]["fault"].as_str().unwrap().contains("digest"),
        "{versions}"
    );
    world.make_default("2").await.problem(500);
    assert_eq!(world.say("rooms").await, "one");
    // The same bytes once more mend it.
    world.load("2", "two").await;
    assert_eq!(world.say("rooms").await, "two");
    world.stop().await;
    let world = World::with(setup(&data));
    assert_eq!(world.say("rooms").await, "two");
    world.stop().await;
}

#[tokio::test]
async fn the_default_service_may_be_a_loaded_one() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::with(setup(directory.path()));
    world.load("1", "one").await;
    world.stop().await;
    let with_default = || Setup {
        default: Some("rooms"),
        ..setup(directory.path())
    };
    let world = World::with(with_default());
    assert_eq!(
        world.get("/v1/services/rooms").await.json()["is_default_service"],
        true
    );
    let detail = world.post("/v1/services/rooms/drain", "").await.problem(409);
    assert_eq!(detail, "`rooms` is the default service");
    assert_eq!(world.say("rooms").await, "one");
    world.stop().await;
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_stops_the_start_and_stays() {
    let directory = tempfile::tempdir().unwrap();
    let manifest = directory.path().join("manifest.json");
    fs::write(&manifest, "{").unwrap();
    let Err(error) = restore(&setup(directory.path())) else {
        panic!("it was read")
    };
    assert!(matches!(error, RestoreError::Manifest { .. }), "{error}");
    assert!(error.to_string().contains("manifest.json is damaged"), "{error}");
    assert_eq!(fs::read(&manifest).unwrap(), b"{");
}

#[tokio::test]
async fn a_change_that_cannot_be_written_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::with(setup(directory.path()));
    world.load("1", "one").await;
    let draft = directory.path().join("manifest.json.draft");
    fs::create_dir(&draft).unwrap();
    let answer = world.post("/v1/services/rooms/versions?label=2", "two").await;
    assert!(answer.problem(500).contains("manifest.json"));
    world.post("/v1/services/rooms/drain", "").await.problem(500);
    assert_eq!(world.say("rooms").await, "one");
    assert_eq!(world.counts("rooms").await.len(), 1);
    fs::remove_dir(&draft).unwrap();
    world.load("2", "two").await;
    world.stop().await;
}
