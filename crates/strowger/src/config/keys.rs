//! The table of all keys but those of `auth`: name, type, default, what is allowed, meaning, and what a change takes.
//!
//! A new key is added here and nowhere else; then `cargo xtask bless` prints the documents anew.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use strowger_channel::net::Network;
use strowger_host::{Isolation, Signer};
use strowger_node::UrlPattern;

use super::key::{Change, Field, Key, table};
use super::kind::{Choice, Counts, Durations, List, Optional, OptionalSecret, Sizes, Text};
use super::{Config, Demo, LinkTls, LogFormat, LogLevel, Secret, StorePlace, rules, units};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = secs(3600);
const DAY: Duration = secs(86_400);
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

table! {
    /// The keys above the first table header: what the server listens on and what it calls itself.
    struct Server, "", Config(server) {
        /// The node's own host names. A request addressed to one of them is never sent to another node, and
        /// the first is the host under which links of this node introduce themselves.
        realm: Vec<String> = vec!["localhost".to_owned()], &List { of: &HOST, may_be_empty: false }, Restart;
        /// Where the WebSocket listener listens. Port 0 takes a free port; an empty list leaves the one of `[tls]` alone. Where
        /// another machine can reach it, users must prove who they are (`[auth]`).
        listen: Vec<SocketAddr> = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))],
            &List { of: &ADDRESS, may_be_empty: true }, Restart;
        /// The path of the WebSocket listener, here and on the nodes that links are dialled to.
        path: String = "/rtc".to_owned(), &PATH, Restart;
        /// The origins whose pages may connect; `"*"` stands for all. With an empty list a page must come from the host and port
        /// that it connects to, as the demo does, or both must be on this machine. A client that sends no Origin header, as programs
        /// outside browsers do, is always allowed.
        origins: Vec<String> = Vec::new(), &List { of: &ORIGIN, may_be_empty: true }, Reload;
        /// Whether messages of 256 bytes and more are compressed for clients that offer it (permessage-deflate, each
        /// message on its own). Costs processor time on both sides; what is said beside a secret may show in the length.
        compression: bool = false, &Choice(&[("on", true), ("off", false)]), Restart;
        /// The proxies in front of the server, whose `X-Forwarded-For` is believed: limits on a client address then
        /// count for the last address in it that is no trusted proxy's. What a trusted proxy does for itself, as a
        /// check of its own, counts for no address. A proxy that is not named here is one client like any.
        trusted_proxies: Vec<Network> = loopback(), &List { of: &NETWORK, may_be_empty: true }, Restart;
        /// Whether the demo page is served at `/`. Its scripts connect from the listener's own origin: where `origins`
        /// names some, that one must be among them.
        demo: Demo = Demo::On, &Choice(&[("on", Demo::On), ("off", Demo::Off)]), Restart;
        /// How many shards, each with a thread of its own, share the work; 0 takes one per core.
        shards: usize = 0, &Counts(0, 256), Restart;
        /// Where the server keeps what must outlive it: the services that were loaded into it, below `services`, and what
        /// services keep in their stores, in the file `store`. A directory of its own, made if there is none. Without it both are
        /// kept in memory, and a restart forgets them.
        data: Option<PathBuf> = None, &Optional(&DATA), Restart;
    }
}

table! {
    /// The listener with TLS (`wss` and `https`); `listen` is the one without.
    struct Tls, "tls", Config(tls) {
        /// Where it listens; an empty list means nowhere. `path`, `origins` and all limits hold here too.
        listen: Vec<SocketAddr> = Vec::new(), &List { of: &ADDRESS, may_be_empty: true }, Restart;
        /// The PEM file with the certificate, and behind it those between it and its authority. Read again when it or the key changes,
        /// and on SIGHUP; who is connected stays so. Where the new one cannot be used, the old one is shown on.
        certificate: Option<PathBuf> = None, &Optional(&FILE), Restart;
        /// The PEM file with the certificate's private key. Nobody but the server should be able to read it.
        key: Option<PathBuf> = None, &Optional(&FILE), Restart;
        /// The PEM file with the certificates of the authorities that vouch for nodes which link to this one. With it every node
        /// must show a certificate that has the host of its `userid`, so over this listener; users need none. Read again as
        /// `certificate` is.
        client_roots: Option<PathBuf> = None, &Optional(&FILE), Restart;
    }
}

