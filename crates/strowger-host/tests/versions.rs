//! Two hundred versions of a service, one after another, under calls on real sockets. A binary of its own, since it looks
//! at the memory of the whole process.

#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a test that cannot go on ends; it uses a part of the guests"
)]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use strowger_channel::net::{DialSettings, Listener, ListenerSettings, SocketSettings};
use strowger_host::{Host, Limits, Settings};
use strowger_node::driver::{DriverSettings, Node, WebSettings};
use strowger_node::{Config, Registry};
use strowger_service::Service;
use strowger_service::jsip::{Limits as MessageLimits, Message, UserId};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, Message as Frame, WebSocketStream};

#[path = "host/guests.rs"]
mod guests;

use guests::{FIRST_ONLY, Guest, command, limits};

const VERSIONS: usize = 200;
/// Callers, and the pause between two calls of one: 500 calls per second.
const CALLERS: usize = 10;
const PAUSE: Duration = Duration::from_millis(20);
/// A call lasts so many pauses: it outlives the version that began it.
const LASTS: usize = 10;
/// What the process may grow by between the 20th version and the last.
const GROWTH: u64 = 4 << 20;
/// Long enough for any machine.
const SAFETY: Duration = Duration::from_secs(60);

/// Answers calls; the number makes another version of it.
fn version(number: usize) -> Vec<u8> {
    let mut guest = Guest::giving(1, &command(3, &[1, 0, 1, 0, 200, 0, 0]));
    // Only the first event of an instance begins a call.
    guest.handle = FIRST_ONLY;
    guest
        .more
        .push_str(&format!("(data (i32.const 60000) \"{number}\")"));
    guest.bytes()
}

/// What all callers have seen.
#[derive(Debug, Default)]
struct Seen {
    over: AtomicBool,
    calls: AtomicU64,
}

struct Caller {
    socket: WebSocketStream<TcpStream>,
    name: String,
    /// Requests without a final response: dialog and CSeq.
    open: HashSet<(String, u64)>,
}

impl Caller {
    async fn connect(server: SocketAddr, number: usize) -> Self {
        let name = format!("caller{number}@example.com");
        let uri = format!("ws://{server}/rtc?userid={name}").parse().unwrap();
        let tcp = TcpStream::connect(server).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let (socket, _) = ClientBuilder::from_uri(uri).connect_on(tcp).await.unwrap();
        let open = HashSet::new();
        Self { socket, name, open }
    }

    async fn send(&mut self, method: &str, dialog: &str, cseq: u64) {
        let from = &self.name;
        let text = format!(
            r#"{{"Type":"{method}","Request-URI":"x@example.com","From":"{from}","To":"x@example.com","DialogueID":"{dialog}","CSeq":{cseq}}}"#
        );
        if method != "ACK" {
            self.open.insert((dialog.to_owned(), cseq));
        }
        self.socket.send(Frame::text(text)).await.unwrap();
    }

    async fn receive(&mut self) {
        let frame = self
            .socket
            .next()
            .await
            .expect("the server does not close")
            .unwrap();
        let Some(text) = frame.as_text() else { return };
        let response = match Message::decode(text, &MessageLimits::default()) {
            Ok(Message::Response(response)) => response,
            other => panic!("nobody asked for {other:?}"),
        };
        if response.code().is_provisional() {
            return;
        }
        let (dialog, cseq) = (response.dialog_id().to_owned(), response.cseq().get());
        assert_eq!(response.code().as_u16(), 200, "{text}");
        assert!(self.open.remove(&(dialog.clone(), cseq)), "twice: {text}");
        if cseq == 1 {
            self.send("ACK", &dialog, 2).await;
        }
    }

    /// Calls until it is over, then ends all calls and waits for every answer.
    async fn run(mut self, seen: Arc<Seen>) {
        let mut clock = tokio::time::interval(PAUSE);
        let mut calls = 0;
        let mut ended = 0;
        while !seen.over.load(Ordering::Acquire) || ended < calls {
            tokio::select! {
                _ = clock.tick() => {
                    if !seen.over.load(Ordering::Acquire) {
                        self.send("INVITE", &format!("call-{calls}"), 1).await;
                        calls += 1;
                    }
                    if ended + LASTS < calls || seen.over.load(Ordering::Acquire) && ended < calls {
                        self.send("BYE", &format!("call-{ended}"), 3).await;
                        ended += 1;
                    }
                }
                () = self.receive() => {}
            }
        }
        while !self.open.is_empty() {
            self.receive().await;
        }
        seen.calls.fetch_add(calls as u64, Ordering::AcqRel);
    }
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

fn node(first: Arc<dyn Service>) -> Node {
    let driver = DriverSettings {
        shards: 2,
        socket: SocketSettings::default(),
        dial: DialSettings::default(),
        web: WebSettings::default(),
        store: None,
        link_path: "/rtc".to_owned(),
        link_name: UserId::new("node@example.com").unwrap(),
        link_credentials: Default::default(),
        auth: None,
        handshakes_per_second: 1000,
        onlooker: None,
        journal: None,
        seed: 7,
    };
    let registry = Registry::new(vec![("calls".to_owned(), first)], "calls").unwrap();
    Node::start(Config::default(), registry, &driver).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_components_one_after_another_lose_no_message_and_keep_no_memory() {
    let host = Host::new(Settings::default()).unwrap();
    let limits = Limits {
        // A version that the machine is slow to replace has all calls.
        instances: 10_000,
        ..limits()
    };
    let load = move |number| -> Arc<dyn Service> { Arc::new(host.load(&version(number), limits).unwrap()) };
    let node = Arc::new(node(load(0)));
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), ListenerSettings::default()).unwrap();
    let server = listener.local_addr().unwrap();
    let listening = tokio::spawn(listener.run(node.admission(), std::future::pending()));
    let seen = Arc::new(Seen::default());
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..CALLERS {
        let caller = Caller::connect(server, number).await;
        callers.spawn(caller.run(Arc::clone(&seen)));
    }

    let loading = Arc::clone(&node);
    let (early, versions) = tokio::task::spawn_blocking(move || {
        let mut early = 0;
        let mut versions: Vec<Weak<dyn Service>> = Vec::new();
        for number in 1..=VERSIONS {
            let service = load(number);
            versions.push(Arc::downgrade(&service));
            let change = |services: &Registry| services.with("calls", &number.to_string(), service);
            loading.change_services(change).unwrap();
            if number == 20 {
                early = resident();
            }
        }
        (early, versions)
    })
    .await
    .unwrap();
    seen.over.store(true, Ordering::Release);
    let ended = async {
        while let Some(caller) = callers.join_next().await {
            caller.unwrap();
        }
    };
    tokio::time::timeout(SAFETY, ended)
        .await
        .expect("an answer is missing");

    let figures = node.figures().await;
    assert_eq!((figures.instances, figures.dialogs), (0, 0));
    assert_eq!(figures.counters.instances_failed, 0);
    assert_eq!(
        figures.counters.instances_started,
        seen.calls.load(Ordering::Acquire)
    );
    let alive = versions
        .iter()
        .filter(|version| version.strong_count() > 0)
        .count();
    assert_eq!(alive, 1, "only the version that new calls get is there still");
    let grown = resident().saturating_sub(early);
    assert!(grown < GROWTH, "{grown} bytes more than after 20 versions");
    listening.abort();
    tokio::task::spawn_blocking(move || node.stop()).await.unwrap();
}
