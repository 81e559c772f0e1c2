//! The node as a whole: drain, log level, what it is set to.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Context;
use crate::problem::Problem;

/// Sets the least serious level that is logged, or says why not.
pub type SetLogLevel = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// Tells the limits and timers that hold now.
pub type TellLimits = Arc<dyn Fn() -> Vec<Setting> + Send + Sync>;

/// One key of the configuration.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Setting {
    /// The key.
    #[schema(example = "timers.transaction")]
    pub key: String,
    /// Its value, as a file has it; none if it has none.
    #[schema(example = "\"5s\"")]
    pub value: Option<String>,
    /// Whether it has another value than the default.
    pub is_changed: bool,
}

/// Limits and timers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LimitList {
    /// The keys, in the order of the reference.
    limits: Vec<Setting>,
}

/// The limits and timers that hold now.
#[utoipa::path(get, path = "/v1/limits", tag = "node", security((), ("token" = [])), responses(
    (status = 200, description = "the keys and their values", body = LimitList),
    (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn limits(State(shared): Context) -> Json<LimitList> {
    Json(LimitList {
        limits: (shared.admin.limits)(),
    })
}

/// Drains the node as SIGTERM does, but for the end of the process: no new dialogs and users, running calls go on up to
/// `drain.timeout`, then every socket is closed with 1012. It cannot be taken back; asked for again, it changes nothing.
#[utoipa::path(post, path = "/v1/drain", tag = "node", security((), ("token" = [])), responses(
    (status = 202, description = "the node drains"),
    (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn drain(State(shared): Context) -> StatusCode {
    if !shared.admin.draining.swap(true, Ordering::AcqRel) {
        let switch = Arc::clone(&shared.admin.switch);
        // It goes on when who asked goes away, and ends with the node.
        tokio::spawn(async move { switch.drain().await });
    }
    StatusCode::ACCEPTED
}

/// A level of the log.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLogLevel {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    #[schema(example = "debug")]
    level: String,
}

/// Sets the least serious level that is logged, until the server ends or is given another.
#[utoipa::path(put, path = "/v1/log-level", tag = "node", security((), ("token" = [])), request_body = NewLogLevel, responses(
    (status = 204, description = "done"),
    (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn log_level(
    State(shared): Context,
    body: Result<Json<NewLogLevel>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Json(body) = body?;
    (shared.admin.set_log_level)(&body.level).map_err(Problem::bad_request)?;
    Ok(StatusCode::NO_CONTENT)
}
