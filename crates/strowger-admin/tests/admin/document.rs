//! The OpenAPI document says what there is.

use http::Method;
use serde_json::Value;

use strowger_admin::access::Tokens;

use crate::harness::{Setup, World};

fn operations(document: &Value) -> Vec<(Method, String)> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| (method.to_uppercase().parse().unwrap(), path.clone()))
    });
    all.collect()
}

#[tokio::test]
async fn every_route_in_the_document_is_there() {
    let world = World::new();
    let document = world.get("/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let operations = operations(&document);
    assert!(operations.len() >= 15, "{operations:?}");
    for (method, path) in operations {
        let path = path
            .replace("{service}", "nobody")
            .replace("{version}", "9.9")
            .replace("{instance}", "0000ff-0-0")
            .replace("{dialog}", "0000ff-0-0")
            .replace("{call}", "0000ff-0-0")
            .replace("{name}", "nobody");
        if path == "/v1/figures/stream" || path == "/v1/calls/stream" {
            // They answer without end.
            let head = world.head(&path).await;
            assert_eq!((head.0, head.1.as_str()), (200, "text/event-stream"), "{path}");
            continue;
        }
        let answer = world.ask(method.clone(), &path, "").await;
        let is_route = answer.status != 405 && !answer.text().contains("there is nothing here");
        assert!(is_route, "{method} {path}: {answer:?}");
        assert!(!answer.status.is_server_error(), "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn what_is_guarded_says_so_and_refers_to_what_there_is() {
    let world = World::new();
    let answer = world.get("/openapi.json").await;
    let document = answer.json();
    assert_eq!(
        document["components"]["securitySchemes"]["token"]["scheme"],
        "bearer"
    );
    for (method, path) in operations(&document) {
        let operation = &document["paths"][&path][method.as_str().to_lowercase()];
        let is_open = ["/healthz", "/readyz"].contains(&path.as_str());
        assert_eq!(operation["security"].is_null(), is_open, "{method} {path}");
        assert!(
            operation["summary"].is_string() && operation["tags"][0].is_string(),
            "{method} {path}"
        );
    }
    for reference in answer.text().split("\"$ref\":\"").skip(1) {
        let (target, _) = reference.split_once('"').unwrap();
        assert!(document.pointer(&target[1..]).is_some(), "{target}");
    }
}

#[tokio::test]
async fn where_there_are_tokens_no_guarded_route_says_that_it_needs_none() {
    let tokens = Tokens::parse("read reader-0123456789").unwrap();
    let open = World::new().get("/openapi.json").await.json();
    let guarded = World::with(Setup {
        tokens,
        ..Setup::default()
    });
    let guarded = guarded.get("/openapi.json").await.json();
    let way = |document: &Value| document["paths"]["/v1/channels"]["get"]["security"].clone();
    assert_eq!(way(&open), serde_json::json!([{}, {"token": []}]));
    assert_eq!(way(&guarded), serde_json::json!([{"token": []}]));
    assert!(guarded["paths"]["/healthz"]["get"]["security"].is_null());
}

#[tokio::test]
async fn every_route_is_told_to_people() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/admin.md");
    let page = std::fs::read_to_string(page).unwrap();
    let document = World::new().get("/openapi.json").await.json();
    for (method, path) in operations(&document) {
        assert!(
            page.contains(&format!("`{method} {path}")),
            "docs/admin.md tells nothing of {method} {path}"
        );
    }
}
