//! Services loaded, changed and taken out of use from the command line, in the server as a process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use http::Method;
use strowger::operator::{Operator, Sent};
use strowger_admin::view::VersionView;
use support::Running;

/// A server with a data directory, and the command line of who operates it.
struct World {
    data: tempfile::TempDir,
    server: Running,
    admin: String,
}

impl World {
    fn new() -> Self {
        Self::start(tempfile::tempdir().unwrap())
    }

    fn start(data: tempfile::TempDir) -> Self {
        let config = format!("data = {:?}\n", data.path());
        let mut server = Running::start_with(&config, &["--admin-listen", "127.0.0.1:0"]);
        let admin = server.admin();
        Self { data, server, admin }
    }

    fn restart(self) -> Self {
        let Self { data, server, .. } = self;
        drop(server);
        Self::start(data)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_strowger"));
        command.args(arguments).env("STROWGER_ADMIN", &self.admin);
        command.env_remove("STROWGER_ADMIN_TOKEN").output().unwrap()
    }

    /// What `strowger service` prints.
    #[track_caller]
    fn service(&self, arguments: &[&str]) -> String {
        let output = self.run(&[&["service"], arguments].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it says is wrong.
    #[track_caller]
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(&[&["service"], arguments].concat());
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// The words of a service's row in a table.
    fn row(&self, service: &str) -> Vec<String> {
        let table = self.service(&["ls"]);
        let row = table.lines().find(|line| line.starts_with(service));
        row.unwrap_or("").split_whitespace().map(str::to_owned).collect()
    }

    /// What a message to a service is answered.
    fn say(&self, service: &str) -> String {
        let output = self.run(&[
            "ua",
            "--as",
            "alice@example.com",
            "--url",
            &self.server.url,
            "--service",
            service,
            "msg",
            "nobody@example.com",
            "hi",
        ]);
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A component that `cargo xtask guests` has built.
fn guest(name: &str) -> String {
    let directory = std::env::var_os("STROWGER_GUESTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests/wasm32-unknown-unknown/release"),
        PathBuf::from,
    );
    directory.join(format!("{name}.wasm")).display().to_string()
}

#[test]
fn a_health_check_fails_when_nobody_answers() {
    let world = World::new();
    for (arguments, said) in [(&["health"][..], "ok\n"), (&["health", "--ready"], "ready\n")] {
        let output = world.run(arguments);
        assert!(output.status.success());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), said);
    }
    let World { data, server, admin } = world;
    drop((data, server));
    let mut command = Command::new(env!("CARGO_BIN_EXE_strowger"));
    let output = command.args(["health", "--admin", &admin]).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("nobody answers"), "{said}");
}

#[test]
fn what_is_loaded_serves_at_once_and_survives_a_restart() {
    let world = World::new();
    assert!(world.say("parrot").starts_with("404 "), "{}", world.say("parrot"));
    let said = world.service(&["load", "parrot", &guest("echo"), "--label", "1.0"]);
    assert!(said.starts_with("parrot 1.0 is loaded"), "{said}");
    assert_eq!(world.say("parrot"), "200 OK: hi\n");
    world.service(&["load", "parrot", &guest("relay"), "--label", "2.0"]);
    assert!(world.say("parrot").starts_with("480 "), "{}", world.say("parrot"));
    let world = world.restart();
    assert_eq!(world.row("parrot"), ["parrot", "2.0", "2", "0"]);
    assert_eq!(
        world.service(&["rollback", "parrot"]),
        "New instances of parrot get version 1.0\n"
    );
    assert_eq!(world.say("parrot"), "200 OK: hi\n");
    let world = world.restart();
    assert_eq!(world.row("parrot"), ["parrot", "1.0", "2", "0"]);
    assert_eq!(world.say("parrot"), "200 OK: hi\n");
    world.service(&["default", "parrot", "2.0"]);
    let versions = world.service(&["versions", "parrot"]);
    let of = |label: &str| versions.lines().find(|line| line.starts_with(label)).unwrap();
    assert!(
        of("2.0").contains("default") && !of("1.0").contains("default"),
        "{versions}"
    );
}

#[tokio::test]
async fn figures_of_a_version_go_on_when_it_is_the_default_again() {
    let world = World::new();
    world.service(&["load", "parrot", &guest("echo"), "--label", "1.0"]);
    world.say("parrot");
    world.service(&["load", "parrot", &guest("relay"), "--label", "2.0"]);
    world.service(&["rollback", "parrot"]);
    world.say("parrot");
    let operator = Operator::new(&world.admin, None).unwrap();
    let path = "/v1/services/parrot/versions/1.0";
    let version: VersionView = operator.ask(Method::GET, path, Sent::default()).await.unwrap();
    assert_eq!(version.figures.unwrap().started, 2);
}

#[test]
fn what_cannot_be_a_service_is_explained_and_changes_nothing() {
    let world = World::new();
    world.service(&["load", "parrot", &guest("echo"), "--label", "1.0"]);
    let text = world.data.path().join("text.wasm");
    std::fs::write(&text, "not WebAssembly").unwrap();
    let text = text.display().to_string();
    let said = world.refused(&["load", "parrot", &text]);
    assert!(said.contains("the file for `parrot` is no WebAssembly"), "{said}");
    let said = world.refused(&["load", "../parrot", &guest("echo")]);
    assert!(said.contains("a service is named by"), "{said}");
    let said = world.refused(&["load", "parrot", "/nowhere/at/all.wasm"]);
    assert!(said.contains("/nowhere/at/all.wasm"), "{said}");
    let said = world.refused(&["default", "parrot", "9.9"]);
    assert!(said.starts_with("refused: "), "{said}");
    assert_eq!(world.row("parrot"), ["parrot", "1.0", "1", "0"]);
    assert_eq!(world.say("parrot"), "200 OK: hi\n");
}

#[test]
fn a_service_is_drained_and_unloaded() {
    let world = World::new();
    world.service(&["load", "parrot", &guest("echo"), "--label", "1.0"]);
    let said = world.service(&["drain", "parrot"]);
    assert!(said.contains("parrot drains: 0 instances still run"), "{said}");
    assert!(!world.say("parrot").starts_with("200"), "{}", world.say("parrot"));
    world.service(&["unload", "parrot", "--delete"]);
    assert!(world.row("parrot").is_empty(), "{:?}", world.row("parrot"));
    let world = world.restart();
    assert!(world.row("parrot").is_empty());
    assert!(world.service(&["ls"]).contains("relay (default service)"));
}

#[test]
fn a_server_that_is_not_there_is_told_apart_from_one_that_refuses() {
    let output = Command::new(env!("CARGO_BIN_EXE_strowger"))
        .args(["service", "--admin", "http://127.0.0.1:1", "ls"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("nobody answers at http://127.0.0.1:1"), "{said}");
}
