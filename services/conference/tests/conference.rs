//! The conference service with the author's test kit.

use std::time::Duration;

use strowger_conference::{Conference, Settings};
use strowger_service::jsip::{Method, Request, Response, StatusCode};
use strowger_service::testkit::TestKit;
use strowger_service::{LegId, Service as _};

const ROOM: &str = "room:tea@example.com";
const ANN: &str = "ann@example.com";
const BEN: &str = "ben@example.com";
const CARL: &str = "carl@example.com";

fn kit() -> TestKit {
    TestKit::new(Conference::default()).named("conference")
}

fn call(user: &str) -> Request {
    Request::new(Method::Invite, ROOM, user, ROOM)
}

#[track_caller]
fn joins(kit: &mut TestKit, user: &str) -> LegId {
    let leg = kit.incoming(call(user));
    kit.expect_response(leg, StatusCode::OK);
    leg
}

#[track_caller]
fn acknowledges(kit: &mut TestKit, leg: LegId) {
    kit.request(leg, Request::new(Method::Ack, ROOM, "x", ROOM));
}

#[track_caller]
fn is_told(kit: &mut TestKit, leg: LegId, version: u64, members: &[&str]) {
    let told = kit.expect_send(leg, Method::Notify);
    let names: Vec<String> = members.iter().map(|member| format!("\"{member}\"")).collect();
    let body = format!(
        r#"{{"version":{version},"host":{},"locked":false,"members":[{}]}}"#,
        names[0],
        names.join(",")
    );
    assert_eq!((told.event(), told.body()), (Some("conference"), Some(&*body)));
    kit.answer(&told, StatusCode::OK);
}

/// Ann and Ben in a room.
fn two() -> (TestKit, LegId, LegId) {
    let mut kit = kit();
    let ann = joins(&mut kit, ANN);
    acknowledges(&mut kit, ann);
    is_told(&mut kit, ann, 1, &[ANN]);
    let ben = joins(&mut kit, BEN);
    is_told(&mut kit, ann, 2, &[ANN, BEN]);
    acknowledges(&mut kit, ben);
    is_told(&mut kit, ben, 2, &[ANN, BEN]);
    (kit, ann, ben)
}

fn to(user: &str, method: Method) -> Request {
    let mut request = Request::new(method, user, "Ann", user);
    request.set_body_str("offer");
    request
}

fn wants(action: &str, user: Option<&str>) -> Request {
    let mut request = Request::new(Method::Info, ROOM, "x", ROOM);
    assert!(request.set_extension("Action", &format!("\"{action}\"")).is_ok());
    if let Some(user) = user {
        assert!(request.set_extension("User", &format!("\"{user}\"")).is_ok());
    }
    request
}

#[track_caller]
fn refused(kit: &mut TestKit, leg: LegId, request: Request, code: StatusCode, reason: &str) {
    kit.request(leg, request);
    assert_eq!(kit.expect_response(leg, code).reason(), Some(reason));
}

#[test]
fn offers_pass_from_leg_to_leg_and_answers_back() {
    let (mut kit, ann, ben) = two();
    for method in [Method::Info, Method::Message] {
        let cseq = kit.request(ann, to(BEN, method));
        let passed = kit.expect_send(ben, method);
        assert_eq!(
            (passed.from(), passed.extension_str("Member").as_deref()),
            ("Ann", Some(ANN))
        );
        assert_eq!(passed.asserted_identity(), None);
        assert_eq!(passed.body_str().as_deref(), Some("offer"));
        let mut answer = Response::to(&passed, StatusCode::OK);
        answer.set_body_str("answer");
        kit.respond(&passed, answer);
        let answer = kit.expect_response(ann, StatusCode::OK);
        assert_eq!(
            (answer.cseq(), answer.body_str().as_deref()),
            (cseq, Some("answer"))
        );
    }
    refused(
        &mut kit,
        ann,
        to(CARL, Method::Info),
        StatusCode::NOT_FOUND,
        "User Not Exist",
    );
}

#[test]
fn the_last_one_out_ends_the_room_and_the_next_in_line_is_host() {
    let (mut kit, ann, ben) = two();
    kit.hang_up(ann);
    is_told(&mut kit, ben, 3, &[BEN]);
    kit.request(ben, wants("lock", None));
    kit.expect_response(ben, StatusCode::OK);
    let told = kit.expect_send(ben, Method::Notify);
    kit.answer(&told, StatusCode::OK);
    kit.hang_up(ben);
    kit.assert_finished();
}

#[test]
fn a_member_whose_channel_is_lost_leaves() {
    let (mut kit, ann, ben) = two();
    kit.lose(ann);
    is_told(&mut kit, ben, 3, &[BEN]);
    kit.expect_nothing();
}

