//! What shards write down: within its bounds, without bodies unless asked, and nothing where nobody wants it.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use serde_json::json;
use strowger_journal::{Cut, Entry, Journal};
use strowger_node::{Config, JournalSettings, Registry, Replay, Shard};
use strowger_service::jsip::{Method, StatusCode};
use strowger_service::{Context, Event, Instance, Service};

use crate::harness::{User, World, answer, echo, request};

const SECRET: &str = "a body that nobody is to read";

fn settings(ring_bytes: usize) -> JournalSettings {
    JournalSettings {
        ring_bytes,
        bodies: false,
        to: None,
        began_us: 0,
    }
}

fn recording(ring_bytes: usize) -> (World, User) {
    let mut world = World::new(1, &[("echo", echo())]);
    world.node.record(&settings(ring_bytes));
    let user = world.connect("alice@example.com");
    (world, user)
}

fn message(world: &mut World, user: &User, number: usize) {
    let mut message = request("MESSAGE", user, "echo@example.com", &format!("m-{number}"), 1);
    message["Body"] = json!(SECRET);
    message["X-Padding"] = json!("x".repeat(1000));
    world.send(user, &message);
    world.expect(user, 200);
    // No user may send all at once.
    world
        .node
        .advance_to(world.node.now() + std::time::Duration::from_millis(10));
}

fn registry() -> Registry {
    Registry::new(vec![("echo".to_owned(), echo())], "echo").unwrap()
}

#[test]
fn where_nobody_wants_it_nothing_is_written_down() {
    let mut world = World::new(1, &[("echo", echo())]);
    let user = world.connect("alice@example.com");
    message(&mut world, &user, 1);
    assert!(world.node.shards().iter().all(|shard| shard.taken().is_none()));
    assert_eq!(world.node.shards()[0].journal_counters().records, 0);
}

#[test]
fn bodies_are_left_out_and_their_lengths_stay() {
    let (mut world, user) = recording(1 << 20);
    message(&mut world, &user, 1);
    let journals = world.node.journals();
    let text = journals[0].to_text();
    assert!(!text.contains(SECRET), "{text}");
    let length = format!("\"Body\":{}", SECRET.len() + 2);
    assert_eq!(text.matches(&length).count(), 2, "{text}");
    let stretches = world.node.shards()[0].taken().unwrap().0;
    let written: Vec<u8> = stretches
        .iter()
        .flat_map(|stretch| stretch.bytes.clone())
        .collect();
    assert!(!String::from_utf8_lossy(&written).contains(SECRET));
}

#[test]
fn the_ring_keeps_the_latest_calls_and_no_more_bytes_than_it_may() {
    let ring = 256 << 10;
    let (mut world, user) = recording(ring);
    for number in 0..1000 {
        message(&mut world, &user, number);
    }
    let stretches = world.node.shards()[0].taken().unwrap().0;
    let bytes: usize = stretches.iter().map(|stretch| stretch.bytes.len()).sum();
    // That which is written to comes on top.
    assert!(bytes > ring / 2 && bytes <= ring + (66 << 10), "{bytes} bytes");
    let journals = world.node.journals();
    let whole: Vec<&Journal> = journals.iter().filter(|journal| journal.is_whole()).collect();
    assert!(whole.len() > 50 && whole.len() < 500, "{}", whole.len());
    assert!(journals.len() - whole.len() <= 2, "the oldest may be cut");
    for journal in whole {
        let mut replay = Replay::new(journal, &registry()).unwrap();
        while let Some(step) = replay.step() {
            assert!(!step.differs(), "{step:?}");
        }
    }
}

#[test]
fn a_call_that_began_before_is_said_to_be_cut() {
    let mut world = World::new(1, &[("echo", echo())]);
    let user = world.connect("alice@example.com");
    world.call(&user, "echo@example.com", "c-1");
    world.node.record(&settings(1 << 20));
    world.send(&user, &request("INFO", &user, "echo@example.com", "c-1", 3));
    let journals = world.node.journals();
    assert_eq!(journals.len(), 1);
    assert!(journals[0].header.cuts.contains(&Cut::Beginning));
    assert!(Replay::new(&journals[0], &registry()).is_err());
}

