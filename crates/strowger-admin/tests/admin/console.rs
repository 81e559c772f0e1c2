//! The console's files.

use http::Method;

use crate::harness::World;

#[tokio::test]
async fn the_page_is_there_with_what_it_names_and_nothing_else() {
    let world = World::new();
    let page = world.get("/console").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("script-src 'self'") && !policy.contains("unsafe"),
        "{policy}"
    );
    let text = page.text();
    let named = text.split("=\"/console/").skip(1);
    let named: Vec<_> = named.filter_map(|rest| rest.split('"').next()).collect();
    assert!(named.len() > 10, "{named:?}");
    for path in named {
        assert_eq!(world.get(&format!("/console/{path}")).await.status, 200, "{path}");
    }
    for path in [
        "/console/",
        "/console/../Cargo.toml",
        "/console/apps/console/test/support.js",
    ] {
        world.get(path).await.problem(404);
    }
    assert_eq!(world.post("/console", "").await.status, 405);
}

#[tokio::test]
async fn the_root_leads_to_it() {
    let world = World::new();
    let answer = world.get("/").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["location"]),
        (303, &"/console".parse().unwrap())
    );
    assert_eq!(world.ask(Method::DELETE, "/", "").await.status, 405);
}
