//! The echo service with the author's test kit.

use strowger_echo::Echo;
use strowger_service::jsip::{Method, Request, StatusCode};
use strowger_service::testkit::TestKit;

fn request(method: Method) -> Request {
    let mut request = Request::new(method, "echo@example.com", "ann@example.com", "echo@example.com");
    request.set_content_type("text/plain");
    request.set_body_str("hello");
    request
}

#[test]
fn a_message_comes_back() {
    let mut kit = TestKit::new(Echo).named("echo");
    let leg = kit.incoming(request(Method::Message));
    let response = kit.expect_response(leg, StatusCode::OK);
    assert_eq!(
        (response.body_str().as_deref(), response.content_type()),
        (Some("hello"), Some("text/plain"))
    );
    kit.assert_finished();
}

#[test]
fn a_call_is_held_until_the_caller_hangs_up() {
    let mut kit = TestKit::new(Echo).named("echo");
    let leg = kit.incoming(request(Method::Invite));
    kit.expect_response(leg, StatusCode::OK);
    kit.request(leg, request(Method::Ack));
    kit.request(leg, request(Method::Info));
    kit.expect_response(leg, StatusCode::OK);
    kit.hang_up(leg);
    kit.assert_finished();
}

#[test]
fn any_request_that_may_begin_a_dialog_is_answered() {
    for method in [Method::Register, Method::Options, Method::Subscribe] {
        let mut kit = TestKit::new(Echo);
        let leg = kit.incoming(request(method));
        kit.expect_response(leg, StatusCode::OK);
        kit.assert_finished();
    }
}

#[test]
fn a_changed_call_gets_its_body_back() {
    let mut kit = TestKit::new(Echo);
    let leg = kit.incoming(request(Method::Invite));
    kit.expect_response(leg, StatusCode::OK);
    kit.request(leg, request(Method::Ack));
    let mut changed = request(Method::Invite);
    changed.set_body("[1, 2.50, {}]").unwrap();
    kit.request(leg, changed);
    assert_eq!(
        kit.expect_response(leg, StatusCode::OK).body(),
        Some("[1, 2.50, {}]")
    );
    kit.lose(leg);
    kit.assert_finished();
}
