//! What services answer themselves, under `/services/NAME/`.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, StatusCode};
use strowger_service::{HttpRequest, HttpResponse};

use super::Context;
use crate::problem::Problem;

/// Where the routes of services are.
const PREFIX: &str = "/services/";
/// How long a request may take to come in.
const BODY: Duration = Duration::from_secs(60);

/// Lets a service answer. Path and query are relative to it; headers and body are what its author says.
pub(super) async fn ask(State(shared): Context, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("", PathAndQuery::as_str);
    let Some((service, _)) = target.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/')) else {
        return Err(Problem::not_found(
            "the routes of a service are under `/services/NAME/`",
        ));
    };
    let Ok(body) = tokio::time::timeout(BODY, to_bytes(body, shared.admin.body_bytes)).await else {
        return Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "the request took too long",
        ));
    };
    let Ok(body) = body else {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too large, or broke off",
        ));
    };
    let request = HttpRequest {
        headers: headers(&head.headers),
        body: body.to_vec(),
        ..HttpRequest::new(head.method.as_str(), &target[PREFIX.len() + service.len()..])
    };
    response(shared.admin.switch.http(service, request).await)
}

/// All but the token, which is the node's.
fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let own = headers
        .iter()
        .filter(|(name, _)| *name != http::header::AUTHORIZATION);
    own.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    })
    .collect()
}

/// What a service says, if it can be said over HTTP.
fn response(answer: HttpResponse) -> Result<Response, Problem> {
    let mut builder = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        // About the connection, which is not the service's.
        let of_connection: [HeaderName; 4] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE];
        if !of_connection
            .iter()
            .any(|other| other.as_str().eq_ignore_ascii_case(name))
        {
            builder = builder.header(name, value);
        }
    }
    let made = builder.body(Body::from(answer.body));
    let bad = |error| {
        Problem::new(
            StatusCode::BAD_GATEWAY,
            format!("the service's answer is none: {error}"),
        )
    };
    Ok(made.map_err(bad)?.into_response())
}
