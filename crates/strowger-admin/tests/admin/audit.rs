//! What is written of changes.

use std::io;
use std::sync::{Arc, Mutex};

use http::Method;
use strowger_admin::access::Tokens;

use crate::harness::{Setup, World};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn each_change_leaves_one_line_that_names_who_and_never_the_token() {
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_writer(move || writer.clone())
        .finish();
    // For all tests of this program: one for this thread alone would miss what other threads have found unwatched before.
    tracing::subscriber::set_global_default(log).unwrap();
    tracing::callsite::rebuild_interest_cache();
    let mut world = World::with(Setup {
        tokens: Tokens::parse("read reader-0123456789\noperate operator-0123456789 ann").unwrap(),
        ..Setup::default()
    });
    world.token = Some("operator-0123456789".to_owned());
    world
        .ask(Method::PUT, "/v1/log-level", r#"{"level": "debug"}"#)
        .await;
    world.delete("/v1/channels/audited").await.problem(404);
    world.get("/v1/channels?name=audited").await;
    world.token = Some("reader-0123456789".to_owned());
    world.delete("/v1/channels/audited").await.problem(403);

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("0123456789"), "{text}");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &serde_json::Value| {
            let is_of_this_test =
                line["token"] == "ann" || line["path"].as_str().unwrap_or_default().contains("audited");
            line["target"] == "audit" && is_of_this_test
        })
        .collect();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap_or_default();
            let status = line["status"].as_u64().unwrap();
            format!("{} {} {} {status}", text("token"), text("method"), text("path"))
        })
        .collect();
    assert_eq!(
        told,
        [
            "ann PUT /v1/log-level 204",
            "ann DELETE /v1/channels/audited 404",
            " DELETE /v1/channels/audited 403"
        ]
    );
    assert_eq!(
        (&lines[0]["role"], &lines[0]["reason"]),
        (&"operate".into(), &"".into())
    );
    assert!(
        lines[1]["reason"]
            .as_str()
            .unwrap()
            .contains("nobody of this name")
    );
}
