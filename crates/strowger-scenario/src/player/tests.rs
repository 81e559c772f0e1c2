#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks at the few actions it is about"
)]

use super::*;

const HEAD: &str =
    r#""about": "x", "spec": [], "users": {"alice": "alice@example.com", "bob": "bob@example.com"}"#;

/// Plays `steps` against a server that is told what to do by `serve`, and moves time to what the player waits for.
fn play_with(
    head: &str,
    steps: &str,
    options: Options,
    mut serve: impl FnMut(Action) -> Vec<Input>,
) -> Outcome {
    let scenario = Scenario::parse("t", &format!("{{{head}, \"steps\": [{steps}]}}")).unwrap();
    let mut player = Player::new(&scenario, options);
    let mut now = Instant::ZERO;
    for _ in 0..10_000 {
        match player.poll(now) {
            Action::Done(outcome) => return *outcome,
            Action::WaitUntil(at) => {
                assert!(at > now, "a wait that is over");
                now = at;
            }
            action => {
                for input in serve(action) {
                    player.handle(now, input);
                }
            }
        }
    }
    panic!("the player does not end");
}

/// A server that opens every socket and hands each text to the user its `To` names, `*` meaning closed with 4001.
fn switchboard(action: Action) -> Vec<Input> {
    match action {
        Action::Connect { user, .. } => vec![Input::Connected { user }],
        Action::SendText { text, .. } => {
            let to = Json::parse(&text)
                .unwrap()
                .get("To")
                .and_then(Json::as_str)
                .unwrap_or("nobody")
                .to_owned();
            match to.strip_prefix('*') {
                Some(user) => vec![Input::Closed {
                    user: user.to_owned(),
                    code: Some(4001),
                }],
                None => vec![Input::Text { user: to, text }],
            }
        }
        Action::Http { .. } => vec![Input::HttpAnswer {
            status: 400,
            body: "Miss userid".to_owned(),
        }],
        Action::SendBinary { .. }
        | Action::Close { .. }
        | Action::Drop { .. }
        | Action::Ask { .. }
        | Action::Answer { .. } => Vec::new(),
        Action::WaitUntil(_) | Action::Done(_) => unreachable!(),
    }
}