table! {
    /// How long transactions and sessions wait (protocol sections 4 and 5).
    struct Timers, "timers", Config(timers) {
        /// How long a request other than INVITE waits for its final response before it is answered 408, and
        /// how long a refused INVITE waits for its ACK.
        transaction: Duration = secs(5), &Durations(MILLISECOND, HOUR), Reload;
        /// How long an INVITE waits for its final response, started again by each 1xx above 100; other
        /// requests wait as long once they have had a 1xx. Also how long a 2xx waits for its ACK.
        provisional: Duration = secs(60), &Durations(MILLISECOND, HOUR), Reload;
        /// How long an INVITE waits for its final response in all.
        invite_max: Duration = secs(180), &Durations(MILLISECOND, DAY), Reload;
        /// The `Expire` given to an INVITE that comes without one: a session that nothing refreshes for so
        /// long ends.
        session: Duration = secs(600), &Durations(secs(1), DAY), Reload;
        /// How long a finished transaction still absorbs retransmissions, counted while its channel has a
        /// socket.
        linger: Duration = secs(5), &Durations(Duration::ZERO, HOUR), Reload;
    }
}

table! {
    /// Channels: one user's connection and what waits to be delivered on it (protocol section 1).
    struct Channel, "channel", Config(channel) {
        /// How long a channel whose socket is gone waits for the next one; also the greatest age of a message
        /// that waits for delivery.
        retention: Duration = secs(120), &Durations(Duration::ZERO, DAY), Reload;
        /// How often an idle socket is pinged; a socket that gives no sign of life for two intervals is dead.
        ping_interval: Duration = secs(25), &Durations(Duration::from_millis(100), HOUR), Reload;
        /// How long messages that were written may wait for the Ping whose Pong releases them, where the socket had
        /// one lately; with `0s` there is one behind every batch. Longer means fewer small frames, and more that is
        /// written again when a socket is lost.
        ack_interval: Duration = Duration::from_millis(20), &Durations(Duration::ZERO, secs(1)), Reload;
        /// The most messages that may wait for delivery on one channel. Once half of them wait, further
        /// requests to it are answered 503; when there is no room for what cannot be refused (responses, ACK,
        /// BYE, CANCEL), the channel is lost.
        outbox_messages: usize = 4096, &Counts(1, 1_000_000), Reload;
        /// The same for the bytes that may wait. This much memory per channel is the worst case.
        outbox_bytes: usize = 4 * MIB, &Sizes(KIB, GIB), Reload;
    }
}

table! {
    /// How links to other nodes are dialled (protocol section 6).
    struct Link, "link", Config(link) {
        /// How long one attempt to connect may take: name service, TCP, TLS and the WebSocket handshake together.
        connect_timeout: Duration = secs(3), &Durations(MILLISECOND, HOUR), Reload;
        /// How many times a failed attempt is made again, with growing pauses, before the link is lost.
        retries: usize = 10, &Counts(0, 1000), Reload;
    }
}

table! {
    /// Which other nodes links may join (protocol section 6).
    struct Links, "links", Config(links) {
        /// The hosts links may be dialled to and accepted from; an empty list allows none. `*.example.com`
        /// stands for every host below `example.com`, but for no IP address; with a port, only that port may be
        /// dialled.
        allow: Vec<String> = Vec::new(), &List { of: &HOST_PATTERN, may_be_empty: true }, Reload;
        /// The credential that linked nodes show each other; the same on all of them. Where `links.allow` names hosts, this is
        /// needed, or `[links.nodes."NODE"]` for single nodes, or certificates.
        token: Option<Secret> = None,
            &OptionalSecret { min_bytes: 16, example: "\"at-least-16-characters\"" }, Reload;
        /// The name of this node on its links, unique among the nodes of a realm. Without it the node takes a
        /// random name at each start.
        name: Option<String> = None, &Optional(&NODE_NAME), Restart;
        /// Whether links are dialled with TLS (`wss`). Without it, whoever is on the way reads the token, the calls
        /// and the messages: `off` is for a network that is yours alone. With `on` a node is dialled at port 443
        /// where its URI has no port, with `off` at 8080.
        tls: LinkTls = LinkTls::On, &Choice(&[("on", LinkTls::On), ("off", LinkTls::Off)]), Restart;
        /// The PEM file with the certificates of the authorities that vouch for other nodes; without it, those that
        /// the operating system trusts do. Read at the start, and again (once a minute at most) when a node shows a
        /// certificate of an unknown authority.
        roots: Option<PathBuf> = None, &Optional(&FILE), Restart;
        /// The PEM file with the certificate that this node shows where it dials, and behind it those between it and its authority;
        /// with the first `realm` among its names. Before each dial it is read again if it or the key has changed; links that stand
        /// stay so.
        certificate: Option<PathBuf> = None, &Optional(&FILE), Restart;
        /// The PEM file with the private key of `links.certificate`. Both may be the files of `[tls]`.
        key: Option<PathBuf> = None, &Optional(&FILE), Restart;
        /// The networks beside the public Internet that links may lead into. A name is dialled only at addresses
        /// that are public or in one of these: not on loopback, private, link-local or other special networks, lest
        /// somebody's name server makes this node knock at its own neighbours. An address that stands in
        /// `links.allow` itself may be dialled anyway.
        networks: Vec<Network> = Vec::new(), &List { of: &NETWORK, may_be_empty: true }, Restart;
    }
}

