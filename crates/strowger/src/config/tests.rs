use std::path::Path;
use std::time::Duration;

use super::*;

fn good(text: &str) -> Config {
    Config::parse(text, "test.toml").unwrap()
}

#[track_caller]
fn check_refused(text: &str, expected: &str) {
    assert_eq!(
        Config::parse(text, "test.toml").unwrap_err().to_string(),
        expected
    );
}

#[test]
fn an_empty_file_gives_the_defaults() {
    assert_eq!(good(""), Config::default());
}

#[test]
fn the_default_file_gives_the_defaults() {
    assert_eq!(good(&default_config()), Config::default());
}

#[test]
fn every_key_is_in_the_default_file() {
    let file = default_config();
    for key in read::keys() {
        assert!(
            file.contains(&format!("\n{} = ", key.name)) || file.contains(&format!("\n# {} = ", key.name)),
            "{}",
            key.path()
        );
    }
}

#[test]
fn the_examples_in_the_default_file_are_allowed() {
    let is_assignment = |line: &str| {
        line.split_once(" = ")
            .is_some_and(|(name, _)| !name.contains(' '))
    };
    let uncommented: Vec<_> = default_config()
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || is_assignment(rest) => rest.to_owned(),
            Some(_) | None => line.to_owned(),
        })
        // An issuer has one kind of keys, and there is an example of each.
        .filter(|line| !line.starts_with("secret = ") && !line.starts_with("keys = "))
        // It is for a listener with TLS, and by default there is none.
        .filter(|line| !line.starts_with("client_roots = "))
        .collect();
    let config = good(&uncommented.join("\n"));
    assert_eq!(config.links.name.as_deref(), Some("node-1"));
    assert!(config.links.token.is_some());
    assert_eq!(
        config.hunt_numbers["sales@example.com"].agents,
        [
            vec!["ann@example.com"],
            vec!["ben@example.com", "carl@example.com"]
        ]
    );
    assert_eq!(
        config.hunt_numbers["sales@example.com"].ring,
        [Duration::from_secs(15)]
    );
    assert!(config.issuers["login"].jwks.is_some());
    assert_eq!(
        config.loaded["rooms"].file.as_deref(),
        Some("rooms.wasm".as_ref())
    );
}

#[test]
fn the_reference_in_docs_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, reference()).unwrap();
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stands == reference(),
        "docs/configuration.md is stale: run `cargo xtask bless`"
    );
}

#[test]
fn the_defaults_of_the_protocol_hold() {
    let Config {
        timers,
        channel,
        link,
        limits,
        drain,
        ..
    } = Config::default();
    let secs = Duration::from_secs;
    assert_eq!(
        [
            timers.transaction,
            timers.provisional,
            timers.invite_max,
            timers.session,
            timers.linger
        ],
        [secs(5), secs(60), secs(180), secs(600), secs(5)]
    );
    assert_eq!([channel.retention, channel.ping_interval], [secs(120), secs(25)]);
    assert_eq!(channel.ack_interval, Duration::from_millis(20));
    assert_eq!(
        [channel.outbox_messages, channel.outbox_bytes],
        [4096, 4 * 1024 * 1024]
    );
    assert_eq!((link.connect_timeout, link.retries), (secs(3), 10));
    assert_eq!(
        [limits.message_bytes, limits.malformed, limits.dialogs_per_channel],
        [65_536, 10, 1000]
    );
    assert_eq!([limits.messages_per_second, limits.messages_burst], [200, 400]);
    assert_eq!(
        (limits.lingering_per_channel, limits.session_min),
        (1024, secs(1))
    );
    assert_eq!(drain.timeout, secs(30));
}

