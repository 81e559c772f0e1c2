//! What instances of one service share: a store, topics, settings.

use std::sync::Arc;

use strowger_node::{Config, Registry};
use strowger_service::{Context, Event, HttpRequest, HttpResponse, Instance, Service};
use strowger_testkit::SimNode;

/// One instance per word behind the first `/`, which does what the rest of the path says and answers with what it has
/// heard: `/WORD/listen`, `/WORD/say/TEXT`, `/WORD/heard`, `/WORD/count`, `/WORD/sync`, `/WORD/settings`, `/WORD/watch/PREFIX`,
/// `/WORD/put/KEY`, `/WORD/delete/KEY`, `/WORD/echo/KEY` (watches, and puts KEY at each change), `/WORD/fill/COUNT`.
struct Siblings;

#[derive(Default)]
struct Sibling {
    echo: Option<String>,
    heard: Vec<String>,
    syncs: usize,
}

impl Service for Siblings {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Sibling::default())
    }

    fn takes_http(&self) -> bool {
        true
    }

    fn http_key(&self, request: &HttpRequest) -> Option<String> {
        request.url.split('/').nth(1).map(str::to_owned)
    }
}

impl Instance for Sibling {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Http { id, request } => {
                let mut parts = request.url.splitn(4, '/').skip(2);
                let text = match (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()) {
                    ("listen", topic) => {
                        cx.listen(topic);
                        String::new()
                    }
                    ("say", text) => {
                        cx.publish("news", text);
                        cx.publish("other", text);
                        String::new()
                    }
                    ("watch", prefix) => {
                        cx.watch(prefix);
                        String::new()
                    }
                    ("put", key) => {
                        cx.store().put(key, "first").unwrap();
                        cx.store().put(key, "last").unwrap().to_string()
                    }
                    ("delete", key) => {
                        cx.store().delete(key);
                        String::new()
                    }
                    ("echo", key) => {
                        cx.watch("");
                        self.echo = Some(key.to_owned());
                        String::new()
                    }
                    ("fill", count) => {
                        for number in 0..count.parse().unwrap() {
                            cx.store().put(&format!("fill/{number}"), "x").unwrap();
                        }
                        String::new()
                    }
                    ("heard", _) => std::mem::take(&mut self.heard).join(","),
                    ("count", _) => count(cx).to_string(),
                    ("sync", _) => {
                        cx.sync();
                        self.syncs.to_string()
                    }
                    _ => cx.config().to_owned(),
                };
                cx.http_respond(id, HttpResponse::with_body(200, "text/plain", text));
            }
            Event::Published { topic, text } => self.heard.push(format!("{topic}:{text}")),
            Event::StoreChanged { key, version } => {
                let what = version.map_or_else(|| "gone".to_owned(), |version| version.to_string());
                self.heard.push(format!("{key}:{what}"));
                if let Some(echo) = &self.echo {
                    cx.store().put(echo, "again").unwrap();
                }
            }
            Event::Stored { .. } => self.syncs += 1,
            _ => {}
        }
    }
}

/// Counts in the store, as siblings on all shards do at once.
fn count(cx: &Context<'_>) -> u64 {
    loop {
        let entry = cx.store().get("count");
        let before = entry.as_ref().map_or(0, |entry| {
            u64::from_be_bytes(entry.value.as_ref().try_into().unwrap())
        });
        let version = entry.map(|entry| entry.version);
        let after = before + 1;
        if cx
            .store()
            .compare_and_swap("count", version, after.to_be_bytes())
            .is_ok()
        {
            return after;
        }
    }
}

fn node(shards: u16) -> SimNode {
    let mut config = Config::default();
    config.settings.insert("siblings".to_owned(), "{\"a\":1}".into());
    let services: Vec<(String, Arc<dyn Service>)> = vec![("siblings".to_owned(), Arc::new(Siblings))];
    SimNode::new(config, Registry::new(services, "siblings").unwrap(), shards, 3)
}

fn ask(node: &mut SimNode, url: &str) -> String {
    let ticket = node.http("siblings", HttpRequest::new("GET", url));
    String::from_utf8(node.http_answer(ticket).unwrap().body).unwrap()
}

fn failed(node: &SimNode) -> usize {
    let failed = node
        .logs()
        .iter()
        .filter(|line| line.text.starts_with("instance failed"));
    failed.count()
}

