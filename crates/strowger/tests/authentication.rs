//! The real server asks who users are: at the door, within a channel, and before it opens one to the world.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};
use strowger::client::{Client, Handshake, Received};
use strowger::operator::{Operator, OperatorError, Sent};
use support::raw::{self, Raw};
use support::{Running, receive};

const SECRET: &str = "a secret of more than thirty-two bytes, for tests";
const USERS: &str = "alice@example.com static-token-of-alice\nbob@example.com static-token-of-bob00 {\"may\":[\"message\"]}\n";

fn file(name: &str, text: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
    std::fs::write(&file, text).unwrap();
    file
}

/// A configuration with an issuer and users.
fn config(test: &str, more: &str) -> String {
    let (secret, users) = (
        file(&format!("{test}.secret"), SECRET),
        file(&format!("{test}.users"), USERS),
    );
    format!(
        "origins = \"https://app.example\"\n{more}\n[auth]\nusers = \"{}\"\n[auth.jwt.app]\nissuer = \"my-app\"\n\
         audience = \"strowger\"\nalgorithms = \"HS256\"\nsecret = \"{}\"\nhosts = \"example.com\"\nleeway = \"0s\"\n",
        users.display(),
        secret.display()
    )
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn token_of(claims: &Value) -> String {
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let text = format!(
        "{}.{}",
        part(json!({"alg": "HS256"}).to_string()),
        part(claims.to_string())
    );
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()),
        text.as_bytes(),
    );
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn token(user: &str, seconds: u64) -> String {
    token_of(&json!({"iss": "my-app", "aud": "strowger", "sub": user, "exp": now() + seconds}))
}

async fn knock(running: &Running, target: &str, headers: &str) -> String {
    let mut raw = Raw::connect(running.authority()).await;
    let request = raw::handshake(target, running.authority());
    let request = request.replacen("\r\n\r\n", &format!("\r\n{headers}\r\n"), 1);
    raw.write(request.as_bytes()).await;
    raw.read_head().await
}

#[track_caller]
fn answered(head: &str, status: u16) {
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
}

async fn open(running: &Running, user: &str, token: &str) -> Client {
    let server = running.server().with_token(Some(token.to_owned()));
    match server.connect(&format!("userid={user}")).await {
        Ok(Handshake::Open(client)) => *client,
        other => panic!("{user}: {other:?}"),
    }
}

fn request(method: &str, from: &str, to: &str, dialog: &str, more: &str) -> String {
    format!(
        r#"{{"Type":"{method}","Request-URI":"{to}","From":"{from}","To":"{to}","DialogueID":"{dialog}","CSeq":1{more}}}"#
    )
}

