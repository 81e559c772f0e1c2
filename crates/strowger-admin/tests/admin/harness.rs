//! A node with its interface, and who asks it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jsip::UserId;
use serde_json::Value;
use strowger_admin::access::Tokens;
use strowger_admin::api::{Admin, Setting};
use strowger_admin::catalogue::CatalogueLimits;
use strowger_admin::loader::{Component, Loader, Measured, Package};
use strowger_admin::names::{BaseKind, ServiceName};
use strowger_admin::reload::Reloaded;
use strowger_admin::server::Server;
use strowger_admin::services::{Base, Plan, RestoreError, Restored, Services};
use strowger_admin::store::Store;
use strowger_admin::switch::Switch;
use strowger_channel::net::{DialSettings, SocketSettings, Ticket};
use strowger_feed::{Bounds, Ladders, Settings};
use strowger_node::Config;
use strowger_node::driver::{DriverSettings, Node, WebSettings};
use strowger_service::{Context, Event, HttpResponse, Instance, LogLevel, Service};
use tokio::net::TcpStream;

/// The largest component.
pub(crate) const COMPONENT_BYTES: usize = 1000;

/// What is kept of calls.
const SEEN: Settings = Settings {
    bounds: Bounds {
        calls: 100,
        bytes: 1 << 20,
        events: 100,
    },
    always: false,
    bodies: true,
};

/// Answers HTTP with its text; to `/hold` as well, but runs on for an hour.
#[derive(Clone)]
pub(crate) struct Speaking {
    text: String,
    started: Arc<AtomicU64>,
}

impl Speaking {
    fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            started: Arc::default(),
        }
    }
}

impl Service for Speaking {
    fn start(&self) -> Box<dyn Instance> {
        self.started.fetch_add(1, Ordering::Relaxed);
        Box::new(self.clone())
    }

    fn takes_http(&self) -> bool {
        true
    }
}

impl Instance for Speaking {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        let Event::Http { id, request } = event else {
            return;
        };
        cx.log(LogLevel::Info, format!("{} {}", request.method, request.url));
        if request.url == "/hold" {
            cx.set_timer(Duration::from_secs(3600));
        }
        let text = match request.url.as_str() {
            "/headers" => format!("{:?}", request.headers),
            _ => self.text.clone(),
        };
        cx.http_respond(id, HttpResponse::with_body(200, "text/plain", text));
    }
}

/// Takes every text for a service that says it, but one that begins with `bad`.
struct TextLoader;

impl Loader for TextLoader {
    fn load(&self, _: &ServiceName, package: &Package) -> Result<Component, String> {
        let text = std::str::from_utf8(&package.bytes).map_err(|_| "is no text".to_owned())?;
        if text.starts_with("bad") {
            return Err("does not pass its start check: trapped".to_owned());
        }
        if text.starts_with("signed") && package.signature.as_deref() != Some(b"by me") {
            return Err("is not signed".to_owned());
        }
        let speaking = Speaking::new(text);
        let started = Arc::clone(&speaking.started);
        Ok(Component {
            service: Arc::new(speaking),
            meter: Arc::new(move || Measured {
                started: started.load(Ordering::Relaxed),
                ..Measured::default()
            }),
        })
    }
}

/// How a node is set up.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) data: Option<PathBuf>,
    pub(crate) tokens: Tokens,
    pub(crate) default: Option<&'static str>,
}

/// A node with its interface.
pub(crate) struct World {
    pub(crate) node: Arc<Node>,
    server: Server,
    services: Weak<Services>,
    pub(crate) draining: Arc<AtomicBool>,
    pub(crate) token: Option<String>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// What is wrong; the answer must be a problem of this status.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["type"].is_string() && problem["title"].is_string());
        problem["detail"].as_str().unwrap().to_owned()
    }
}

/// An answer that goes on, until it is dropped.
pub(crate) struct Stream {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: hyper::body::Incoming,
    text: String,
    _sender: http1::SendRequest<Full<Bytes>>,
    connection: tokio::task::JoinHandle<hyper::Result<()>>,
}

impl Stream {
    /// The next event: its name, its id and what is in it; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<(String, Option<String>, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let value = event.lines().find_map(|line| line.strip_prefix(name));
                    value.map(|value| value.trim_start_matches(": ").to_owned())
                };
                let told = field("event").map(|event| {
                    let data = field("data").unwrap();
                    (event, field("id"), serde_json::from_str(&data).unwrap())
                });
                self.text = rest.to_owned();
                if told.is_some() {
                    return told;
                }
                continue;
            }
            let frame = self.body.frame().await?.unwrap();
            self.text
                .push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

