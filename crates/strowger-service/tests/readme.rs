//! The service that the README shows is this one.

use std::time::Duration;

use strowger_service::jsip::{Method, Request, Response, StatusCode};
use strowger_service::testkit::TestKit;
use strowger_service::{Event, Instance, Service, script};

// Its layout is that of the README, so it is kept from rustfmt.
include!("shown/mirror.rs");

#[test]
fn the_readme_shows_this_very_service() {
    let readme = include_str!("../../../README.md");
    let shown = readme.split("```rust\n").nth(1);
    let shown = shown.and_then(|rest| rest.split("```").next());
    assert_eq!(shown, Some(include_str!("shown/mirror.rs")));
}

#[test]
fn the_mirror_rings_and_answers_with_the_body() {
    let mut kit = TestKit::new(Mirror);
    let mut invite = Request::new(
        Method::Invite,
        "mirror@example.com",
        "a@x.org",
        "mirror@example.com",
    );
    invite.set_body_str("v=0");
    let leg = kit.incoming(invite);
    kit.expect_response(leg, StatusCode::RINGING);
    kit.advance(Duration::from_millis(1999));
    kit.expect_nothing();
    kit.advance(Duration::from_millis(1));
    let answer = kit.expect_response(leg, StatusCode::OK);
    assert_eq!(answer.body_str().as_deref(), Some("v=0"));
    kit.hang_up(leg);
    kit.assert_finished();
}
