//! What whoever looks on is told.

use strowger_node::{ChannelWhat, DialogWhat, Happening, Line, What};
use strowger_node::{DialogRef, Watch};
use strowger_service::Event;
use strowger_service::jsip::{Method, StatusCode};

use crate::harness::{SHARDS, World, answer, echo, message, request, service, to_user};

fn watch(world: &mut World, shards: u16, watch: Watch) {
    for shard in 0..shards {
        world.node.on_shard(shard, |shard| shard.set_watch(watch));
    }
}

/// What happened on all shards, each shard's in its order.
fn seen(world: &mut World, shards: u16) -> Vec<Happening> {
    let mut happenings = Vec::new();
    let now = world.node.now();
    for shard in 0..shards {
        world
            .node
            .on_shard(shard, |shard| shard.take_happenings(now, &mut happenings));
    }
    happenings
}

/// What happened in dialogs, without what the shard adds.
fn in_dialogs(happenings: &[Happening]) -> Vec<(DialogRef, String)> {
    let told = |happening: &Happening| {
        let (dialog, text) = match &happening.what {
            What::Dialog(dialog, what) => (*dialog, text(what)),
            What::Served { dialog, service, .. } => (*dialog, format!("served by {service}")),
            _ => return None,
        };
        Some((dialog, text))
    };
    happenings.iter().filter_map(told).collect()
}

fn text(what: &DialogWhat) -> String {
    let line = |line: Line| match line {
        Line::Request(method) => method.to_string(),
        Line::Response(code) => code.as_u16().to_string(),
    };
    match what {
        DialogWhat::Begun(begun) => format!("begun by {}", if begun.by_peer { "peer" } else { "us" }),
        DialogWhat::Bound(_) => "bound".to_owned(),
        DialogWhat::Received(passed) => format!("< {} {}", line(passed.line), passed.cseq.get()),
        DialogWhat::Sent(passed) => format!("> {} {}", line(passed.line), passed.cseq.get()),
        DialogWhat::TransactionBegun(it) => format!("{} {} begun", it.method, it.cseq.get()),
        DialogWhat::TransactionEnded(it, code) => {
            format!("{} {} ended {}", it.method, it.cseq.get(), code.as_u16())
        }
        DialogWhat::State { from, to } => format!("{from} to {to}"),
        DialogWhat::Detail(detail) => format!("{detail:?}"),
        DialogWhat::Ended(cause) => format!("ended: {cause:?}"),
    }
}

#[test]
fn a_call_is_told_from_its_begin_to_its_end() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("echo", echo())]);
        watch(&mut world, shards, Watch::On);
        let alice = world.connect("alice@example.com");
        let ask = |method, cseq| request(method, &alice, "x@example.com", "d1", cseq);
        assert_eq!(world.ask(&alice, &ask("INVITE", 1))["Code"], 200);
        world.send(&alice, &ask("ACK", 2));
        assert_eq!(world.ask(&alice, &ask("BYE", 3))["Code"], 200);
        let happenings = seen(&mut world, shards);
        let told = in_dialogs(&happenings);
        assert!(told.iter().all(|(dialog, _)| *dialog == told[0].0), "one dialog");
        let told: Vec<_> = told.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(
            told,
            [
                "begun by peer",
                "< INVITE 1",
                "INVITE 1 begun",
                "served by echo",
                "Inviting to Answered",
                "INVITE 1 ended 200",
                "> 200 1",
                "< ACK 2",
                "Answered to Established",
                "< BYE 3",
                "BYE 3 begun",
                "Established to Terminated",
                "BYE 3 ended 200",
                "> 200 3",
                "ended: Bye",
            ]
        );
        let opened = happenings.iter().find_map(|happening| match &happening.what {
            What::Channel(channel, ChannelWhat::Opened(name)) => Some((*channel, name.to_string())),
            _ => None,
        });
        let begun = happenings.iter().find_map(|happening| match &happening.what {
            What::Dialog(_, DialogWhat::Begun(begun)) => Some(begun.clone()),
            _ => None,
        });
        let ((channel, name), begun) = (opened.unwrap(), begun.unwrap());
        assert_eq!(
            (begun.channel, name.as_str()),
            (Some(channel), "alice@example.com")
        );
        assert_eq!((&*begun.from, begun.id.as_str()), ("alice@example.com", "d1"));
    }
}

#[test]
fn what_a_service_asks_is_told_and_so_is_what_nobody_answers() {
    for shards in SHARDS {
        let asking = service(|event, cx| {
            if let Event::Incoming { leg, request } = event {
                answer(leg, &request, StatusCode::OK, "", cx);
                cx.open(to_user(Method::Message, "nobody@example.com"));
            }
        });
        let mut world = World::new(shards, &[("asking", asking)]);
        watch(&mut world, shards, Watch::On);
        let alice = world.connect("alice@example.com");
        assert_eq!(
            world.ask(&alice, &message(&alice, "x@example.com", "d1", "hello"))["Code"],
            200
        );
        let told = in_dialogs(&seen(&mut world, shards));
        let first = told[0].0;
        let of = |wanted: bool| -> Vec<_> {
            let fits = told.iter().filter(|(dialog, _)| (*dialog == first) == wanted);
            fits.map(|(_, text)| text.as_str()).collect()
        };
        assert_eq!(
            of(true),
            [
                "begun by peer",
                "< MESSAGE 1",
                "MESSAGE 1 begun",
                "served by asking",
                "MESSAGE 1 ended 200",
                "> 200 1",
                "ended: Completed"
            ]
        );
        assert_eq!(
            of(false),
            [
                "begun by us",
                "MESSAGE 1 begun",
                "> MESSAGE 1",
                "served by asking",
                "MESSAGE 1 ended 480",
                "ended: Refused"
            ]
        );
    }
}