table! {
    /// Bounds on what peers and services may use.
    struct Limits, "limits", Config(limits) {
        /// The longest message; a longer one closes the socket with 1009, as does one in more fragments than a sixteenth of this.
        message_bytes: usize = 64 * KIB, &Sizes(KIB, 16 * MIB), Reload;
        /// How deep arrays and objects may be nested in a message.
        json_depth: usize = 64, &Counts(4, 128), Reload;
        /// The most headers in one message.
        headers: usize = 128, &Counts(16, 4096), Reload;
        /// How many malformed messages a connection may send; at the last of them it is closed with 1008.
        malformed: usize = 10, &Counts(1, 1_000_000), Reload;
        /// How many messages a channel may send per second, on average. Requests above it are answered 503;
        /// ten seconds above it close the socket with 1008.
        messages_per_second: usize = 200, &Counts(1, 1_000_000), Reload;
        /// How many messages a channel may send at once after a quiet time.
        messages_burst: usize = 400, &Counts(1, 1_000_000), Reload;
        /// How many WebSocket frames that are no message of their own a socket may send per second, on average,
        /// and twice as many at once: Pings, Pongs that answer nothing, fragments beyond a message's first. One
        /// more closes the socket with 1008.
        frames_per_second: usize = 2000, &Counts(1, 1_000_000), Reload;
        /// The most dialogs on one channel; a request that would begin another is answered 503.
        dialogs_per_channel: usize = 1000, &Counts(1, 1_000_000), Reload;
        /// The most finished transactions kept on one channel for absorbing retransmissions; beyond it the
        /// oldest is dropped.
        lingering_per_channel: usize = 1024, &Counts(0, 1_000_000), Reload;
        /// The most dialogs that another node may have begun on its link, for all its users together.
        dialogs_per_link: usize = 20_000, &Counts(1, 1_000_000), Reload;
        /// As `lingering_per_channel`, on a channel whose peer is another node.
        lingering_per_link: usize = 20_480, &Counts(0, 1_000_000), Reload;
        /// The shortest `Expire` an INVITE or UPDATE may ask for; one below it is answered 400.
        session_min: Duration = secs(1), &Durations(secs(1), HOUR), Reload;
        /// How much may wait in the outboxes of one shard together. Above it a request is answered 503 unless
        /// nothing else waits for its recipient.
        outbox_bytes_per_shard: usize = 512 * MIB, &Sizes(MIB, 64 * GIB), Reload;
        /// The most sockets of users and links together; a handshake beyond it is answered 503. Each takes one
        /// open file of the process.
        connections: usize = 100_000, &Counts(1, 10_000_000), Reload;
        /// The most sockets of one client address; a handshake beyond it is answered 503. An IPv6 address counts
        /// for its /64. Where many users share an address, as behind a proxy that `trusted_proxies` does not name
        /// or the gateway of a large office, they share this.
        connections_per_address: usize = 10_000, &Counts(1, 10_000_000), Reload;
        /// How many WebSocket handshakes are served per second; more are answered 503.
        handshakes_per_second: usize = 1000, &Counts(1, 1_000_000), Reload;
        /// How many of them one client address may ask for per second, on average, and twice as many at once; more
        /// are answered 503.
        handshakes_per_address: usize = 250, &Counts(1, 1_000_000), Reload;
        /// The most connections that may be in their handshake at a time. More wait, and the oldest one that has
        /// taken a second makes room. A quarter of them may be of one client address; more are dropped.
        handshakes: usize = 1024, &Counts(1, 1_000_000), Restart;
        /// How long a client may take to send its HTTP request.
        header_timeout: Duration = secs(10), &Durations(Duration::from_millis(100), HOUR), Reload;
        /// The longest HTTP request head.
        header_bytes: usize = 16 * KIB, &Sizes(8 * KIB, MIB), Reload;
        /// The most service instances on one shard; a request that would need another is answered 503.
        instances: usize = 100_000, &Counts(1, 100_000_000), Reload;
        /// The most legs one service instance may have.
        legs_per_instance: usize = 256, &Counts(1, 1_000_000), Reload;
        /// The most timers one service instance may have; one more and it fails.
        timers_per_instance: usize = 1000, &Counts(1, 1_000_000), Reload;
        /// The most relation ids (`relid`) one service instance may make; one more and it fails.
        relations_per_instance: usize = 1000, &Counts(1, 1_000_000), Reload;
        /// The most commands a service instance may give for one event.
        commands_per_event: usize = 1024, &Counts(1, 1_000_000), Reload;
        /// The most links one shard may dial, whatever `links.allow` covers.
        links_per_shard: usize = 256, &Counts(1, 100_000), Reload;
        /// The most calls a user is told who asks for his live ones (`Event: dialog`); how many more there are is said.
        dialogs_per_answer: usize = 64, &Counts(1, 1000), Reload;
    }
}

