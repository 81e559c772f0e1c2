//! A configuration that changes under a running server.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::PathBuf;

use http::Method;
use serde_json::{Value, json};
use strowger::client::Handshake;
use strowger::operator::{Operator, OperatorError, Sent};
use support::{Running, connect, receive};

struct World {
    file: PathBuf,
    server: Running,
    operator: Operator,
    _directory: tempfile::TempDir,
}

impl World {
    fn start(config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("strowger.toml");
        std::fs::write(&file, config).unwrap();
        let mut server = Running::start_from(&file, "127.0.0.1:0", &["--admin-listen", "127.0.0.1:0"]);
        let operator = Operator::new(&server.admin(), None).unwrap();
        Self {
            file,
            server,
            operator,
            _directory: directory,
        }
    }

    async fn reload(&self, config: &str) -> Result<Value, OperatorError> {
        std::fs::write(&self.file, config).unwrap();
        self.operator
            .ask(Method::POST, "/v1/reload", Sent::default())
            .await
    }

    /// Whether a page of this origin may connect.
    async fn admits(&self, origin: &str) -> bool {
        let headers = [
            ("Origin", origin),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let answer = self
            .server
            .server()
            .http_request("GET", "/rtc?userid=page@x", &headers)
            .await;
        answer.unwrap().0 == 101
    }
}

#[tokio::test]
async fn what_can_change_changes_at_once_and_the_rest_is_named() {
    let world = World::start("shards = 1\norigins = \"*\"\n");
    let mut alice = connect(&world.server.server(), "alice@example.com").await;
    assert!(world.admits("https://foreign.example").await);

    let config = "shards = 2\norigins = \"https://own.example\"\n[limits]\nmalformed = 2\nconnections_per_address = 1\n\
                  [services]\ndefault = \"echo\"\n";
    let reloaded = world.reload(config).await.unwrap();
    let taken = [
        "origins",
        "limits.malformed",
        "limits.connections_per_address",
        "services.default",
    ];
    assert_eq!(reloaded, json!({"taken": taken, "needs_restart": ["shards"]}));

    // The listener, the stack and the registry have it; who was connected is.
    assert!(!world.admits("https://foreign.example").await);
    assert!(world.admits("https://own.example").await);
    let message = json!({
        "Type": "MESSAGE", "Request-URI": "nobody@example.com", "From": "alice@example.com", "To": "nobody@example.com",
        "DialogueID": "d1", "CSeq": 1, "Body": "hello",
    });
    alice.send(message.to_string()).await.unwrap();
    let answer = receive(&mut alice).await;
    assert_eq!((&answer["Code"], &answer["Body"]), (&json!(200), &json!("hello")));

    let again = world.reload(config).await.unwrap();
    assert_eq!(again, json!({"taken": [], "needs_restart": ["shards"]}));
}

#[tokio::test]
async fn a_file_with_a_fault_changes_nothing_and_is_said_to_have_one() {
    let world = World::start("origins = \"https://own.example\"\n");
    for (config, fault) in [
        ("origins = []\nshards = \"many\"\n", "strowger.toml:2"),
        ("origins = []\n[services]\ndefault = \"nobody\"\n", "nobody"),
        ("origins = []\n[services.hunt.settings]\nringing = 1\n", "ringing"),
        ("origins = []\n[services.nobody.settings]\na = 1\n", "nobody"),
    ] {
        let error = world.reload(config).await.unwrap_err().to_string();
        assert!(error.contains(fault), "{error}");
        assert!(!world.admits("https://foreign.example").await, "{config}");
    }
    std::fs::remove_file(&world.file).unwrap();
    let error = world
        .operator
        .tell(Method::POST, "/v1/reload")
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("strowger.toml"), "{error}");
}

#[tokio::test]
async fn sighup_reads_the_file_again() {
    let world = World::start("origins = \"*\"\n");
    std::fs::write(&world.file, "origins = \"https://own.example\"\n").unwrap();
    world.server.signal("HUP");
    // The signal is on its way for a moment.
    while world.admits("https://foreign.example").await {
        tokio::task::yield_now().await;
    }
    // What the command line said holds on: the server would be told to listen elsewhere otherwise.
    let query = "userid=bob@example.com";
    let open = world.server.server().connect(query).await.unwrap();
    assert!(matches!(open, Handshake::Open(_)), "{open:?}");
    let reloaded = world.reload("origins = \"https://own.example\"\n").await.unwrap();
    assert_eq!(reloaded, json!({"taken": [], "needs_restart": []}));
}