#[test]
fn a_call_that_runs_can_be_played_as_far_as_it_has_come() {
    let (mut world, user) = recording(1 << 20);
    world.call(&user, "echo@example.com", "c-1");
    let journals = world.node.journals();
    assert_eq!(journals[0].header.cuts, [Cut::End]);
    let mut replay = Replay::new(&journals[0], &registry()).unwrap();
    let mut inputs = 0;
    while let Some(step) = replay.step() {
        inputs += 1;
        assert!(!step.differs(), "{step:?}");
    }
    assert!(inputs >= 2);
    assert_eq!(replay.dialogs(world.node.now())[0].state, "Established");
}

#[test]
fn what_nobody_takes_in_time_is_counted_and_the_calls_are_cut() {
    let (sender, stretches) = sync_channel(1);
    let mut world = World::new(1, &[("echo", echo())]);
    let to = JournalSettings {
        to: Some(sender),
        ..settings(0)
    };
    world.node.record(&to);
    let user = world.connect("alice@example.com");
    world.call(&user, "echo@example.com", "c-1");
    for number in 0..300 {
        message(&mut world, &user, number);
    }
    assert!(world.node.shards()[0].journal_counters().not_sent > 0);
    let mut calls = strowger_node::Calls::new(strowger_journal::Sorter::new(usize::MAX));
    calls.push(&stretches.try_recv().unwrap()).unwrap();
    for number in 300..600 {
        message(&mut world, &user, number);
    }
    calls.push(&stretches.try_recv().unwrap()).unwrap();
    let first = *calls.sorter().calls().keys().next().unwrap();
    let (found, journal) = calls.take(first).unwrap();
    assert!(found.cuts.contains(&Cut::Middle), "{found:?}");
    assert!(!journal.is_whole());
}

#[test]
fn a_call_of_which_half_is_with_bodies_is_cut() {
    let (mut world, user) = recording(1 << 20);
    world.call(&user, "echo@example.com", "c-1");
    world.node.record(&JournalSettings {
        bodies: true,
        ..settings(1 << 20)
    });
    message(&mut world, &user, 1);
    world.send(&user, &request("BYE", &user, "echo@example.com", "c-1", 3));
    let journals = world.node.journals();
    let cuts: Vec<_> = journals.iter().map(|journal| &*journal.header.cuts).collect();
    assert_eq!(cuts, [&[Cut::Middle][..], &[]]);
    assert!(journals[1].to_text().contains(SECRET));
}

#[test]
fn what_was_written_down_is_sent_on_when_no_more_is() {
    let (sender, stretches) = sync_channel(10);
    let mut world = World::new(1, &[("echo", echo())]);
    world.node.record(&JournalSettings {
        to: Some(sender),
        ..settings(0)
    });
    let user = world.connect("alice@example.com");
    message(&mut world, &user, 1);
    world
        .node
        .on_shard(0, |shard: &mut Shard| shard.set_journal(None));
    message(&mut world, &user, 2);
    let sent: u64 = stretches.try_iter().map(|stretch| stretch.records).sum();
    assert!(sent > 5, "{sent} records");
    assert!(stretches.try_recv().is_err());
}

#[test]
fn other_settings_are_part_of_what_a_call_was_told() {
    let (mut world, user) = recording(1 << 20);
    world.call(&user, "echo@example.com", "c-1");
    let mut config = Config::default();
    config.stack.transaction = std::time::Duration::from_secs(9);
    config.channel.ack_interval = std::time::Duration::ZERO;
    let now = world.node.now();
    world
        .node
        .on_shard(0, |shard: &mut Shard| shard.reconfigure(now, config.into()));
    world.send(&user, &request("BYE", &user, "echo@example.com", "c-1", 3));
    world.expect(&user, 200);
    world.advance(60);
    let journal = world.node.journals().remove(0);
    let is_change = |entry: &Entry<'_>| matches!(entry, Entry::Reconfigured { .. });
    assert_eq!(
        journal
            .records
            .iter()
            .filter(|record| is_change(&record.entry))
            .count(),
        1
    );
    let mut replay = Replay::new(&journal, &registry()).unwrap();
    while let Some(step) = replay.step() {
        assert!(!step.differs(), "{step:?}");
    }
}

