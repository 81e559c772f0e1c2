//! The service that the README shows is this one.

use std::time::Duration;

use strowger_service::jsip::{Method, Request, Response, StatusCode};
use strowger_service::{Command, Context, Event, Facts, Ids, Instance, Service, script};

/// Rings for two seconds, then answers with what came: a mirror to test a phone with.
struct Mirror;

impl Service for Mirror {
    fn start(&self) -> Box<dyn Instance> {
        script(|call| async move {
            let Event::Incoming { leg, request } = call.next().await else {
                return;
            };
            call.respond(leg, Response::to(&request, StatusCode::RINGING));
            call.sleep(Duration::from_secs(2)).await;
            let mut answer = Response::to(&request, StatusCode::OK);
            answer.copy_body_from(&request);
            call.respond(leg, answer);
            while !matches!(call.next().await, Event::Ended { .. }) {}
        })
    }
}

#[test]
fn the_readme_shows_this_very_service() {
    let readme = include_str!("../../../README.md");
    let shown = readme
        .split("```rust\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    assert!(include_str!("readme.rs").contains(shown.expect("the README shows a service")));
}

#[test]
fn the_mirror_rings_and_answers_with_the_body() {
    let (mut ids, mut commands) = (Ids::default(), Vec::new());
    let facts = Facts {
        now: Duration::ZERO,
        service: "mirror",
        own_hosts: &[],
    };
    let mut instance = Mirror.start();
    let leg = ids.next_leg();
    let mut request = Request::new(
        Method::Invite,
        "mirror@example.com",
        "a@x.org",
        "mirror@example.com",
    );
    request.set_body_str("v=0");
    instance.handle(
        Event::Incoming { leg, request },
        &mut Context::new(&mut ids, &facts, &mut commands),
    );
    let timer = match commands.as_slice() {
        [
            Command::Respond { response, .. },
            Command::SetTimer { timer, after },
        ] => {
            assert_eq!(
                (response.code(), *after),
                (StatusCode::RINGING, Duration::from_secs(2))
            );
            *timer
        }
        other => panic!("{other:?}"),
    };
    commands.clear();
    instance.handle(
        Event::Timer { timer },
        &mut Context::new(&mut ids, &facts, &mut commands),
    );
    match commands.as_slice() {
        [Command::Respond { response, .. }] => assert_eq!(response.body_str().as_deref(), Some("v=0")),
        other => panic!("{other:?}"),
    }
}
