use super::*;

#[track_caller]
fn check(query: &str, expected: Result<&str, UserIdError>) {
    let id = UserId::from_query(query);
    assert_eq!(
        id.as_ref().map(UserId::as_str),
        expected.as_ref().copied(),
        "{query:?}"
    );
}

#[test]
fn names_are_decoded_and_hosts_lower_cased() {
    check("alice@example.com", Ok("alice@example.com"));
    check("Alice@Example.COM", Ok("Alice@example.com"));
    check("alice%40example.com", Ok("alice@example.com"));
    check("room%3a888%40example.com", Ok("room:888@example.com"));
    check("%c3%85sa@example.com", Ok("Åsa@example.com"));
    check("+46701234567@example.com", Ok("+46701234567@example.com"));
    check("AS1.example.com", Ok("as1.example.com"));
    check("bob@[::1]", Ok("bob@[::1]"));
}

#[test]
fn bad_names_are_refused_with_the_reason() {
    check("", Err(UserIdError::Empty));
    for query in [
        "a%20b@h",
        "a b@h",
        " a@h",
        "a@h%20",
        "a%00@h",
        "a%0a@h",
        "a@h%7f",
        "a%C2%A0b@h",
        "%09",
    ] {
        check(query, Err(UserIdError::BadCharacter));
    }
    for query in ["%", "a%4", "a%zz", "%ff", "%c3@h", "a%%40", "%é0", "a%+1"] {
        check(query, Err(UserIdError::BadEncoding));
    }
    check("a@b@c", Err(UserIdError::Uri(UriError::TwoAts)));
    check("a%40b%40c", Err(UserIdError::Uri(UriError::TwoAts)));
    check("a@", Err(UserIdError::Uri(UriError::EmptyHost)));
    check("@h", Err(UserIdError::Uri(UriError::EmptyUser)));
    check("a@h:x", Err(UserIdError::Uri(UriError::BadPort)));
    for query in ["a@h:80", "h:80", "a@h;x", "a%40h%3Btype=hunt", "h;x=1"] {
        check(query, Err(UserIdError::NotAName));
    }
}

#[test]
fn length_is_1_to_255_bytes_after_decoding() {
    let longest = format!("{}@h", "a".repeat(253));
    check(&longest, Ok(&longest));
    check(&format!("a{longest}"), Err(UserIdError::TooLong));
    let encoded = format!("{}@h", "%61".repeat(253));
    check(&encoded, Ok(&longest));
    check(&format!("%61{encoded}"), Err(UserIdError::TooLong));
    check(&"%61".repeat(100_000), Err(UserIdError::TooLong));
    check(&"é".repeat(128), Err(UserIdError::TooLong));
}

#[test]
fn a_bare_host_is_a_nodes_name() {
    let node = UserId::new("as1.Example.com").unwrap();
    assert!(node.is_bare_host());
    assert_eq!((node.user(), node.host()), (None, "as1.example.com"));
    let user = UserId::new("bob@example.com").unwrap();
    assert!(!user.is_bare_host());
    assert_eq!((user.user(), user.host()), (Some("bob"), "example.com"));
}

#[test]
fn a_uri_leads_to_the_name_without_port_and_parameters() {
    let uri = Uri::parse(" bob@Example.com:8080;type=hunt").unwrap();
    assert_eq!(UserId::from_uri(&uri), UserId::new("bob@example.com"));
    let uri = Uri::parse("two words@example.com").unwrap();
    assert_eq!(UserId::from_uri(&uri), Err(UserIdError::BadCharacter));
    let long = format!("{}@example.com", "a".repeat(300));
    assert_eq!(
        UserId::from_uri(&Uri::parse(&long).unwrap()),
        Err(UserIdError::TooLong)
    );
}
