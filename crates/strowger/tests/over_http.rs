//! Services that speak HTTP, in the server as a process: users on real sockets, endpoints of other makers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use strowger::client::Client;
use strowger::operator::{Operator, OperatorError, Sent};
use support::{Running, connect, receive};

const ANN: &str = "ann@example.com";
const BEN: &str = "ben@example.com";
const CARL: &str = "carl@example.com";
const SECRET: &str = "a secret of the shop";

fn server(config: &str) -> (Running, Operator) {
    let mut server = Running::start_with(config, &["--admin-listen", "127.0.0.1:0"]);
    let operator = Operator::new(&server.admin(), None).unwrap();
    (server, operator)
}

fn request(kind: &str, from: &str, to: &str, dialog: &str, service: &str) -> Value {
    json!({
        "Type": kind, "Request-URI": to, "From": from, "To": to, "P-Asserted-Identity": from, "DialogueID": dialog,
        "CSeq": 1, "Router": format!("example.com;type={service}"),
    })
}

async fn send(client: &mut Client, message: &Value) {
    client.send(message.to_string()).await.unwrap();
}

async fn answer(client: &mut Client, request: &Value, code: u16, body: &str) {
    let response = json!({
        "Type": "RESPONSE", "Code": code, "From": request["From"], "To": request["To"],
        "DialogueID": request["DialogueID"], "CSeq": request["CSeq"], "Body": body,
    });
    send(client, &response).await;
}

#[track_caller]
fn is(message: &Value, kind: &str) {
    assert_eq!(message["Type"], kind, "{message}");
}

#[tokio::test]
async fn an_operator_sees_rooms_and_removes_a_member() {
    let (server, operator) = server("");
    let mut ann = connect(&server.server(), ANN).await;
    let mut join = request("SUBSCRIBE", ANN, "room:1@example.com", "s", "chatroom");
    (join["Expire"], join["Event"]) = (json!(600), json!("chat"));
    send(&mut ann, &join).await;
    assert_eq!(receive(&mut ann).await["Code"], 200);
    let rooms: Value = operator
        .ask(Method::GET, "/services/chatroom/rooms", Sent::default())
        .await
        .unwrap();
    assert_eq!(
        rooms["rooms"],
        json!([{ "room": "room:1@example.com", "members": 1 }])
    );
    let room = "/services/chatroom/rooms/room:1@example.com";
    operator
        .tell(Method::DELETE, &format!("{room}/members/{ANN}"))
        .await
        .unwrap();
    let notice = receive(&mut ann).await;
    is(&notice, "NOTIFY");
    assert_eq!(notice["Body"]["state"], "removed", "{notice}");
    let gone: Result<Value, _> = operator.ask(Method::GET, room, Sent::default()).await;
    let Err(OperatorError::Refused(problem)) = gone else {
        panic!("{gone:?}");
    };
    assert_eq!((problem.status, &*problem.detail), (404, "Room Not Exist"));
}

/// Takes HTTP requests and answers each with 204; their bodies.
fn callback() -> (u16, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (bodies, told) = channel();
    // It ends with the process: nobody asks it any more then.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let (mut length, mut line) = (0, String::new());
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            reader.get_mut().write_all(answer).unwrap();
            if bodies.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
        }
    });
    (port, told)
}

#[tokio::test]
async fn a_call_that_is_ordered_over_http_rings_both_and_is_told_as_it_goes() {
    let (port, told) = callback();
    let grants = format!("[http.grants.click2call]\nurls = [\"http://127.0.0.1:{port}/*\"]\n");
    let (server, operator) = server(&grants);
    let mut ann = connect(&server.server(), ANN).await;
    let mut ben = connect(&server.server(), BEN).await;
    let order = json!({ "from": ANN, "to": BEN, "callback": format!("http://127.0.0.1:{port}/calls") });
    let sent = Sent {
        body: order.to_string().into(),
        content_type: "application/json",
        headers: Vec::new(),
    };
    let call: Value = operator
        .ask(Method::POST, "/services/click2call/calls", sent)
        .await
        .unwrap();
    assert_eq!(call["state"], "calling");
    let path = format!("/services/click2call/calls/{}", call["id"].as_str().unwrap());

    let invite = receive(&mut ann).await;
    is(&invite, "INVITE");
    answer(&mut ann, &invite, 180, "").await;
    answer(&mut ann, &invite, 200, "offer of ann").await;
    let invite = receive(&mut ben).await;
    is(&invite, "INVITE");
    assert_eq!(invite["Body"], "offer of ann");
    answer(&mut ben, &invite, 200, "answer of ben").await;
    is(&receive(&mut ben).await, "ACK");
    let ack = receive(&mut ann).await;
    is(&ack, "ACK");
    assert_eq!(ack["Body"], "answer of ben");
    let state = told_until(&told, "connected");
    assert_eq!((&state["from"], &state["to"]), (&json!(ANN), &json!(BEN)));
    let asked: Value = operator.ask(Method::GET, &path, Sent::default()).await.unwrap();
    assert_eq!(asked["state"], "connected");

    operator.tell(Method::DELETE, &path).await.unwrap();
    for client in [&mut ann, &mut ben] {
        let bye = receive(client).await;
        is(&bye, "BYE");
        answer(client, &bye, 200, "").await;
    }
    let state = told_until(&told, "ended");
    assert_eq!(state["cause"], "cancelled");
}

