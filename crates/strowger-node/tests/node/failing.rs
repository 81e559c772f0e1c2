//! Services that misbehave: each ends alone (protocol section 7).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use strowger_node::Subject;
use strowger_service::jsip::{Method, Request, StatusCode};
use strowger_service::{Context, Event, Instance, LogLevel, Service};

use crate::harness::{
    SHARDS, World, answer, body, echo, keyed, message, request, service, stateful, to_user,
};

/// Answers an INVITE 200 and calls whom its Body names; an INFO makes it panic, or fail, or is answered.
fn fragile() -> Arc<dyn Service> {
    service(|event, cx| match event {
        Event::Incoming { leg, request } => {
            answer(leg, &request, StatusCode::OK, "", cx);
            if !body(&request).is_empty() {
                cx.open(to_user(Method::Invite, &body(&request)));
            }
        }
        Event::Request { leg, request } if request.method() == Method::Info => {
            match body(&request).as_str() {
                "panic" => panic!("on purpose"),
                "fail" => cx.fail("on purpose"),
                _ => answer(leg, &request, StatusCode::OK, "", cx),
            }
        }
        _ => {}
    })
}

#[track_caller]
fn check_fails_alone(how: &str) {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("fragile", fragile())]);
        let [alice, bob, carol]: [_; 3] = world.connect_apart();
        let mut invite = request("INVITE", &alice, "x@example.com", "d1", 1);
        invite["Body"] = bob.name.as_str().into();
        assert_eq!(world.ask(&alice, &invite)["Code"], 200);
        world.send(&alice, &request("ACK", &alice, "x@example.com", "d1", 2));
        let ringing = world.expect(&bob, "INVITE");
        world.call(&carol, "x@example.com", "d1");

        let mut info = request("INFO", &alice, "x@example.com", "d1", 3);
        info["Body"] = how.into();
        assert_eq!(world.ask(&alice, &info)["Code"], 500);
        let bye = world.expect(&alice, "BYE");
        world.respond(&alice, &bye, 200);
        let cancel = world.expect(&bob, "CANCEL");
        world.respond(&bob, &cancel, 200);
        world.respond(&bob, &ringing, 487);
        world.expect(&bob, "ACK");
        assert_eq!(
            world.ask(&alice, &request("INFO", &alice, "x@example.com", "d1", 4))["Code"],
            481
        );

        assert_eq!(
            world.ask(&carol, &request("INFO", &carol, "x@example.com", "d1", 3))["Code"],
            200
        );
        assert_eq!(
            world.ask(&carol, &request("BYE", &carol, "x@example.com", "d1", 4))["Code"],
            200
        );
        assert_eq!(world.count(|counters| counters.instances_failed), 1);
        let errors: Vec<_> = world
            .node
            .logs()
            .iter()
            .filter(|line| line.level == LogLevel::Error)
            .collect();
        assert_eq!(errors.len(), 1);
        assert!(
            errors[0].subject == Subject::Service("fragile".to_owned())
                && errors[0].text.contains("on purpose"),
            "{errors:?}"
        );
        world.assert_empty();
    }
}

#[test]
fn an_instance_that_panics_ends_alone() {
    check_fails_alone("panic");
}

#[test]
fn an_instance_that_fails_ends_alone() {
    check_fails_alone("fail");
}

/// The service as default beside a good one: its requests get 500, those of the other 200.
#[track_caller]
fn check_broken(broken: impl Fn() -> Arc<dyn Service>) {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("broken", broken()), ("echo", echo())]);
        let users: [_; 3] = world.connect_apart();
        for user in &users {
            assert_eq!(
                world.ask(user, &message(user, "x@example.com", "d1", ""))["Code"],
                500
            );
            world.send(user, &request("INVITE", user, "x@example.com", "d2", 1));
            world.expect(user, 500);
            world.send(user, &request("ACK", user, "x@example.com", "d2", 2));
            assert_eq!(
                world.ask(user, &message(user, "x@echo.example.com", "d3", ""))["Code"],
                200
            );
        }
        assert_eq!(world.count(|counters| counters.instances_failed), 6);
        world.assert_empty();
    }
}

#[test]
fn a_service_that_panics_at_the_start_of_an_instance_gives_500() {
    check_broken(|| stateful(|| panic!("no start")));
}

#[test]
fn a_key_function_that_panics_gives_500() {
    check_broken(|| keyed(|_| panic!("no key"), || Box::new(|_, _| {})));
}

#[test]
fn an_instance_that_panics_at_its_first_event_gives_500() {
    check_broken(|| service(|_, _| panic!("no event")));
}

#[test]
fn a_destructor_that_panics_hurts_nobody() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("no end");
            }
        }
    }
    impl Service for Bomb {
        fn start(&self) -> Box<dyn Instance> {
            Box::new(Self)
        }
    }
    impl Instance for Bomb {
        fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
            if let Event::Incoming { leg, request } = event {
                answer(leg, &request, StatusCode::OK, "", cx);
            }
        }
    }
    for shards in SHARDS {
        // The service itself is never dropped: its destructor belongs to this test.
        let bomb = Arc::new(Bomb);
        std::mem::forget(Arc::clone(&bomb));
        let mut world = World::new(shards, &[("bomb", bomb)]);
        let alice = world.connect("alice@example.com");
        for dialog in ["d1", "d2"] {
            assert_eq!(
                world.ask(&alice, &message(&alice, "x@example.com", dialog, ""))["Code"],
                200
            );
        }
        world.assert_empty();
    }
}