#[test]
fn values_of_every_kind_are_read() {
    let config = good(
        r#"
        realm = ["Example.com", "example.org"]
        listen = ":9000"
        origins = "https://app.example.com"
        shards = 4
        timers.transaction = "250ms"

        [channel]
        outbox_bytes = "1MiB"

        [links]
        allow = ["*.example.net:5061"]
        token = "0123456789abcdef"
        tls = "on"
        roots = "/etc/nodes.pem"
        networks = ["10.0.0.0/8", "::1"]

        [limits]
        message_bytes = 0x8000

        [log]
        format = "json"
        level = "debug"

        [services]
        default = "hunt"

        [services.hunt.numbers."sales@Example.com"]
        agents = "ann@example.com"
        ring = "1m"

        [services.Rooms]
        file = "rooms.wasm"
        memory = "4MiB"
        budget = "5ms"
        "#,
    );
    assert_eq!(config.server.realm, ["example.com", "example.org"]);
    assert_eq!(config.server.listen, ["0.0.0.0:9000".parse().unwrap()]);
    assert_eq!(config.server.origins, ["https://app.example.com"]);
    assert_eq!(config.server.shards, 4);
    assert_eq!(config.timers.transaction, Duration::from_millis(250));
    assert_eq!(config.channel.outbox_bytes, 1024 * 1024);
    assert_eq!(config.links.allow, ["*.example.net:5061"]);
    assert_eq!(config.links.token.unwrap().expose(), "0123456789abcdef");
    assert_eq!(config.links.tls, LinkTls::On);
    assert_eq!(config.links.roots, Some("/etc/nodes.pem".into()));
    let networks: Vec<_> = config.links.networks.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "::1/128"]);
    assert_eq!(config.limits.message_bytes, 0x8000);
    assert_eq!(
        (config.log.format, config.log.level),
        (LogFormat::Json, LogLevel::Debug)
    );
    assert_eq!(config.services.default, "hunt");
    let number = HuntNumber {
        agents: vec![vec!["ann@example.com".to_owned()]],
        ring: vec![Duration::from_secs(60)],
        ..HuntNumber::default()
    };
    assert_eq!(
        config.hunt_numbers,
        BTreeMap::from([("sales@example.com".to_owned(), number)])
    );
    let rooms = Loaded {
        file: Some("rooms.wasm".into()),
        memory: 4 << 20,
        budget: Duration::from_millis(5),
        ..Loaded::default()
    };
    assert_eq!(config.loaded, BTreeMap::from([("rooms".to_owned(), rooms)]));
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest() {
    for (text, expected) in [
        (
            "[timers]\ntransction = \"5s\"",
            "test.toml:2: unknown key `timers.transction`; did you mean `timers.transaction`?",
        ),
        (
            "listne = \":1\"",
            "test.toml:1: unknown key `listne`; did you mean `listen`?",
        ),
        (
            "\n[timer]\nlinger = \"5s\"",
            "test.toml:2: unknown key `timer`; did you mean `timers`?",
        ),
        (
            "[link]\nallow = []",
            "test.toml:2: unknown key `link.allow`; did you mean `links.allow`?",
        ),
        (
            "[timers]\nretention = \"5s\"",
            "test.toml:2: unknown key `timers.retention`; did you mean `channel.retention`?",
        ),
        (
            "[drain]\nquickly = true",
            "test.toml:2: unknown key `drain.quickly`; known there: timeout",
        ),
        (
            "[services.hunt]\nxyz = 1",
            "test.toml:2: unknown key `services.hunt.xyz`; known there: services.hunt.numbers",
        ),
        (
            "[services.hunt.numbers.\"a@b\"]\nagents = [\"c@d\"]\nrings = \"1s\"",
            "test.toml:3: unknown key `services.hunt.numbers.\"a@b\".rings`; did you mean `ring`?",
        ),
    ] {
        check_refused(text, expected);
    }
}

#[test]
fn a_wrong_value_is_refused_with_its_line_and_what_is_allowed() {
    for (text, expected) in [
        (
            "[timers]\n\ntransaction = 5",
            "test.toml:3: `timers.transaction` is 5; it must be a duration from \"1ms\" to \"1h\"",
        ),
        (
            "[timers]\ntransaction = \"2d\"",
            "test.toml:2: `timers.transaction` is \"2d\"; it must be a duration from \"1ms\" to \"1h\"",
        ),
        (
            "[limits]\nmessage_bytes = \"64KB\"",
            "test.toml:2: `limits.message_bytes` is \"64KB\"; it must be a size from \"1KiB\" to \"16MiB\", or a number of bytes",
        ),
        (
            "shards = -1",
            "test.toml:1: `shards` is -1; it must be a whole number from 0 to 256",
        ),
        (
            "shards = 1.5",
            "test.toml:1: `shards` is 1.5; it must be a whole number from 0 to 256",
        ),
        (
            "[log]\nformat = \"xml\"",
            "test.toml:2: `log.format` is \"xml\"; it must be one of \"text\", \"json\"",
        ),
        (
            "realm = [\n  \"a.com\",\n  \"b c\",\n]",
            "test.toml:3: `realm` is \"b c\"; it must be a host name such as \"example.com\", without a port, or a list of host names",
        ),
        (
            "[links]\nnetworks = [\"10.0.0.1/8\"]",
            "test.toml:2: `links.networks` is \"10.0.0.1/8\"; it must be a network such as \"10.0.0.0/8\" or \"fd00::/8\", or a list of networks, which may be empty",
        ),
        (
            "timers = 3",
            "test.toml:1: `timers` is a table: write it as `[timers]`",
        ),
        (
            "[services.hunt.numbers.\"a b\"]\nagents = [\"c@d\"]",
            "test.toml:1: `a b` is no number; it must be like \"sales@example.com\"",
        ),
        (
            "[services.hunt.numbers.\"a@b\"]\nring = \"5s\"",
            "test.toml:1: `services.hunt.numbers.\"a@b\"` has no `agents`",
        ),
        (
            "[services.rooms]\nfiel = \"a\"\nfile = \"a\"",
            "test.toml:2: unknown key `services.rooms.fiel`; did you mean `file`?",
        ),
        (
            "[services.rooms]\nfile = \"a\"\nbudget = \"1h\"",
            "test.toml:3: `services.rooms.budget` is \"1h\"; it must be a duration from \"1ms\" to \"10s\"",
        ),
        (
            "[services.\"../x\"]\nfile = \"a\"",
            "test.toml:1: `../x` cannot be the name of a service",
        ),
        (
            "[services]\nrooms.file = \"a\"\nRooms.file = \"b\"",
            "test.toml:3: `services.Rooms` names the same service as another table",
        ),
        (
            "[services.hunt.numbers]\n\"a@b\".agents = [\"c@d\"]\n\"a@B\".agents = [\"c@d\"]",
            "test.toml:3: `services.hunt.numbers.\"a@B\"` names the same number as another table",
        ),
    ] {
        check_refused(text, expected);
    }
}

