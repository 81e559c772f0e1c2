//! HTTP of services, asked and answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use strowger_node::{Config, HttpTicket, Registry, WebLimits};
use strowger_service::jsip::{Method, Request, UserId};
use strowger_service::{Context, Event, FetchError, HttpId, HttpRequest, HttpResponse, Instance, Service};
use strowger_testkit::SimNode;

/// One instance per word behind the first `/`; what it does, the path says:
///
/// | path | |
/// |---|---|
/// | `/WORD/count` | how many requests it has had |
/// | `/WORD/ask/URL` | asks the URL and answers with what came |
/// | `/WORD/twice` | answers twice |
/// | `/WORD/finish` | finishes without an answer |
/// | `/WORD/panic` | panics |
/// | `/WORD/silent` | says nothing |
/// | `/WORD/write/USER` | sends the user a MESSAGE |
struct Words;

#[derive(Default)]
struct Word {
    count: usize,
    asked: BTreeMap<u32, HttpId>,
}

impl Service for Words {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Word::default())
    }

    fn takes_http(&self) -> bool {
        true
    }

    fn http_key(&self, request: &HttpRequest) -> Option<String> {
        let word = request.url.split('/').nth(1)?;
        assert!(word != "broken", "broken");
        (word != "any").then(|| word.to_owned())
    }
}

impl Instance for Word {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Http { id, request } => self.answer(id, &request, cx),
            Event::Fetched { id, result } => {
                let text = match result {
                    Ok(response) => {
                        format!("{} {}", response.status, String::from_utf8_lossy(&response.body))
                    }
                    Err(error) => error.to_string(),
                };
                if let Some(asked) = self.asked.remove(&id.number()) {
                    cx.http_respond(asked, HttpResponse::with_body(200, "text/plain", text));
                }
            }
            _ => {}
        }
    }
}

impl Word {
    fn answer(&mut self, id: HttpId, request: &HttpRequest, cx: &mut Context<'_>) {
        self.count += 1;
        let rest = request.url.splitn(3, '/').nth(2).unwrap_or_default();
        let reply = |text: String| HttpResponse::with_body(200, "text/plain", text);
        match rest {
            "count" => cx.http_respond(id, reply(self.count.to_string())),
            "twice" => {
                cx.http_respond(id, reply("one".to_owned()));
                cx.http_respond(id, reply("two".to_owned()));
            }
            "finish" => cx.finish(),
            "panic" => panic!("as asked"),
            "silent" => {}
            _ if rest.starts_with("write/") => {
                let user = &rest["write/".len()..];
                cx.open(Request::new(Method::Message, user, "words@example.com", user));
                cx.http_respond(id, reply("sent".to_owned()));
            }
            _ => {
                let url = rest.strip_prefix("ask/").unwrap_or_default();
                let fetch = cx.fetch(HttpRequest::new("GET", url));
                self.asked.insert(fetch.number(), id);
            }
        }
    }
}

/// Takes no requests.
struct Mute;

impl Service for Mute {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Word::default())
    }
}

fn node(shards: u16, change: impl FnOnce(&mut WebLimits)) -> SimNode {
    let mut config = Config::default();
    let grant = "https://hooks.example/*".parse().unwrap();
    config.web.grants.insert("words".to_owned(), vec![grant]);
    change(&mut config.web);
    let services: Vec<(String, Arc<dyn Service>)> = vec![
        ("words".to_owned(), Arc::new(Words)),
        ("mute".to_owned(), Arc::new(Mute)),
    ];
    SimNode::new(config, Registry::new(services, "mute").unwrap(), shards, 3)
}

fn get(node: &mut SimNode, url: &str) -> HttpTicket {
    node.http("words", HttpRequest::new("GET", url))
}

/// Status and body of the answer that is there.
fn answer(node: &mut SimNode, ticket: HttpTicket) -> Option<(u16, String)> {
    let response = node.http_answer(ticket)?;
    Some((response.status, String::from_utf8(response.body).unwrap()))
}

fn ask(node: &mut SimNode, url: &str) -> (u16, String) {
    let ticket = get(node, url);
    answer(node, ticket).expect("it is answered at once")
}

fn status(node: &mut SimNode, service: &str, url: &str) -> Option<u16> {
    let ticket = node.http(service, HttpRequest::new("GET", url));
    Some(node.http_answer(ticket)?.status)
}

fn instances(node: &SimNode) -> usize {
    node.shards().iter().map(strowger_node::Shard::instances).sum()
}

fn ok(body: &str) -> Result<HttpResponse, FetchError> {
    Ok(HttpResponse::with_body(200, "text/plain", body))
}

#[test]
fn requests_with_one_key_reach_one_instance_whichever_shard_it_is_on() {
    let mut node = node(4, |_| {});
    for word in ["a", "b", "c", "d", "e"] {
        for count in ["1", "2", "3"] {
            assert_eq!(ask(&mut node, &format!("/{word}/count")), (200, count.to_owned()));
        }
    }
    assert_eq!(instances(&node), 5);
}

#[test]
fn an_instance_without_a_key_ends_with_its_answer() {
    let mut node = node(2, |_| {});
    for _ in 0..3 {
        assert_eq!(ask(&mut node, "/any/count"), (200, "1".to_owned()));
    }
    assert_eq!(instances(&node), 0);
}