#[test]
fn bodies_are_told_only_where_they_are_asked_for() {
    for (how, expected) in [(Watch::On, None), (Watch::WithBodies, Some("\"hello\""))] {
        let mut world = World::new(1, &[("echo", echo())]);
        watch(&mut world, 1, how);
        let alice = world.connect("alice@example.com");
        world.ask(&alice, &message(&alice, "x@example.com", "d1", "hello"));
        let happenings = seen(&mut world, 1);
        let body = happenings.iter().find_map(|happening| match &happening.what {
            What::Dialog(_, DialogWhat::Received(passed)) => Some(passed.body.as_deref()),
            _ => None,
        });
        assert_eq!(body, Some(expected));
    }
}

#[test]
fn who_looks_on_sees_no_end_of_what_he_has_not_seen_begin() {
    let mut world = World::new(1, &[("echo", echo())]);
    let alice = world.connect("alice@example.com");
    let invite = |dialog| request("INVITE", &alice, "x@example.com", dialog, 1);
    world.ask(&alice, &invite("before"));
    assert_eq!(seen(&mut world, 1), []);
    watch(&mut world, 1, Watch::On);
    world.ask(&alice, &invite("seen"));
    watch(&mut world, 1, Watch::Behind);
    world.ask(&alice, &invite("missed"));
    world.node.disconnect(alice.conn, Some(1000));
    let told = in_dialogs(&seen(&mut world, 1));
    let ends: Vec<_> = told
        .iter()
        .filter(|(_, text)| text.starts_with("ended"))
        .collect();
    assert_eq!((ends.len(), ends[0].0), (1, told[0].0));
    assert_eq!(world.node.shards()[0].stack().counters().unobserved, 1);
}

#[test]
fn a_call_into_a_service_is_told_with_its_time_where_there_is_a_clock() {
    fn clock() -> std::time::Duration {
        use std::sync::atomic::{AtomicU64, Ordering};
        static MILLIS: AtomicU64 = AtomicU64::new(0);
        std::time::Duration::from_millis(MILLIS.fetch_add(5, Ordering::Relaxed))
    }
    let mut world = World::new(1, &[("echo", echo())]);
    watch(&mut world, 1, Watch::On);
    world.node.on_shard(0, |shard| {
        shard.set_clock(clock);
        shard.set_sampled(true);
    });
    let alice = world.connect("alice@example.com");
    world.ask(&alice, &message(&alice, "x@example.com", "d1", "hello"));
    let happenings = seen(&mut world, 1);
    let begun = in_dialogs(&happenings)[0].0;
    let calls: Vec<_> = happenings
        .iter()
        .filter_map(|happening| match &happening.what {
            What::Called {
                dialog, event, took, ..
            } => Some((*dialog, *event, took.as_millis())),
            _ => None,
        })
        .collect();
    assert_eq!(calls, [(begun, "incoming", 5)]);
    world.node.on_shard(0, |shard| {
        // The end of the leg is an event as well, and no part of the dialog any more.
        assert_eq!(shard.take_time_in_services().as_millis(), 10);
        let (service, times) = shard.service_times().next().unwrap();
        assert_eq!((&**service, times.count()), ("echo", 2));
    });
}

#[test]
fn it_is_counted_how_long_a_user_was_away_and_how_long_messages_have_waited() {
    let mut world = World::new(1, &[("echo", echo())]);
    let alice = world.connect("alice@example.com");
    world.node.disconnect(alice.conn, None);
    world.advance(7);
    world.connect("alice@example.com");
    // One who only takes the place of another socket was not away.
    world.connect("alice@example.com");
    let channels = world.node.shards()[0].channels();
    assert_eq!(
        (channels.absences().count(), channels.absences().sum().as_secs()),
        (1, 7)
    );
    assert_eq!(channels.oldest_unacknowledged().open, None);
    let bob = world.connect("bob@example.com");
    world.node.set_reading(bob.conn, false);
    let sent = world.node.now();
    world.send(&bob, &message(&bob, "x@example.com", "d1", "hello"));
    world.advance(3);
    let oldest = world.node.shards()[0].channels().oldest_unacknowledged();
    assert_eq!((oldest.open, oldest.away), (Some(sent), None));
    world.node.disconnect(bob.conn, None);
    let oldest = world.node.shards()[0].channels().oldest_unacknowledged();
    assert_eq!((oldest.open, oldest.away), (None, Some(sent)));
}
