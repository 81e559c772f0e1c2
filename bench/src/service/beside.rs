//! Whether others wait while a component is loaded.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use hdrhistogram::Histogram;
use jsip::UserId;
use strowger_channel::net::{DialSettings, Listener, ListenerSettings, SocketSettings};
use strowger_host::{Limits, Settings};
use strowger_node::driver::{DriverSettings, Node, WebSettings};
use strowger_node::{Config, Registry};
use tokio_websockets::Message as Frame;

use super::host;
use crate::client::{Socket, connect};
use crate::requests;

const USERS: u64 = 10;
/// Between two messages of one user: 1,000 per second in all.
const PAUSE: Duration = Duration::from_millis(10);
const SPAN: Duration = Duration::from_secs(5);

/// A figure without and with loading, in microseconds.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) quiet: f64,
    pub(super) loading: f64,
}

pub(super) async fn measure(component: &[u8]) -> Result<Vec<Figure>, String> {
    let node = Arc::new(start()?);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = Listener::bind(address, ListenerSettings::default()).map_err(|error| error.to_string())?;
    let server = listener.local_addr().map_err(|error| error.to_string())?;
    let listening = tokio::spawn(listener.run(node.admission(), std::future::pending()));
    let quiet = latency(server, 0).await?;
    let loader = Loader::start(Arc::clone(&node), component.to_vec())?;
    let loading = latency(server, USERS).await;
    let versions = loader.stop()?;
    listening.abort();
    let stopped = tokio::task::spawn_blocking(move || node.stop());
    stopped.await.map_err(|error| error.to_string())?;
    let loading = loading?;
    if versions == 0 {
        return Err("no component was loaded meanwhile".to_owned());
    }
    let figure = |name, at: f64| Figure {
        name,
        quiet: quiet.value_at_quantile(at) as f64,
        loading: loading.value_at_quantile(at) as f64,
    };
    Ok(vec![
        figure("latency of others, p50, us", 0.5),
        figure("latency of others, p99, us", 0.99),
        figure("latency of others, p99.9, us", 0.999),
        figure("latency of others, greatest, us", 1.0),
    ])
}

fn start() -> Result<Node, String> {
    let driver = DriverSettings {
        shards: 0,
        socket: SocketSettings::default(),
        dial: DialSettings::default(),
        link_path: "/rtc".to_owned(),
        link_name: UserId::new("bench@bench.example").map_err(|error| error.to_string())?,
        link_token: None,
        handshakes_per_second: 1000,
        web: WebSettings::default(),
        store: None,
        seed: 7,
    };
    let registry = Registry::new(vec![("echo".to_owned(), Arc::new(strowger_echo::Echo))], "echo");
    let registry = registry.map_err(|error| error.to_string())?;
    Node::start(Config::default(), registry, &driver).map_err(|error| error.to_string())
}

/// Loads versions one after another, on a thread of its own.
struct Loader {
    over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Result<u64, String>>,
}

impl Loader {
    fn start(node: Arc<Node>, component: Vec<u8>) -> Result<Self, String> {
        let over = Arc::new(AtomicBool::new(false));
        let host = host(Settings::default())?;
        let until = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut versions = 0;
            while !until.load(Ordering::Acquire) {
                let service = host.load(&component, Limits::default());
                let service = Arc::new(service.map_err(|error| error.to_string())?);
                node.change_services(|services| services.with("rooms", "next", service))
                    .map_err(|error| error.to_string())?;
                versions += 1;
            }
            Ok(versions)
        });
        Ok(Self { over, thread })
    }

    fn stop(self) -> Result<u64, String> {
        self.over.store(true, Ordering::Release);
        self.thread.join().map_err(|_| "the loader failed".to_owned())?
    }
}

/// Microseconds from a message to its answer.
async fn latency(server: SocketAddr, first: u64) -> Result<Histogram<u64>, String> {
    let mut users = tokio::task::JoinSet::new();
    for user in first..first + USERS {
        let name = requests::name('a', user);
        let socket = connect(server, &name, user).await?;
        users.spawn(ask(socket, name));
    }
    let mut sum = Histogram::new(3).map_err(|error| error.to_string())?;
    while let Some(one) = users.join_next().await {
        let one: Histogram<u64> = one.map_err(|error| error.to_string())??;
        sum.add(&one).map_err(|error| error.to_string())?;
    }
    Ok(sum)
}

async fn ask(mut socket: Socket, name: String) -> Result<Histogram<u64>, String> {
    let mut latency = Histogram::new(3).map_err(|error| error.to_string())?;
    let start = Instant::now();
    let mut clock = tokio::time::interval(PAUSE);
    let mut number = 0;
    while start.elapsed() < SPAN {
        clock.tick().await;
        number += 1;
        let message = requests::message(&name, "x@bench.example", &format!("m{number}"), 104);
        let sent = Instant::now();
        socket
            .send(Frame::text(message))
            .await
            .map_err(|error| error.to_string())?;
        loop {
            let frame = socket.next().await.ok_or("the server closed")?;
            if frame.map_err(|error| error.to_string())?.is_text() {
                break;
            }
        }
        latency
            .record(u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX))
            .map_err(|error| error.to_string())?;
    }
    Ok(latency)
}
