//! A certificate that an authority issues: the real server, and Pebble, the test server of Let's Encrypt.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../strowger-channel/tests/net/authority.rs"]
mod authority;
mod support;

use std::io;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use authority::Authority;
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use support::Running;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};

/// Ends with the test.
struct Program(Child);

impl Program {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let child = Command::new(name)
            .args(arguments)
            // It need not wait before it looks, as others would, nor refuse what is good now and then.
            .envs([("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_WFE_NONCEREJECT", "0")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap_or_else(|error| panic!("{name}: {error}; scripts/bootstrap installs it")))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A port that was free a moment ago: no program here says which it took.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// An authority, and a name service that has every name lead here.
struct Pebble {
    authority: Program,
    _names: Program,
    /// Who vouches for its own server.
    roots: Authority,
    listen: u16,
    manage: u16,
    _files: tempfile::TempDir,
}

impl Pebble {
    /// Looks for domains at this port, and issues certificates that hold so many seconds.
    fn start(port: u16, seconds: u64) -> Self {
        let names = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let roots = Authority::named("of the authority's own server");
        let shown = roots.write(&["localhost"], None);
        let files = tempfile::tempdir().unwrap();
        let (listen, manage) = (free_port(), free_port());
        let config = json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{listen}"),
            "managementListenAddress": format!("127.0.0.1:{manage}"),
            "certificate": shown.certificate, "privateKey": shown.key,
            "httpPort": 1, "tlsPort": port, "ocspResponderURL": "", "certificateValidityPeriod": seconds,
        }});
        let file = files.path().join("pebble.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let only_names = [
            "-dns01",
            &names,
            "-defaultIPv6",
            "",
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
            "-management",
            "127.0.0.1:0",
        ];
        Self {
            _names: Program::start("pebble-challtestsrv", &only_names),
            authority: Program::start(
                "pebble",
                &["-config", file.to_str().unwrap(), "-dnsserver", &names],
            ),
            roots,
            listen,
            manage,
            _files: files,
        }
    }

    fn config(&self, port: u16, domains: &[&str], cache: &Path) -> String {
        format!(
            "[tls]\nlisten = \"127.0.0.1:{port}\"\n[tls.acme]\ndomains = {domains:?}\ncache = {cache:?}\n\
             directory = \"https://localhost:{}/dir\"\ncontact = \"mailto:ops@example.com\"\nroots = {:?}\n\
             [admin]\nenabled = \"off\"\n",
            self.listen, self.roots.file
        )
    }

    /// The certificate that vouches for what it issues, once it has one.
    async fn root(&mut self) -> CertificateDer<'static> {
        let own = CertificateDer::from_pem_file(&self.roots.file).unwrap();
        let mut tls = loop {
            if let Ok(tls) = secure(self.manage, "localhost", &own, b"http/1.1").await {
                break tls;
            }
            assert!(self.authority.0.try_wait().unwrap().is_none(), "Pebble has ended");
            tokio::task::yield_now().await;
        };
        let request = "GET /roots/0 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        tls.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // It need not end the connection in form.
        tls.read_to_string(&mut answer).await.ok();
        let (_, pem) = answer.split_once("\r\n\r\n").unwrap();
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
    }
}

/// Connects as who trusts this root alone.
async fn secure(
    port: u16,
    name: &str,
    root: &CertificateDer<'static>,
    protocol: &[u8],
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates([root.clone()]);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

/// Connects once the server shows a certificate of this root for this name.
async fn issued(
    server: &mut Running,
    port: u16,
    name: &str,
    root: &CertificateDer<'static>,
) -> TlsStream<TcpStream> {
    loop {
        if let Ok(tls) = secure(port, name, root, b"http/1.1").await {
            return tls;
        }
        assert!(server.is_running());
        tokio::task::yield_now().await;
    }
}

fn shown(tls: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    tls.get_ref().1.peer_certificates().unwrap()[0].clone()
}

/// The status of the answer to a request for the demo page.
async fn page(tls: &mut TlsStream<TcpStream>) -> String {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    tls.write_all(request.as_bytes()).await.unwrap();
    let mut line = vec![0; 12];
    tls.read_exact(&mut line).await.unwrap();
    String::from_utf8(line).unwrap()
}

/// Connects a user.
async fn user(mut tls: TlsStream<TcpStream>) -> WebSocketStream<TlsStream<TcpStream>> {
    let request = "GET /rtc?userid=alice@example.com HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
                   Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    tls.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tls.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    ClientBuilder::new().take_over(tls)
}

#[tokio::test]
async fn a_certificate_is_issued_for_the_domains_and_kept_over_a_restart() {
    let port = free_port();
    let mut pebble = Pebble::start(port, 90 * 86_400);
    let root = pebble.root().await;
    let cache = tempfile::tempdir().unwrap();
    let config = pebble.config(port, &["calls.test", "chat.test"], cache.path());
    let mut server = Running::start(&config);
    let mut calls = issued(&mut server, port, "calls.test", &root).await;
    assert_eq!(page(&mut calls).await, "HTTP/1.1 200");
    let chat = secure(port, "chat.test", &root, b"http/1.1").await.unwrap();
    let first = shown(&calls);
    assert_eq!(first, shown(&chat));
    // Once it is issued there is nothing to answer.
    assert!(secure(port, "calls.test", &root, b"acme-tls/1").await.is_err());

    server.signal("TERM");
    assert!(server.wait().success());
    pebble.authority.0.kill().unwrap();
    let _server = Running::start(&config);
    let again = secure(port, "calls.test", &root, b"http/1.1").await.unwrap();
    assert_eq!(first, shown(&again), "the authority is gone, and not missed");
}

#[tokio::test]
async fn a_certificate_is_issued_anew_before_it_is_over_and_nobody_is_dropped() {
    let port = free_port();
    let mut pebble = Pebble::start(port, 20);
    let root = pebble.root().await;
    let cache = tempfile::tempdir().unwrap();
    let mut server = Running::start(&pebble.config(port, &["calls.test"], cache.path()));
    let tls = issued(&mut server, port, "calls.test", &root).await;
    let first = shown(&tls);
    let mut alice = user(tls).await;
    loop {
        let next = issued(&mut server, port, "calls.test", &root).await;
        if shown(&next) != first {
            break;
        }
    }
    alice.send(Message::ping("still there")).await.unwrap();
    // Pings of the server may come first.
    while !alice.next().await.unwrap().unwrap().is_pong() {}
}