pub(crate) fn restore(setup: &Setup) -> Result<Restored, RestoreError> {
    let base = ["relay", "echo"].map(|name| Base {
        name: name.to_owned(),
        kind: BaseKind::BuiltIn,
        service: Arc::new(Speaking::new(&format!("built-in {name}"))),
    });
    Restored::new(Plan {
        base: base.into(),
        default: setup.default.unwrap_or("relay").to_owned(),
        loader: Arc::new(TextLoader),
        store: match &setup.data {
            Some(directory) => Store::open(directory.clone())?,
            None => Store::in_memory(),
        },
        limits: CatalogueLimits {
            services: 3,
            versions: 4,
        },
    })
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Setup::default())
    }

    pub(crate) fn with(setup: Setup) -> Self {
        let restored = restore(&setup).unwrap();
        let (onlooker, ladders) = Ladders::start(SEEN).unwrap();
        let driver = DriverSettings {
            shards: 2,
            socket: SocketSettings::default(),
            dial: DialSettings::default(),
            web: WebSettings::default(),
            store: None,
            link_path: "/rtc".to_owned(),
            link_name: UserId::new("node@localhost").unwrap(),
            link_credentials: Default::default(),
            auth: None,
            handshakes_per_second: 1,
            onlooker: Some(onlooker),
            journal: None,
            seed: 7,
        };
        let node = Arc::new(Node::start(Config::default(), restored.registry.clone(), &driver).unwrap());
        let switch: Arc<dyn Switch> = Arc::clone(&node) as Arc<dyn Switch>;
        let draining = Arc::new(AtomicBool::new(false));
        let services = Arc::new(Services::new(restored, Arc::clone(&switch)));
        let kept = Arc::downgrade(&services);
        let admin = Admin {
            services,
            switch,
            tokens: setup.tokens.into(),
            reload: Arc::new(|| {
                Ok(Reloaded {
                    taken: vec!["origins".to_owned()],
                    needs_restart: Vec::new(),
                })
            }),
            set_log_level: Arc::new(|level| match level {
                "info" | "debug" => Ok(()),
                other => Err(format!("`{other}` is no level")),
            }),
            limits: Arc::new(|| {
                vec![Setting {
                    key: "timers.transaction".to_owned(),
                    value: Some("\"5s\"".to_owned()),
                    is_changed: false,
                }]
            }),
            draining: Arc::clone(&draining),
            ladders,
            component_bytes: COMPONENT_BYTES,
            journals: Arc::new(|| None),
            body_bytes: 100,
        };
        Self {
            node,
            server: Server::start("127.0.0.1:0".parse().unwrap(), 8, admin).unwrap(),
            services: kept,
            draining,
            token: None,
        }
    }

    /// A user whose socket is about to come; the channel is there until the ticket is dropped.
    pub(crate) async fn announce(&self, name: &str) -> Ticket {
        let name = UserId::new(name).unwrap();
        let announced = self.node.admission().announce(&name, None).await;
        announced.ok().flatten().unwrap()
    }

    /// Where the interface listens.
    pub(crate) fn authority(&self) -> String {
        self.server.address().to_string()
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let tcp = TcpStream::connect(self.server.address()).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.unwrap();
        let connection = tokio::spawn(connection);
        let response = sender.send_request(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        connection.abort();
        Answer {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    /// Status and content type of an answer that goes on.
    pub(crate) async fn head(&self, path: &str) -> (u16, String) {
        let stream = self.follow(path).await;
        let kind = stream.headers["content-type"].to_str().unwrap().to_owned();
        (stream.status.as_u16(), kind)
    }

    /// An answer that goes on.
    pub(crate) async fn follow(&self, path: &str) -> Stream {
        let tcp = TcpStream::connect(self.server.address()).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.unwrap();
        let connection = tokio::spawn(connection);
        let response = sender
            .send_request(self.request(Method::GET, path, ""))
            .await
            .unwrap();
        let (head, body) = response.into_parts();
        Stream {
            status: head.status,
            headers: head.headers,
            body,
            text: String::new(),
            _sender: sender,
            connection,
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str, body: &str) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.authority());
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if body.starts_with('{') {
            request = request.header("content-type", "application/json");
        }
        request.body(Full::from(body.to_owned())).unwrap()
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: &str) -> Answer {
        self.send(self.request(method, path, body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.ask(Method::POST, path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, "").await
    }

    /// Loads a version of `rooms` and makes it the default.
    pub(crate) async fn load(&self, label: &str, text: &str) -> Answer {
        let answer = self
            .post(&format!("/v1/services/rooms/versions?label={label}"), text)
            .await;
        assert!(answer.status.is_success(), "{answer:?}");
        answer
    }

    pub(crate) async fn make_default(&self, version: &str) -> Answer {
        let body = serde_json::json!({ "version": version }).to_string();
        self.ask(Method::PUT, "/v1/services/rooms/default", &body).await
    }

    /// What a new instance says.
    pub(crate) async fn say(&self, service: &str) -> String {
        self.get(&format!("/services/{service}/say"))
            .await
            .text()
            .to_owned()
    }

    /// Starts an instance that runs on.
    pub(crate) async fn hold(&self, service: &str) -> String {
        self.get(&format!("/services/{service}/hold"))
            .await
            .text()
            .to_owned()
    }

    /// Labels of a service's versions with how many instances run.
    pub(crate) async fn counts(&self, service: &str) -> Vec<(String, u64)> {
        let versions = self.get(&format!("/v1/services/{service}/versions")).await.json();
        let versions = versions.as_array().unwrap().iter();
        let count = |version: &Value| {
            let label = version["label"].as_str().unwrap().to_owned();
            (label, version["instances"].as_u64().unwrap())
        };
        versions.map(count).collect()
    }

    /// Ends the node; what it kept in a directory is free for another one.
    pub(crate) async fn stop(self) {
        let Self {
            node,
            server,
            services,
            ..
        } = self;
        drop(server);
        tokio::task::spawn_blocking(move || node.stop()).await.unwrap();
        // The tasks of its connections hold the store until they have noticed.
        let end = tokio::time::Instant::now() + Duration::from_secs(60);
        while services.strong_count() > 0 {
            assert!(tokio::time::Instant::now() < end, "something holds the store");
            tokio::task::yield_now().await;
        }
    }
}