#[test]
fn a_service_that_answers_every_refusal_with_another_bad_command_is_stopped() {
    for shards in SHARDS {
        let refused = service(|event, cx| {
            if let Event::Incoming { leg, .. } | Event::Refused { leg, .. } = event {
                cx.send(leg, to_user(Method::Bye, "x@example.com"));
                cx.send(leg, to_user(Method::Prack, "x@example.com"));
            }
        });
        let mut world = World::new(shards, &[("refused", refused)]);
        let alice = world.connect("alice@example.com");
        assert_eq!(
            world.ask(&alice, &message(&alice, "x@example.com", "d1", ""))["Code"],
            500
        );
        assert_eq!(world.count(|counters| counters.instances_failed), 1);
        world.assert_empty();
    }
}

#[test]
fn a_service_that_calls_nobody_again_and_again_is_stopped() {
    for shards in SHARDS {
        for hops in [0, 70] {
            let restless = service(|event, cx| {
                if let Event::Incoming { .. } | Event::Ended { .. } = event {
                    cx.open(to_user(Method::Message, "nobody@example.com"));
                }
            });
            let mut world = World::new(shards, &[("restless", restless)]);
            let alice = world.connect("alice@example.com");
            let mut message = message(&alice, "x@example.com", "d1", "");
            message["Max-Forwards"] = hops.into();
            assert_eq!(world.ask(&alice, &message)["Code"], 500);
            world.assert_empty();
        }
    }
}

#[test]
fn a_service_that_rings_and_cancels_somebody_offline_again_and_again_is_stopped() {
    for shards in SHARDS {
        let restless = service(|event, cx| {
            if let Event::Incoming { .. } | Event::Ended { .. } = event {
                let (leg, _) = cx.open(to_user(Method::Invite, "user1-0@example.com"));
                cx.send(leg, to_user(Method::Cancel, "user1-0@example.com"));
            }
        });
        let mut world = World::new(shards, &[("restless", restless)]);
        let [alice, _, _]: [_; 3] = world.connect_apart();
        let bob = world.connect("user1-0@example.com");
        world.node.disconnect(bob.conn, None);
        assert_eq!(
            world.ask(&alice, &message(&alice, "x@example.com", "d1", ""))["Code"],
            500
        );
        world.advance(300);
        world.assert_empty();
    }
}

#[test]
fn a_service_that_sets_a_timer_of_no_time_whenever_one_fires_does_not_stop_the_clock() {
    for shards in SHARDS {
        let fired = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&fired);
        let restless = stateful(move || {
            let count = Arc::clone(&count);
            Box::new(move |event, cx| {
                if let Event::Incoming { .. } | Event::Timer { .. } = event {
                    count.fetch_add(1, Ordering::Relaxed);
                    cx.set_timer(Duration::ZERO);
                }
            })
        });
        let mut world = World::new(shards, &[("restless", restless), ("echo", echo())]);
        let alice = world.connect("alice@example.com");
        world.send(&alice, &message(&alice, "x@example.com", "d1", ""));
        world.advance(1);
        assert_eq!(fired.load(Ordering::Relaxed), 1001);
        assert_eq!(
            world.ask(&alice, &message(&alice, "x@echo.example.com", "d2", ""))["Code"],
            200
        );
    }
}

#[test]
fn many_refusals_at_once_are_no_fault() {
    fn start() -> crate::harness::Handler {
        let (mut legs, mut refusals) = (Vec::new(), 0);
        Box::new(move |event, cx| match event {
            Event::Incoming { leg, request } => {
                answer(leg, &request, StatusCode::OK, "", cx);
                legs.extend((0..200).map(|_| cx.open(to_user(Method::Message, "nobody@example.com")).0));
            }
            Event::Request { leg, request } if request.method() == Method::Info => {
                answer(leg, &request, StatusCode::OK, &refusals.to_string(), cx);
                for leg in &legs {
                    cx.send(*leg, to_user(Method::Message, "nobody@example.com"));
                }
            }
            Event::Refused { .. } => refusals += 1,
            _ => {}
        })
    }
    for shards in SHARDS {
        let mut world = World::new(shards, &[("late", stateful(start))]);
        let alice = world.connect("alice@example.com");
        world.call(&alice, "x@example.com", "d1");
        assert_eq!(
            world.ask(&alice, &request("INFO", &alice, "x@example.com", "d1", 3))["Body"],
            "0"
        );
        assert_eq!(
            world.ask(&alice, &request("INFO", &alice, "x@example.com", "d1", 4))["Body"],
            "200"
        );
        assert_eq!(
            world.ask(&alice, &request("BYE", &alice, "x@example.com", "d1", 5))["Code"],
            200
        );
        assert_eq!(world.count(|counters| counters.instances_failed), 0);
        world.assert_empty();
    }
}

#[test]
fn a_key_function_gets_whatever_a_peer_sends() {
    fn key(request: &Request) -> Option<String> {
        request.body().map(str::to_owned)
    }
    for shards in SHARDS {
        let finishing = || -> crate::harness::Handler {
            Box::new(|event, cx| {
                if let Event::Incoming { leg, request } = event {
                    answer(leg, &request, StatusCode::OK, "", cx);
                    cx.finish();
                }
            })
        };
        let mut world = World::new(shards, &[("keyed", keyed(key, finishing))]);
        let alice = world.connect("alice@example.com");
        for (number, text) in ["", "\u{0}", "é", &"long".repeat(10_000)].into_iter().enumerate() {
            let message = message(&alice, "x@example.com", &format!("d{number}"), text);
            assert_eq!(world.ask(&alice, &message)["Code"], 200);
        }
        world.assert_empty();
    }
}
