use super::*;

fn parse(steps: &str) -> Result<Scenario, ScenarioError> {
    let text = format!(
        r#"{{"about": "x", "spec": ["5"], "users": {{"alice": "alice@example.com", "bob": "bob@example.com"}},
            "steps": [{steps}]}}"#
    );
    Scenario::parse("t", &text)
}

#[track_caller]
fn check_error(steps: &str, expected: &str) {
    let error = parse(steps).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn every_kind_of_step_is_read() {
    let scenario = parse(
        r#"{"connect": "alice", "query": "userid=a%20b", "expect_status": 400, "expect_body": {"contains": "x"}},
           {"connect": "alice", "as": "{{bob}}"}, {"connect": "bob"},
           {"send": "alice", "message": {"To": "{{bob}}"}}, {"raw": "alice", "text": "{{[*9}}"}, {"binary": "alice"},
           {"expect": "bob", "message": {"CSeq": {"number": true}}, "capture": {"c": "CSeq"}, "order": ["To", "CSeq"],
            "after": "4s", "within": "6s"},
           {"unordered": [{"expect": "bob", "message": {"CSeq": "{{c}}"}}, {"expect_close": "alice", "code": 1008}]},
           {"repeat": 3, "steps": [{"send": "bob", "message": {"CSeq": "{{i}}"}}]},
           {"expect_nothing": "bob", "for": "2s"}, {"expect_nothing": "bob"}, {"wait": "1s"}, {"disconnect": "bob"},
           {"connect": "bob"}, {"drop": "bob"},
           {"http": {"method": "GET", "path": "/rtc?userid={{bob}}", "status": 400, "body": "no"}}"#,
    );
    assert_eq!(scenario.unwrap().steps().len(), 16);
}

#[test]
fn unknown_keys_are_refused_with_their_place() {
    check_error(r#"{"conect": "alice"}"#, "unknown field `conect`");
    check_error("\n{\"expect\": \"alice\", \"mesage\": {}}", "line 3");
    let error = Scenario::parse("t", r#"{"abuot": "x"}"#).unwrap_err().to_string();
    assert!(error.contains("unknown field `abuot`"), "{error}");
}

#[test]
fn a_step_is_one_verb_and_what_goes_with_it() {
    check_error("{}", "steps[0]: a step needs one of connect, send");
    check_error(
        r#"{"connect": "alice", "send": "bob"}"#,
        "`connect` and `send` are two steps",
    );
    check_error(
        r#"{"connect": "alice", "message": {}}"#,
        "`message` does not go with `connect`",
    );
    check_error(
        r#"{"wait": "1s", "for": "2s"}"#,
        "`for` does not go with `wait`, which takes nothing else",
    );
    check_error(
        r#"{"connect": "alice"}, {"send": "alice"}"#,
        "steps[1]: a `message` is missing",
    );
    check_error(
        r#"{"connect": "alice"}, {"send": "alice", "message": 7}"#,
        "must be an object",
    );
    check_error(r#"{"wait": "soon"}"#, "`soon` is no span of time");
    check_error(r#"{"unordered": [{"wait": "1s"}]}"#, "`unordered` takes only");
    check_error(
        r#"{"connect": "alice", "as": "a", "query": "b"}"#,
        "either `as` or `query`",
    );
    check_error(
        r#"{"connect": "alice", "expect_body": "b"}"#,
        "needs an `expect_status`",
    );
}

#[test]
fn names_must_be_known_before_they_are_used() {
    check_error(r#"{"connect": "carol"}"#, "`carol` is not in `users`");
    check_error(
        r#"{"connect": "alice"}, {"send": "alice", "message": {"a": "{{d}}"}}"#,
        "`{{d}}` is neither a user nor captured",
    );
    check_error(
        r#"{"connect": "alice"}, {"send": "alice", "message": {"a": "{{i}}"}}"#,
        "`{{i}}` is neither a user nor captured",
    );
    check_error(
        r#"{"connect": "alice"}, {"expect": "alice", "message": {}, "capture": {"bob": "CSeq"}}"#,
        "cannot be the name of a capture",
    );
    check_error(
        r#"{"connect": "alice"}, {"unordered": [{"expect": "alice", "message": {}, "capture": {"d": "CSeq"}},
            {"expect": "alice", "message": {"CSeq": "{{d}}"}}]}"#,
        "`{{d}}` is neither",
    );
}

#[test]
fn a_socket_must_be_there_to_be_used() {
    check_error(r#"{"binary": "alice"}"#, "alice has no socket here");
    check_error(
        r#"{"connect": "alice"}, {"connect": "alice"}"#,
        "alice has a socket",
    );
    check_error(
        r#"{"connect": "alice"}, {"drop": "alice"}, {"binary": "alice"}"#,
        "steps[2]: alice has no socket",
    );
    check_error(
        r#"{"connect": "alice", "expect_status": 400}, {"expect_nothing": "alice"}"#,
        "alice has no socket here",
    );
}

#[test]
fn patterns_and_configuration_are_checked() {
    check_error(
        r#"{"connect": "alice"}, {"expect": "alice", "message": {"a": {"any": 1}}}"#,
        "must be `true`",
    );
    let text = r#"{"about": "", "spec": [], "users": {}, "config": {"timers.session": "soon"}, "steps": []}"#;
    let error = Scenario::parse("t", text).unwrap_err().to_string();
    assert_eq!(
        error,
        "t: config.timers.session: `soon` is no span of time such as 250ms or 5s"
    );
}

#[test]
fn timers_are_scaled_and_limits_are_not() {
    let text = r#"{"about": "", "spec": [], "users": {},
        "config": {"timers.session": "9s", "channel.retention": "2m", "limits.malformed": 3, "channel.outbox_bytes": "4MiB"},
        "steps": []}"#;
    let scenario = Scenario::parse("t", text).unwrap();
    assert!(scenario.has_config());
    assert_eq!(
        scenario.config_toml(0.01),
        "channel.outbox_bytes = \"4MiB\"\nchannel.retention = \"1200ms\"\nlimits.malformed = 3\n\
         timers.session = \"90ms\"\n"
    );
    let unscaled = text.replace("\"steps\"", "\"unscaled\": true, \"steps\"");
    let scenario = Scenario::parse("t", &unscaled).unwrap();
    assert_eq!(scenario.config(0.01)["timers.session"], "9s");
}

#[test]
fn a_part_of_a_configuration_key_may_stand_in_quotes() {
    let with = |key: &str| {
        let text = format!(
            r#"{{"about": "x", "spec": ["5"], "users": {{"a": "a@b"}}, "config": {{{}: 1}}, "steps": [{{"connect": "a"}}]}}"#,
            Value::from(key)
        );
        Scenario::parse("t", &text).map(|scenario| scenario.config_toml(1.0))
    };
    assert_eq!(with(r#"x."a@b.c".y"#).unwrap(), "x.\"a@b.c\".y = 1\n");
    for bad in [r#"x."a@b.c.y"#, "x.a@b.y", r#"x..y"#, ""] {
        assert!(with(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_web_peer_has_a_name_of_its_own_and_its_url_stands_in_the_configuration() {
    let with = |web: &str, config: &str, steps: &str| {
        let text = format!(
            r#"{{"about": "x", "spec": ["5"], "users": {{"alice": "alice@example.com"}}, "web": "{web}",
                "config": {{{config}}}, "steps": [{steps}]}}"#
        );
        Scenario::parse("t", &text)
    };
    let config = r#""http.grants.webhook.urls": ["{{shop}}/*"]"#;
    let scenario = with("shop", config, "").unwrap();
    assert_eq!(scenario.web(), Some(("shop", "http://shop.test")));
    let moved = scenario.with_web_at("http://127.0.0.1:8000");
    assert_eq!(
        moved.config_toml(1.0),
        "http.grants.webhook.urls = [\"http://127.0.0.1:8000/*\"]\n"
    );
    let refused = |web, config, steps| with(web, config, steps).unwrap_err().to_string();
    assert!(refused("alice", "", "").contains("no user's"));
    let other = config.replace("shop", "shed");
    assert!(refused("shop", &other, "").contains("`{{shed}}` has no value"));
    let asked = r#"{"asked": "shed", "path": "/"}"#;
    assert!(refused("shop", "", asked).contains("`shed` is not the file's `web`"));
    let ask = r#"{"ask": "shop", "path": "/", "status": 200}"#;
    assert!(refused("shop", "", ask).contains("`ask` needs a `method`"));
}
