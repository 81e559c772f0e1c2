//! Links between two real servers: TLS, cuts, silence, loops, and where they may lead.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../strowger-channel/tests/net/authority.rs"]
mod authority;
mod support;

use std::net::SocketAddr;

use authority::{Authority, NOW, terminate};
use serde_json::{Value, json};
use strowger::client::Client;
use support::cutter::Cutter;
use support::{Running, connect, receive};

/// How many messages go each way, how many may be without an answer, and after how many the link is cut.
const MESSAGES: usize = 300;
const WINDOW: usize = 8;
const CUT_EVERY: usize = 15;

/// A server's configuration: its realm, whom it may link to, and more keys of `[links]`.
fn config(realm: &[&str], allow: &[&str], more: &str) -> String {
    format!(
        "realm = {realm:?}\n[links]\nallow = {allow:?}\ntoken = \"a-token-of-sixteen\"\n\
         networks = [\"127.0.0.0/8\", \"::1\"]\n{more}\n"
    )
}

const PLAIN: &str = "tls = \"off\"";

fn address(server: &Running) -> SocketAddr {
    server.authority().parse().unwrap()
}

fn message(from: &str, to: &str, router: &str, number: usize) -> String {
    json!({
        "Type": "MESSAGE", "Request-URI": to, "From": from, "To": to, "Router": router,
        "DialogueID": format!("d{number}"), "CSeq": 1, "Body": number,
    })
    .to_string()
}

fn ok(request: &Value) -> String {
    json!({
        "Type": "RESPONSE", "Code": 200, "From": request["From"], "To": request["To"],
        "DialogueID": request["DialogueID"], "CSeq": request["CSeq"],
    })
    .to_string()
}

#[tokio::test]
async fn two_servers_are_linked_over_tls() {
    let authority = Authority::new();
    let far = Running::start(&config(&["far.example", "localhost"], &["near.example"], ""));
    let relay = terminate(authority.server(&["localhost"], NOW), address(&far)).await;
    let roots = format!("roots = {:?}", authority.file);
    let near = Running::start(&config(&["near.example"], &["localhost"], &roots));
    let mut alice = connect(&near.server(), "alice@near.example").await;
    let mut bob = connect(&far.server(), "bob@far.example").await;
    let router = format!("localhost:{}", relay.port());
    for number in 0..10 {
        let text = message("alice@near.example", "bob@far.example", &router, number);
        alice.send(text).await.unwrap();
        let received = receive(&mut bob).await;
        assert_eq!(received["Body"], number);
        bob.send(ok(&received)).await.unwrap();
        assert_eq!(receive(&mut alice).await["Code"], 200);
    }
}

#[tokio::test]
async fn a_node_whose_certificate_nobody_vouches_for_gets_no_token() {
    let (authority, other) = (Authority::new(), Authority::named("another"));
    let far = Running::start(&config(&["far.example"], &["near.example"], ""));
    let relay = terminate(authority.server(&["localhost"], NOW), address(&far)).await;
    let roots = format!("roots = {:?}", other.file);
    let near = Running::start(&config(&["near.example"], &["localhost"], &roots));
    let mut alice = connect(&near.server(), "alice@near.example").await;
    let router = format!("localhost:{}", relay.port());
    let text = message("alice@near.example", "bob@far.example", &router, 1);
    alice.send(text).await.unwrap();
    let refused = receive(&mut alice).await;
    assert_eq!(
        (&refused["Code"], &refused["Reason"]),
        (&json!(503), &json!("link failed"))
    );
}

#[tokio::test]
async fn a_name_that_leads_to_loopback_is_not_dialled_unless_that_is_allowed() {
    let far = Cutter::start(vec!["127.0.0.1:9".parse().unwrap()]).await;
    let config = config(&["near.example"], &["localhost"], PLAIN);
    let near = Running::start(&config.replace("networks", "#"));
    let mut alice = connect(&near.server(), "alice@near.example").await;
    let router = format!("localhost:{}", far.address.port());
    let text = message("alice@near.example", "bob@far.example", &router, 1);
    alice.send(text).await.unwrap();
    assert_eq!(receive(&mut alice).await["Code"], 503);
    assert_eq!(far.connections(), 0);
}

