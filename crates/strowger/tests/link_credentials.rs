//! What two real servers prove to each other on a link: certificates, and tokens of their own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../strowger-channel/tests/net/authority.rs"]
mod authority;
mod support;

use std::net::SocketAddr;

use authority::{Authority, NOW, Written};
use serde_json::{Value, json};
use strowger::client::{Client, Handshake};
use support::cutter::Cutter;
use support::raw::Raw;
use support::{Running, connect, receive};

const LOOPBACK: &str = "networks = [\"127.0.0.0/8\", \"::1\"]";

/// The node that is dialled: `far.example`, which its certificate calls `localhost`.
struct Far {
    server: Running,
    secure: SocketAddr,
    roots: Authority,
    shown: Written,
}

impl Far {
    /// Believes nodes that these authorities vouch for.
    fn start(clients: &Authority) -> Self {
        let roots = Authority::named("servers");
        let shown = roots.write(&["localhost"], None);
        let mut server = Running::start(&format!(
            "realm = [\"far.example\", \"localhost\"]\n[tls]\nlisten = \"127.0.0.1:0\"\ncertificate = {:?}\nkey = {:?}\n\
             client_roots = {:?}\n[links]\nallow = [\"near.example\"]\ncertificate = {:?}\nkey = {:?}\n{LOOPBACK}\n",
            shown.certificate, shown.key, clients.file, shown.certificate, shown.key
        ));
        let url = server.said("Strowger listens on wss://");
        let secure = url.trim_end_matches("/rtc").parse().unwrap();
        Self {
            server,
            secure,
            roots,
            shown,
        }
    }

    /// A node that dials it and shows this certificate.
    fn dialled_by(&self, own: Option<&Written>) -> Running {
        let own = own.map_or_else(
            // A node without a certificate needs a token, which is not enough here.
            || "token = \"a-token-of-sixteen\"".to_owned(),
            |own| format!("certificate = {:?}\nkey = {:?}", own.certificate, own.key),
        );
        Running::start(&format!(
            "realm = \"near.example\"\n[links]\nallow = [\"localhost\"]\nroots = {:?}\n{own}\n{LOOPBACK}\n",
            self.roots.file
        ))
    }
}

fn message(number: usize, port: u16) -> Value {
    json!({
        "Type": "MESSAGE", "Request-URI": "bob@far.example", "From": "alice@near.example", "To": "bob@far.example",
        "Router": format!("localhost:{port}"), "DialogueID": format!("d{number}"), "CSeq": 1, "Body": number,
    })
}

/// Alice's message reaches Bob, and his answer her.
async fn write(alice: &mut Client, bob: &mut Client, number: usize, port: u16) {
    alice.send(message(number, port).to_string()).await.unwrap();
    let received = receive(bob).await;
    assert_eq!(received["Body"], number, "{received}");
    let response = json!({
        "Type": "RESPONSE", "Code": 200, "From": received["From"], "To": received["To"],
        "DialogueID": received["DialogueID"], "CSeq": received["CSeq"],
    });
    bob.send(response.to_string()).await.unwrap();
    assert_eq!(receive(alice).await["Code"], 200);
}

/// Alice's message goes nowhere.
async fn in_vain(near: &Running, port: u16) {
    let mut alice = connect(&near.server(), "alice@near.example").await;
    alice.send(message(1, port).to_string()).await.unwrap();
    let refused = receive(&mut alice).await;
    assert_eq!(
        (&refused["Code"], &refused["Reason"]),
        (&json!(503), &json!("link failed"))
    );
}

#[tokio::test]
async fn nodes_know_each_other_by_certificates_without_any_token() {
    let clients = Authority::named("clients");
    let far = Far::start(&clients);
    let near = far.dialled_by(Some(&clients.write(&["near.example"], None)));
    let mut alice = connect(&near.server(), "alice@near.example").await;
    let mut bob = connect(&far.server.server(), "bob@far.example").await;
    for number in 1..4 {
        write(&mut alice, &mut bob, number, far.secure.port()).await;
    }
}