/// Counts requests, and what its version makes of one stands in the store.
struct Counting(&'static str);

struct Count {
    version: &'static str,
    count: u8,
    step: u8,
}

impl Instance for Count {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        if let Event::Incoming { leg, request } | Event::Request { leg, request } = event
            && !matches!(request.method(), Method::Ack | Method::Bye)
        {
            let step = self.step + 1;
            cx.store().put("step", [step]).unwrap();
            self.count += self.step;
            let text = format!("{} {}", self.version, self.count);
            answer(leg, &request, StatusCode::OK, &text, cx);
        }
    }

    fn save(&mut self) -> Option<Vec<u8>> {
        Some(vec![self.count])
    }
}

impl Service for Counting {
    fn start(&self) -> Box<dyn Instance> {
        let (version, count, step) = (self.0, 0, 1);
        Box::new(Count { version, count, step })
    }

    fn try_restore(&self, saved: &[u8], cx: &mut Context<'_>) -> Result<Box<dyn Instance>, String> {
        if self.0 == "refusing" {
            return Err("it does not".to_owned());
        }
        let step = cx.store().get("step").ok_or("nobody was here")?;
        Ok(Box::new(Count {
            version: self.0,
            count: saved[0],
            step: step.value[0],
        }))
    }
}

/// A call that goes over to a second version, and back.
fn upgraded() -> Journal {
    let mut world = World::new(1, &[("room", Arc::new(Counting("one")))]);
    world.node.record(&JournalSettings {
        bodies: true,
        ..settings(1 << 20)
    });
    let alice = world.connect("alice@example.com");
    world.call(&alice, "x@example.com", "d1");
    for (cseq, (label, version)) in (3..).zip([("v2", "two"), ("built-in", "one")]) {
        let service: Arc<dyn Service> = Arc::new(Counting(version));
        let changed = world
            .node
            .change_services(|services| services.with("room", label, service));
        changed.unwrap();
        world.advance(1);
        let info = world.ask(&alice, &request("INFO", &alice, "x@example.com", "d1", cseq));
        let expected = if cseq == 3 { "two 3" } else { "one 6" };
        assert_eq!(info["Body"], expected);
    }
    world.ask(&alice, &request("BYE", &alice, "x@example.com", "d1", 5));
    world.advance(60);
    world.node.journals().remove(0)
}

fn counting() -> Registry {
    Registry::new(vec![("room".to_owned(), Arc::new(Counting("one")))], "room").unwrap()
}

#[test]
fn a_call_that_went_over_to_another_version_goes_over_again() {
    let journal = upgraded();
    let replay = Replay::new(&journal, &counting()).unwrap();
    let mut replay = replay.with_version("v2", Arc::new(Counting("two"))).unwrap();
    let mut moves = 0;
    while let Some(step) = replay.step() {
        assert!(!step.differs(), "{step:?}");
        moves += usize::from(matches!(step.input, Some(Entry::Moved { .. })));
    }
    assert_eq!(moves, 2);
}

#[test]
fn a_version_that_is_not_there_or_does_not_take_over_is_told_at_its_step() {
    let journal = upgraded();
    let remark = |mut replay: Replay| loop {
        let step = replay.step().unwrap();
        if step.differs() {
            assert!(matches!(step.input, Some(Entry::Moved { .. })));
            break step.remarks.concat();
        }
    };
    let replay = || Replay::new(&journal, &counting()).unwrap();
    let missing = remark(replay());
    assert_eq!(
        missing,
        "the instance went over to version v2, which was not given"
    );
    let refusing = replay().with_version("v2", Arc::new(Counting("refusing")));
    assert_eq!(
        remark(refusing.unwrap()),
        "the instance went over to version v2, and does not now: it does not"
    );
}
