//! The console: a page that uses this interface as any client does.
//!
//! Its files hold nothing of the node, so they need no token; what they ask for needs the one that the page asks its user for.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Caller;
use crate::problem::Problem;

/// Where the page is.
const PLACE: &str = "/console";

/// The page, what it is made of, and the way there from `/`.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(async || Redirect::to(PLACE)))
        .route(PLACE, any(page))
        .route("/console/{*path}", any(page))
}

async fn page(request: Request) -> Response {
    let page = strowger_pages::CONSOLE.respond(request.method(), request.uri().path(), request.headers());
    page.map_or_else(
        || Problem::not_found("the console has no such file").into_response(),
        |response| response.map(Body::new),
    )
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Caller")]
pub(super) struct CallerView {
    /// What it may do: `read`, `operate` or `deploy`, each with those before it.
    #[schema(example = "operate")]
    role: String,
    /// What the operator calls the token, or its place among the tokens, or that nobody asked for one.
    #[schema(example = "ann's laptop")]
    name: String,
}

/// Who asks, and what the token shown allows.
#[utoipa::path(get, path = "/v1/caller", tag = "server", security((), ("token" = [])), responses(
    (status = 200, description = "role and name", body = CallerView),
    (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn caller(caller: axum::Extension<Caller>) -> Json<CallerView> {
    Json(CallerView {
        role: caller.role.to_string(),
        name: caller.name.clone(),
    })
}
