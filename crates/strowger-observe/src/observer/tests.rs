//! A node with an observer, whose endpoints are on loopback: one answers 503 at first.

use std::net::SocketAddr;
use std::sync::Mutex;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use strowger_channel::net::{DialSettings, SocketSettings};
use strowger_node::driver::{DriverSettings, LookCounts, Node, WebSettings};
use strowger_node::{Config, OperatorMessage, Registry, UserId};
use tokio::net::TcpListener;

use super::*;
use crate::otlp::ExportTraceServiceRequest;
use crate::{FileSettings, PostSettings, RecordSettings, TraceSettings};

/// What an endpoint was sent, and the answers that it still has to give before it takes anything.
#[derive(Debug, Default)]
struct Endpoint {
    answers: Mutex<Vec<u16>>,
    taken: Mutex<Vec<(String, Option<String>, Bytes)>>,
}

impl Endpoint {
    async fn serve(answers: &[u16]) -> (Arc<Self>, SocketAddr) {
        let endpoint = Arc::new(Self::default());
        endpoint.answers.lock().unwrap().extend(answers.iter().rev());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let here = Arc::clone(&endpoint);
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let here = Arc::clone(&here);
                let answer = service_fn(move |request| Self::answer(Arc::clone(&here), request));
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(tcp), answer));
            }
        });
        (endpoint, address)
    }

    async fn answer(
        here: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let header = |name: &str| {
            let value = request.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let (kind, token) = (
            header("content-type").unwrap_or_default(),
            header("authorization"),
        );
        let body = request.into_body().collect().await?.to_bytes();
        let answer = here.answers.lock().unwrap().pop();
        if answer.is_none() {
            here.taken.lock().unwrap().push((kind, token, body));
        }
        let mut response = Response::new(Full::default());
        *response.status_mut() = answer.unwrap_or(200).try_into().unwrap();
        Ok(response)
    }
}

fn post(address: SocketAddr) -> PostSettings {
    PostSettings {
        url: format!("http://{address}/in"),
        headers: vec![("authorization".to_owned(), "Bearer secret".to_owned())],
        web: WebSettings::default(),
        timeout: Duration::from_secs(5),
        queue: 100,
    }
}

fn settings() -> Settings {
    Settings {
        seed: 7,
        ..Settings::default()
    }
}

/// Has the operator send messages to nobody, which are dialogs as well, and ends the node.
async fn told_of(settings: Settings, messages: usize) -> LookCounts {
    let (onlooker, observer) = start(settings).unwrap();
    let counters = onlooker.counters();
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
        onlooker: Some(onlooker),
        journal: None,
        seed: 7,
    };
    let echo: Arc<dyn strowger_service::Service> = Arc::new(strowger_echo::Echo);
    let registry = Registry::new(vec![("echo".to_owned(), echo)], "echo").unwrap();
    let node = Node::start(Config::default(), registry, &driver).unwrap();
    drop(driver);
    for number in 0..messages {
        let message = OperatorMessage {
            from: None,
            to: UserId::new(&format!("nobody{number}@example.com")).unwrap(),
            content_type: None,
            text: "hello".to_owned(),
        };
        assert_eq!(node.message(message).await.unwrap().code.as_u16(), 480);
    }
    tokio::task::spawn_blocking(move || {
        node.stop();
        drop(node);
        observer.join();
    })
    .await
    .unwrap();
    counters.counts()
}

#[tokio::test]
async fn records_are_written_and_sent_and_an_endpoint_that_is_away_for_a_while_loses_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    let (endpoint, address) = Endpoint::serve(&[503]).await;
    let records = RecordSettings {
        file: Some(FileSettings {
            path: path.clone(),
            bytes: 1 << 20,
            files: 2,
        }),
        http: Some(post(address)),
        ..RecordSettings::default()
    };
    let counts = told_of(
        Settings {
            records: Some(records),
            ..settings()
        },
        3,
    )
    .await;
    assert_eq!((counts.records_filed, counts.records_posted), (3, 3));
    assert_eq!((counts.records_not_filed, counts.records_not_posted), (0, 0));
    let filed = std::fs::read_to_string(path).unwrap();
    let taken = endpoint.taken.lock().unwrap();
    let (kind, token, _) = &taken[0];
    assert_eq!(
        (kind.as_str(), token.as_deref()),
        ("application/x-ndjson", Some("Bearer secret"))
    );
    let sent: Vec<u8> = taken.iter().flat_map(|(_, _, body)| body.to_vec()).collect();
    assert_eq!(String::from_utf8(sent).unwrap(), filed);
    let lines: Vec<serde_json::Value> = filed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    for line in lines {
        assert_eq!(
            (&line["direction"], &line["method"], &line["code"]),
            (&"out".into(), &"MESSAGE".into(), &480.into())
        );
        assert_eq!(
            (&line["cause"], &line["answered"]),
            (&"refused".into(), &serde_json::Value::Null)
        );
    }
}

#[tokio::test]
async fn what_an_endpoint_will_never_take_is_dropped_and_counted() {
    let (_, address) = Endpoint::serve(&[400]).await;
    let records = RecordSettings {
        http: Some(post(address)),
        ..RecordSettings::default()
    };
    let counts = told_of(
        Settings {
            records: Some(records),
            ..settings()
        },
        1,
    )
    .await;
    assert_eq!((counts.records_posted, counts.records_not_posted), (0, 1));
}

#[tokio::test]
async fn a_collector_gets_a_trace_of_each_dialog() {
    let (endpoint, address) = Endpoint::serve(&[]).await;
    let traces = TraceSettings {
        post: post(address),
        per_million: 1_000_000,
        service_name: "strowger-test".to_owned(),
    };
    let counts = told_of(
        Settings {
            traces: Some(traces),
            ..settings()
        },
        2,
    )
    .await;
    // For each the dialog and its transaction; no service had a part in it.
    assert_eq!((counts.spans_posted, counts.spans_not_posted), (4, 0));
    let taken = endpoint.taken.lock().unwrap();
    let mut spans = Vec::new();
    for (kind, _, body) in taken.iter() {
        assert_eq!(kind, "application/x-protobuf");
        let request = ExportTraceServiceRequest::decode(body.clone()).unwrap();
        for resource in request.resource_spans {
            assert_eq!(
                resource.resource.unwrap().attributes[0],
                otlp::KeyValue::text("service.name", "strowger-test")
            );
            spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    let roots: Vec<_> = spans
        .iter()
        .filter(|span| span.parent_span_id.is_empty())
        .collect();
    assert_eq!(roots.len(), 2);
    assert_ne!(roots[0].trace_id, roots[1].trace_id);
    for root in roots {
        let child = spans
            .iter()
            .find(|span| span.parent_span_id == root.span_id)
            .unwrap();
        assert_eq!(
            (root.name.as_str(), child.name.as_str()),
            ("dialog MESSAGE", "MESSAGE")
        );
        assert_eq!(child.trace_id, root.trace_id);
        assert!(root.start_time_unix_nano <= child.start_time_unix_nano);
        assert!(child.end_time_unix_nano <= root.end_time_unix_nano);
        assert!(
            child
                .attributes
                .contains(&otlp::KeyValue::number("sip.status_code", 480))
        );
    }
}