table! {
    /// HTTP of services: the requests they make, which `[http.grants.SERVICE]` allows, and those they get through the admin
    /// interface.
    struct Http, "http", Config(http) {
        /// How long a service may take to answer a request; then it gets 504.
        answer_within: Duration = secs(30), &Durations(MILLISECOND, HOUR), Restart;
        /// How many requests may wait for one instance of a service; one more gets 503.
        waiting: usize = 64, &Counts(1, 100_000), Restart;
        /// How many requests the instances of one service may have open on one shard; one more fails at once.
        requests: usize = 256, &Counts(1, 100_000), Restart;
        /// The largest request that a service may make, with its URL and headers, and the largest body of a
        /// response to it.
        bytes: usize = MIB, &Sizes(KIB, GIB), Restart;
        /// How long a connection may take: name service, TCP and TLS together.
        connect_timeout: Duration = secs(5), &Durations(MILLISECOND, HOUR), Restart;
        /// The PEM file with the certificates of the authorities that vouch for `https` URLs; without it, those that
        /// the operating system trusts do.
        roots: Option<PathBuf> = None, &Optional(&FILE), Restart;
        /// The networks beside the public Internet that requests may lead into. A name is asked only at addresses that
        /// are public or in one of these, lest somebody's name server makes this node knock at its own neighbours. An
        /// address that stands in a grant itself may be asked anyway.
        networks: Vec<Network> = Vec::new(), &List { of: &NETWORK, may_be_empty: true }, Restart;
    }
}

table! {
    /// The URLs that one service may ask over HTTP, named in the table's header; without such a table it may ask none.
    struct HttpGrant, "http.grants.SERVICE", HttpGrant() {
        /// `https://hooks.example.com/in/*` stands for every URL that begins so; `*.example.com` as the host for every
        /// host below `example.com`. Scheme and port must be the same.
        urls: Vec<UrlPattern> = Vec::new(), &List { of: &URLS, may_be_empty: true }, Restart;
    }
}

