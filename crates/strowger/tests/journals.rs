//! Journals of a running server: from memory over HTTP, from files, and played by the command line.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use strowger::client::Client;
use strowger::operator::{Operator, Sent};
use strowger_journal::Journal;
use support::{Running, connect, receive};

/// A call of Alice to Bob who answers, and hangs up after.
async fn call(server: &Running, id: &str, [from, to]: [&str; 2]) {
    let server = server.server();
    let mut alice = connect(&server, from).await;
    let mut bob = connect(&server, to).await;
    let invite = json!({
        "Type": "INVITE", "Request-URI": to, "From": from, "To": to,
        "DialogueID": id, "CSeq": 1, "Body": {"sdp": "the secret of Alice"}
    });
    send(&mut alice, &invite).await;
    let offered = receive(&mut bob).await;
    let answer = json!({
        "Type": "RESPONSE", "Code": 200, "From": from, "To": to,
        "DialogueID": offered["DialogueID"], "CSeq": 1
    });
    send(&mut bob, &answer).await;
    assert_eq!(receive(&mut alice).await["Code"], 200);
    for (method, cseq) in [("ACK", 2), ("BYE", 3)] {
        let request = json!({
            "Type": method, "Request-URI": to, "From": from, "To": to,
            "DialogueID": id, "CSeq": cseq, "RelatedID": 1
        });
        send(&mut alice, &request).await;
        assert_eq!(receive(&mut bob).await["Type"], method);
    }
    assert_eq!(receive(&mut alice).await["Code"], 200);
}

async fn send(client: &mut Client, message: &Value) {
    client.send(message.to_string()).await.unwrap();
}

fn replay(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_strowger"))
        .arg("replay")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said + &complaints)
}

async fn get(operator: &Operator, path: &str) -> (u16, String) {
    let path = format!("/v1/calls/{path}");
    let (status, body) = operator
        .answer(Method::GET, &path, Sent::default())
        .await
        .unwrap();
    (status.as_u16(), String::from_utf8_lossy(&body).into_owned())
}

fn filed(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "journal"))
        .collect()
}

fn read(file: &Path) -> Journal {
    Journal::read(&std::fs::read(file).unwrap()).unwrap()
}

