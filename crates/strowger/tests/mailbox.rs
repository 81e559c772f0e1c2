//! What waits for a user who is away outlives the server, however it ends.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use strowger::client::Client;
use support::{Running, connect, receive};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";
const MESSAGES: usize = 30;

fn request(kind: &str, from: &str, dialog: &str) -> Value {
    json!({
        "Type": kind, "Request-URI": ALICE, "From": from, "To": ALICE, "DialogueID": dialog, "CSeq": 1,
        "Router": "example.com;type=registrar",
    })
}

async fn register(client: &mut Client, round: usize) {
    let mut register = request("REGISTER", ALICE, &format!("register-{round}"));
    register["Expire"] = json!(600);
    client.send(register.to_string()).await.unwrap();
}

/// Sends messages to who is away; when the last one is answered 202, all are on disk.
async fn leave_messages(server: &Running) {
    let mut bob = connect(&server.server(), BOB).await;
    for number in 0..MESSAGES {
        let mut message = request("MESSAGE", BOB, &format!("m-{number}"));
        message["Body"] = json!(format!("number {number}"));
        bob.send(message.to_string()).await.unwrap();
    }
    for _ in 0..MESSAGES {
        let answer = receive(&mut bob).await;
        assert_eq!(answer["Code"], 202, "{answer}");
    }
}

/// Takes so many messages; the body and id of each.
async fn take(client: &mut Client, count: usize) -> Vec<(String, String)> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let message = receive(client).await;
        if message["Type"] != "MESSAGE" {
            assert_eq!(message["Code"], 200, "{message}");
            continue;
        }
        let text = |name: &str| message[name].as_str().unwrap().to_owned();
        taken.push((text("Body"), text("Message-ID")));
        let answer = json!({
            "Type": "RESPONSE", "Code": 200, "From": message["From"], "To": message["To"],
            "DialogueID": message["DialogueID"], "CSeq": message["CSeq"],
        });
        client.send(answer.to_string()).await.unwrap();
    }
    taken
}

/// Her next REGISTER is answered, and no message comes before that.
async fn gets_nothing(client: &mut Client, round: usize) {
    register(client, round).await;
    let answer = receive(client).await;
    assert_eq!(answer["Code"], 200, "{answer}");
}

#[tokio::test]
async fn a_restart_in_order_loses_no_message_and_repeats_none_though_the_sender_does() {
    let data = tempfile::tempdir().unwrap();
    let config = format!("data = {:?}\n", data.path());
    let restart = |mut server: Running| {
        server.signal("TERM");
        assert!(server.wait().success());
        Running::start(&config)
    };
    let server = Running::start(&config);
    leave_messages(&server).await;
    let server = restart(server);
    let mut alice = connect(&server.server(), ALICE).await;
    register(&mut alice, 1).await;
    let taken = take(&mut alice, MESSAGES).await;
    let bodies: Vec<&str> = taken.iter().map(|(body, _)| body.as_str()).collect();
    let sent: Vec<String> = (0..MESSAGES).map(|number| format!("number {number}")).collect();
    assert_eq!(bodies, sent);
    gets_nothing(&mut alice, 2).await;
    alice.close().await;

    let server = restart(server);
    let mut alice = connect(&server.server(), ALICE).await;
    gets_nothing(&mut alice, 3).await;
    // As if he had never heard that they are kept.
    leave_messages(&server).await;
    gets_nothing(&mut alice, 4).await;
    gets_nothing(&mut alice, 5).await;
}

#[tokio::test]
async fn messages_for_who_is_away_come_once_and_in_order_though_the_server_is_killed_twice() {
    let data = tempfile::tempdir().unwrap();
    let config = format!("data = {:?}\n", data.path());
    let server = Running::start(&config);
    leave_messages(&server).await;
    server.signal("KILL");
    drop(server);

    let server = Running::start(&config);
    let mut alice = connect(&server.server(), ALICE).await;
    register(&mut alice, 1).await;
    let mut taken = take(&mut alice, MESSAGES / 2).await;
    server.signal("KILL");
    drop(server);

    let server = Running::start(&config);
    let mut alice = connect(&server.server(), ALICE).await;
    register(&mut alice, 2).await;
    // What she answered a moment before the end may come again; its id says so.
    while taken.len() < MESSAGES {
        for (body, id) in take(&mut alice, 1).await {
            if taken.iter().all(|(_, known)| *known != id) {
                taken.push((body, id));
            }
        }
    }
    let bodies: Vec<&str> = taken.iter().map(|(body, _)| body.as_str()).collect();
    let sent: Vec<String> = (0..MESSAGES).map(|number| format!("number {number}")).collect();
    assert_eq!(bodies, sent);
}