#[tokio::test]
async fn the_tables_of_rooms_and_numbers_hold_for_what_begins_from_then_on() {
    let numbers = |agent: &str, members: usize| {
        format!(
            "[services]\ndefault = \"hunt\"\n[services.chatroom]\nmembers = {members}\n[services.conference]\nmembers = {members}\n\
             [services.hunt.numbers.\"sales@example.com\"]\nagents = \"{agent}\"\n"
        )
    };
    let world = World::start(&numbers("bob@example.com", 3));
    let mut alice = connect(&world.server.server(), "alice@example.com").await;
    let mut carol = connect(&world.server.server(), "carol@example.com").await;
    let reloaded = world.reload(&numbers("carol@example.com", 1)).await.unwrap();
    let taken = [
        "services.chatroom.members",
        "services.conference.members",
        "services.hunt.numbers",
    ];
    assert_eq!(reloaded, json!({"taken": taken, "needs_restart": []}));
    let invite = json!({
        "Type": "INVITE", "Request-URI": "sales@example.com", "From": "alice@example.com", "To": "sales@example.com",
        "DialogueID": "d1", "CSeq": 1, "Body": "offer",
    });
    alice.send(invite.to_string()).await.unwrap();
    assert_eq!(receive(&mut carol).await["Type"], "INVITE");
    // A room of one is full with its first member.
    let mut clients = Vec::new();
    let mut enter = async |user: &str| {
        let mut client = connect(&world.server.server(), user).await;
        let subscribe = json!({
            "Type": "SUBSCRIBE", "Request-URI": "hall@chatroom.example.com", "From": user, "To": "hall@chatroom.example.com",
            "DialogueID": "d1", "CSeq": 1, "Router": "chatroom.example.com;type=chatroom", "P-Asserted-Identity": user,
            "Expire": 60,
        });
        client.send(subscribe.to_string()).await.unwrap();
        let code = receive(&mut client).await["Code"].clone();
        clients.push(client);
        code
    };
    assert_eq!(enter("ann@example.com").await, 200);
    assert_eq!(enter("ben@example.com").await, 503);
}

#[tokio::test]
async fn variables_of_the_environment_go_before_the_file() {
    let check = |variables: &[(&str, &str)]| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "shards = 1\n[links]\nallow = \"a.example\"\n").unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_strowger"));
        command
            .arg("check-config")
            .arg(file.path())
            .envs(variables.iter().copied());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = check(&[]);
    assert!(
        code == Some(78) && said.contains("`links.token` or `links.certificate` is needed"),
        "{said}"
    );
    assert_eq!(check(&[("STROWGER_LINKS__TOKEN", "0123456789abcdef")]).0, Some(0));
    assert_eq!(check(&[("STROWGER_LINKS__ALLOW", "[]")]).0, Some(0));
    let (code, said) = check(&[("STROWGER_LINKS__TOKN", "0123456789abcdef")]);
    assert!(
        code == Some(78) && said.contains("did you mean `STROWGER_LINKS__TOKEN`?"),
        "{said}"
    );
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "0123456789abcdef\n").unwrap();
    let file = secret.path().to_str().unwrap();
    let (code, said) = check(&[("STROWGER_LINKS__TOKEN__FILE", file)]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(secret.path(), everybody).unwrap();
    let (code, said) = check(&[("STROWGER_LINKS__TOKEN__FILE", file)]);
    assert!(
        code == Some(0) && said.starts_with("warning: links.token: every user"),
        "{said}"
    );
}

#[tokio::test]
async fn the_audit_is_written_where_nothing_else_is() {
    let directory = tempfile::tempdir().unwrap();
    let (config, log) = (
        directory.path().join("strowger.toml"),
        directory.path().join("log"),
    );
    std::fs::write(&config, "[log]\nlevel = \"error\"\nformat = \"json\"\n").unwrap();
    let stderr = std::fs::File::create(&log).unwrap();
    let arguments = ["--admin-listen", "127.0.0.1:0"];
    let mut server = Running::start_logging(&config, "127.0.0.1:0", &arguments, stderr.into());
    let operator = Operator::new(&server.admin(), None).unwrap();
    operator.tell(Method::POST, "/v1/reload").await.unwrap();
    let path = "/v1/channels/nobody%40example.com";
    operator.tell(Method::DELETE, path).await.unwrap_err();
    drop(server);
    let lines = std::fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line["target"].as_str(), line["status"].as_u64()))
        .collect();
    assert_eq!(told, [(Some("audit"), Some(200)), (Some("audit"), Some(404))]);
}

#[tokio::test]
async fn tokens_of_operators_are_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let tokens = directory.path().join("tokens");
    std::fs::write(&tokens, "operate operator-0123456789\n").unwrap();
    let (config, arguments) = (
        directory.path().join("strowger.toml"),
        ["--admin-listen", "127.0.0.1:0"],
    );
    std::fs::write(&config, format!("[admin]\ntokens = {tokens:?}\n")).unwrap();
    let mut server = Running::start_from(&config, "127.0.0.1:0", &arguments);
    let admin = server.admin();
    let reload = async |token: &str| {
        let operator = Operator::new(&admin, Some(token.to_owned())).unwrap();
        let reloaded = operator
            .ask::<Value>(Method::POST, "/v1/reload", Sent::default())
            .await;
        reloaded.map_err(|error| error.to_string())
    };
    // One that is none changes nothing.
    std::fs::write(&tokens, "operate short\n").unwrap();
    let error = reload("operator-0123456789").await.unwrap_err();
    assert!(
        error.contains("admin.tokens") && error.contains("line 1"),
        "{error}"
    );
    std::fs::write(&tokens, "operate another-0123456789\n").unwrap();
    reload("operator-0123456789").await.unwrap();
    let error = reload("operator-0123456789").await.unwrap_err();
    assert!(error.contains("the token is not known"), "{error}");
    reload("another-0123456789").await.unwrap();
}
