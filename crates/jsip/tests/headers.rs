//! Reading and changing the headers of messages.

use jsip::{CSeq, Fault, Header, Limits, Message, Method, Request, Response, StatusCode, ValueError};

fn decode(text: &str) -> Message {
    Message::decode(text, &Limits::default()).expect(text)
}

fn request(text: &str) -> Request {
    match decode(text) {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a response: {text}"),
    }
}

const MESSAGE: &str =
    r#"{"Type":"MESSAGE","Request-URI":"u","From":"a","To":"b","DialogueID":"d","CSeq":1,"Body":"hi"}"#;

#[test]
fn what_is_not_changed_leaves_as_it_came() {
    let text = concat!(
        r#"{ "X-Big" : 123456789012345678901234567890.0e-5 ,"Ty\u0070e":"\u0049NVITE", "CSeq":1,"#,
        r#""To":"\u0062ob","X\u002dNested":{"b":[1, 2 ,{"a":"\/\u00e9"}],"b":-0},"Request-URI":"r","From":"a\n","#,
        "\n\t\"DialogueID\":\"d\"  ,  \"Body\":[ 1.0, 1E400 ]\r\n} "
    );
    let mut request = request(text);
    assert_eq!(
        request.encode(),
        text.trim_end().replace(" ]\r\n}", " ]}").replacen("{ ", "{", 1)
    );
    assert_eq!((request.to(), request.from()), ("bob", "a\n"));
    let names: Vec<_> = request.extensions().collect();
    assert_eq!(
        names,
        [
            ("X-Big", "123456789012345678901234567890.0e-5"),
            ("X-Nested", r#"{"b":[1, 2 ,{"a":"\/\u00e9"}],"b":-0}"#)
        ]
    );

    request.set_request_uri("else@where");
    request.set_dialog_id("d2");
    assert_eq!(
        request.encode(),
        text.trim_end()
            .replace(" ]\r\n}", " ]}")
            .replacen("{ ", "{", 1)
            .replace("\"r\"", "\"else@where\"")
            .replace("\"d\"  ,  ", "\"d2\",")
    );
}

#[test]
fn a_request_is_written_in_the_order_of_the_specification() {
    let mut request = Request::new(Method::Invite, "bob@h", "alice@h", "bob@h");
    assert_eq!(
        request.check().map_err(|error| error.to_string()),
        Err("DialogueID: empty".to_owned())
    );
    request.set_dialog_id("d1");
    request.set_expires(300);
    request.set_content_type("application/sdp");
    request.set_body_str("v=0\r\n");
    assert_eq!(
        request.encode(),
        concat!(
            r#"{"Type":"INVITE","Request-URI":"bob@h","From":"alice@h","To":"bob@h","DialogueID":"d1","CSeq":1,"#,
            r#""Expire":300,"Content-Type":"application/sdp","Body":"v=0\r\n"}"#
        )
    );
    assert_eq!(request.check(), Ok(()));
    assert_eq!(decode(&request.encode()), Message::Request(request));
}

#[test]
fn a_response_repeats_what_the_request_said() {
    let text = MESSAGE.replace(r#""From":"a""#, r#""From":"\u0061\"""#);
    let request = request(&text);
    let mut response = Response::to(&request, StatusCode::OK);
    assert_eq!(
        response.encode(),
        r#"{"Type":"RESPONSE","Code":200,"Desc":"OK","From":"\u0061\"","To":"b","DialogueID":"d","CSeq":1}"#
    );
    assert_eq!(response.from(), "a\"");
    response.set_code(StatusCode::BUSY_HERE);
    assert_eq!(
        (response.code(), response.reason_phrase()),
        (StatusCode::BUSY_HERE, Some("Busy Here"))
    );
    assert_eq!(decode(&response.encode()), Message::Response(response));
}

#[test]
fn setters_escape_and_accessors_do_not() {
    let mut request = request(MESSAGE);
    let odd = "\"quoted\"\\ \u{0}\u{1f}\u{8}\u{c}\r\n\t é😀\u{2028}";
    request.set_from(odd);
    request.set_to(odd);
    request.set_dialog_id(odd);
    request.set_request_uri(odd);
    request.set_reason(odd);
    request.set_content_type(odd);
    request.set_event(odd);
    request.set_asserted_identity(odd);
    request.set_route(odd);
    request.set_body_str(odd);
    for request in [request.clone(), self::request(&request.encode())] {
        let texts = [
            request.from(),
            request.to(),
            request.dialog_id(),
            request.request_uri(),
        ];
        assert_eq!(texts, [odd; 4]);
        let body = request.body_str();
        let texts = [
            request.reason(),
            request.content_type(),
            request.event(),
            request.asserted_identity(),
            request.route(),
            body.as_deref(),
        ];
        assert_eq!(texts, [Some(odd); 6]);
    }
    let plain: serde_json::Value = serde_json::from_str(&request.encode()).expect("JSON");
    assert_eq!(plain["From"], odd);
}

#[test]
fn numbers_are_set_and_read() {
    let mut request = Request::new(Method::Cancel, "u", "a", "b");
    for number in [0, 9, 10, 12_345, u64::MAX] {
        request.set_expires(number);
        assert_eq!(request.expires(), Some(number));
    }
    request.set_max_forwards(0);
    assert_eq!(request.max_forwards(), Some(0));
    request.set_cseq(CSeq::MAX);
    assert_eq!(request.cseq(), CSeq::MAX);
    request.set_related_cseq(CSeq::new(12));
    assert_eq!(request.related_cseq(), CSeq::new(12));
    request.set_related_cseq(None);
    assert_eq!(request.related_cseq(), None);
    assert!(!request.has(Header::RelatedCSeq));
}

#[test]
fn bodies_are_any_json_and_copied_as_they_are() {
    let mut request = request(MESSAGE);
    assert_eq!(
        (request.body(), request.body_str().as_deref()),
        (Some(r#""hi""#), Some("hi"))
    );
    request.set_body(" {\"a\" : [1.0, \"\\u0041\"]}\n").expect("JSON");
    assert_eq!(
        (request.body(), request.body_str()),
        (Some(r#"{"a" : [1.0, "\u0041"]}"#), None)
    );
    request.set_content_type("application/json");
    assert_eq!(request.set_body("{"), Err(ValueError::NotJson(Fault::Truncated)));
    assert_eq!(
        request.set_body("1,\"CSeq\":2"),
        Err(ValueError::NotJson(Fault::TrailingData))
    );

    let mut other = Request::new(Method::Message, "u", "a", "b");
    other.copy_body_from(&request);
    assert_eq!(
        (other.body(), other.content_type()),
        (request.body(), Some("application/json"))
    );
    request.remove_body();
    assert_eq!(
        (request.body(), request.content_type()),
        (None, Some("application/json"))
    );
    other.copy_body_from(&request);
    assert_eq!(
        (other.body(), other.content_type()),
        (None, Some("application/json"))
    );
}

#[test]
fn extensions_keep_their_place_and_value() {
    let mut request = request(&MESSAGE.replace("\"CSeq\"", "\"X\\u002d1\":{},\"X-2\":null,\"CSeq\""));
    request.set_extension("X-1", "[1, 2]").expect("JSON");
    request.set_extension("X-3\"\n", "1e400").expect("JSON");
    request
        .set_extension("Code", r#""a\n""#)
        .expect("no meaning in a request");
    assert!(request.remove_extension("X-2"));
    assert!(!request.remove_extension("X-2"));
    assert!(!request.remove_extension("From"));
    let extensions: Vec<_> = request.extensions().collect();
    assert_eq!(
        extensions,
        [("X-1", "[1, 2]"), ("X-3\"\n", "1e400"), ("Code", r#""a\n""#)]
    );
    assert_eq!(request.extension("X-1"), Some("[1, 2]"));
    assert_eq!(request.extension("From"), None);
    assert!(request.encode().starts_with(r#"{"Type":"MESSAGE","Request-URI":"u","From":"a","To":"b","DialogueID":"d","X\u002d1":[1, 2],"CSeq":1"#));
    assert_eq!(
        request.set_extension("From", "1"),
        Err(ValueError::KnownHeader(Header::From))
    );
    assert_eq!(
        request.set_extension("X", "1 2"),
        Err(ValueError::NotJson(Fault::TrailingData))
    );
    assert_eq!(decode(&request.encode()), Message::Request(request));
}

#[test]
fn only_optional_headers_are_removed() {
    let mut request = request(MESSAGE);
    for header in [
        Header::Type,
        Header::RequestUri,
        Header::From,
        Header::To,
        Header::DialogId,
        Header::CSeq,
    ] {
        assert!(!request.remove(header) && request.has(header));
    }
    assert!(request.remove(Header::Body) && !request.has(Header::Body));
    assert!(!request.remove(Header::Body));
}

#[test]
fn routes_are_taken_from_the_front() {
    let mut request = Request::new(Method::Invite, "u", "a", "b");
    assert_eq!(request.first_route(), None);
    assert_eq!(request.pop_route(), None);
    request.set_route(" as1;type=hunt , b@as2 ,as3");
    assert_eq!(request.first_route(), Some("as1;type=hunt"));
    assert_eq!(request.pop_route().as_deref(), Some("as1;type=hunt"));
    assert_eq!(request.route(), Some("b@as2 ,as3"));
    assert_eq!(request.pop_route().as_deref(), Some("b@as2"));
    assert_eq!(request.pop_route().as_deref(), Some("as3"));
    assert!(!request.has(Header::Route));
    request.set_route(" ");
    assert_eq!(request.first_route(), None);
    request.set_route(",as1");
    assert_eq!(request.first_route(), Some(""));
}

#[test]
fn another_method_keeps_the_headers_that_are_proper_under_it() {
    let text = MESSAGE.replace("\"Body\"", r#""Expire":"soon","RelatedID":5,"X":1,"Body""#);
    let invite = request(&text).with_method(Method::Invite);
    assert_eq!((invite.method(), invite.expires()), (Method::Invite, None));
    assert!(!invite.has(Header::Expires));
    assert_eq!(invite.extension("RelatedID"), Some("5"));
    assert_eq!(request(&invite.encode()), invite);
    let ack = request(&text).with_method(Method::Ack);
    assert_eq!(
        (ack.related_cseq(), ack.extension("Expire")),
        (CSeq::new(5), Some("\"soon\""))
    );
    assert_eq!(request(&ack.encode()), ack);
}

#[test]
fn setting_a_header_again_and_again_takes_no_more_room() {
    let mut request = request(MESSAGE);
    let long = "x".repeat(700);
    for round in 0..1000 {
        request.set_reason(&long);
        request.set_expires(round);
        request
            .set_extension("X-\n", &format!("\"{long}\""))
            .expect("JSON");
        request.set_request_uri("some\tone");
    }
    assert_eq!(
        (request.reason(), request.expires(), request.request_uri()),
        (Some(&*long), Some(999), "some\tone")
    );
    // An upper bound of what the encoder reserves, which is what the message holds.
    assert!(request.encode().capacity() < 20_000);
    assert_eq!(self::request(&request.encode()), request);
}

#[test]
fn messages_compare_by_what_they_say() {
    let mut one = request(MESSAGE);
    let other = request(&MESSAGE.replace(",", " , "));
    assert_eq!(one, other);
    one.set_from("x");
    assert_ne!(one, other);
    one.set_from("a");
    assert_eq!(one, other);
}

#[test]
fn the_text_of_an_extension_is_there_where_it_is_a_string() {
    let mut request = Request::new(Method::Refer, "b@x", "a@x", "b@x");
    request.set_extension("Refer-To", r#""c\u0040x""#).unwrap();
    request.set_extension("X-Number", "7").unwrap();
    assert_eq!(request.extension_str("Refer-To").as_deref(), Some("c@x"));
    assert_eq!(request.extension_str("X-Number"), None);
    assert_eq!(request.extension_str("X-None"), None);
}

/// What is in a body may be left out where a message is written down.
#[test]
fn without_its_body_a_message_says_how_long_that_was() {
    let without = |text: &str| {
        let message = Message::decode(text, &Limits::default()).unwrap();
        let mut out = String::new();
        message.headers().encode_without_body_into(&mut out);
        let (mut decoded, body) = message
            .headers()
            .as_decoded()
            .map(|(text, body)| (text.to_owned(), body))
            .unwrap();
        if !body.is_empty() {
            decoded.replace_range(body.clone(), &body.len().to_string());
        }
        let read = |text: &str| Message::decode(text, &Limits::default()).unwrap();
        assert_eq!(read(&decoded), read(&out));
        out
    };
    let with = |body: &str| {
        format!(
            "{{\"Type\":\"MESSAGE\", \"Request-URI\":\"b@x\",\"From\":\"a@x\",\"To\":\"b@x\",\"Body\" : {body},\"DialogueID\":\"d\",\"CSeq\":1}}"
        )
    };
    let written = without(&with("{\"sdp\": \"secret\"}"));
    assert!(!written.contains("secret"), "{written}");
    assert_eq!(
        Message::decode(&written, &Limits::default())
            .unwrap()
            .headers()
            .body(),
        Some("17")
    );
    let none = with("1").replace("\"Body\" : 1,", "");
    assert_eq!(without(&none), none);
    let mut message = Message::decode(&none, &Limits::default()).unwrap();
    assert_eq!(message.headers().as_decoded(), Some((&*none, 0..0)));
    message.headers_mut().set_body_str("now it has one");
    assert_eq!(message.headers().as_decoded(), None);
}