/// The journal of the call with this `DialogueID`, waited for with more patience than any machine needs.
async fn file_of(directory: &Path, id: &str) -> PathBuf {
    let is_of = |file: &PathBuf| read(file).to_text().contains(&format!("\"{id}\""));
    for _ in 0..2400 {
        if let Some(file) = filed(directory).into_iter().find(is_of) {
            return file;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no journal of {id} appears in {}", directory.display());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_found_in_memory_and_in_its_file_and_is_the_same_again() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("journals");
    let config = format!(
        "timers.linger = \"100ms\"\ntimers.transaction = \"1s\"\n[journal]\nring_bytes = \"1MiB\"\ndirectory = \"{}\"\nusers = \
         [\"alice@example.com\"]\n",
        directory.display()
    );
    let mut server = Running::start_with(&config, &["--admin-listen", "127.0.0.1:0"]);
    let operator = Operator::new(&server.admin(), None).unwrap();
    call(&server, "call-1", ["alice@example.com", "bob@example.com"]).await;
    let file = file_of(&directory, "call-1").await;
    let journal = read(&file);
    assert!(journal.header.cuts.is_empty() && !journal.to_text().contains("secret"));

    let (code, said) = replay(&[file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("|--BYE 3---"), "{said}");
    let (code, said) = replay(&[file.to_str().unwrap(), "--step"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("Established") && said.contains("timer refresh"),
        "{said}"
    );
    let (code, scenario) = replay(&[file.to_str().unwrap(), "--to-scenario"]);
    assert_eq!(code, Some(0), "{scenario}");

    let call = journal.header.call.clone().unwrap();
    let (status, text) = get(&operator, &format!("{call}/journal?form=text")).await;
    assert_eq!(status, 200, "{text}");
    let kept = Journal::read(text.as_bytes()).unwrap();
    assert_eq!(kept.header, journal.header);
    assert_eq!(kept.records[..10], journal.records[..10]);
    let (status, again) = get(&operator, &format!("{call}/scenario")).await;
    assert_eq!((status, again.trim()), (200, scenario.trim()));
    let (status, problem) = get(&operator, "000000-0-1/journal").await;
    assert_eq!(status, 404, "{problem}");

    // Changed by hand, it is another call.
    let other = home.path().join("other.journal");
    std::fs::write(&other, text.replace("\"Code\":200", "\"Code\":486")).unwrap();
    let (code, said) = replay(&[other.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{said}");
    std::fs::write(&other, &text[..text.len() / 2]).unwrap();
    let (code, said) = replay(&[other.to_str().unwrap()]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("other.journal: line "), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_is_written_down_it_is_said_how_to_turn_it_on() {
    let mut server = Running::start_with("", &["--admin-listen", "127.0.0.1:0"]);
    let operator = Operator::new(&server.admin(), None).unwrap();
    let (status, problem) = get(&operator, "000000-0-1/journal").await;
    assert_eq!(status, 404, "{problem}");
    assert!(problem.contains("journal.ring_bytes"), "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_turned_on_and_off_while_the_server_runs() {
    let home = tempfile::tempdir().unwrap();
    let (file, directory) = (home.path().join("strowger.toml"), home.path().join("journals"));
    let off = "timers.linger = \"100ms\"\ntimers.transaction = \"1s\"\n";
    let on = format!("{off}[journal]\ndirectory = \"{}\"\n", directory.display());
    std::fs::write(&file, off).unwrap();
    let mut server = Running::start_from(&file, "127.0.0.1:0", &["--admin-listen", "127.0.0.1:0"]);
    let operator = Operator::new(&server.admin(), None).unwrap();
    let reload = async |config: &str| {
        std::fs::write(&file, config).unwrap();
        let asked = operator.ask::<Value>(Method::POST, "/v1/reload", Sent::default());
        asked.await.unwrap()
    };
    const USERS: [&str; 8] = [
        "a@x.org", "b@x.org", "c@x.org", "d@x.org", "e@x.org", "f@x.org", "g@x.org", "h@x.org",
    ];
    call(&server, "before", [USERS[0], USERS[1]]).await;
    let reloaded = reload(&on).await;
    assert_eq!(
        reloaded,
        json!({"taken": ["journal.directory"], "needs_restart": []})
    );
    call(&server, "meanwhile", [USERS[2], USERS[3]]).await;
    let kept = file_of(&directory, "meanwhile").await;
    assert_eq!(replay(&[kept.to_str().unwrap()]).0, Some(0));
    let path = format!("{}/journal", read(&kept).header.call.unwrap());
    assert_eq!(get(&operator, &path).await.0, 200);
    reload(off).await;
    assert_eq!(get(&operator, &path).await.0, 404);
    call(&server, "after", [USERS[4], USERS[5]]).await;
    reload(&on).await;
    call(&server, "again", [USERS[6], USERS[7]]).await;
    file_of(&directory, "again").await;
    // What was called before it was on, and while it was off, is in none.
    assert_eq!(filed(&directory).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_journals_cannot_be_kept_everything_stays_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("strowger.toml");
    std::fs::write(&file, "").unwrap();
    let mut server = Running::start_from(&file, "127.0.0.1:0", &["--admin-listen", "127.0.0.1:0"]);
    let operator = Operator::new(&server.admin(), None).unwrap();
    let config = format!(
        "origins = \"https://own.example\"\n[journal]\ndirectory = \"{}/inside\"\n",
        file.display()
    );
    std::fs::write(&file, config).unwrap();
    for _ in 0..2 {
        let asked = operator
            .ask::<Value>(Method::POST, "/v1/reload", Sent::default())
            .await;
        let why = asked.unwrap_err().to_string();
        assert!(why.contains("journal.directory"), "{why}");
    }
}
