//! Who may do what, over a socket.

use http::Method;
use strowger_admin::access::Tokens;

use crate::harness::{Setup, World};

fn world() -> World {
    let tokens = "read reader-0123456789\noperate operator-0123456789\ndeploy deployer-0123456789";
    World::with(Setup {
        tokens: Tokens::parse(tokens).unwrap(),
        ..Setup::default()
    })
}

#[tokio::test]
async fn each_role_may_do_what_it_is_for_and_no_more() {
    let mut world = world();
    let doings = [
        (Method::GET, "/v1/services", 0),
        (Method::GET, "/figures", 0),
        (Method::GET, "/v1/caller", 0),
        (Method::GET, "/v1/instances", 0),
        (Method::GET, "/v1/services/echo/logs", 0),
        (Method::GET, "/services/echo/say", 1),
        (Method::GET, "/v1/channels", 0),
        (Method::GET, "/v1/dialogs", 0),
        (Method::GET, "/v1/links", 0),
        (Method::GET, "/v1/limits", 0),
        (Method::DELETE, "/v1/instances/x", 1),
        (Method::POST, "/v1/reload", 1),
        (Method::DELETE, "/v1/channels/x", 1),
        (Method::DELETE, "/v1/dialogs/x", 1),
        (Method::POST, "/v1/messages", 1),
        (Method::PUT, "/v1/log-level", 1),
        (Method::POST, "/v1/drain", 1),
        (Method::POST, "/v1/services/rooms/versions", 2),
        (Method::POST, "/v1/services/rooms/rollback", 2),
        (Method::POST, "/v1/services/rooms/drain", 2),
        (Method::PUT, "/v1/services/rooms/default", 2),
        (Method::DELETE, "/v1/services/rooms", 2),
        (Method::DELETE, "/v1/services/rooms/versions/1", 2),
    ];
    for (method, path, needed) in doings {
        world.token = None;
        world.ask(method.clone(), path, "").await.problem(401);
        for (rank, role) in ["reader", "operator", "deployer"].into_iter().enumerate() {
            world.token = Some(format!("{role}-0123456789"));
            let status = world.ask(method.clone(), path, "").await.status.as_u16();
            let is_refused = [401, 403].contains(&status);
            assert_eq!(is_refused, rank < needed, "{method} {path} as {role}: {status}");
        }
    }
}

#[tokio::test]
async fn a_token_that_is_not_known_is_told_how_to_show_one() {
    let mut world = world();
    world.token = Some("reader-012345678".to_owned());
    let answer = world.get("/v1/services").await;
    answer.problem(401);
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn a_token_that_has_expired_is_no_token_any_more() {
    let mut world = World::with(Setup {
        tokens: Tokens::parse("deploy deployer-0123456789 until=2020-01-31T00:00:00Z ann").unwrap(),
        ..Setup::default()
    });
    world.token = Some("deployer-0123456789".to_owned());
    for (method, path) in [
        (Method::GET, "/v1/channels"),
        (Method::POST, "/v1/reload"),
        (Method::GET, "/services/echo/say"),
    ] {
        let answer = world.ask(method, path, "").await;
        assert_eq!(answer.problem(401), "the token has expired");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
}

#[tokio::test]
async fn health_and_the_files_of_the_console_need_no_token() {
    let world = world();
    for path in [
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/console",
        "/console/apps/console/main.js",
    ] {
        assert_eq!(world.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn who_asks_is_told_his_role_and_the_name_of_his_token() {
    let mut world = world();
    for (place, role) in [(1, "read"), (2, "operate"), (3, "deploy")] {
        world.token = Some(format!(
            "{}-0123456789",
            ["reader", "operator", "deployer"][place - 1]
        ));
        let told = world.get("/v1/caller").await.json();
        let expected = serde_json::json!({"role": role, "name": format!("token {place}")});
        assert_eq!(told, expected);
    }
    let open = World::new().get("/v1/caller").await.json();
    assert_eq!(open["role"], "deploy");
}

#[tokio::test]
async fn a_service_does_not_see_the_token() {
    let mut world = world();
    world.token = Some("operator-0123456789".to_owned());
    let answer = world.get("/services/echo/headers").await;
    assert!(
        answer.text().contains("host") && !answer.text().contains("operator"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_page_in_a_browser_on_this_machine_cannot_use_it() {
    let world = World::new();
    for (name, value) in [("origin", "http://evil.example"), ("host", "evil.example")] {
        for (method, path) in [
            (Method::POST, "/v1/services/echo/drain"),
            (Method::GET, "/services/echo/say"),
        ] {
            let mut request = world.request(method, path, "");
            request.headers_mut().insert(name, value.parse().unwrap());
            world.send(request).await.problem(403);
        }
    }
}