#[test]
fn a_secret_is_shown_neither_in_errors_nor_in_debug_output() {
    check_refused(
        "[links]\ntoken = \"hunter2\"",
        "test.toml:2: `links.token` is not allowed; it must be a text of at least 16 printable ASCII characters without blanks",
    );
    let config = good("links.token = \"correct-horse-battery\"");
    assert!(!format!("{config:?}").contains("horse"));
}

#[test]
fn keys_that_contradict_each_other_are_refused() {
    for (text, expected) in [
        (
            "[timers]\ninvite_max = \"30s\"",
            "test.toml:2: `timers.provisional` must not be longer than `timers.invite_max`",
        ),
        (
            "[limits]\nmessages_per_second = 500",
            "test.toml:2: `limits.messages_burst` must not be below `limits.messages_per_second`",
        ),
        (
            "[channel]\noutbox_bytes = \"2KiB\"",
            "test.toml:2: `channel.outbox_bytes` must have room for one message of `limits.message_bytes`",
        ),
        (
            "listen = []",
            "test.toml:1: `listen` or `tls.listen` must name an address",
        ),
        (
            "[tls]\nlisten = \":8443\"\ncertificate = \"chain.pem\"",
            "test.toml:2: `tls.listen` needs `tls.certificate` and `tls.key`, or `tls.acme.domains`",
        ),
        (
            "[links]\nallow = \"a.com\"",
            "test.toml:2: `links.allow` names hosts, so `links.token` or `links.certificate` is needed: nodes refuse links without",
        ),
        (
            "[services.hunt.numbers.\"a@b\"]\nagents = \"c@d\"\nqueue = 250",
            "test.toml:3: `services.hunt.numbers.\"a@b\".queue` and the agents need 268 of `limits.legs_per_instance`",
        ),
        (
            "[services.hunt.numbers.\"a@b\"]\nagents = \"c@d\"\nring = [\"5s\", \"9s\"]",
            "test.toml:3: `services.hunt.numbers.\"a@b\".ring` must be one span for all steps, or one for each",
        ),
        (
            "[services.hunt.numbers.\"a@b\"]\nagents = \"c@d\"\nqueue = 2\nwait = \"4m\"",
            "test.toml:4: `services.hunt.numbers.\"a@b\".wait` must not be longer than `timers.invite_max`",
        ),
        (
            "[services.conference]\nmembers = 250",
            "test.toml:2: `services.conference.members` must leave 16 of `limits.legs_per_instance` and `limits.commands_per_event`",
        ),
        (
            "[services.chatroom]\nmembers = 250",
            "test.toml:2: `services.chatroom.members` must leave 16 legs of `limits.legs_per_instance`",
        ),
        (
            "[limits]\ncommands_per_event = 100",
            "test.toml:2: `services.chatroom.members` must leave 16 commands of `limits.commands_per_event`",
        ),
        (
            "[services.chatroom]\nmessage_bytes = \"2MiB\"",
            "test.toml:2: `services.chatroom.queue_bytes` must have room for one message of `services.chatroom.message_bytes`",
        ),
        (
            "[links]\ntls = \"off\"\nroots = \"nodes.pem\"",
            "test.toml:3: `links.roots` is for TLS, and `links.tls` is \"off\"",
        ),
    ] {
        check_refused(text, expected);
    }
}

