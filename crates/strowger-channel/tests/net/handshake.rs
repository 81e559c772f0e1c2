//! The checks of the handshake, their order and their answers.

use std::time::Duration;

use http::StatusCode;
use strowger_channel::net::{Knock, ListenerSettings, Refusal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Server, Setup, Told, local, read_head, text, upgrade};

fn request(method: &str, target: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

#[test]
fn a_good_request_is_upgraded_with_the_key_of_the_rfc() {
    local(async {
        let server = Server::start(Setup::default());
        let mut tcp = TcpStream::connect(server.address).await.unwrap();
        tcp.write_all(upgrade("/rtc?userid=alice@Example.com", "").as_bytes())
            .await
            .unwrap();
        let answer = read_head(&mut tcp).await;
        assert_eq!(answer.status(), 101);
        assert_eq!(
            answer.header("Sec-WebSocket-Accept"),
            Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        );
        assert_eq!(answer.header("Upgrade"), Some("websocket"));
        assert_eq!(answer.header("Connection"), Some("Upgrade"));
        server
            .home
            .until(1, &Told::Connected("alice@example.com".to_owned()))
            .await;
    });
}

#[test]
fn another_path_is_not_found_and_the_answer_says_where_the_websocket_is() {
    local(async {
        let server = Server::start(Setup::default());
        for target in [
            "/",
            "/index.html",
            "/rtc/",
            "/rtc2?userid=a@b",
            "//rtc?userid=a@b",
        ] {
            let answer = server.exchange(&request("GET", target)).await;
            assert_eq!(
                (answer.status(), answer.header("Connection")),
                (404, Some("close")),
                "{target}"
            );
            assert!(answer.body().contains("/rtc"), "{answer:?}");
        }
        assert_eq!(
            server.exchange(&upgrade("/other?userid=a@b", "")).await.status(),
            404
        );
    });
}

#[test]
fn a_missing_or_empty_userid_is_answered_miss_userid_whatever_the_request_is() {
    local(async {
        let server = Server::start(Setup::default());
        for target in [
            "/rtc",
            "/rtc?",
            "/rtc?userid",
            "/rtc?userid=",
            "/rtc?user=a@b",
            "/rtc?USERID=a@b&x=1",
        ] {
            for request in [
                request("GET", target),
                request("POST", target),
                upgrade(target, ""),
            ] {
                let answer = server.exchange(&request).await;
                assert_eq!(
                    (answer.status(), answer.body()),
                    (400, "Miss userid"),
                    "{request}"
                );
            }
        }
    });
}

#[test]
fn a_bad_userid_is_answered_400_with_the_reason() {
    local(async {
        let server = Server::start(Setup::default());
        let long = format!("{}@example.com", "a".repeat(250));
        let cases = [
            ("a%20b@example.com", "control character or space"),
            ("a%00b@example.com", "control character or space"),
            ("a%0d%0ab@example.com", "control character or space"),
            ("%zz@example.com", "percent-encoding"),
            ("a%ff@example.com", "percent-encoding"),
            ("a@b@c", "bad userid"),
            (&long, "longer than 255"),
        ];
        for (name, reason) in cases {
            let answer = server
                .exchange(&upgrade(&format!("/rtc?userid={name}"), ""))
                .await;
            assert_eq!(answer.status(), 400, "{name}");
            assert!(answer.body().contains(reason), "{name}: {answer:?}");
        }
        assert_eq!(
            server
                .exchange(&upgrade("/rtc?userid=a b@example.com", ""))
                .await
                .status(),
            400
        );
    });
}

#[test]
fn an_encoded_userid_is_decoded_and_other_parameters_are_ignored() {
    local(async {
        let server = Server::start(Setup::default());
        let mut client = server.user("room%3A888%40example.com&token=x").await;
        server
            .home
            .until(1, &Told::Connected("room:888@example.com".to_owned()))
            .await;
        server.home.send(1, vec![crate::support::frame("hello")]);
        assert_eq!(text(&mut client).await, "hello");
    });
}

#[test]
fn a_get_that_is_no_websocket_request_is_400_and_another_method_405() {
    local(async {
        let server = Server::start(Setup::default());
        let target = "/rtc?userid=a@b";
        let good = upgrade(target, "");
        let bad = [
            request("GET", target),
            good.replace("HTTP/1.1", "HTTP/1.0"),
            good.replace("Upgrade: websocket", "Upgrade: h2c"),
            good.replace("keep-alive, Upgrade", "keep-alive"),
            good.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"),
            good.replace("Sec-WebSocket-Key", "X-Key"),
            upgrade(target, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
        ];
        for request in bad {
            let answer = server.exchange(&request).await;
            assert_eq!(answer.status(), 400, "{request}");
            assert!(answer.body().starts_with("no WebSocket request: "), "{answer:?}");
        }
        let old = server.exchange(&good.replace("Version: 13", "Version: 8")).await;
        assert_eq!(
            (old.status(), old.header("Sec-WebSocket-Version")),
            (400, Some("13"))
        );
        for method in ["POST", "PUT", "HEAD", "OPTIONS", "DELETE", "BREW"] {
            let answer = server.exchange(&request(method, target)).await;
            assert_eq!(
                (answer.status(), answer.header("Allow")),
                (405, Some("GET")),
                "{method}"
            );
        }
        let post = format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
        assert_eq!(server.exchange(&post).await.status(), 405);
    });
}

#[test]
fn an_origin_has_to_be_on_the_list_where_there_is_one() {
    local(async {
        let origins = Some(vec!["https://example.com".to_owned()]);
        let listener = ListenerSettings {
            origins,
            ..ListenerSettings::default()
        };
        let server = Server::start(Setup {
            listener,
            ..Setup::default()
        });
        for origin in [
            "https://evil.example",
            "http://example.com",
            "https://example.com.evil.example",
            "null",
        ] {
            let request = upgrade("/rtc?userid=a@b", &format!("Origin: {origin}\r\n"));
            let answer = server.exchange(&request).await;
            assert_eq!(
                (answer.status(), answer.body()),
                (403, "origin not allowed"),
                "{origin}"
            );
        }
        for header in [
            "",
            "Origin: https://example.com\r\n",
            "Origin: HTTPS://Example.com\r\n",
        ] {
            let mut tcp = TcpStream::connect(server.address).await.unwrap();
            tcp.write_all(upgrade("/rtc?userid=a@b", header).as_bytes())
                .await
                .unwrap();
            assert_eq!(read_head(&mut tcp).await.status(), 101, "{header}");
        }
    });
}

#[test]
fn the_node_may_refuse_what_passed_the_checks_of_form() {
    local(async {
        let rule = |knock: &Knock<'_>| match knock.name.user() {
            Some("early") => Err(Refusal::busy("draining", Duration::from_secs(7))),
            Some("bob") => Err(Refusal::new(StatusCode::FORBIDDEN, "not you")),
            Some(_) | None => Ok(()),
        };
        let server = Server::start(Setup {
            rule,
            ..Setup::default()
        });
        let early = server.exchange(&upgrade("/rtc?userid=early@b", "")).await;
        assert_eq!(
            (early.status(), early.header("Retry-After"), early.body()),
            (503, Some("7"), "draining")
        );
        let bob = server.exchange(&upgrade("/rtc?userid=bob@b", "")).await;
        assert_eq!(
            (bob.status(), bob.header("Retry-After"), bob.body()),
            (403, None, "not you")
        );
        server.user("alice@b").await;
    });
}

#[test]
fn the_checks_come_in_the_order_of_the_specification() {
    local(async {
        let listener = ListenerSettings {
            origins: Some(Vec::new()),
            ..ListenerSettings::default()
        };
        let rule = |_: &Knock<'_>| Err(Refusal::busy("full", Duration::ZERO));
        let server = Server::start(Setup {
            listener,
            rule,
            ..Setup::default()
        });
        let origin = "Origin: https://evil.example\r\n";
        // Each request fails every check from some point of the order on.
        let cases = [
            (request("POST", "/elsewhere"), 404),
            (request("POST", "/rtc"), 400),
            (request("POST", "/rtc?userid=a%20b"), 400),
            (request("POST", "/rtc?userid=a@b"), 405),
            (upgrade("/rtc?userid=a@b", origin).replace("13", "8"), 400),
            (upgrade("/rtc?userid=a@b", origin), 403),
            (upgrade("/rtc?userid=a@b", ""), 503),
        ];
        for (request, status) in cases {
            assert_eq!(server.exchange(&request).await.status(), status, "{request}");
        }
    });
}

#[test]
fn a_peer_that_does_not_finish_its_request_is_cut_off() {
    local(async {
        let listener = ListenerSettings {
            header_timeout: Duration::from_millis(50),
            ..ListenerSettings::default()
        };
        let server = Server::start(Setup {
            listener,
            ..Setup::default()
        });
        for part in ["", "GET /rtc?userid=a@b HTTP/1.1\r\nHost: localhost\r\nX: "] {
            let mut tcp = TcpStream::connect(server.address).await.unwrap();
            tcp.write_all(part.as_bytes()).await.unwrap();
            let mut rest = Vec::new();
            tcp.read_to_end(&mut rest).await.unwrap();
            assert_eq!(rest, b"");
        }
    });
}

#[test]
fn a_request_head_has_a_bound() {
    local(async {
        let server = Server::start(Setup::default());
        let mut tcp = TcpStream::connect(server.address).await.unwrap();
        let head = format!("GET /rtc?userid=a@b HTTP/1.1\r\nX: {}", "x".repeat(17 * 1024));
        tcp.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(read_head(&mut tcp).await.status(), 431);
    });
}

#[test]
fn one_handshake_too_many_waits_for_another_to_end() {
    local(async {
        let listener = ListenerSettings {
            handshakes: 1,
            ..ListenerSettings::default()
        };
        let server = Server::start(Setup {
            listener,
            ..Setup::default()
        });
        let silent = TcpStream::connect(server.address).await.unwrap();
        let mut waiting = TcpStream::connect(server.address).await.unwrap();
        waiting.write_all(request("GET", "/").as_bytes()).await.unwrap();
        drop(silent);
        assert_eq!(read_head(&mut waiting).await.status(), 404);
    });
}

#[test]
fn one_connection_too_many_is_told_to_come_again() {
    local(async {
        let listener = ListenerSettings {
            connections: 1,
            ..ListenerSettings::default()
        };
        let server = Server::start(Setup {
            listener,
            ..Setup::default()
        });
        let first = server.user("a@b").await;
        let second = server.exchange(&upgrade("/rtc?userid=b@b", "")).await;
        assert_eq!((second.status(), second.body()), (503, "too many connections"));
        assert!((5..=10).contains(&second.retry_after()), "{second:?}");
        drop(first);
        server.home.until(1, &Told::Closed(None)).await;
        server.user("b@b").await;
    });
}

#[test]
fn frames_sent_behind_the_request_without_waiting_are_not_lost() {
    local(async {
        let server = Server::start(Setup::default());
        let mut tcp = TcpStream::connect(server.address).await.unwrap();
        let mut bytes = upgrade("/rtc?userid=a@b", "").into_bytes();
        bytes.extend(b"\x81\x82\0\0\0\0hi\x81\x83\0\0\0\0the");
        tcp.write_all(&bytes).await.unwrap();
        tcp.write_all(b"\x81\x82\0\0\0\0re").await.unwrap();
        server.home.until(1, &Told::Text("re".to_owned())).await;
        let told = server.home.told(1);
        assert_eq!(
            told[1..],
            ["hi", "the", "re"].map(|text| Told::Text(text.to_owned()))
        );
    });
}

#[test]
fn a_socket_may_be_accepted_on_other_threads_than_the_one_it_lives_on() {
    let accepting = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    local(async {
        let server = Server::start_with_listener_on(accepting.handle(), Setup::default());
        for number in 1..=50 {
            let mut client = server.user(&format!("user{number}@b")).await;
            server
                .home
                .until(number, &Told::Connected(format!("user{number}@b")))
                .await;
            server.home.send(number, vec![crate::support::frame("hello")]);
            assert_eq!(text(&mut client).await, "hello");
        }
    });
}

#[test]
fn compression_is_agreed_on_only_where_it_is_configured_and_then_used() {
    local(async {
        for compression in [false, true] {
            let listener = ListenerSettings {
                compression,
                ..ListenerSettings::default()
            };
            let server = Server::start(Setup {
                listener,
                ..Setup::default()
            });
            let mut tcp = TcpStream::connect(server.address).await.unwrap();
            let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
            tcp.write_all(upgrade("/rtc?userid=alice@example.com", offer).as_bytes())
                .await
                .unwrap();
            let answer = read_head(&mut tcp).await;
            let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
            assert_eq!(
                (answer.status(), answer.header("Sec-WebSocket-Extensions")),
                (101, compression.then_some(agreed))
            );
            // "Hello", RFC 7692 section 7.2.3.1, under a mask of zeros.
            tcp.write_all(b"\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\0")
                .await
                .unwrap();
            let told = if compression {
                Told::Text("Hello".to_owned())
            } else {
                Told::Closed(None)
            };
            server.home.until(1, &told).await;
        }
    });
}

#[test]
fn the_subprotocol_is_chosen_where_it_is_offered_and_a_token_is_never_repeated() {
    local(async {
        let server = Server::start(Setup::default());
        for (offered, chosen) in [
            ("jsip", Some("jsip")),
            ("jsip, bearer.s3cret", Some("jsip")),
            ("bearer.s3cret,jsip", Some("jsip")),
            ("bearer.s3cret", None),
            ("other", None),
        ] {
            let mut tcp = TcpStream::connect(server.address).await.unwrap();
            let header = format!("Sec-WebSocket-Protocol: {offered}\r\n");
            tcp.write_all(upgrade("/rtc?userid=a@b", &header).as_bytes())
                .await
                .unwrap();
            let answer = read_head(&mut tcp).await;
            assert_eq!(answer.status(), 101, "{offered}");
            assert_eq!(answer.header("Sec-WebSocket-Protocol"), chosen, "{offered}");
            assert!(!answer.0.contains("s3cret"), "{answer:?}");
        }
    });
}
