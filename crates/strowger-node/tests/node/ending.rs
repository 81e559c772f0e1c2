//! How instances end, and how their timers run.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use strowger_service::jsip::{Method, StatusCode};
use strowger_service::{Context, EndCause, Event, Instance, Service};

use crate::harness::{SHARDS, World, answer, body, echo, message, request, service, stateful, to_user};

/// Answers a call whose Body is `answer` and rings the others; INFO `ring USER` opens a leg, `finish` ends.
fn finishing() -> Arc<dyn Service> {
    stateful(|| {
        let mut relid = None;
        Box::new(move |event, cx| match event {
            Event::Incoming { leg, request } => {
                let relid = relid.get_or_insert_with(|| cx.relation()).clone();
                let code = if body(&request) == "answer" {
                    StatusCode::OK
                } else {
                    StatusCode::RINGING
                };
                answer(leg, &request, code, &relid, cx);
            }
            Event::Request { leg, request } if request.method() == Method::Info => {
                answer(leg, &request, StatusCode::OK, "", cx);
                match body(&request).split_once(' ') {
                    Some((_, user)) => drop(cx.open(to_user(Method::Invite, user))),
                    None => cx.finish(),
                }
            }
            _ => {}
        })
    })
}

#[test]
fn finish_with_open_legs_gives_480_cancel_and_bye_and_later_requests_481() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("finishing", finishing())]);
        let [alice, bob, carol]: [_; 3] = world.connect_apart();
        let mut invite = request("INVITE", &alice, "x@example.com", "d1", 1);
        invite["Body"] = "answer".into();
        world.send(&alice, &invite);
        let router = format!("x;relid={}", world.expect(&alice, 200)["Body"].as_str().unwrap());
        world.send(&alice, &request("ACK", &alice, "x@example.com", "d1", 2));
        let mut ringing = request("INVITE", &bob, "x@example.com", "d1", 1);
        ringing["Router"] = router.into();
        world.send(&bob, &ringing);
        world.expect(&bob, 180);
        let mut info = request("INFO", &alice, "x@example.com", "d1", 3);
        info["Body"] = format!("ring {}", carol.name).into();
        assert_eq!(world.ask(&alice, &info)["Code"], 200);
        let invite = world.expect(&carol, "INVITE");

        info["Body"] = "finish".into();
        info["CSeq"] = 4.into();
        assert_eq!(world.ask(&alice, &info)["Code"], 200);
        assert_eq!(world.instances(), 0);
        let bye = world.expect(&alice, "BYE");
        world.expect(&bob, 480);
        let cancel = world.expect(&carol, "CANCEL");
        for (user, cseq) in [(&alice, 5), (&bob, 2)] {
            let answer = world.ask(user, &request("INFO", user, "x@example.com", "d1", cseq));
            assert_eq!(answer["Code"], 481, "{}", user.name);
        }
        world.respond(&alice, &bye, 200);
        world.send(&bob, &request("ACK", &bob, "x@example.com", "d1", 3));
        world.respond(&carol, &cancel, 200);
        world.respond(&carol, &invite, 487);
        world.expect(&carol, "ACK");
        world.assert_empty();
    }
}

#[test]
fn an_instance_ends_when_nothing_can_reach_it() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("echo", echo())]);
        let alice = world.connect("alice@example.com");
        assert_eq!(
            world.ask(&alice, &message(&alice, "x@example.com", "d1", ""))["Code"],
            200
        );
        assert_eq!(world.instances(), 0);
        world.call(&alice, "x@example.com", "d2");
        assert_eq!(world.instances(), 1);
        assert_eq!(
            world.ask(&alice, &request("BYE", &alice, "x@example.com", "d2", 3))["Code"],
            200
        );
        world.assert_empty();
    }
}