#[tokio::test]
async fn the_checks_of_a_handshake_come_in_their_order() {
    let running = Running::start(&config("order", ""));
    let foreign = "Origin: https://evil.example\r\n";
    let good = format!("Authorization: Bearer {}\r\n", token("alice@example.com", 60));
    for (target, headers, status) in [
        ("/rtc", foreign, 400),
        ("/rtc?userid=alice@example.com", foreign, 403),
        ("/rtc?userid=alice@example.com", "", 401),
        ("/rtc?userid=alice@example.com", &good, 101),
        ("/rtc?userid=bob@example.com", &good, 403),
    ] {
        answered(&knock(&running, target, headers).await, status);
    }
    let mut raw = Raw::connect(running.authority()).await;
    raw.write(b"POST /rtc?userid=alice@example.com HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    answered(&raw.read_head().await, 405);
    let head = knock(&running, "/rtc?userid=alice@example.com", "").await;
    assert!(
        head.to_ascii_lowercase().contains("www-authenticate: bearer\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn a_token_may_be_in_a_header_a_subprotocol_or_the_query() {
    let running = Running::start(&config("places", ""));
    for token in [token("alice@example.com", 60), "static-token-of-alice".to_owned()] {
        let target = "/rtc?userid=alice@example.com";
        let head = knock(&running, target, &format!("Authorization: Bearer {token}\r\n")).await;
        answered(&head, 101);
        let protocols = format!("Sec-WebSocket-Protocol: jsip, bearer.{token}\r\n");
        let head = knock(&running, target, &protocols).await;
        answered(&head, 101);
        assert!(
            head.to_ascii_lowercase()
                .contains("sec-websocket-protocol: jsip\r\n"),
            "{head}"
        );
        let target = format!("{target}&access_token={token}");
        answered(&knock(&running, &target, "").await, 101);
        let two = knock(&running, &target, "Authorization: Bearer another-token\r\n").await;
        answered(&two, 401);
    }
}

#[tokio::test]
async fn a_token_that_does_not_hold_is_answered_401() {
    let running = Running::start(&config("bad", ""));
    let claims = |name: &str, value: Value| {
        let mut claims = json!({"iss": "my-app", "aud": "strowger", "sub": "alice", "exp": now() + 60});
        claims[name] = value;
        token_of(&claims)
    };
    let good = token("alice@example.com", 60);
    let (text, _) = good.rsplit_once('.').unwrap();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let payload = good.split('.').nth(1).unwrap();
    for token in [
        claims("exp", (now() - 1).into()),
        claims("nbf", (now() + 60).into()),
        claims("aud", "other".into()),
        claims("iss", "other".into()),
        claims("sub", "alice@evil.example".into()),
        claims("strowger", json!({"nay": []})),
        format!("{text}."),
        format!("{none}.{payload}."),
        "static-token-of-alicf".to_owned(),
    ] {
        let header = format!("Authorization: Bearer {token}\r\n");
        let head = knock(&running, "/rtc?userid=alice@example.com", &header).await;
        answered(&head, 401);
        assert!(head.contains("invalid_token"), "{head}");
    }
}

#[tokio::test]
async fn a_channel_is_not_hijacked_and_an_identity_not_spoofed() {
    let running = Running::start(&config("hijack", ""));
    let mut alice = open(&running, "alice@example.com", "static-token-of-alice").await;
    let mut bob = open(&running, "bob@example.com", "static-token-of-bob00").await;
    let eve = token_of(&json!({
        "iss": "my-app", "aud": "strowger", "sub": "eve", "exp": now() + 60,
        "strowger": {"userids": ["alice@example.com"]},
    }));
    let header = format!("Authorization: Bearer {eve}\r\n");
    answered(
        &knock(&running, "/rtc?userid=alice@example.com", &header).await,
        403,
    );
    let spoofed = r#","P-Asserted-Identity":"alice@example.com","p-asserted-identity":"alice@example.com""#;
    bob.send(request(
        "MESSAGE",
        "alice@example.com",
        "alice@example.com",
        "d1",
        spoofed,
    ))
    .await
    .unwrap();
    let message = receive(&mut alice).await;
    assert_eq!(message["P-Asserted-Identity"], "bob@example.com");
    assert_eq!(message.get("p-asserted-identity"), None);
    bob.send(request(
        "INVITE",
        "bob@example.com",
        "alice@example.com",
        "d2",
        "",
    ))
    .await
    .unwrap();
    let refused = receive(&mut bob).await;
    assert_eq!(
        (&refused["Code"], &refused["Reason"]),
        (&json!(403), &json!("`call` is not granted"))
    );
}

#[tokio::test]
async fn a_socket_is_closed_when_its_token_is_over_unless_it_was_renewed() {
    let running = Running::start(&config("renewal", ""));
    let mut alice = open(&running, "alice@example.com", &token("alice@example.com", 2)).await;
    let mut carl = open(&running, "carl@example.com", &token("carl@example.com", 2)).await;
    let renewal = |token: &str| {
        let more = format!(r#","Authorization":"Bearer {token}""#);
        request(
            "REGISTER",
            "alice@example.com",
            "alice@example.com",
            &token[token.len() - 9..],
            &more,
        )
    };
    alice.send(renewal(&token("eve@example.com", 600))).await.unwrap();
    assert_eq!(receive(&mut alice).await["Code"], 403);
    alice
        .send(renewal(&token("alice@example.com", 600)))
        .await
        .unwrap();
    let renewed = receive(&mut alice).await;
    assert_eq!(renewed["Code"], 200);
    assert!(renewed["Expire"].as_u64().unwrap() > 590, "{renewed}");
    assert_eq!(carl.receive().await, Received::Closed(Some(4003)));
    alice
        .send(request(
            "MESSAGE",
            "alice@example.com",
            "carl@example.com",
            "d1",
            "",
        ))
        .await
        .unwrap();
    // His channel waits for him.
    let mut carl = open(&running, "carl@example.com", &token("carl@example.com", 60)).await;
    assert_eq!(receive(&mut carl).await["Type"], "MESSAGE");
}

#[tokio::test]
async fn no_token_is_in_any_line_of_the_log() {
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-trace.log", std::process::id()));
    // A port of its own that nobody listens on: the endpoint cannot be asked, which is logged.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let more = format!("[log]\nlevel = \"trace\"\n[auth.callback]\nurl = \"http://{nobody}/secret-path\"\n");
    let text = format!("{}{more}", config("log", ""));
    let mut child = Command::new(env!("CARGO_BIN_EXE_strowger"))
        .args(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(file("log.toml", &text))
        .env("STROWGER_ADMIN_TOKEN", "")
        .env_remove("STROWGER_ADMIN_TOKEN")
        .stdout(Stdio::piped())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let authority = line
        .trim()
        .trim_start_matches("Strowger listens on ws://")
        .trim_end_matches("/rtc")
        .to_owned();
    let good = token("alice@example.com", 600);
    let tokens = [
        good.as_str(),
        "static-token-of-alice",
        "a-token-of-nobody",
        &good[..good.len() - 5],
    ];
    for token in tokens {
        for (target, header) in [
            (
                format!("/rtc?userid=alice@example.com&access_token={token}"),
                String::new(),
            ),
            (
                "/rtc?userid=alice@example.com".to_owned(),
                format!("Authorization: Bearer {token}\r\n"),
            ),
            (
                "/rtc?userid=alice@example.com".to_owned(),
                format!("Sec-WebSocket-Protocol: jsip, bearer.{token}\r\n"),
            ),
            (format!("/rtc?access_token={token}"), String::new()),
            (format!("/{token}?access_token={token}"), String::new()),
        ] {
            let mut raw = Raw::connect(&authority).await;
            let request = raw::handshake(&target, &authority);
            let request = request.replacen("\r\n\r\n", &format!("\r\n{header}\r\n"), 1);
            raw.write(request.as_bytes()).await;
            let head = raw.read_head().await;
            assert!(!head.contains(token), "{head}");
            if head.starts_with("HTTP/1.1 101") {
                let more = format!(r#","Authorization":"Bearer {token}""#);
                let renewal = request_text(&more);
                raw.write(&raw::frame(raw::TEXT, renewal.as_bytes())).await;
                raw.read_until("RESPONSE").await;
            }
        }
    }
    Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    child.wait().unwrap();
    stdout.read_to_string(&mut line).unwrap();
    line.push_str(&std::fs::read_to_string(&log).unwrap());
    assert!(
        line.contains("handshake refused") && line.contains("cannot be asked"),
        "it was logged: {line}"
    );
    for token in tokens {
        assert!(!line.contains(token), "{token} in {line}");
    }
    for secret in ["secret-path", SECRET, "static-token"] {
        assert!(!line.contains(secret), "{secret} in {line}");
    }
}

fn request_text(more: &str) -> String {
    request("REGISTER", "alice@example.com", "alice@example.com", "r1", more)
}

fn start_and_fail(arguments: &[&str], config: &str, name: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_strowger"))
        .args(["serve", "--config"])
        .arg(file(name, config))
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_public_address_without_authentication_is_not_listened_on() {
    for (listen, name) in [
        ("0.0.0.0:0", "v4.toml"),
        ("[::]:0", "v6.toml"),
        ("192.0.2.1:0", "other.toml"),
    ] {
        let error = start_and_fail(&["--listen", listen], "", name);
        for part in [
            "can be reached from other machines",
            "--insecure",
            "127.0.0.1",
            "[auth]",
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
    let error = start_and_fail(&[], "listen = \":0\"\n", "key.toml");
    assert!(error.contains("--insecure"), "{error}");
}

#[test]
fn a_public_address_is_listened_on_with_authentication_or_with_insecure() {
    drop(Running::start_on("0.0.0.0:0", "", &["--insecure"]));
    drop(Running::start_on("0.0.0.0:0", "[auth]\ninsecure = \"on\"\n", &[]));
    drop(Running::start_on("0.0.0.0:0", &config("public", ""), &[]));
}

#[test]
fn a_file_of_users_without_a_user_admits_nobody_and_is_not_as_none() {
    let users = file("nobody.users", "# nobody yet\n");
    let running = Running::start(&format!("[auth]\nusers = \"{}\"\n", users.display()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let head = runtime.block_on(knock(&running, "/rtc?userid=alice@example.com", ""));
    answered(&head, 401);
}

#[test]
fn a_file_that_cannot_be_used_is_named_and_nothing_of_it_shown() {
    let users = file("bad.users", "alice@example.com short-secret\n");
    let text = format!("[auth]\nusers = \"{}\"\n", users.display());
    let error = start_and_fail(&["--listen", "127.0.0.1:0"], &text, "bad.toml");
    assert!(
        error.contains("auth.users") && error.contains("line 1"),
        "{error}"
    );
    assert!(!error.contains("short-secret"), "{error}");
    let issuer = "[auth.jwt.a]\nissuer = \"a\"\naudience = \"a\"\nalgorithms = \"HS512\"\n";
    let secret = file("short.secret", SECRET);
    let text = format!("{issuer}secret = \"{}\"\n", secret.display());
    let error = start_and_fail(&["--listen", "127.0.0.1:0"], &text, "short.toml");
    assert!(
        error.contains("auth.jwt.a.secret") && error.contains("at least 64 bytes"),
        "{error}"
    );
    assert!(!error.contains(SECRET), "{error}");
}

/// The first code block of a language in the manual.
fn example(language: &str) -> String {
    let manual = include_str!("../../../docs/authentication.md");
    let (_, rest) = manual.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[tokio::test]
async fn the_examples_of_the_manual_make_tokens_that_are_believed() {
    let secret = file("manual.secret", &format!("{SECRET}\n"));
    let config = example("toml")
        .replace("\"jwt.secret\"", &format!("\"{}\"", secret.display()))
        .replace("listen = \"0.0.0.0:8080\"\n", "");
    let running = Running::start(&config);
    for (program, language, name) in [("python3", "python", "token.py"), ("node", "js", "token.cjs")] {
        let script = file(name, &example(language));
        let output = Command::new(program)
            .arg(script)
            .arg(&secret)
            .arg("alice@example.com")
            .output()
            .unwrap();
        let token = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && !token.is_empty(), "{program}");
        drop(open(&running, "alice@example.com", token.trim()).await);
    }
}

/// A server whose file can be written anew, and who reloads it.
struct Reloading {
    running: Running,
    file: PathBuf,
    operator: Operator,
}

impl Reloading {
    fn start(test: &str, text: &str) -> Self {
        let file = file(&format!("{test}.toml"), text);
        let mut running = Running::start_from(&file, "127.0.0.1:0", &["--admin-listen", "127.0.0.1:0"]);
        let operator = Operator::new(&running.admin(), None).unwrap();
        Self {
            running,
            file,
            operator,
        }
    }

    async fn reload(&self, text: &str) -> Result<Value, OperatorError> {
        std::fs::write(&self.file, text).unwrap();
        let sent = Sent::default();
        self.operator.ask(http::Method::POST, "/v1/reload", sent).await
    }

    async fn admits(&self, user: &str, token: &str) -> bool {
        let server = self.running.server().with_token(Some(token.to_owned()));
        let handshake = server.connect(&format!("userid={user}")).await.unwrap();
        matches!(handshake, Handshake::Open(_))
    }
}

/// Whether the server still serves a client.
async fn is_served(client: &mut Client, user: &str, dialog: &str) -> bool {
    let message = request(
        "MESSAGE",
        user,
        "nobody@example.com",
        dialog,
        ",\"Body\":\"hello\"",
    );
    client.send(message).await.unwrap();
    receive(client).await["Code"] == 200
}

#[tokio::test]
async fn who_users_are_is_taken_over_on_reload_and_who_is_in_stays_until_his_token_is_over() {
    let echo = "[services]\ndefault = \"echo\"\n";
    let with_issuer = format!("{}{echo}", config("reload", ""));
    let users = file("reload-alone.users", "alice@example.com static-token-of-alice\n");
    let users_alone = format!("[auth]\nusers = {users:?}\n{echo}");
    let world = Reloading::start("reload", &users_alone);
    let mut alice = open(&world.running, "alice@example.com", "static-token-of-alice").await;
    assert!(
        !world
            .admits("carol@example.com", &token("carol@example.com", 600))
            .await
    );

    // An issuer comes, and another file of users.
    let reloaded = world.reload(&with_issuer).await.unwrap();
    assert_eq!(
        reloaded,
        json!({"taken": ["origins", "auth.users", "auth.jwt"], "needs_restart": []})
    );
    let mut carol = open(
        &world.running,
        "carol@example.com",
        &token("carol@example.com", 3),
    )
    .await;
    assert!(world.admits("bob@example.com", "static-token-of-bob00").await);

    // The issuer goes, and in the same file of users there is another token.
    std::fs::write(&users, "alice@example.com another-token-of-alice\n").unwrap();
    world.reload(&users_alone).await.unwrap();
    assert!(
        !world
            .admits("dave@example.com", &token("dave@example.com", 600))
            .await
    );
    assert!(!world.admits("alice@example.com", "static-token-of-alice").await);
    assert!(is_served(&mut alice, "alice@example.com", "d1").await);
    assert_eq!(carol.receive().await, Received::Closed(Some(4003)));
    assert!(is_served(&mut alice, "alice@example.com", "d2").await);
    assert!(world.admits("alice@example.com", "another-token-of-alice").await);
}

#[tokio::test]
async fn a_reload_whose_keys_or_users_cannot_be_read_changes_nothing() {
    let good = config("reload-bad", "");
    let world = Reloading::start("reload-bad", &good);
    let missing = good.replace(".secret\"", ".nowhere\"");
    let listening = format!(
        "origins = []\n[auth]\nusers = {:?}\n",
        file("reload-bad.none", "alice\n")
    );
    for (text, fault) in [(&missing, "auth.jwt.app.secret"), (&listening, "auth.users")] {
        let error = world.reload(text).await.unwrap_err().to_string();
        assert!(error.contains(fault) && !error.contains(SECRET), "{error}");
        assert!(
            world
                .admits("carol@example.com", &token("carol@example.com", 600))
                .await
        );
        let foreign = knock(
            &world.running,
            "/rtc?userid=alice@example.com",
            "Authorization: Bearer static-token-of-alice\r\nOrigin: https://foreign.example\r\n",
        );
        answered(&foreign.await, 403);
    }
}

#[tokio::test]
async fn scenarios_are_played_by_users_who_sign_in() {
    let running = Running::start(&config("scenario", ""));
    let users = file("scenario.tokens", USERS);
    let played = |more: &[&str]| {
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../conformance/a_busy_callee_gets_its_ack_from_the_stack.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_strowger"));
        command
            .args(["scenario", "--url", &running.url])
            .args(more)
            .arg(scenario);
        let output = command.env_remove("STROWGER_TOKEN").output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (passed, said) = played(&["--token-file", users.to_str().unwrap()]);
    assert!(passed, "{said}");
    let (passed, said) = played(&[]);
    assert!(!passed && said.contains("401"), "{said}");
    // One token for everybody is not enough where each user has his own.
    let (passed, said) = played(&["--token", "static-token-of-alice"]);
    assert!(!passed && said.contains("403"), "{said}");
}
