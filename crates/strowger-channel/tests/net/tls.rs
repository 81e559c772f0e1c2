//! Links with TLS.

use std::net::SocketAddr;

use strowger_channel::DialFailure;
use strowger_channel::net::{DialSettings, Roots, Tls, TlsError};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::authority::{Authority, NOW, new_file, terminate};
use crate::support::{Server, Setup, Told, frame, local, loopback};

fn trusting(authority: &Authority) -> DialSettings {
    DialSettings {
        tls: Some(Tls::new(Roots::File(authority.file.clone())).unwrap()),
        ..loopback()
    }
}

/// Dials a host that trusts this authority, and says why that failed.
async fn failure(authority: &Authority, host: &str, address: SocketAddr) -> DialFailure {
    let near = Server::start(Setup::default());
    near.dial_host(host, address.port(), trusting(authority));
    near.failure().await
}

#[test]
fn a_link_with_tls_carries_text_both_ways_and_closes_in_form() {
    local(async {
        let authority = Authority::new();
        for host in ["localhost", "127.0.0.1"] {
            let (near, far) = (Server::start(Setup::default()), Server::start(Setup::default()));
            let address = terminate(authority.server(&[host], NOW), far.address).await;
            near.dial_host(host, address.port(), trusting(&authority));
            near.home.until(1, &Told::Dialled).await;
            far.home
                .until(1, &Told::Connected("n1@example.com".to_owned()))
                .await;
            // More than a TLS record, and more than one batch.
            let long = "x".repeat(50_000);
            near.home.send(1, vec![frame(&long), frame(&long)]);
            far.home.send(1, vec![frame(&long)]);
            far.home.until(1, &Told::Text(long.clone())).await;
            near.home.until(1, &Told::Text(long.clone())).await;
            far.home.socket(1).close(1012, "service restart");
            near.home.until(1, &Told::Closed(Some(1012))).await;
        }
    });
}

#[test]
fn a_certificate_must_be_vouched_for_be_in_its_time_and_name_the_host() {
    let table = [
        (&["localhost"][..], (2001, 2002), "has expired"),
        (&["localhost"], (3000, 4000), "not valid yet"),
        (&["other.example.com"], NOW, "other.example.com"),
        (&["*.localhost"], NOW, "not for this host"),
        (&["127.0.0.1"], NOW, "not for this host"),
    ];
    local(async move {
        let authority = Authority::new();
        let far = Server::start(Setup::default());
        for (names, years, reason) in table {
            let address = terminate(authority.server(names, years), far.address).await;
            let failure = failure(&authority, "localhost", address).await;
            assert!(failure.lasting && failure.reason.contains(reason), "{failure:?}");
        }
        let address = terminate(authority.server(&["localhost"], NOW), far.address).await;
        for other in [Authority::named("another"), Authority::new()] {
            let unknown = failure(&other, "localhost", address).await;
            assert!(
                unknown.lasting && unknown.reason.contains("links.roots"),
                "{unknown:?}"
            );
        }
        // An address is looked for among the addresses of the certificate, not among its names.
        let unnamed = failure(&authority, "127.0.0.1", address).await;
        assert!(
            unnamed.lasting && unnamed.reason.contains("not for this host"),
            "{unnamed:?}"
        );
        assert_eq!(far.home.told(1), []);
    });
}

#[test]
fn a_port_without_tls_is_named_as_such() {
    local(async {
        let authority = Authority::new();
        let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = plain.local_addr().unwrap();
        for answer in ["HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", ""] {
            let (failure, ()) = tokio::join!(failure(&authority, "localhost", address), async {
                let (mut tcp, _) = plain.accept().await.unwrap();
                tcp.readable().await.unwrap();
                tcp.write_all(answer.as_bytes()).await.unwrap();
                tcp.shutdown().await.unwrap();
                // Read away, so that the answer is not lost in a reset.
                tokio::io::copy(&mut tcp, &mut tokio::io::sink()).await.ok();
            });
            assert!(
                !failure.lasting && failure.reason.contains("TLS port"),
                "{failure:?}"
            );
        }
        let far = Server::start(Setup::default());
        let failure = failure(&authority, "localhost", far.address).await;
        assert!(failure.reason.contains("TLS port"), "{failure:?}");
    });
}

#[test]
fn a_silent_node_times_out_in_the_tls_handshake() {
    local(async {
        let authority = Authority::new();
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = Server::start(Setup::default());
        let dialling = DialSettings {
            connect_timeout: std::time::Duration::from_millis(50),
            ..trusting(&authority)
        };
        near.dial_host("localhost", silent.local_addr().unwrap().port(), dialling);
        let failure = near.failure().await;
        assert!(failure.reason.contains("TLS handshake"), "{failure:?}");
    });
}

#[test]
fn a_file_of_roots_must_hold_certificates() {
    let file = new_file();
    let read = || Tls::new(Roots::File(file.clone()));
    assert!(matches!(read(), Err(TlsError::File { .. })));
    for text in ["", "nothing of the kind\n"] {
        std::fs::write(&file, text).unwrap();
        assert!(matches!(read(), Err(TlsError::EmptyFile { .. })), "{text}");
    }
    std::fs::write(
        &file,
        "-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    assert!(matches!(read(), Err(TlsError::File { .. })));
    std::fs::remove_file(&file).unwrap();
}