#[test]
fn only_the_host_kicks_and_locks() {
    let (mut kit, ann, ben) = two();
    refused(
        &mut kit,
        ben,
        wants("lock", None),
        StatusCode::FORBIDDEN,
        "Not Host",
    );
    refused(
        &mut kit,
        ann,
        wants("dance", None),
        StatusCode::BAD_REQUEST,
        "No Action",
    );
    refused(
        &mut kit,
        ann,
        wants("kick", Some(CARL)),
        StatusCode::NOT_FOUND,
        "User Not Exist",
    );
    kit.request(ann, wants("lock", None));
    kit.expect_response(ann, StatusCode::OK);
    for leg in [ann, ben] {
        let told = kit.expect_send(leg, Method::Notify);
        assert!(told.body().is_some_and(|body| body.contains(r#""locked":true"#)));
        kit.answer(&told, StatusCode::OK);
    }
    let carl = kit.incoming(call(CARL));
    assert_eq!(
        kit.expect_response(carl, StatusCode::FORBIDDEN).reason(),
        Some("Room Locked")
    );
    kit.request(ann, wants("kick", Some(BEN)));
    let bye = kit.expect_send(ben, Method::Bye);
    assert_eq!(bye.reason(), Some("kicked"));
    kit.expect_response(ann, StatusCode::OK);
    let told = kit.expect_send(ann, Method::Notify);
    kit.answer(&told, StatusCode::OK);
    kit.request(ann, wants("unlock", None));
    kit.expect_response(ann, StatusCode::OK);
    let told = kit.expect_send(ann, Method::Notify);
    kit.answer(&told, StatusCode::OK);
    joins(&mut kit, CARL);
}

#[test]
fn a_room_has_a_limit_of_members() {
    let mut kit = TestKit::new(Conference::new(Settings { members: 1 }));
    joins(&mut kit, ANN);
    let ben = kit.incoming(call(BEN));
    assert_eq!(
        kit.expect_response(ben, StatusCode::BUSY_HERE).reason(),
        Some("Room Full")
    );
}

#[test]
fn who_comes_again_takes_his_own_place() {
    let (mut kit, ann, ben) = two();
    let again = kit.incoming(call(ANN));
    let bye = kit.expect_send(ann, Method::Bye);
    assert_eq!(bye.reason(), Some("replaced"));
    kit.expect_response(again, StatusCode::OK);
    is_told(&mut kit, ben, 3, &[ANN, BEN]);
    acknowledges(&mut kit, again);
    is_told(&mut kit, again, 3, &[ANN, BEN]);
}

#[test]
fn a_member_who_is_away_is_told_what_holds_when_he_is_back() {
    let (mut kit, ann, ben) = two();
    let carl = joins(&mut kit, CARL);
    let lost = kit.expect_send(ann, Method::Notify);
    is_told(&mut kit, ben, 3, &[ANN, BEN, CARL]);
    kit.hang_up(carl);
    is_told(&mut kit, ben, 4, &[ANN, BEN]);
    kit.answer(&lost, StatusCode::REQUEST_TIMEOUT);
    kit.expect_nothing();
    kit.advance(Duration::from_secs(1));
    is_told(&mut kit, ann, 4, &[ANN, BEN]);
    kit.advance(Duration::from_secs(60));
    kit.expect_nothing();
}

#[test]
fn what_is_missing_is_named_and_what_is_no_call_refused() {
    let mut kit = kit();
    let leg = kit.incoming(call("a@b@c"));
    let refused = kit.expect_response(leg, StatusCode::BAD_REQUEST);
    assert_eq!(refused.reason(), Some("No P-Asserted-Identity"));
    kit.assert_finished();
    let mut kit = TestKit::new(Conference::default());
    let leg = kit.incoming(call(ANN).with_method(Method::Message));
    kit.expect_response(leg, StatusCode::NOT_IMPLEMENTED);
    kit.assert_finished();
}

#[test]
fn who_hangs_up_as_he_comes_leaves_nothing_behind() {
    let mut kit = kit();
    kit.at_once(|kit| {
        let ann = kit.incoming(call(ANN));
        kit.hang_up(ann);
    });
    kit.assert_finished();
}

#[test]
fn a_member_has_a_bounded_number_of_open_requests() {
    let (mut kit, ann, ben) = two();
    for _ in 0..64 {
        kit.request(ann, to(BEN, Method::Info));
        kit.expect_send(ben, Method::Info);
    }
    refused(
        &mut kit,
        ann,
        to(BEN, Method::Info),
        StatusCode::SERVICE_UNAVAILABLE,
        "Too Many Open",
    );
    kit.hang_up(ben);
}

#[test]
fn the_key_is_the_room() {
    let key = |uri: &str| Conference::default().key(&Request::new(Method::Invite, uri, ANN, uri));
    assert_eq!(key("room:tea@EXAMPLE.com").as_deref(), Some(ROOM));
}