#[test]
fn an_instance_that_nobody_answers_for_ends_with_its_leg() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("deaf", service(|_, _| {}))]);
        let alice = world.connect("alice@example.com");
        world.send(&alice, &message(&alice, "x@example.com", "d1", ""));
        world.advance(5);
        world.expect(&alice, 408);
        world.assert_empty();
    }
}

/// Sets a timer of so many seconds as a request's Body says and cancels those of the next part; each that fires writes
/// to the sender.
fn clock() -> Arc<dyn Service> {
    stateful(|| {
        let mut user = String::new();
        Box::new(move |event, cx| match event {
            Event::Incoming { leg, request } => {
                user = request.from().to_owned();
                answer(leg, &request, StatusCode::OK, "", cx);
                let text = body(&request);
                let (keep, cancel) = text.split_once('/').unwrap_or((&text, ""));
                for seconds in keep.split_whitespace() {
                    cx.set_timer(Duration::from_secs(seconds.parse().unwrap()));
                }
                for seconds in cancel.split_whitespace() {
                    let timer = cx.set_timer(Duration::from_secs(seconds.parse().unwrap()));
                    cx.cancel_timer(timer);
                    cx.cancel_timer(timer);
                }
            }
            Event::Timer { timer } => {
                let mut tick = to_user(Method::Message, &user);
                tick.set_body_str(&timer.number().to_string());
                cx.open(tick);
            }
            _ => {}
        })
    })
}

#[test]
fn timers_fire_once_in_their_order_and_keep_their_instance() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("clock", clock())]);
        let alice = world.connect("alice@example.com");
        assert_eq!(
            world.ask(&alice, &message(&alice, "x@example.com", "d1", "30 10 10 / 5 20"))["Code"],
            200
        );
        let mut ticks = Vec::new();
        for _ in 0..40 {
            world.advance(1);
            while let Some(strowger_testkit::Arrived::Text(text)) = world.node.receive(alice.conn) {
                let tick: serde_json::Value = serde_json::from_str(&text).unwrap();
                world.respond(&alice, &tick, 200);
                ticks.push((world.node.now().as_micros() / 1_000_000, tick["Body"].clone()));
            }
        }
        assert_eq!(ticks, [(10, json!("2")), (10, json!("3")), (30, json!("1"))]);
        world.assert_empty();
    }
}

#[test]
fn a_cancelled_timer_keeps_no_instance() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("clock", clock())]);
        let alice = world.connect("alice@example.com");
        assert_eq!(
            world.ask(&alice, &message(&alice, "x@example.com", "d1", " / 10"))["Code"],
            200
        );
        world.assert_empty();
    }
}

#[test]
fn a_timer_of_an_instance_that_ended_is_gone() {
    for shards in SHARDS {
        let short = service(|event, cx| {
            if let Event::Incoming { leg, request } = event {
                answer(leg, &request, StatusCode::OK, "", cx);
                cx.set_timer(Duration::MAX);
                cx.finish();
                // Nothing after the end is carried out.
                cx.set_timer(Duration::from_secs(1));
                cx.relation();
                cx.open(to_user(Method::Message, "alice@example.com"));
            }
        });
        let mut world = World::new(shards, &[("short", short)]);
        let alice = world.connect("alice@example.com");
        world.send(&alice, &request("INVITE", &alice, "x@example.com", "d1", 1));
        world.expect(&alice, 200);
        let bye = world.expect(&alice, "BYE");
        world.send(&alice, &request("ACK", &alice, "x@example.com", "d1", 2));
        world.respond(&alice, &bye, 200);
        world.expect_nothing(&alice);
        world.assert_empty();
    }
}

