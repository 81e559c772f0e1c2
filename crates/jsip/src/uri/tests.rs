use super::*;

#[track_caller]
fn check(text: &str, user: Option<&str>, host: &str, port: Option<u16>, name: &str) {
    let uri = Uri::parse(text).unwrap();
    assert_eq!(
        (uri.user(), uri.host(), uri.port()),
        (user, host, port),
        "{text:?}"
    );
    assert_eq!(uri.user_with_host(), name, "{text:?}");
}

#[track_caller]
fn refused(text: &str, error: UriError) {
    assert_eq!(
        Uri::parse(text).map(|uri| uri.to_string()),
        Err(error),
        "{text:?}"
    );
}

#[test]
fn parts_are_told_apart() {
    check("bob", None, "bob", None, "bob");
    check("example.com", None, "example.com", None, "example.com");
    check(
        "bob@example.com",
        Some("bob"),
        "example.com",
        None,
        "bob@example.com",
    );
    check(
        "bob@example.com:8080",
        Some("bob"),
        "example.com",
        Some(8080),
        "bob@example.com",
    );
    check(
        "example.com:65535",
        None,
        "example.com",
        Some(65535),
        "example.com",
    );
    check(
        "room:888@example.com",
        Some("room:888"),
        "example.com",
        None,
        "room:888@example.com",
    );
    check(
        "room:888@example.com:1",
        Some("room:888"),
        "example.com",
        Some(1),
        "room:888@example.com",
    );
    check(
        "bob@10.0.0.1:80",
        Some("bob"),
        "10.0.0.1",
        Some(80),
        "bob@10.0.0.1",
    );
    check("[::1]", None, "[::1]", None, "[::1]");
    check(
        "bob@[2001:db8::1]:8080;a",
        Some("bob"),
        "[2001:db8::1]",
        Some(8080),
        "bob@[2001:db8::1]",
    );
    check(
        "+46 70@example.com",
        Some("+46 70"),
        "example.com",
        None,
        "+46 70@example.com",
    );
    check(
        "Åsa@bücher.example",
        Some("Åsa"),
        "bücher.example",
        None,
        "Åsa@bücher.example",
    );
}

#[test]
fn blanks_around_parts_do_not_count() {
    check(
        "  bob @ example.com : 80 ; a = b ",
        Some("bob"),
        "example.com",
        Some(80),
        "bob@example.com",
    );
    check("\texample.com\t", None, "example.com", None, "example.com");
    check(" [::1] : 80 ", None, "[::1]", Some(80), "[::1]");
    assert_eq!(
        Uri::parse(" bob @ h ; a = b ; c").unwrap().to_string(),
        "bob@h;a=b;c"
    );
}

#[test]
fn hosts_lose_their_case_in_names_and_users_keep_it() {
    check(
        "Bob@EXAMPLE.Com",
        Some("Bob"),
        "EXAMPLE.Com",
        None,
        "Bob@example.com",
    );
    check("AS1", None, "AS1", None, "as1");
    assert!(Uri::parse("bob@Example.COM").unwrap().host_is("example.com"));
    assert!(matches!(
        Uri::parse("bob@example.com:1;a").unwrap().user_with_host(),
        Cow::Borrowed(_)
    ));
}

#[test]
fn parameters_keep_their_order() {
    let uri =
        Uri::parse("as1.example.com;type=conference;relid=rel=1;lr;type=second;empty=;from=a@b").unwrap();
    let params: Vec<_> = uri.params().collect();
    assert_eq!(
        params,
        [
            ("type", Some("conference")),
            ("relid", Some("rel=1")),
            ("lr", None),
            ("type", Some("second")),
            ("empty", Some("")),
            ("from", Some("a@b")),
        ]
    );
    assert_eq!(uri.param("type"), Some(Some("conference")));
    assert_eq!(uri.param("lr"), Some(None));
    assert_eq!(uri.param("Type"), None);
    assert!(uri.has_param("empty") && !uri.has_param(""));
    assert_eq!(uri.host(), "as1.example.com");
}

#[test]
fn first_labels_end_at_the_first_dot() {
    for (text, label) in [
        ("hunt.example.com", "hunt"),
        ("u@hunt", "hunt"),
        ("[::1]:80", "[::1]"),
        ("a:1", "a"),
    ] {
        assert_eq!(Uri::parse(text).unwrap().first_label(), label);
    }
}

#[test]
fn errors_are_told() {
    refused("a@b@c", UriError::TwoAts);
    refused("a@@c", UriError::TwoAts);
    refused("@c", UriError::EmptyUser);
    refused(" @c", UriError::EmptyUser);
    for text in ["", " ", "a@", "a@ ", ";type=hunt", ":80", "::1", "a@:80"] {
        refused(text, UriError::EmptyHost);
    }
    for text in [
        "a:",
        "a:0",
        "a:65536",
        "a:x",
        "a:+80",
        "a:-1",
        "a:8 0",
        "a:1:2",
        "[::1]:",
        "a@h:99999999999",
    ] {
        refused(text, UriError::BadPort);
    }
    for text in [
        "[::1",
        "[]",
        "[::1]x",
        "[[::1]]",
        "[1.2.3.4]",
        "[::g]",
        "a]",
        "a b",
        "a,b",
        "a@b c",
        "[::1",
    ] {
        refused(text, UriError::BadHost);
    }
    for text in ["a;", "a;;b", "a;=1", "a; ;b"] {
        refused(text, UriError::EmptyParameter);
    }
    for text in ["a\n", "a\u{0}b", "a;b=\r\n", "\u{7f}", "a\u{85}b"] {
        refused(text, UriError::ControlCharacter);
    }
}

#[test]
fn plain_addresses_are_read_as_all_others() {
    for text in [
        "",
        "@",
        "a",
        "a@b",
        "a@",
        "@b",
        "a@b@c",
        "Al.ice_1+x@Node-7.example.org",
        "bob@10.0.0.1",
        "a:1@b",
        "a@b:8080",
    ] {
        let (read, any) = (Uri::parse(text), Uri::parse_any(text));
        assert_eq!(format!("{read:?}"), format!("{any:?}"), "{text}");
    }
    assert!(Uri::plain("a@b").is_some());
}
