//! Sockets that we dial.

use std::time::Duration;

use strowger_channel::net::DialSettings;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::spawn_local;

use crate::support::{Server, Setup, Told, frame, local, loopback, read_head};

#[test]
fn a_link_carries_text_both_ways() {
    local(async {
        let near = Server::start(Setup::default());
        let far = Server::start(Setup::default());
        near.dial(far.address, DialSettings::default());
        near.home.until(1, &Told::Dialled).await;
        far.home
            .until(1, &Told::Connected("n1@example.com".to_owned()))
            .await;
        // One text for two, so that masking the one must not garble the other.
        let shared = frame("to the far node");
        near.home.send(1, vec![shared.clone(), shared]);
        far.home.send(1, vec![frame("to the near node")]);
        far.home.until(1, &Told::Written).await;
        near.home
            .until(1, &Told::Text("to the near node".to_owned()))
            .await;
        far.home.until(1, &Told::Text("to the far node".to_owned())).await;
        far.home.socket(1).close(1012, "service restart");
        near.home.until(1, &Told::Closed(Some(1012))).await;
    });
}

#[test]
fn a_link_that_is_refused_or_finds_nobody_is_reported() {
    local(async {
        let refusing = Server::start(Setup {
            rule: |_| Err(strowger_channel::net::Refusal::busy("full", Duration::ZERO)),
            ..Setup::default()
        });
        let nobody = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        for address in [refusing.address, nobody] {
            let near = Server::start(Setup::default());
            near.dial(address, DialSettings::default());
            near.home.until(0, &Told::DialFailed).await;
        }
    });
}

#[test]
fn a_name_that_leads_to_an_address_that_may_not_be_dialled_is_not_dialled() {
    local(async {
        let far = Server::start(Setup::default());
        for host in ["localhost", "127.1"] {
            let near = Server::start(Setup::default());
            near.dial_host(host, far.address.port(), DialSettings::default());
            let failure = near.failure().await;
            assert!(
                failure.lasting && failure.reason.contains("links.networks"),
                "{failure:?}"
            );
        }
        assert_eq!(far.home.told(1), []);
        let near = Server::start(Setup::default());
        near.dial_host("localhost", far.address.port(), loopback());
        near.home.until(1, &Told::Dialled).await;
    });
}

#[test]
fn a_node_that_does_not_answer_times_out() {
    local(async {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = Server::start(Setup::default());
        let dialling = DialSettings {
            connect_timeout: Duration::from_millis(50),
            ..DialSettings::default()
        };
        near.dial(silent.local_addr().unwrap(), dialling);
        let failure = near.failure().await;
        assert!(!failure.lasting);
        assert!(
            failure
                .reason
                .starts_with("timed out while waiting for its answer"),
            "{failure:?}"
        );
    });
}

#[test]
fn a_wrong_answer_to_the_handshake_is_no_link() {
    let accept = |accept: &str| {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        )
    };
    let answers = [
        accept("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        accept(&"A".repeat(400)),
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned(),
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nX: {}\r\n\r\n",
            "x".repeat(20_000)
        ),
        "SSH-2.0-x\r\n".to_owned(),
        String::new(),
    ];
    local(async move {
        for answer in answers {
            let far = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let near = Server::start(Setup::default());
            near.dial(far.local_addr().unwrap(), DialSettings::default());
            let (mut tcp, _) = far.accept().await.unwrap();
            let request = read_head(&mut tcp).await;
            assert_eq!(request.header("Authorization"), Some("Bearer secret"));
            assert!(
                request
                    .0
                    .starts_with("GET /rtc?userid=n1@example.com HTTP/1.1\r\n"),
                "{request:?}"
            );
            let writer = spawn_local(async move {
                let _ = tcp.write_all(answer.as_bytes()).await;
                drop(tcp);
            });
            near.home.until(0, &Told::DialFailed).await;
            writer.await.unwrap();
        }
    });
}

#[test]
fn a_refusal_says_what_to_do_about_it() {
    let table = [
        ("401 Unauthorized", true, "links.token"),
        ("403 Forbidden", true, "links.token"),
        ("404 Not Found", false, "path"),
        ("400 Bad Request", false, "TLS"),
        ("503 Service Unavailable", false, "refused with 503"),
    ];
    local(async move {
        for (status, lasting, hint) in table {
            let far = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let near = Server::start(Setup::default());
            near.dial(far.local_addr().unwrap(), DialSettings::default());
            let (mut tcp, _) = far.accept().await.unwrap();
            read_head(&mut tcp).await;
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            tcp.write_all(answer.as_bytes()).await.unwrap();
            let failure = near.failure().await;
            assert_eq!(failure.lasting, lasting, "{failure:?}");
            assert!(failure.reason.contains(hint), "{failure:?}");
        }
    });
}