/// Sends a MESSAGE to nobody and answers with what came of it.
fn seeker() -> Arc<dyn Service> {
    stateful(|| {
        let (mut waiting, mut code) = (None, 0);
        Box::new(move |event, cx| match event {
            Event::Incoming { leg, request } => {
                cx.open(to_user(Method::Message, &body(&request)));
                waiting = Some((leg, request));
            }
            Event::Response { response, .. } => code = response.code().as_u16(),
            Event::Ended { cause, .. } => {
                if let Some((leg, request)) = waiting.take() {
                    answer(
                        leg,
                        &request,
                        StatusCode::OK,
                        &format!("{code} {}", cause == EndCause::Refused),
                        cx,
                    );
                }
            }
            _ => {}
        })
    })
}

/// Answers all; writes down which legs are over, but those in the usual course.
#[derive(Clone, Default)]
struct Unconcerned(Arc<Mutex<Vec<EndCause>>>);

impl Service for Unconcerned {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(self.clone())
    }

    fn hears_completed(&self) -> bool {
        false
    }
}

impl Instance for Unconcerned {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Incoming { leg, request } => answer(leg, &request, StatusCode::OK, "", cx),
            Event::Ended { cause, .. } => self.0.lock().unwrap().push(cause),
            _ => {}
        }
    }
}

#[test]
fn who_hears_of_no_leg_that_is_over_in_the_usual_course_ends_with_the_last_one_all_the_same() {
    for shards in SHARDS {
        let service = Unconcerned::default();
        let ends = Arc::clone(&service.0);
        let mut world = World::new(shards, &[("unconcerned", Arc::new(service))]);
        let alice = world.connect("alice@example.com");
        assert_eq!(
            world.ask(&alice, &message(&alice, "x@example.com", "d1", ""))["Code"],
            200
        );
        assert_eq!(*ends.lock().unwrap(), []);
        world.assert_empty();

        world.send(&alice, &request("INVITE", &alice, "x@example.com", "d2", 1));
        world.expect(&alice, 200);
        world.send(&alice, &request("ACK", &alice, "x@example.com", "d2", 2));
        assert_eq!(
            world.ask(&alice, &request("BYE", &alice, "x@example.com", "d2", 3))["Code"],
            200
        );
        assert_eq!(*ends.lock().unwrap(), [EndCause::Bye]);
        world.assert_empty();
    }
}

#[test]
fn a_user_who_is_nowhere_is_480_to_the_instance() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("seeker", seeker())]);
        let users: [_; 3] = world.connect_apart();
        for (number, user) in users.iter().enumerate() {
            let dialog = format!("d{number}");
            let answer = world.ask(
                user,
                &message(user, "x@example.com", &dialog, "nobody@example.com"),
            );
            assert_eq!(answer["Body"], "480 true");
        }
        assert_eq!(world.count(|counters| counters.unreachable), 3);
        world.assert_empty();
    }
}

#[test]
fn a_request_whose_sender_leaves_in_the_same_instant_starts_nothing() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("echo", echo())]);
        for user in world.connect_apart::<3>() {
            let invite = request("INVITE", &user, "x@example.com", "d1", 1).to_string();
            let message = message(&user, "x@example.com", "d2", "").to_string();
            world
                .node
                .send_and_end(user.conn, &[&invite, &message], Some(1000));
        }
        world.assert_empty();
    }
}

#[test]
fn a_caller_who_leaves_ends_the_instance() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("echo", echo())]);
        for (user, code) in world
            .connect_apart::<3>()
            .into_iter()
            .zip([Some(1000), Some(1001), None])
        {
            world.call(&user, "x@example.com", "d1");
            world.node.disconnect(user.conn, code);
        }
        assert_eq!(world.instances(), 2);
        world.advance(119);
        assert_eq!(world.instances(), 2);
        world.advance(1);
        world.assert_empty();
    }
}

#[test]
fn a_node_can_end_all_its_instances() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("echo", echo())]);
        let users: [_; 3] = world.connect_apart();
        for user in &users {
            world.call(user, "x@example.com", "d1");
        }
        world.node.end_instances();
        for user in &users {
            let bye = world.expect(user, "BYE");
            world.respond(user, &bye, 200);
        }
        world.assert_empty();
    }
}
