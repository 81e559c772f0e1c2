//! Services loaded, changed and taken out of use from the command line, in the server as a process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use strowger::client::Client;
use strowger::operator::{Operator, Sent};
use strowger_admin::view::VersionView;
use support::{Running, connect, receive};

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
        self.say_to(service, "hi")
    }

    fn say_to(&self, service: &str, text: &str) -> String {
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
            text,
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

const ROOM: &str = "room:888@example.com";

fn in_room(kind: &str, user: &str, dialog: &str) -> Value {
    json!({
        "Type": kind, "Request-URI": ROOM, "From": user, "To": ROOM, "DialogueID": dialog, "CSeq": 1,
        "Router": "example.com;type=chatroom", "P-Asserted-Identity": user,
    })
}

/// A user who is a member of the room.
async fn member(world: &World, user: &str) -> Client {
    let mut client = connect(&world.server.server(), user).await;
    let mut join = in_room("SUBSCRIBE", user, "join");
    join["Expire"] = json!(600);
    client.send(join.to_string()).await.unwrap();
    assert_eq!(receive(&mut client).await["Code"], 200);
    client
}

/// One member says something, the other one hears it.
async fn talk([ann, ben]: [&mut Client; 2], text: &str) {
    let mut said = in_room("MESSAGE", "ann@example.com", text);
    said["Body"] = json!(text);
    ann.send(said.to_string()).await.unwrap();
    assert_eq!(receive(ann).await["Code"], 200);
    let heard = receive(ben).await;
    assert_eq!(
        (&heard["Type"], &heard["Body"]),
        (&json!("MESSAGE"), &json!(text))
    );
    let answer = json!({
        "Type": "RESPONSE", "Code": 200, "From": heard["From"], "To": heard["To"],
        "DialogueID": heard["DialogueID"], "CSeq": heard["CSeq"],
    });
    ben.send(answer.to_string()).await.unwrap();
}

/// Waits until the room is an instance of the default version and of no other.
async fn moved(operator: &Operator) {
    let path = "/v1/services/chatroom/versions";
    for _ in 0..6000 {
        let versions: Vec<VersionView> = operator.ask(Method::GET, path, Sent::default()).await.unwrap();
        let of = |is_default: bool| {
            let chosen = versions.iter().filter(|version| version.is_default == is_default);
            chosen.map(|version| version.instances).sum::<usize>()
        };
        if (of(true), of(false)) == (1, 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the room stays with its version");
}

#[tokio::test]
async fn a_room_keeps_its_members_while_its_service_is_replaced_and_taken_back() {
    let world = World::new();
    let operator = Operator::new(&world.admin, None).unwrap();
    let mut ann = member(&world, "ann@example.com").await;
    let mut ben = member(&world, "ben@example.com").await;
    talk([&mut ann, &mut ben], "before").await;
    world.service(&["load", "chatroom", &guest("chatroom"), "--label", "1.0"]);
    moved(&operator).await;
    talk([&mut ann, &mut ben], "on the component").await;
    world.service(&["rollback", "chatroom"]);
    moved(&operator).await;
    talk([&mut ann, &mut ben], "built in again").await;
}

/// `strowger service logs --follow`; ended when dropped.
struct Following(Child);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn what_a_service_logs_is_read_and_followed() {
    let world = World::new();
    world.service(&["load", "noisy", &guest("probe"), "--label", "1.0"]);
    assert!(world.say_to("noisy", "panic").starts_with("500 "));
    let logs = world.service(&["logs", "noisy"]);
    let lines: Vec<&str> = logs.lines().collect();
    assert!(
        lines[0].contains("error") && lines[0].contains("on purpose"),
        "{logs}"
    );
    assert!(lines[1].contains("instance failed"), "{logs}");

    let mut child = Command::new(env!("CARGO_BIN_EXE_strowger"))
        .args(["service", "logs", "noisy", "--follow"])
        .env("STROWGER_ADMIN", &world.admin)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut followed = BufReader::new(child.stdout.take().unwrap()).lines();
    let _following = Following(child);
    let mut next = || followed.next().unwrap().unwrap();
    assert_eq!([next(), next()], [lines[0], lines[1]]);
    world.say_to("noisy", "sink");
    let later = next();
    assert!(later.contains("the call stack is exhausted"), "{later}");
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