#[test]
fn every_fault_is_reported_in_the_order_of_the_file() {
    check_refused(
        "shards = \"x\"\n[log]\nlevel = 1\n[timers]\nbogus_key = 1\n",
        "test.toml:1: `shards` is \"x\"; it must be a whole number from 0 to 256\n\
         test.toml:3: `log.level` is 1; it must be one of \"error\", \"warn\", \"info\", \"debug\", \"trace\"\n\
         test.toml:5: unknown key `timers.bogus_key`; known there: transaction, provisional, invite_max, session, linger",
    );
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    for text in [
        "\nlisten = ",
        "a = 1\n\na = 2",
        "[timers\n",
        "\u{0}",
        "x = \"\\q\"",
    ] {
        let error = Config::parse(text, "test.toml").unwrap_err().to_string();
        assert!(error.starts_with("test.toml:"), "{error}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Path::new("no/such/file.toml")).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot read no/such/file.toml: "),
        "{error}"
    );
}

#[test]
fn settings_of_a_service_become_json() {
    let text = "[services.Desk.settings]\nname = \"x\"\nlist = [1, 0x10, true]\n[services.Desk.settings.deep]\nhalf = 0.5";
    let config = Config::parse(text, "test.toml").unwrap();
    let json: serde_json::Value = serde_json::from_str(&config.service_settings["desk"]).unwrap();
    let expected = serde_json::json!({"name": "x", "list": [1, 16, true], "deep": {"half": 0.5}});
    assert_eq!(json, expected);
    assert!(config.loaded.is_empty());
    let error = Config::parse("[services.desk]\nsettings = 1", "test.toml").unwrap_err();
    assert!(error.to_string().contains("is a table"), "{error}");
    let error = Config::parse("[services.desk.settings]\nx = inf", "test.toml").unwrap_err();
    assert!(error.to_string().contains("JSON"), "{error}");
}

#[test]
fn a_loaded_service_may_take_the_place_of_a_built_in_one_that_has_tables() {
    let text = "[services.hunt]\nfile = \"hunt.wasm\"\nbudget = \"1s\"\n[services.hunt.settings]\nring = 5\n\
                [services.chatroom]\nhistory = 2\n[services.chatroom.settings]\nhistory = 3";
    let config = Config::parse(text, "test.toml").unwrap();
    assert_eq!(config.loaded["hunt"].file.as_deref(), Some("hunt.wasm".as_ref()));
    assert_eq!(config.service_settings["hunt"], r#"{"ring":5}"#);
    // For one that may be loaded while the server runs.
    assert_eq!(config.service_settings["chatroom"], r#"{"history":3}"#);
    assert_eq!((config.chatroom.history, config.loaded.len()), (2, 1));
    let text = "[services.hunt]\nfile = \"hunt.wasm\"\n[services.hunt.numbers.\"a@b\"]\nagents = [\"c@d\"]";
    let error = Config::parse(text, "test.toml").unwrap_err();
    assert!(
        error.to_string().contains("unknown key `services.hunt.numbers`"),
        "{error}"
    );
}

#[test]
fn what_a_service_may_ask_is_read_by_its_name_in_lower_case() {
    let text = "[http.grants.Hooks]\nurls = [\"https://hooks.example.com/in/*\"]\n[http]\nwaiting = 3";
    let config = Config::parse(text, "test.toml").unwrap();
    assert_eq!(config.http.waiting, 3);
    let urls: Vec<_> = config.http_grants["hooks"]
        .urls
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(urls, ["https://hooks.example.com/in/*"]);
    for (text, fault) in [
        ("[http.grants.hooks]\nurls = [\"hooks.example.com\"]", "must be"),
        ("[http.grants.hooks]\nurl = []", "did you mean `urls`"),
        (
            "[http.grants.\"a b\"]\nurls = []",
            "cannot be the name of a service",
        ),
        (
            "[http.grants.a]\nurls = []\n[http.grants.A]\nurls = []",
            "of the same service",
        ),
    ] {
        let error = Config::parse(text, "test.toml").unwrap_err().to_string();
        assert!(error.contains(fault), "{error}");
    }
}

#[test]
fn a_running_server_takes_over_what_needs_no_restart() {
    let old =
        good("shards = 2\norigins = []\n[services.rooms.settings]\nsize = 1\n[services.old.settings]\na = 1");
    let next = good(
        "shards = 3\norigins = [\"https://a.example\"]\n[limits]\nmalformed = 3\n[links]\ntoken = \"0123456789abcdef\"\n\
         [services.rooms.settings]\nsize = 2\n[services.hunt.numbers.\"a@b\"]\nagents = \"c@d\"",
    );
    let reload = old.reload(&next);
    assert_eq!(
        reload.taken,
        [
            "origins",
            "links.token",
            "limits.malformed",
            "services.old.settings",
            "services.rooms.settings",
            "services.hunt.numbers"
        ]
    );
    assert_eq!(reload.left, ["shards"]);
    let mut expected = next;
    expected.server.shards = 2;
    assert_eq!(reload.config, expected);
    let again = reload.config.reload(&reload.config);
    assert!(again.taken.is_empty() && again.left.is_empty());
}
