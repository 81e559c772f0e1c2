//! What an operator sees of channels and dialogs, and what he does to them.

use std::sync::Arc;

use jsip_stack::Channel;
use strowger_channel::{ChannelFilter, ChannelKind, ChannelState};
use strowger_node::{Config, DialogFilter, DialogLook, DialogRef, Line};
use strowger_service::jsip::{Method, Response, StatusCode, UserId};
use strowger_service::{Event, Service};

use crate::harness::{SHARDS, World, echo, request, service, stateful, to_user};

fn dialogs(world: &World, filter: &DialogFilter, limit: usize) -> Vec<DialogLook> {
    let mut all = Vec::new();
    for shard in world.node.shards() {
        let mut from = Some(0);
        while let Some(index) = from {
            let page = shard.dialog_page(world.node.now(), filter, index, limit);
            assert!(page.items.len() <= limit);
            all.extend(page.items);
            from = page.next.map(|cursor| cursor.index);
        }
    }
    all
}

fn end(world: &mut World, id: DialogRef) -> bool {
    let now = world.node.now();
    world.node.on_shard(id.shard(), |shard| shard.end_dialog(now, id))
}

#[test]
fn channels_are_listed_in_pages_and_filtered() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("echo", echo())]);
        let users: [_; 5] = world.connect_apart();
        world.call(&users[0], "x@example.com", "d1");
        world.advance(3);
        let list = |filter: &ChannelFilter, limit: usize| {
            let mut names = Vec::new();
            for shard in world.node.shards() {
                let mut from = Some(0);
                while let Some(index) = from {
                    let page = shard.channel_page(world.node.now(), filter, index, limit);
                    names.extend(page.items.into_iter().map(|look| look.name));
                    from = page.next.map(|cursor| cursor.index);
                }
            }
            names
        };
        let everybody = ChannelFilter::default();
        assert_eq!(list(&everybody, 100).len(), 5);
        assert_eq!(list(&everybody, 1), list(&everybody, 100));
        let named = |name: &str, state, kind| {
            let filter = ChannelFilter {
                name: Some(name.to_owned()),
                state,
                kind,
            };
            list(&filter, 2).len()
        };
        assert_eq!(named("user", None, Some(ChannelKind::User)), 5);
        assert_eq!(named("user", Some(ChannelState::Retained), None), 0);
        assert_eq!((named("user0", None, None), named("nobody", None, None)), (1, 0));
        let name = UserId::new(&users[0].name).unwrap();
        let mut looks = world.node.shards().iter();
        let look = looks
            .find_map(|shard| shard.channel(world.node.now(), &name))
            .unwrap();
        assert_eq!((look.state, look.age.as_secs()), (ChannelState::Open, 3));
        let channels: [Channel; 1] = [look.channel];
        let live: usize = world
            .node
            .shards()
            .iter()
            .map(|shard| shard.live_on(&channels)[0])
            .sum();
        assert_eq!(live, 1);
    }
}

#[test]
fn dialogs_are_listed_in_pages_filtered_and_shown_with_their_timers() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("echo", echo())]);
        let users: [_; 4] = world.connect_apart();
        for user in &users {
            world.call(user, "x@example.com", "d1");
        }
        let everything = DialogFilter::default();
        let all = dialogs(&world, &everything, 100);
        assert_eq!(all.len(), 4);
        assert_eq!(dialogs(&world, &everything, 1), all);
        let first = &all[0];
        assert_eq!((first.state, first.begun_by_peer), ("Established", true));
        assert_eq!(first.to.as_deref(), Some("x@example.com"));
        assert!(
            first.timers.iter().any(|(guards, _)| *guards == "refresh"),
            "{first:?}"
        );
        let of = |service: Option<&str>, state: Option<&str>, channel| {
            let filter = DialogFilter {
                channel,
                service: service.map(str::to_owned),
                state: state.map(str::to_owned),
            };
            dialogs(&world, &filter, 3).len()
        };
        assert_eq!(
            (of(Some("ECHO"), None, None), of(Some("relay"), None, None)),
            (4, 0)
        );
        assert_eq!(
            (of(None, Some("established"), None), of(None, Some("Early"), None)),
            (4, 0)
        );
        assert_eq!(of(None, None, first.channel), 1);
        let shard = &world.node.shards()[usize::from(first.id.shard())];
        let one = shard.dialog(world.node.now(), first.id).unwrap();
        assert_eq!(one.legs, [first.id]);
        assert_eq!(first.id.to_string().parse(), Ok(first.id));
    }
}

