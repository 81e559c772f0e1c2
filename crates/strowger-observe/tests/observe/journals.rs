//! Which calls get a file, and how many files there are.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use serde_json::json;
use strowger_journal::{Cut, Journal};
use strowger_node::{Config, JournalSettings, Registry, Shard, Stretch};
use strowger_observe::{JournalFiles, write_journals};
use strowger_service::jsip::UserId;
use strowger_testkit::SimNode;

fn files(directory: &Path) -> JournalFiles {
    JournalFiles {
        directory: directory.to_owned(),
        file_bytes: 1 << 20,
        files: 100,
        users: Vec::new(),
        services: Vec::new(),
        per_100000: 0,
    }
}

/// Has users send a message each to echo, and gives the journals that were filed.
fn run(settings: JournalFiles, users: &[&str]) -> Vec<Journal> {
    let directory = settings.directory.clone();
    let (to, writer) = write_journals(settings, None).unwrap();
    let mut node = node();
    node.record(&recording(to));
    talk(&mut node, 0, users);
    // With the node the last sender goes.
    drop(node);
    writer.join();
    filed(&directory)
}

fn node() -> SimNode {
    let services = vec![("echo".to_owned(), Arc::new(strowger_echo::Echo) as _)];
    let registry = Registry::new(services, "echo").unwrap();
    SimNode::new(Config::default(), registry, 2, 7)
}

fn recording(to: SyncSender<Arc<Stretch>>) -> JournalSettings {
    JournalSettings {
        ring_bytes: 0,
        bodies: false,
        to: Some(to),
        began_us: 1_764_493_200_000_000,
    }
}

fn talk(node: &mut SimNode, first: usize, users: &[&str]) {
    for (number, user) in (first..).zip(users) {
        let conn = node.connect(&UserId::new(user).unwrap());
        let message = json!({
            "Type": "MESSAGE", "Request-URI": "echo@example.com", "From": user, "To": "echo@example.com",
            "DialogueID": format!("m-{number}"), "CSeq": 1, "Body": "hello"
        });
        node.send(conn, &message.to_string());
        node.advance_to(node.now() + Duration::from_millis(20));
    }
    node.advance_to(node.now() + Duration::from_secs(60));
    for shard in 0..2 {
        node.on_shard(shard, Shard::flush_journal);
    }
}

fn filed(directory: &Path) -> Vec<Journal> {
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| Journal::read(&std::fs::read(path).unwrap()).unwrap();
    paths.iter().map(read).collect()
}

const USERS: [&str; 3] = ["alice@example.com", "bob@example.com", "carol@example.com"];

#[test]
fn the_calls_of_a_user_are_kept_and_no_others() {
    let directory = tempfile::tempdir().unwrap();
    let settings = JournalFiles {
        users: vec!["bob@example.com".to_owned()],
        ..files(directory.path())
    };
    let journals = run(settings, &USERS);
    assert_eq!(journals.len(), 1);
    assert!(journals[0].is_whole() && journals[0].header.cuts.is_empty());
    let text = journals[0].to_text();
    assert!(text.contains("bob@example.com") && !text.contains("alice@example.com"));
}

#[test]
fn the_calls_of_a_service_are_kept_whatever_its_case() {
    let directory = tempfile::tempdir().unwrap();
    let of = |service: &str| JournalFiles {
        services: vec![service.to_owned()],
        ..files(directory.path())
    };
    assert_eq!(run(of("relay"), &USERS).len(), 0);
    assert_eq!(run(of("Echo"), &USERS).len(), 3);
}

#[test]
fn a_share_of_all_calls_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let users: Vec<String> = (0..200).map(|user| format!("user{user}@example.com")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let settings = JournalFiles {
        per_100000: 50_000,
        files: 1000,
        ..files(directory.path())
    };
    let kept = run(settings, &users).len();
    assert!((60..140).contains(&kept), "{kept} of 200");
}

#[test]
fn there_are_no_more_files_than_there_may_be_and_the_oldest_go() {
    let directory = tempfile::tempdir().unwrap();
    let settings = JournalFiles {
        per_100000: 100_000,
        files: 2,
        ..files(directory.path())
    };
    let journals = run(settings, &USERS);
    assert_eq!(journals.len(), 2);
    assert!(journals[1].to_text().contains("carol@example.com"));
}

#[test]
fn what_is_more_than_one_call_may_take_is_cut_at_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let settings = JournalFiles {
        per_100000: 100_000,
        file_bytes: 200,
        ..files(directory.path())
    };
    let journals = run(settings, &USERS[..1]);
    assert_eq!(journals[0].header.cuts, [Cut::End]);
    assert!(journals[0].is_whole() && !journals[0].records.is_empty());
}

#[test]
fn a_writer_that_takes_over_goes_on_with_the_files_of_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let settings = JournalFiles {
        files: 4,
        per_100000: 100_000,
        ..files(directory.path())
    };
    let mut node = node();
    let (to, first) = write_journals(settings.clone(), None).unwrap();
    node.record(&recording(to));
    talk(&mut node, 0, &USERS);
    // The first has filed nothing when the second begins: it does so when nobody sends it anything any more.
    let (to, second) = write_journals(settings, Some(Arc::new(first))).unwrap();
    node.record(&recording(to));
    talk(&mut node, USERS.len(), &USERS);
    drop(node);
    second.join();
    let kept = filed(directory.path());
    let ids: Vec<String> = kept.iter().map(Journal::to_text).collect();
    assert_eq!(kept.len(), 4);
    for number in 2..6 {
        let id = format!("\"m-{number}\"");
        assert!(ids.iter().any(|text| text.contains(&id)), "no journal of {id}");
    }
}