#[test]
fn what_one_says_each_sibling_that_listens_hears_once_and_it_itself_does_not() {
    for shards in [1, 3] {
        let mut node = node(shards);
        let words = ["a", "b", "c", "d", "e", "f"];
        for word in words {
            ask(&mut node, &format!("/{word}/listen/news"));
            ask(&mut node, &format!("/{word}/listen/news"));
        }
        ask(&mut node, "/silent/heard");
        ask(&mut node, "/a/say/hello");
        for word in words {
            let expected = if word == "a" { "" } else { "news:hello" };
            assert_eq!(
                ask(&mut node, &format!("/{word}/heard")),
                expected,
                "{word} of {shards}"
            );
        }
        assert_eq!(ask(&mut node, "/silent/heard"), "");
        node.end_instances();
        ask(&mut node, "/a/say/again");
        assert_eq!(ask(&mut node, "/b/heard"), "", "who has ended listens no more");
    }
}

#[test]
fn all_siblings_have_one_store_on_whichever_shard() {
    for shards in [1, 3] {
        let mut node = node(shards);
        for (word, expected) in ["a", "b", "c", "d", "a"].into_iter().zip(1..) {
            assert_eq!(ask(&mut node, &format!("/{word}/count")), expected.to_string());
        }
    }
}

#[test]
fn who_asks_is_told_that_the_store_is_as_safe_as_it_will_be() {
    let mut node = node(1);
    assert_eq!(ask(&mut node, "/a/sync"), "0");
    assert_eq!(ask(&mut node, "/a/sync"), "1");
}

#[test]
fn a_service_reads_its_settings() {
    assert_eq!(ask(&mut node(1), "/a/settings"), "{\"a\":1}");
}

#[test]
fn who_watches_hears_of_each_change_of_others_with_its_last_version() {
    for shards in [1, 3] {
        let mut node = node(shards);
        for word in ["a", "b", "c", "d"] {
            assert_eq!(ask(&mut node, &format!("/{word}/watch/room")), "");
            assert_eq!(
                ask(&mut node, &format!("/{word}/heard")),
                "room:gone",
                "the watch holds"
            );
            ask(&mut node, &format!("/{word}/watch/room"));
            ask(&mut node, &format!("/{word}/watch/"));
            assert_eq!(
                ask(&mut node, &format!("/{word}/heard")),
                ":gone",
                "{word} of {shards}"
            );
        }
        let version = ask(&mut node, "/a/put/room-1");
        let other = ask(&mut node, "/x/put/other");
        ask(&mut node, "/x/delete/room-1");
        ask(&mut node, "/x/delete/nothing");
        for word in ["a", "b", "c", "d"] {
            let own = if word == "a" {
                String::new()
            } else {
                format!("room-1:{version},")
            };
            let expected = format!("{own}other:{other},room-1:gone");
            assert_eq!(
                ask(&mut node, &format!("/{word}/heard")),
                expected,
                "{word} of {shards}"
            );
        }
        node.end_instances();
        ask(&mut node, "/x/put/room-2");
        assert_eq!(ask(&mut node, "/b/heard"), "", "who has ended watches no more");
    }
}

#[test]
fn two_who_change_what_the_other_watches_do_not_keep_their_shards_busy() {
    for shards in [1, 3] {
        let mut node = node(shards);
        ask(&mut node, "/a/echo/a");
        ask(&mut node, "/b/echo/b");
        ask(&mut node, "/x/put/y");
        // Both have failed by now: they live anew, and have heard nothing.
        assert_eq!(ask(&mut node, "/a/heard") + &ask(&mut node, "/b/heard"), "");
        assert_eq!(failed(&node), 2, "of {shards}");
    }
}

#[test]
fn an_event_that_changes_more_than_its_commands_fails_only_where_somebody_watches() {
    let mut node = node(1);
    ask(&mut node, "/a/fill/2000");
    assert_eq!(failed(&node), 0);
    ask(&mut node, "/b/watch/fill");
    node.http("siblings", HttpRequest::new("GET", "/a/fill/2000"));
    assert_eq!(failed(&node), 1);
    assert_eq!(
        ask(&mut node, "/b/heard").split(',').count(),
        2001,
        "what was changed is told"
    );
}