table! {
    /// The interface for the operator: health, figures, services and instances over HTTP.
    struct Admin, "admin", Config(admin) {
        /// Whether there is one.
        enabled: bool = true, &Choice(&[("on", true), ("off", false)]), Restart;
        /// Where it listens. Another address than one of this machine alone needs `admin.tokens` or the environment variable
        /// `STROWGER_ADMIN_TOKEN`. Where the default is taken, by another server perhaps, there is no interface, and the log says so.
        listen: SocketAddr = DEFAULT_ADMIN, &ADDRESS, Restart;
        /// The file with the tokens that it asks for, one a line: `read`, `operate` or `deploy`, a blank, and the token; perhaps
        /// `until=2030-01-31T00:00:00Z`, and a name. A role includes those before it. Nobody but the server and its operator should
        /// be able to read the file.
        tokens: Option<PathBuf> = None, &Optional(&TOKENS), Reload;
        /// The most connections at a time; more wait.
        connections: usize = 64, &Counts(1, 10_000), Restart;
        /// How many of its latest messages each live dialog keeps to be shown: method or code, sequence number, who sent it and
        /// when, nothing of what was in it. Each takes 24 bytes, and dialogs that keep some 40 more and two allocations: a
        /// MESSAGE on its own is a dialog too, so 0, none, is for the last percents of speed. A dialog keeps those that pass from
        /// the change on.
        dialog_messages: usize = 0, &Counts(0, 100), Reload;
    }
}

table! {
    /// How the server stops.
    struct Drain, "drain", Config(drain) {
        /// How long calls may go on after the server was told to stop.
        timeout: Duration = secs(30), &Durations(Duration::ZERO, DAY), Reload;
    }
}

table! {
    /// What is logged, to standard error.
    struct Log, "log", Config(log) {
        /// `text` for people, `json` for one object per line.
        format: LogFormat = LogFormat::Text,
            &Choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)]), Restart;
        /// The least serious level that is logged. Users' names and bodies never appear above `debug`, but
        /// for the lines of `states`.
        level: LogLevel = LogLevel::Info, &Choice(&[
            ("error", LogLevel::Error),
            ("warn", LogLevel::Warn),
            ("info", LogLevel::Info),
            ("debug", LogLevel::Debug),
            ("trace", LogLevel::Trace),
        ]), Reload;
        /// Whether each change of the state of a dialog, a transaction or a channel is a line of level `info` and target `state`.
        /// Some twenty of them for a call, with the users' names.
        states: bool = false, &Choice(&[("on", true), ("off", false)]), Restart;
        /// Whether those lines are there for each message, too, with its body: what people say to each other.
        bodies: bool = false, &Choice(&[("on", true), ("off", false)]), Restart;
    }
}

table! {
    /// Which service decides what happens to a request.
    struct Services, "services", Config(services) {
        /// The service that gets a request which names none.
        default: String = "relay".to_owned(), &SERVICE, Reload;
        /// Where compiled components are kept, so that the next start need not compile them: a directory that nobody
        /// else may write to, made if there is none. Without it each start compiles them.
        cache: Option<PathBuf> = None, &Optional(&CACHE), Restart;
        /// How many entries the store of one service may have; one more is refused.
        store_entries: usize = 100_000, &Counts(1, 100_000_000), Restart;
        /// The same in bytes. This much memory per service is the worst case.
        store_bytes: usize = 64 * MIB, &Sizes(KIB, 1024 * GIB), Restart;
        /// The largest value in a store.
        store_value_bytes: usize = 256 * KIB, &Sizes(1, GIB), Restart;
        /// How large a component may be.
        component_bytes: usize = 32 * MIB, &Sizes(KIB, GIB), Restart;
        /// Whose components are loaded: Ed25519 public keys, each the one line between the first and the last of its PEM
        /// file. A component needs a signature of one of them, 64 bytes in a file beside it whose name has `.sig` added.
        /// An empty list demands none.
        signers: Vec<Signer> = Vec::new(), &List { of: &SIGNER, may_be_empty: true }, Restart;
        /// How many versions of one service are kept. One more, and the oldest is deleted that is neither what new instances get
        /// nor what a roll-back leads to, and of which no instance runs.
        versions: usize = 32, &Counts(2, 1000), Restart;
        /// How many services may have loaded versions.
        loaded: usize = 100, &Counts(0, 500), Restart;
    }
}