/// What was told by the time the call has come into a state.
fn told_until(told: &Receiver<Value>, state: &str) -> Value {
    loop {
        let next = told.recv_timeout(Duration::from_secs(30)).unwrap();
        if next["state"] == state {
            return next;
        }
    }
}

/// An example endpoint of the webhook service; ended with the test.
struct Endpoint(Child, u16);

impl Endpoint {
    fn start(program: &str, file: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../services/webhook/examples");
        let mut process = Command::new(program)
            .arg(path.join(file))
            .args(["0", SECRET])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        Self(process, line.trim().parse().unwrap())
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The shop of the examples: Ann is rung first, then Ben and Carl together.
async fn shop(endpoint: &Endpoint) {
    let url = format!("http://127.0.0.1:{}/calls", endpoint.1);
    let config = format!(
        "[http.grants.webhook]\nurls = [\"{url}\"]\n[services.webhook.settings]\nurl = \"{url}\"\nsecret = \"{SECRET}\"\n"
    );
    let (server, _operator) = server(&config);
    let mut dora = connect(&server.server(), "dora@example.com").await;
    let mut ann = connect(&server.server(), ANN).await;
    let mut ben = connect(&server.server(), BEN).await;
    let mut carl = connect(&server.server(), CARL).await;
    let call = request("INVITE", "dora@example.com", "shop@example.com", "d", "webhook");
    send(&mut dora, &call).await;
    let invite = receive(&mut ann).await;
    is(&invite, "INVITE");
    answer(&mut ann, &invite, 486, "").await;
    let (to_ben, to_carl) = (receive(&mut ben).await, receive(&mut carl).await);
    is(&to_carl, "INVITE");
    answer(&mut ben, &to_ben, 200, "answer of ben").await;
    is(&receive(&mut carl).await, "CANCEL");
    loop {
        let message = receive(&mut dora).await;
        if message["Code"] == 200 {
            assert_eq!(message["Body"], "answer of ben");
            break;
        }
        assert!(message["Code"].as_u64().unwrap() < 200, "{message}");
    }
}

#[tokio::test]
async fn a_web_server_in_python_says_what_happens_to_calls() {
    shop(&Endpoint::start("python3", "endpoint.py")).await;
}

#[tokio::test]
async fn an_endpoint_that_never_answers_is_given_up_and_the_fallback_asked() {
    // It takes connections, and nothing else.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}/calls", listener.local_addr().unwrap());
    let endpoint = Endpoint::start("python3", "endpoint.py");
    let fallback = format!("http://127.0.0.1:{}/calls", endpoint.1);
    let config = format!(
        "[http.grants.webhook]\nurls = [\"{silent}\", \"{fallback}\"]\n[services.webhook.settings]\nurl = \"{silent}\"\n\
         fallback = \"{fallback}\"\nsecret = \"{SECRET}\"\ntimeout = 1\nretries = 0\n"
    );
    let (server, _operator) = server(&config);
    let mut dora = connect(&server.server(), "dora@example.com").await;
    let mut ann = connect(&server.server(), ANN).await;
    let call = request("INVITE", "dora@example.com", "shop@example.com", "d", "webhook");
    send(&mut dora, &call).await;
    is(&receive(&mut ann).await, "INVITE");
}

#[tokio::test]
async fn a_web_server_in_node_says_what_happens_to_calls() {
    shop(&Endpoint::start("node", "endpoint.mjs")).await;
}
