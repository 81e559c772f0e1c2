//! A service that does what the Body of a request says, for the tests of the host.

use std::time::Duration;

use strowger_component::strowger_service::jsip::{Method, Request, Response, StatusCode};
use strowger_component::strowger_service::{
    Context, Event, HttpRequest, HttpResponse, Instance, LegId, LogLevel, Service,
};

/// Does as it is told.
#[derive(Debug)]
struct Probe;

impl Service for Probe {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Self)
    }

    fn takes_http(&self) -> bool {
        true
    }

    fn http_key(&self, request: &HttpRequest) -> Option<String> {
        request.url.strip_prefix("/keyed/").map(str::to_owned)
    }

    fn check_config(&self, config: &str) -> Result<(), String> {
        if config.contains("wrong") {
            return Err("it is wrong".to_owned());
        }
        Ok(())
    }
}

impl Instance for Probe {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Incoming { leg, request } | Event::Request { leg, request } => obey(leg, &request, cx),
            Event::Http { id, request } => {
                let mut response = HttpResponse::new(202);
                response.headers = request.headers;
                response.body = request.body;
                cx.http_respond(id, response);
            }
            Event::Fetched { result, .. } => match result {
                Ok(response) => cx.log(
                    LogLevel::Info,
                    format!("fetched: {} {:?}", response.status, response.body),
                ),
                Err(error) => cx.log(LogLevel::Info, format!("not fetched: {error}")),
            },
            Event::Published { topic, text } => cx.log(LogLevel::Info, format!("{topic}: {text}")),
            Event::StoreChanged { key, version } => {
                cx.log(LogLevel::Info, format!("changed: {key} {}", version.is_some()))
            }
            Event::Stored { id, .. } => cx.log(LogLevel::Info, format!("stored {}", id.number())),
            Event::ConfigChanged => cx.log(LogLevel::Info, format!("settings: {}", cx.config())),
            Event::Shutdown { within } => cx.log(LogLevel::Info, format!("ends within {within:?}")),
            Event::Refused { error, .. } => cx.log(LogLevel::Info, format!("refused: {error}")),
            _ => {}
        }
    }
}

fn obey(leg: LegId, request: &Request, cx: &mut Context<'_>) {
    let what = request.body_str().unwrap_or_default();
    let told = match what.as_ref() {
        "panic" => panic!("on purpose"),
        "eat" => eat(),
        "spin" => loop {
            std::hint::spin_loop();
        },
        "sink" => sink(1).to_string(),
        "flood" => {
            for _ in 0..5000 {
                cx.set_timer(Duration::from_secs(1));
            }
            return;
        }
        "facts" => format!("{} {} {:?}", cx.service(), cx.own_hosts().join(" "), cx.now()),
        "relation" => cx.relation(),
        "random" => cx.random().to_string(),
        "config" => cx.config().to_owned(),
        "count" => count(cx),
        "store" => use_store(cx),
        "publish" => {
            cx.listen("news");
            cx.publish("news", "hello");
            String::new()
        }
        "watch" => {
            cx.watch("a/");
            String::new()
        }
        "sync" => cx.sync().number().to_string(),
        "fetch" => {
            let mut request = HttpRequest::new("POST", "https://hooks.example.com/x");
            request.headers.push(("x-a".to_owned(), "b".to_owned()));
            request.body = vec![0, 255];
            cx.fetch(request).number().to_string()
        }
        "stray" => {
            cx.send(
                LegId::new(99),
                Request::new(Method::Info, "x@y.z", "a@y.z", "x@y.z"),
            );
            return;
        }
        other => format!("what is {other:?}?"),
    };
    let mut response = Response::to(request, StatusCode::OK);
    response.set_body_str(&told);
    cx.respond(leg, response);
}

/// Counts in the store, whoever else does.
fn count(cx: &Context<'_>) -> String {
    loop {
        let entry = cx.store().get("count");
        let (version, count) = match &entry {
            Some(entry) => (
                Some(entry.version),
                entry.value.first().copied().unwrap_or_default(),
            ),
            None => (None, 0),
        };
        if cx.store().compare_and_swap("count", version, [count + 1]).is_ok() {
            return (count + 1).to_string();
        }
    }
}

/// Every call of the store once.
fn use_store(cx: &Context<'_>) -> String {
    let store = cx.store();
    let first = store.put("a/1", "one");
    let again = store.compare_and_swap("a/1", None, "two");
    let brief = store.put_for("a/2", "short", Duration::from_secs(1));
    let keys = store.keys("a/", 10);
    store.delete("a/1");
    format!(
        "{} {again:?} {} {keys:?} {:?}",
        first.is_ok(),
        brief.is_ok(),
        store.get("a/1")
    )
}

/// Takes memory without end.
fn eat() -> String {
    let mut all = Vec::new();
    loop {
        all.push(vec![1_u8; 1 << 20]);
        if all.len() > 1 << 20 {
            return format!("{} MiB", all.len());
        }
    }
}

/// Calls itself without end.
#[expect(unconditional_recursion, reason = "the stack is to overflow")]
fn sink(depth: u64) -> u64 {
    std::hint::black_box(sink(std::hint::black_box(depth) + 1)) + depth
}

strowger_component::component!(Probe);