table! {
    /// One loaded service, under the name in the table's header: its limits, and perhaps the file that it is loaded from at
    /// the start; a built-in service of that name is replaced then. `[services.SERVICE.settings]`, also of a built-in
    /// service, is the service's own: see its README.
    struct Loaded, "services.SERVICE", Loaded() {
        /// The WebAssembly component. Without it the table says what a service may use that is loaded over the admin interface.
        file: Option<PathBuf> = None, &Optional(&COMPONENT), Restart;
        /// What each instance has of its own: `own`, a memory, so that what goes wrong in one ends it alone; or `shared`,
        /// nothing: those of one shard live in one memory, take almost none each, and what goes wrong in one ends them
        /// all.
        isolation: Isolation = Isolation::Own, &Choice(&[
            ("own", Isolation::Own),
            ("shared", Isolation::Shared),
        ]), Restart;
        /// Where the service's store is, also that of a built-in service: `disk`, in the server's `data`, so that it survives a
        /// restart, or where there is no `data`, in memory; `memory`, gone with the process. What was on disk before stays
        /// there unread.
        store: StorePlace = StorePlace::Disk, &Choice(&[
            ("disk", StorePlace::Disk),
            ("memory", StorePlace::Memory),
        ]), Restart;
        /// How much memory one instance may have, or with `shared` all of one shard. One that wants more fails.
        memory: usize = 32 * MIB, &Sizes(64 * KIB, GIB), Restart;
        /// How much processor time one event may take. An instance that takes more fails, 15 ms later at the latest; as
        /// long, nobody else on its shard is served.
        budget: Duration = Duration::from_millis(20), &Durations(MILLISECOND, secs(10)), Restart;
        /// How many instances may run on the node; the next request gets 503. Each with a memory of its own takes four
        /// memory maps, of which Linux gives a process 65,530 (`vm.max_map_count`).
        instances: usize = 10_000, &Counts(1, 1_000_000), Restart;
    }
}

table! {
    /// Bounds of each room of the chatroom service.
    struct Chatroom, "services.chatroom", Config(chatroom) {
        /// The most members of a room; one more is answered 503. Each takes a leg and a command of the room's
        /// instance while he is sent something.
        members: usize = 200, &Counts(1, 100_000), Reload;
        /// How many of the latest messages a new member who subscribes with `Event` is told.
        history: usize = 20, &Counts(0, 10_000), Reload;
        /// How many messages and notices a room keeps for members who are behind; who falls further back loses
        /// the oldest.
        queue: usize = 256, &Counts(1, 100_000), Reload;
        /// The same in bytes. This much memory per room is the worst case.
        queue_bytes: usize = MIB, &Sizes(KIB, GIB), Reload;
        /// The longest message of a member, headers included; a longer one is answered 413.
        message_bytes: usize = 16 * KIB, &Sizes(KIB, 16 * MIB), Reload;
        /// The longest subscription; who asks for a longer one gets this.
        subscription: Duration = HOUR, &Durations(secs(1), DAY), Reload;
    }
}

table! {
    /// Bounds of each room of the conference service.
    struct Conference, "services.conference", Config(conference) {
        /// The most members of a room; one more is answered 486. Each has a leg of the room's instance.
        members: usize = 50, &Counts(1, 100_000), Reload;
    }
}

table! {
    /// One number of the hunt service, named in the table's header: its agents are called step by step until one
    /// answers.
    struct HuntNumber, "services.hunt.numbers.\"NUMBER\"", HuntNumber() {
        /// The users to call, one step after another; users of one step, with blanks between them, are called
        /// together.
        agents: Vec<Vec<String>> = Vec::new(), &List { of: &STEP, may_be_empty: false }, Reload;
        /// How long each step is rung: one span for all, or one for each; the last holds for the steps behind it, too.
        ring: Vec<Duration> = vec![secs(15)], &List { of: &RING, may_be_empty: false }, Reload;
        /// How long an agent is left in peace after a call.
        wrap_up: Duration = Duration::ZERO, &Durations(Duration::ZERO, HOUR), Reload;
        /// How many callers may wait while all agents are busy; one more is refused with 486 or sent to `overflow`.
        queue: usize = 0, &Counts(0, 10_000), Reload;
        /// How long a caller may wait. Not longer than `timers.invite_max`.
        wait: Duration = secs(60), &Durations(secs(1), DAY), Reload;
        /// Who gets the calls that no agent takes, in place of a refusal.
        overflow: Option<String> = None, &Optional(&ONE_USER), Reload;
    }
}