fn play(steps: &str) -> Outcome {
    let steps = format!(r#"{{"connect": "alice"}}, {{"connect": "bob"}}, {steps}"#);
    play_with(HEAD, &steps, Options::virtual_time(), switchboard)
}

#[track_caller]
fn check_failure(steps: &str, place: &str, what: &str) -> Failure {
    let outcome = play(steps);
    let failure = outcome.failure.clone().expect("a failure");
    assert_eq!(failure.place, place, "{outcome}");
    assert!(failure.what.contains(what), "{outcome}");
    failure
}

#[test]
fn captures_keep_their_type() {
    let mut sent = Vec::new();
    let steps = r#"{"connect": "alice"}, {"connect": "bob"},
        {"send": "alice", "message": {"To": "bob", "CSeq": 7, "DialogueID": "d-1"}},
        {"expect": "bob", "message": {"CSeq": {"number": true}}, "capture": {"c": "CSeq", "d": "DialogueID"}},
        {"send": "bob", "message": {"To": "alice", "CSeq": "{{c}}", "DialogueID": "{{d}}"}},
        {"expect": "alice", "message": {"CSeq": 7, "DialogueID": "{{d}}"}}"#;
    let outcome = play_with(HEAD, steps, Options::virtual_time(), |action| {
        if let Action::SendText { text, .. } = &action {
            sent.push(text.clone());
        }
        switchboard(action)
    });
    assert!(outcome.is_success(), "{outcome}");
    assert_eq!(sent[1], r#"{"To":"alice","CSeq":7,"DialogueID":"d-1"}"#);
}

#[test]
fn a_different_header_is_named() {
    let failure = check_failure(
        r#"{"send": "alice", "message": {"To": "bob", "Code": 404}},
           {"expect": "bob", "message": {"To": "bob", "Code": 200, "Desc": {"starts_with": "O"}}}"#,
        "steps[3]",
        "another message than expected",
    );
    let shown: Vec<_> = failure.differences.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "Code: expected 200, got 404",
            r#"Desc: expected {"starts_with":"O"}, got absent"#
        ]
    );
    assert_eq!(failure.received.as_deref(), Some(r#"{"To":"bob","Code":404}"#));
}

#[test]
fn a_message_that_does_not_come_fails_after_the_limit() {
    let failure = check_failure(
        r#"{"expect": "bob", "message": {}}"#,
        "steps[2]",
        "nothing came for bob",
    );
    assert_eq!(failure.at, Duration::from_secs(2));
    let failure = check_failure(
        r#"{"expect": "bob", "message": {}, "within": "60s"}"#,
        "steps[2]",
        "nothing came",
    );
    assert_eq!(failure.at, Duration::from_secs(62));
}

#[test]
fn a_message_that_comes_too_early_fails() {
    check_failure(
        r#"{"send": "alice", "message": {"To": "bob"}}, {"expect": "bob", "message": {}, "after": "4s", "within": "6s"}"#,
        "steps[3]",
        "too early",
    );
}

#[test]
fn a_message_nobody_waits_for_fails_at_the_end() {
    check_failure(
        r#"{"send": "alice", "message": {"To": "bob"}}"#,
        "end",
        "bob got a message that nobody waits for",
    );
    check_failure(
        r#"{"send": "alice", "message": {"To": "*bob"}}"#,
        "end",
        "bob: closed with 4001",
    );
    check_failure(
        r#"{"send": "alice", "message": {"To": "bob"}}, {"disconnect": "bob"}"#,
        "steps[3]",
        "nobody waits for",
    );
    check_failure(
        r#"{"send": "alice", "message": {"To": "bob"}}, {"expect_nothing": "bob", "for": "3s"}"#,
        "steps[3]",
        "nobody waits for",
    );
}

#[test]
fn messages_to_one_user_come_in_order() {
    let two = r#"{"send": "alice", "message": {"To": "bob", "n": 1}}, {"send": "alice", "message": {"To": "bob", "n": 2}},"#;
    let reversed = r#"{"expect": "bob", "message": {"n": 2}}, {"expect": "bob", "message": {"n": 1}}"#;
    check_failure(&format!("{two} {reversed}"), "steps[4]", "another message");
    let outcome = play(&format!(r#"{two} {{"unordered": [{reversed}]}}"#));
    assert!(outcome.is_success(), "{outcome}");
}

#[test]
fn an_unordered_group_needs_all_its_parts() {
    let steps = r#"{"send": "alice", "message": {"To": "bob", "n": 1}},
        {"unordered": [{"expect": "bob", "message": {"n": 1}}, {"expect": "alice", "message": {"n": 1}}]}"#;
    check_failure(steps, "steps[3]", "nothing came for alice");
}

#[test]
fn a_close_is_expected_with_its_code() {
    let close = r#"{"send": "alice", "message": {"To": "*bob"}},"#;
    let outcome = play(&format!(
        r#"{close} {{"expect_close": "bob", "code": 4001}}, {{"connect": "bob"}}"#
    ));
    assert!(outcome.is_success(), "{outcome}");
    check_failure(
        &format!(r#"{close} {{"expect_close": "bob", "code": 1008}}"#),
        "steps[3]",
        "closed with 4001",
    );
    check_failure(
        &format!(r#"{close} {{"expect": "bob", "message": {{}}}}"#),
        "steps[3]",
        "waits for a message",
    );
    check_failure(
        r#"{"expect_close": "bob", "code": 1008}"#,
        "steps[2]",
        "bob was not closed",
    );
    check_failure(
        &format!(r#"{close} {{"binary": "alice"}}, {{"send": "bob", "message": {{}}}}"#),
        "steps[4]",
        "cannot send",
    );
}

#[test]
fn repetitions_count_from_one() {
    let outcome = play(
        r#"{"repeat": 2, "steps": [{"repeat": 3, "steps": [{"send": "alice", "message": {"To": "bob", "n": "{{i}}"}}]}]},
           {"repeat": 2, "steps": [{"expect": "bob", "message": {"n": 1}}, {"expect": "bob", "message": {"n": 2}},
                                   {"expect": "bob", "message": {"n": 3}}]}"#,
    );
    assert!(outcome.is_success(), "{outcome}");
}

#[test]
fn waits_are_scaled_unless_the_scenario_forbids_it() {
    let steps = r#"{"connect": "alice"}, {"wait": "10s"}, {"expect_nothing": "alice", "for": "10s"}"#;
    let options = || Options::virtual_time().with_scale(0.1);
    let outcome = play_with(HEAD, steps, options(), switchboard);
    assert_eq!(outcome.took, Duration::from_millis(2_100));
    let outcome = play_with(
        &format!("{HEAD}, \"unscaled\": true"),
        steps,
        options(),
        switchboard,
    );
    assert_eq!(outcome.took, Duration::from_millis(20_100));
}

#[test]
fn a_suffix_goes_into_every_user_id() {
    let head = HEAD.replace("bob@example.com", "room:888@example.com").replace(
        "\"users\": {",
        "\"users\": {\"n\": \"n1\", \"phone\": \"alice+phone@example.com\", ",
    );
    let mut seen = Vec::new();
    let steps = r#"{"connect": "alice"}, {"connect": "bob"}, {"connect": "n", "query": "userid={{n}}&x=1"},
        {"connect": "phone"},
        {"send": "alice", "message": {"To": "bob", "URI": "{{bob}};a=b"}}, {"expect": "bob", "message": {"URI": "{{bob}};a=b"}}"#;
    let outcome = play_with(
        &head,
        steps,
        Options::virtual_time().with_suffix("7f3a"),
        |action| {
            match &action {
                Action::Connect { query, .. } => seen.push(query.clone()),
                Action::SendText { text, .. } => seen.push(text.clone()),
                _ => {}
            }
            switchboard(action)
        },
    );
    assert!(outcome.is_success(), "{outcome}");
    assert_eq!(
        seen,
        [
            "userid=alice-7f3a%40example.com",
            "userid=room%3A888-7f3a%40example.com",
            "userid=n1-7f3a&x=1",
            "userid=alice-7f3a%2Bphone%40example.com",
            r#"{"To":"bob","URI":"room:888-7f3a@example.com;a=b"}"#,
        ]
    );
}

#[test]
fn refused_handshakes_and_http_answers_are_compared() {
    let refuse = |action: Action| match action {
        Action::Connect { user, .. } => {
            vec![Input::Refused {
                user,
                status: 400,
                body: "Miss userid\n".to_owned(),
            }]
        }
        other => switchboard(other),
    };
    let run = |steps: &str| play_with(HEAD, steps, Options::virtual_time(), refuse);
    let good = run(
        r#"{"connect": "alice", "query": "", "expect_status": 400, "expect_body": "Miss userid"},
        {"connect": "alice", "expect_status": {"one_of": [400, 401]}},
        {"http": {"method": "POST", "path": "/rtc", "status": 400, "body": {"contains": "userid"}}}"#,
    );
    assert!(good.is_success(), "{good}");
    let bad = run(r#"{"connect": "alice", "expect_status": 403, "expect_body": "no"}"#)
        .failure
        .unwrap();
    assert_eq!(bad.differences.len(), 2);
    let bad = run(r#"{"connect": "alice"}"#).failure.unwrap();
    assert!(bad.what.contains("refused with 400 Miss userid"));
    let bad = run(r#"{"http": {"method": "GET", "path": "/", "status": 405}}"#)
        .failure
        .unwrap();
    assert_eq!(bad.differences[0].to_string(), "status: expected 405, got 400");
    let bad = play_with(
        HEAD,
        r#"{"connect": "alice", "expect_status": 400}"#,
        Options::virtual_time(),
        switchboard,
    );
    assert_eq!(bad.failure.unwrap().what, "the handshake was not refused");
}

#[test]
fn a_server_that_never_answers_is_reported() {
    for steps in [
        r#"{"connect": "alice"}"#,
        r#"{"http": {"method": "GET", "path": "/", "status": 405}}"#,
    ] {
        let outcome = play_with(HEAD, steps, Options::virtual_time(), |_| Vec::new());
        assert!(outcome.failure.unwrap().what.ends_with("was not answered"));
    }
}

#[test]
fn what_comes_from_a_dropped_socket_is_ignored() {
    let outcome = play(
        r#"{"drop": "bob"}, {"send": "alice", "message": {"To": "bob"}}, {"send": "alice", "message": {"To": "*bob"}}"#,
    );
    assert!(outcome.is_success(), "{outcome}");
}

#[test]
fn what_is_no_json_is_reported_as_it_came() {
    let steps = r#"{"connect": "alice"}, {"connect": "bob"}, {"raw": "alice", "text": "x"}, {"expect": "bob", "message": {}}"#;
    let outcome = play_with(HEAD, steps, Options::virtual_time(), |action| match action {
        Action::SendText { text, .. } => vec![Input::Text {
            user: "bob".to_owned(),
            text,
        }],
        other => switchboard(other),
    });
    let failure = outcome.failure.clone().unwrap();
    assert!(failure.what.contains("what is no JSON"), "{outcome}");
    assert_eq!(failure.received.as_deref(), Some("x"));
}

#[test]
fn the_report_shows_the_difference_and_the_ladder() {
    let outcome = play(
        r#"{"send": "alice", "message": {"Type": "BYE", "To": "bob", "CSeq": 1}},
           {"expect": "bob", "message": {"Type": "ACK"}}"#,
    );
    let expected = r#"t: FAILED
  at 0.000 s, steps[3]: expect bob {"Type":"ACK"}
  bob got another message than expected
  Type: expected "ACK", got "BYE"
  received: {"Type":"BYE","To":"bob","CSeq":1}
            alice           server          bob
     0.000    * connected     |               |
     0.000    |               |               * connected
     0.000    |--BYE 1------->|               |
     0.000    |               |--BYE 1------->|
"#;
    assert_eq!(outcome.to_string(), expected);
}

#[test]
fn messages_can_be_skipped_and_ignored() {
    let three = r#"{"repeat": 3, "steps": [{"send": "alice", "message": {"To": "bob", "n": "{{i}}"}}]},"#;
    let skip = r#"{"expect": "bob", "message": {"n": 2}, "skip": {"n": 1}}"#;
    let outcome = play(&format!(
        r#"{three} {skip}, {{"ignore": "bob"}}, {three} {{"expect_nothing": "bob"}}"#
    ));
    assert!(outcome.is_success(), "{outcome}");
    check_failure(&format!("{three} {skip}"), "end", "nobody waits for");
}

const WITH_WEB: &str = r#""about": "x", "spec": [], "users": {"alice": "alice@example.com"}, "web": "shop""#;

/// A server that asks the web peer what it was asked by it, and answers 201.
fn mirror(action: Action) -> Vec<Input> {
    match action {
        Action::Ask { method, target, body } => vec![
            Input::HttpAnswer {
                status: 201,
                body: r#"{"id":"7f","state":"calling"}"#.to_owned(),
            },
            Input::Asked {
                id: 5,
                method,
                target,
                headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                body: body.unwrap_or_default(),
            },
        ],
        other => switchboard(other),
    }
}

#[track_caller]
fn play_web(steps: &str) -> Outcome {
    play_with(WITH_WEB, steps, Options::virtual_time(), mirror)
}

#[test]
fn the_web_peer_asks_and_is_asked() {
    let mut answered = None;
    let outcome = play_with(
        WITH_WEB,
        r#"{"ask": "shop", "method": "POST", "path": "/c2c/calls", "body": {"to": "{{alice}}", "at": "{{shop}}/x"},
            "status": 201, "answer": {"state": "calling"}, "capture": {"id": "id"}},
           {"asked": "shop", "path": "/services/c2c/calls", "headers": {"content-type": {"contains": "json"}},
            "body": {"to": "{{alice}}", "at": "http://shop.test/x"}, "capture": {"to": "to"},
            "status": 202, "answer": {"of": "{{id}}", "to": "{{to}}"}}"#,
        Options::virtual_time(),
        |action| {
            if let Action::Answer { id, status, body } = &action {
                answered = Some((*id, *status, body.clone()));
            }
            mirror(action)
        },
    );
    assert!(outcome.is_success(), "{outcome}");
    let body = r#"{"of":"7f","to":"alice@example.com"}"#.to_owned();
    assert_eq!(answered, Some((5, 202, body)));
    let drawing = outcome.ladder.to_string();
    for label in ["POST /c2c/calls alice shop/x", "201 calling", "202 id to"] {
        assert!(drawing.contains(label), "{drawing}");
    }
}

#[test]
fn another_answer_or_request_than_the_web_peer_waits_for_is_a_failure() {
    let ask = r#"{"ask": "shop", "method": "POST", "path": "/c2c/calls", "body": {"a": 1}, "status": 201}"#;
    let cases = [
        (ask.replace("201", "200"), "another answer"),
        (
            ask.replace("201}", r#"201, "answer": {"state": "ended"}}"#),
            "another answer",
        ),
        (ask.to_owned(), "no step is about it"),
        (
            format!(r#"{ask}, {{"asked": "shop", "path": "/other"}}"#),
            "another request",
        ),
        (
            format!(r#"{ask}, {{"asked": "shop", "path": "/services/c2c/calls", "body": {{"a": 2}}}}"#),
            "another request",
        ),
        (
            r#"{"asked": "shop", "path": "/"}"#.to_owned(),
            "shop was not asked",
        ),
    ];
    for (steps, expected) in cases {
        let outcome = play_web(&steps);
        let failure = outcome.failure.as_ref().expect("a failure");
        assert!(failure.what.contains(expected), "{outcome}");
    }
}

#[test]
fn a_get_is_asked_again_until_its_answer_is_the_expected_one() {
    let mut states = ["calling", "ringing", "ended"].into_iter();
    let ask = r#"{"ask": "shop", "method": "GET", "path": "/c2c/calls/7f", "status": 200, "answer": {"state": "ended"}}"#;
    let answer = |state: &str| {
        vec![Input::HttpAnswer {
            status: 200,
            body: format!(r#"{{"state":"{state}"}}"#),
        }]
    };
    let outcome = play_with(WITH_WEB, ask, Options::virtual_time(), |action| match action {
        Action::Ask { .. } => answer(states.next().unwrap()),
        other => switchboard(other),
    });
    assert!(outcome.is_success() && states.next().is_none(), "{outcome}");
    let outcome = play_with(WITH_WEB, ask, Options::virtual_time(), |action| match action {
        Action::Ask { .. } => answer("calling"),
        other => switchboard(other),
    });
    let failure = outcome.failure.as_ref().expect("a failure");
    assert!(failure.what.contains("another answer"), "{outcome}");
}