#[test]
fn what_cannot_be_answered_says_why() {
    let mut node = node(2, |_| {});
    assert_eq!(status(&mut node, "nobody", "/a/count"), Some(404));
    assert_eq!(status(&mut node, "mute", "/a/count"), Some(404));
    assert_eq!(status(&mut node, "WORDS", "/a/count"), Some(200));
    assert_eq!(status(&mut node, "words", "/any/finish"), Some(500));
    assert_eq!(status(&mut node, "words", "/any/panic"), Some(500));
    assert_eq!(status(&mut node, "words", "/broken/count"), Some(500));
    node.drain();
    assert_eq!(status(&mut node, "words", "/new/count"), Some(503));
    assert_eq!(
        status(&mut node, "words", "/a/count"),
        Some(200),
        "it runs already"
    );
}

#[test]
fn a_service_that_says_nothing_costs_its_caller_504_and_nobody_else_anything() {
    let mut node = node(1, |limits| limits.waiting = 2);
    let waiting = [get(&mut node, "/a/silent"), get(&mut node, "/a/silent")];
    assert_eq!(ask(&mut node, "/a/count").0, 503, "two wait already");
    assert_eq!(ask(&mut node, "/b/count").0, 200);
    let alone = get(&mut node, "/any/silent");
    let end = node.now() + WebLimits::default().answer_within;
    node.advance_to(end);
    for ticket in waiting.into_iter().chain([alone]) {
        assert_eq!(answer(&mut node, ticket).unwrap().0, 504);
    }
    assert_eq!(instances(&node), 2, "those with a key");
    assert_eq!(node.next_deadline(), None);
    assert_eq!(ask(&mut node, "/a/count").1, "3");
}

#[test]
fn a_second_answer_changes_nothing() {
    let mut node = node(1, |_| {});
    assert_eq!(ask(&mut node, "/a/twice"), (200, "one".to_owned()));
    assert_eq!(node.shards()[0].counters().commands_refused, 1);
}

#[test]
fn a_request_of_an_instance_has_exactly_one_result() {
    let mut node = node(2, |_| {});
    let ticket = get(&mut node, "/any/ask/https://hooks.example/x");
    let fetch = node.next_fetch().unwrap();
    assert_eq!(fetch.request.url, "https://hooks.example/x");
    assert_eq!(answer(&mut node, ticket), None);
    node.fetched(&fetch, ok("yes"));
    assert_eq!(answer(&mut node, ticket), Some((200, "200 yes".to_owned())));
    assert_eq!(instances(&node), 0);
    node.fetched(&fetch, ok("again"));
}

#[test]
fn nothing_is_asked_that_is_not_granted() {
    let mut node = node(1, |limits| limits.request_bytes = 60);
    for (url, why) in [
        ("https://evil.example/", "the service may not ask this URL"),
        ("http://hooks.example/", "the service may not ask this URL"),
        ("http://127.0.0.1/", "the service may not ask this URL"),
    ] {
        assert_eq!(ask(&mut node, &format!("/any/ask/{url}")).1, why);
    }
    let long = format!("/any/ask/https://hooks.example/{}", "x".repeat(60));
    assert!(ask(&mut node, &long).1.contains("too large"));
    assert!(ask(&mut node, "/any/ask/https://[").1.contains("no URL"));
    assert!(node.next_fetch().is_none());
}

#[test]
fn a_service_has_so_many_requests_open_and_no_more() {
    let mut node = node(1, |limits| limits.fetches = 2);
    let tickets = [0, 1, 2].map(|_| get(&mut node, "/any/ask/https://hooks.example/x"));
    assert_eq!(
        answer(&mut node, tickets[2]).unwrap().1,
        "too many requests are open"
    );
    let first = node.next_fetch().unwrap();
    node.fetched(&first, Err(FetchError::TimedOut));
    assert_eq!(answer(&mut node, tickets[0]).unwrap().1, "no response in time");
    get(&mut node, "/any/ask/https://hooks.example/x");
    assert_eq!(
        std::iter::from_fn(|| node.next_fetch()).count(),
        2,
        "there is room again"
    );
}

#[test]
fn what_an_instance_asked_is_given_up_with_it() {
    let mut node = node(1, |limits| limits.fetches = 1);
    let ticket = get(&mut node, "/any/ask/https://hooks.example/x");
    node.end_instances();
    assert_eq!(answer(&mut node, ticket).unwrap().0, 500);
    assert!(node.next_fetch().is_none(), "it is given up");
    get(&mut node, "/any/ask/https://hooks.example/x");
    assert!(node.next_fetch().is_some());
}

#[test]
fn a_request_may_take_five_minutes_at_most() {
    let mut node = node(1, |_| {});
    get(&mut node, "/any/ask/https://hooks.example/x");
    assert!(node.next_fetch().unwrap().request.timeout <= Duration::from_secs(300));
}

#[test]
fn an_instance_that_began_over_http_reaches_users() {
    for shards in [1, 3] {
        let mut node = node(shards, |_| {});
        let alice = node.connect(&UserId::new("alice@example.com").unwrap());
        get(&mut node, "/any/write/alice@example.com");
        let arrived = format!("{:?}", node.receive(alice));
        assert!(arrived.contains("words@example.com"), "{arrived}");
    }
}