pub(super) static HOST: Text<String> = Text {
    parse: rules::host,
    show: String::clone,
    what: "a host name such as \"example.com\", without a port",
    many: "host names",
    example: "\"example.com\"",
};

static HOST_PATTERN: Text<String> = Text {
    parse: rules::host_pattern,
    show: String::clone,
    what: "a host such as \"sip.example.com\", \"*.example.com\" or \"10.0.0.7:8080\"",
    many: "hosts",
    example: "[\"*.example.com\"]",
};

static ADDRESS: Text<SocketAddr> = Text {
    parse: rules::address,
    show: ToString::to_string,
    what: "an IP address with a port such as \"127.0.0.1:8080\", or \":8080\" for every IPv4 address",
    many: "such addresses",
    example: "\"0.0.0.0:8080\"",
};

fn loopback() -> Vec<Network> {
    ["127.0.0.0/8", "::1/128"]
        .iter()
        .filter_map(|range| range.parse().ok())
        .collect()
}

static PATH: Text<String> = Text {
    parse: rules::path,
    show: String::clone,
    what: "a URL path such as \"/rtc\", without a query",
    many: "paths",
    example: "\"/rtc\"",
};

static ORIGIN: Text<String> = Text {
    parse: rules::origin,
    show: String::clone,
    what: "an origin such as \"https://app.example.com\", without a path, or \"*\"",
    many: "origins",
    example: "[\"https://app.example.com\"]",
};

pub(super) static FILE: Text<PathBuf> = path("the path of a file", "files", "\"/etc/strowger/nodes.pem\"");

static COMPONENT: Text<PathBuf> = path("the path of a file", "files", "\"rooms.wasm\"");

static SIGNER: Text<Signer> = Text {
    parse: |text| text.parse().ok(),
    show: ToString::to_string,
    what: "an Ed25519 public key as a PEM file has it, in one line",
    many: "such keys",
    example: "[\"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\"]",
};

pub(super) static NETWORK: Text<Network> = Text {
    parse: |text| text.parse().ok(),
    show: ToString::to_string,
    what: "a network such as \"10.0.0.0/8\" or \"fd00::/8\"",
    many: "networks",
    example: "[\"10.0.0.0/8\"]",
};

static URLS: Text<UrlPattern> = Text {
    parse: |text| text.parse().ok(),
    show: ToString::to_string,
    what: "a URL such as \"https://hooks.example.com/*\"",
    many: "URLs",
    example: "[\"https://hooks.example.com/*\"]",
};

static NODE_NAME: Text<String> = Text {
    parse: rules::label,
    show: String::clone,
    what: "a name of letters, digits and hyphens, at most 63",
    many: "names",
    example: "\"node-1\"",
};

pub(super) static SERVICE: Text<String> = Text {
    parse: rules::label,
    show: String::clone,
    what: "the name of a service such as \"relay\"",
    many: "service names",
    example: "\"relay\"",
};

static STEP: Text<Vec<String>> = Text {
    parse: rules::users,
    show: |users| users.join(" "),
    what: "a user such as \"ann@example.com\", or several with blanks between them",
    many: "such steps",
    example: "[\"ann@example.com\", \"ben@example.com carl@example.com\"]",
};

static RING: Text<Duration> = Text {
    parse: rules::ring,
    show: |span| units::show_duration(*span),
    what: "a duration from \"1s\" to \"1h\"",
    many: "them",
    example: "[\"15s\", \"30s\"]",
};

/// Where `strowger service` looks for the server.
const DEFAULT_ADMIN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 2539);

static TOKENS: Text<PathBuf> = path("the path of a file", "files", "\"/etc/strowger/admin.tokens\"");

static DATA: Text<PathBuf> = path("the path of a directory", "paths", "\"/var/lib/strowger\"");

static CACHE: Text<PathBuf> = path("the path of a directory", "paths", "\"/var/cache/strowger\"");

pub(super) static ONE_USER: Text<String> = Text {
    parse: rules::user,
    show: String::clone,
    what: "a user such as \"desk@example.com\"",
    many: "users",
    example: "\"desk@example.com\"",
};

/// A path, which may be any text.
pub(super) const fn path(what: &'static str, many: &'static str, example: &'static str) -> Text<PathBuf> {
    Text {
        parse: rules::file,
        show: |path| path.display().to_string(),
        what,
        many,
        example,
    }
}
