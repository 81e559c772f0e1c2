//! The server behind the proxies of docs/operations.md, configured as that page says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use strowger::client::{Client, Handshake, Received, Server};
use support::Running;

/// Ends with the test.
struct Proxy {
    process: Child,
    port: u16,
    files: tempfile::TempDir,
}

impl Proxy {
    /// Starts a proxy with a configuration that is made for its directory and port.
    fn start(
        program: &str,
        config: impl FnOnce(&Path, u16) -> String,
        arguments: fn(&str) -> Vec<&str>,
    ) -> Self {
        // Free a moment ago: neither program says which port it took.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = port.local_addr().unwrap().port();
        let files = tempfile::tempdir().unwrap();
        let file = files.path().join("proxy.conf");
        std::fs::write(&file, config(files.path(), port)).unwrap();
        let process = Command::new(program)
            .args(arguments(file.to_str().unwrap()))
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}; scripts/bootstrap installs it"));
        Self { process, port, files }
    }

    fn server(&self) -> Server {
        Server::parse(&format!("ws://127.0.0.1:{}/rtc", self.port)).unwrap()
    }

    /// Connects, once the proxy listens.
    async fn connect(&mut self, user: &str) -> Client {
        loop {
            match self
                .server()
                .connect(&format!("userid={user}&access_token=a-secret"))
                .await
            {
                Ok(Handshake::Open(client)) => return *client,
                Ok(refused) => panic!("{refused:?}"),
                Err(_) => {
                    assert!(self.process.try_wait().unwrap().is_none(), "the proxy has ended");
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// What the page shows in its block of this language.
fn block(language: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// The text with something else in it, which must have been there.
#[track_caller]
fn with(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "{old} is not in {text}");
    text.replace(old, new)
}

async fn receive(client: &mut Client) -> Value {
    let Received::Text(text) = client.receive().await else {
        panic!("the socket is closed");
    };
    serde_json::from_str(&text).unwrap()
}

/// Two users behind the proxy reach each other, are told apart by their addresses, and are closed in form.
async fn check(mut proxy: Proxy, server: &mut Running) {
    let mut alice = proxy.connect("alice@example.com").await;
    let mut bob = proxy.connect("bob@example.com").await;
    let message = json!({
        "Type": "MESSAGE", "Request-URI": "bob@example.com", "From": "alice@example.com", "To": "bob@example.com",
        "DialogueID": "d1", "CSeq": 1, "Body": "x".repeat(30_000),
    });
    alice.send(message.to_string()).await.unwrap();
    let received = receive(&mut bob).await;
    assert_eq!(received["Body"], message["Body"]);
    let response = json!({
        "Type": "RESPONSE", "Code": 200, "From": received["From"], "To": received["To"],
        "DialogueID": received["DialogueID"], "CSeq": received["CSeq"],
    });
    bob.send(response.to_string()).await.unwrap();
    assert_eq!(receive(&mut alice).await["Code"], 200);

    // The limit is two sockets of an address. A client may write into X-Forwarded-For what it likes: the proxy's word counts.
    let third = proxy.server().connect("userid=carol@example.com").await.unwrap();
    let Handshake::Refused { status, .. } = third else {
        panic!("the client's address is not known");
    };
    assert_eq!(status, 503);

    server.signal("TERM");
    for client in [&mut alice, &mut bob] {
        assert_eq!(client.receive().await, Received::Closed(Some(1012)));
        client.close().await;
    }
    assert!(server.wait().success());
    for entry in std::fs::read_dir(proxy.files.path()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        assert!(!text.contains("a-secret"), "a token is in {}", path.display());
    }
}

/// The address from which the proxies come here: clients have that of this machine, which is trusted otherwise.
const PROXY: &str = "127.0.0.9";

fn start() -> Running {
    Running::start(&format!(
        "trusted_proxies = \"{PROXY}/32\"\n[limits]\nconnections_per_address = 2\n[admin]\nenabled = \"off\"\n"
    ))
}

#[tokio::test]
async fn users_come_through_nginx() {
    let mut server = start();
    let at = server.authority().to_owned();
    let proxy = Proxy::start(
        "/usr/sbin/nginx",
        |directory, port| {
            let directory = directory.display();
            let block = with(&block("nginx"), "127.0.0.1:8080", &at);
            let block = with(&block, "listen 80;", &format!("listen 127.0.0.1:{port};"));
            let block = with(&block, "/var/log/nginx/", &format!("{directory}/"));
            let bound = format!("proxy_http_version 1.1; proxy_bind {PROXY};");
            let block = with(&block, "proxy_http_version 1.1;", &bound);
            let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|name| format!("{name}_temp_path {directory}/{name};"))
                .join("\n");
            format!(
                "daemon off; master_process off; pid {directory}/pid; error_log {directory}/error.log;\n\
                 events {{}}\nhttp {{\n{temporary}\n{block}}}\n"
            )
        },
        |file| vec!["-c", file],
    );
    check(proxy, &mut server).await;
}

#[tokio::test]
async fn users_come_through_haproxy() {
    let mut server = start();
    let at = server.authority().to_owned();
    let proxy = Proxy::start(
        "/usr/sbin/haproxy",
        |_, port| {
            let block = with(
                &block("haproxy"),
                "127.0.0.1:8080",
                &format!("{at} source {PROXY}"),
            );
            with(&block, "bind :80", &format!("bind 127.0.0.1:{port}"))
        },
        |file| vec!["-db", "-f", file],
    );
    check(proxy, &mut server).await;
}
