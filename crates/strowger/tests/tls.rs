//! The listener with TLS of a real server.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../strowger-channel/tests/net/authority.rs"]
mod authority;
mod support;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use authority::{Authority, Written};
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use support::Running;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};

type User = WebSocketStream<TlsStream<TcpStream>>;

fn start(written: &Written) -> (Running, SocketAddr) {
    let mut server = Running::start(&format!(
        "[tls]\nlisten = \"127.0.0.1:0\"\ncertificate = {:?}\nkey = {:?}\n[admin]\nenabled = \"off\"\n",
        written.certificate, written.key
    ));
    let url = server.said("Strowger listens on wss://");
    let address = url.trim_end_matches("/rtc").parse().unwrap();
    (server, address)
}

/// Connects as who trusts this authority alone.
async fn secure(authority: &Authority, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates([CertificateDer::from_pem_file(&authority.file).unwrap()]);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

async fn connect(authority: &Authority, address: SocketAddr, user: &str) -> User {
    let mut tls = secure(authority, address).await.unwrap();
    let request = format!(
        "GET /rtc?userid={user} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    tls.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tls.read_u8().await.unwrap());
    }
    assert!(
        head.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&head)
    );
    ClientBuilder::new().take_over(tls)
}

async fn receive(user: &mut User) -> Value {
    loop {
        // Pings are answered on the way.
        let message = user.next().await.unwrap().unwrap();
        if let Some(text) = message.as_text() {
            return serde_json::from_str(text).unwrap();
        }
    }
}

/// One writes to the other, who gets it.
async fn write(from: &mut User, to: &mut User, number: usize) {
    let message = json!({
        "Type": "MESSAGE", "Request-URI": "bob@example.com", "From": "alice@example.com", "To": "bob@example.com",
        "DialogueID": format!("d{number}"), "CSeq": 1, "Body": "x".repeat(20_000),
    });
    from.send(Message::text(message.to_string())).await.unwrap();
    let received = receive(to).await;
    assert_eq!(received["Body"], message["Body"]);
    let response = json!({
        "Type": "RESPONSE", "Code": 200, "From": received["From"], "To": received["To"],
        "DialogueID": received["DialogueID"], "CSeq": received["CSeq"],
    });
    to.send(Message::text(response.to_string())).await.unwrap();
    assert_eq!(receive(from).await["Code"], 200);
}

#[tokio::test]
async fn a_certificate_is_renewed_on_sighup_and_nobody_is_dropped() {
    let (old, new) = (Authority::named("old"), Authority::named("new"));
    let written = old.write(&["localhost"], None);
    let (server, address) = start(&written);
    let mut alice = connect(&old, address, "alice@example.com").await;
    let mut bob = connect(&old, address, "bob@example.com").await;
    write(&mut alice, &mut bob, 1).await;

    // A certificate that cannot be used changes nothing.
    std::fs::write(&written.certificate, "none").unwrap();
    server.signal("HUP");
    assert!(secure(&old, address).await.is_ok());

    new.write(&["localhost"], Some(&written));
    server.signal("HUP");
    // The signal is on its way for a moment.
    while secure(&new, address).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(secure(&old, address).await.is_err());
    write(&mut alice, &mut bob, 2).await;
    let mut carol = connect(&new, address, "carol@example.com").await;
    carol.close().await.unwrap();
}

#[tokio::test]
async fn a_drain_closes_sockets_with_tls_in_form() {
    let authority = Authority::new();
    let (mut server, address) = start(&authority.write(&["localhost"], None));
    let mut alice = connect(&authority, address, "alice@example.com").await;
    server.signal("TERM");
    let code = loop {
        let message = alice.next().await.unwrap().unwrap();
        if let Some((code, _)) = message.as_close() {
            break u16::from(code);
        }
    };
    assert_eq!(code, 1012);
    alice.close().await.ok();
    assert!(server.wait().success());
}