#[tokio::test]
async fn a_node_without_a_certificate_that_makes_it_one_is_not_linked() {
    let clients = Authority::named("clients");
    let far = Far::start(&clients);
    let port = far.secure.port();
    in_vain(&far.dialled_by(None), port).await;
    for own in [
        clients.write(&["other.example"], None),
        clients.write_of(&["near.example"], (2001, 2002), None),
        // The same name, but made by somebody else.
        Authority::named("clients").write_of(&["near.example"], NOW, None),
        far.roots.write(&["near.example"], None),
    ] {
        in_vain(&far.dialled_by(Some(&own)), port).await;
    }
    // Where there is no TLS there is no certificate, so no node comes in there.
    let server = far.server.server();
    let Ok(Handshake::Refused { status, body, .. }) = server.connect("userid=n1@near.example").await else {
        panic!("a node without a certificate came in");
    };
    assert_eq!(status, 401);
    assert!(body.contains("certificate"), "{body}");
    // Users need none.
    connect(&server, "bob@far.example").await;
}

#[tokio::test]
async fn certificates_of_links_are_renewed_and_nobody_is_dropped() {
    let (old, new) = (Authority::named("old"), Authority::named("new"));
    let far = Far::start(&old);
    let link = Cutter::start(vec![far.secure]).await;
    let port = link.address.port();
    let own = old.write(&["near.example"], None);
    let near = far.dialled_by(Some(&own));
    let mut alice = connect(&near.server(), "alice@near.example").await;
    let mut bob = connect(&far.server.server(), "bob@far.example").await;
    write(&mut alice, &mut bob, 1, port).await;

    // Everything is another: whom the one believes, what the other shows.
    std::fs::copy(&new.file, &old.file).unwrap();
    new.write(&["near.example"], Some(&own));
    far.roots.write(&["localhost"], Some(&far.shown));
    far.server.signal("HUP");
    near.signal("HUP");
    write(&mut alice, &mut bob, 2, port).await;
    assert_eq!(link.connections(), 1);
    link.cut();
    write(&mut alice, &mut bob, 3, port).await;
    assert!(link.connections() > 1);
}

/// A node with these credentials; whose links need no TLS.
fn plain(realm: &[&str], allow: &str, more: &str) -> Running {
    Running::start(&format!(
        "realm = {realm:?}\n[links]\nallow = [{allow:?}]\ntls = \"off\"\n{LOOPBACK}\n{more}\n"
    ))
}

/// What a node that calls itself so and shows this token is answered.
async fn answer(far: &Running, userid: &str, token: &str) -> u16 {
    let mut raw = Raw::connect(far.authority()).await;
    let request = format!(
        "GET /rtc?userid={userid} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Authorization: Bearer {token}\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    raw.write(request.as_bytes()).await;
    let head = raw.read_head().await;
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_node_with_a_token_of_its_own_shows_that_and_cannot_pass_for_another() {
    const SHARED: &str = "token = \"the-shared-token-of-all\"\n";
    let own = |node: &str| format!("{SHARED}[links.nodes.{node:?}]\ntoken = \"the-token-of-two-nodes\"");
    let far = plain(&["far.example", "localhost"], "*.example", &own("near.example"));
    let near = plain(&["near.example"], "localhost", &own("localhost"));
    let port: u16 = far.authority().rsplit_once(':').unwrap().1.parse().unwrap();
    let mut alice = connect(&near.server(), "alice@near.example").await;
    let mut bob = connect(&far.server(), "bob@far.other").await;
    let mut text = message(1, port);
    text["Request-URI"] = json!("bob@far.other");
    alice.send(text.to_string()).await.unwrap();
    assert_eq!(receive(&mut bob).await["Body"], 1);

    assert_eq!(
        answer(&far, "n1@near.example", "the-shared-token-of-all").await,
        403
    );
    assert_eq!(
        answer(&far, "n1@third.example", "the-token-of-two-nodes").await,
        403
    );
    assert_eq!(
        answer(&far, "n1@third.example", "the-shared-token-of-all").await,
        101
    );
    in_vain(&plain(&["near.example"], "localhost", SHARED), port).await;
}