#[test]
fn an_operator_hangs_up_and_both_ends_hear_of_it() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("bridge", bridge())]);
        let [alice, bob] = world.connect_apart();
        world.call(&alice, &bob.name, "d1");
        world.expect(&bob, "INVITE");
        let all = dialogs(&world, &DialogFilter::default(), 10);
        let id = all.iter().find(|look| look.begun_by_peer).unwrap().id;
        assert!(end(&mut world, id));
        let bye = world.expect(&alice, "BYE");
        world.respond(&alice, &bye, 200);
        // For its instance it is as if alice had hung up: it lets bob go.
        world.expect(&bob, "CANCEL");
        assert!(!end(&mut world, id));
    }
}

#[test]
fn an_operator_ends_what_is_not_answered_yet() {
    let silent = || stateful(|| Box::new(|_, _| {}));
    let mut world = World::new(1, &[("silent", silent())]);
    let alice = world.connect("alice@example.com");
    for (method, dialog) in [("INVITE", "d1"), ("MESSAGE", "d2")] {
        let first = request(method, &alice, "x@example.com", dialog, 1);
        world.send(&alice, &first);
        let id = dialogs(&world, &DialogFilter::default(), 10)[0].id;
        assert!(end(&mut world, id));
        let response = world.expect(&alice, 480);
        assert_eq!(response["Reason"], "ended by the operator");
        if method == "INVITE" {
            world.send(&alice, &request("ACK", &alice, "x@example.com", dialog, 2));
        }
    }
    world.assert_empty();
}

#[test]
fn a_dialog_tells_its_latest_messages_where_they_are_kept() {
    for (shards, most) in [(1, 3), (4, 3), (1, 0)] {
        let mut config = Config::default();
        config.stack.messages_per_dialog = most;
        let mut world = World::with_config(shards, &[("bridge", bridge())], config);
        let [alice, bob] = world.connect_apart();
        world.call(&alice, &bob.name, "d1");
        let invite = world.expect(&bob, "INVITE");
        world.advance(2);
        world.respond(&bob, &invite, 180);
        let told = |world: &World, by_peer: bool| -> Vec<String> {
            let all = dialogs(world, &DialogFilter::default(), 10);
            assert!(all.iter().all(|look| look.messages.is_empty()), "a list has none");
            let id = all.iter().find(|look| look.begun_by_peer == by_peer).unwrap().id;
            let shard = &world.node.shards()[usize::from(id.shard())];
            let look = shard.dialog(world.node.now(), id).unwrap();
            let passed = look.messages.iter().map(|(ago, passed)| {
                let what = match passed.line {
                    Line::Request(method) => method.to_string(),
                    Line::Response(code) => code.as_u16().to_string(),
                };
                let from = if passed.by_peer { "peer" } else { "server" };
                format!("{from} {what} {} s ago", ago.as_secs())
            });
            passed.collect()
        };
        if most == 0 {
            assert!(told(&world, true).is_empty() && told(&world, false).is_empty());
            continue;
        }
        assert_eq!(
            told(&world, true),
            ["peer INVITE 2 s ago", "server 200 2 s ago", "peer ACK 2 s ago"]
        );
        assert_eq!(told(&world, false), ["server INVITE 2 s ago", "peer 180 0 s ago"]);
        // A repeat is one, too, and the oldest make room.
        let info = request("INFO", &alice, &bob.name, "d1", 3);
        world.send(&alice, &info);
        world.send(&alice, &info);
        assert_eq!(
            told(&world, true),
            ["peer ACK 2 s ago", "peer INFO 0 s ago", "peer INFO 0 s ago"]
        );
    }
}

/// Answers calls, and rings whom they are for; hangs up there when the caller does.
fn bridge() -> Arc<dyn Service> {
    service(|event, cx| match event {
        Event::Incoming { leg, request } => {
            cx.respond(leg, Response::to(&request, StatusCode::OK));
            cx.open(to_user(Method::Invite, request.request_uri()));
        }
        Event::Request { request, .. } if request.method() == Method::Bye => cx.finish(),
        _ => {}
    })
}