/// Sends all messages, a few at a time, and takes one final answer for each.
async fn sender(mut client: Client, from: &str, to: &str, router: &str) {
    let mut answered = vec![false; MESSAGES];
    let mut sent = 0;
    for done in 0..MESSAGES {
        while sent < MESSAGES && sent < done + WINDOW {
            client.send(message(from, to, router, sent)).await.unwrap();
            sent += 1;
        }
        let response = receive(&mut client).await;
        assert_eq!(response["Code"], 200, "{response}");
        let dialog = response["DialogueID"].as_str().unwrap().trim_start_matches('d');
        let answered = &mut answered[dialog.parse::<usize>().unwrap()];
        assert!(!std::mem::replace(answered, true), "answered twice: {response}");
    }
}

/// Takes every message once and in order, and cuts the link again and again.
async fn receiver(mut client: Client, link: &Cutter) {
    for number in 0..MESSAGES {
        let received = receive(&mut client).await;
        assert_eq!(received["Body"], number, "{received}");
        if number % CUT_EVERY == CUT_EVERY - 1 {
            link.cut();
        }
        client.send(ok(&received)).await.unwrap();
        // Some cuts meet the answer on its way instead of the next requests.
        if number % CUT_EVERY == CUT_EVERY / 2 {
            link.cut();
        }
    }
}

#[tokio::test]
async fn messages_both_ways_over_a_link_that_is_cut_again_and_again_come_once_and_in_order() {
    // Each knows the other under a name of its own for this machine.
    let patient = "tls = \"off\"\n[timers]\ntransaction = \"60s\"";
    let near = Running::start(&config(
        &["near.example", "127.0.0.1"],
        &["localhost", "far.example"],
        patient,
    ));
    let far = Running::start(&config(
        &["far.example", "localhost"],
        &["127.0.0.1", "near.example"],
        patient,
    ));
    let to_far = Cutter::start(vec![address(&far)]).await;
    let to_near = Cutter::start(vec![address(&near)]).await;
    let alice = connect(&near.server(), "alice@near.example").await;
    let dave = connect(&near.server(), "dave@near.example").await;
    let bob = connect(&far.server(), "bob@far.example").await;
    let carol = connect(&far.server(), "carol@far.example").await;
    let far_router = format!("localhost:{}", to_far.address.port());
    let near_router = format!("127.0.0.1:{}", to_near.address.port());
    tokio::join!(
        sender(alice, "alice@near.example", "bob@far.example", &far_router),
        receiver(bob, &to_far),
        sender(carol, "carol@far.example", "dave@near.example", &near_router),
        receiver(dave, &to_near),
    );
    for link in [to_far, to_near] {
        assert!(
            link.connections() > MESSAGES / CUT_EVERY,
            "{}",
            link.connections()
        );
    }
}

#[tokio::test]
async fn a_link_that_falls_silent_is_dialled_again_and_nothing_is_lost() {
    let hasty = "tls = \"off\"\n[timers]\ntransaction = \"60s\"\n[channel]\nping_interval = \"500ms\"";
    let near = Running::start(&config(&["near.example"], &["localhost"], hasty));
    let far = Running::start(&config(&["far.example", "localhost"], &["near.example"], hasty));
    let link = Cutter::start(vec![address(&far)]).await;
    let mut alice = connect(&near.server(), "alice@near.example").await;
    let mut bob = connect(&far.server(), "bob@far.example").await;
    let router = format!("localhost:{}", link.address.port());
    for number in 0..4 {
        let text = message("alice@near.example", "bob@far.example", &router, number);
        alice.send(text).await.unwrap();
        let mut answer = Box::pin(receive(&mut alice));
        // Both users stay alive while the link is dead: their clients answer Pings only while they read.
        let received = tokio::select! {
            received = receive(&mut bob) => received,
            early = &mut answer => panic!("{early}"),
        };
        assert_eq!(received["Body"], number);
        link.freeze();
        bob.send(ok(&received)).await.unwrap();
        let answer = tokio::select! {
            answer = answer => answer,
            again = receive(&mut bob) => panic!("twice: {again}"),
        };
        assert_eq!(answer["Code"], 200);
    }
    assert!(link.connections() > 4);
}

#[tokio::test]
async fn a_request_that_goes_round_between_two_nodes_ends_with_483() {
    let near = Running::start(&config(&["near.example"], &["localhost"], PLAIN));
    let far = Running::start(&config(&["far.example"], &["localhost"], PLAIN));
    // To the near node the far one is here, and to the far one the near.
    let between = Cutter::start(vec![address(&far), address(&near)]).await;
    let mut alice = connect(&near.server(), "alice@near.example").await;
    let nobody = format!("bob@localhost:{}", between.address.port());
    let text = message("alice@near.example", &nobody, &nobody, 1);
    alice.send(text).await.unwrap();
    assert_eq!(receive(&mut alice).await["Code"], 483);
    assert_eq!(between.connections(), 2);
}
