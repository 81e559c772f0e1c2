//! Log lines of services.
#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes some"
)]

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use strowger_node::driver::{LogPage, ServiceLine};
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::services::name;
use crate::problem::Problem;
use crate::view::time;

/// How many lines are told at a time at most.
const MOST: usize = 1000;
/// How long a request may wait for the next line, in seconds.
const WAIT: u64 = 30;

/// A log line of a service.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct LineView {
    /// Counts the lines of the service, from 1 at the server's start.
    pub number: u64,
    /// When it was written, as in RFC 3339.
    #[schema(format = DateTime)]
    pub at: String,
    /// `error`, `warn`, `info` or `debug`.
    #[schema(example = "info")]
    pub level: String,
    /// The line.
    pub text: String,
}

impl From<ServiceLine> for LineView {
    fn from(line: ServiceLine) -> Self {
        Self {
            number: line.number,
            at: time(line.at),
            level: line.level.as_str().to_owned(),
            text: line.text,
        }
    }
}

/// Log lines of a service, in order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Lines {
    /// The lines.
    pub lines: Vec<LineView>,
    /// How many lines before the first of these are not kept any more.
    pub lost: u64,
    /// What to ask with as `after` for the lines that follow.
    pub last: u64,
}

impl From<LogPage> for Lines {
    fn from(page: LogPage) -> Self {
        Self {
            lines: page.lines.into_iter().map(LineView::from).collect(),
            lost: page.lost,
            last: page.last,
        }
    }
}

/// Which lines are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LinesQuery {
    /// Those behind this one: `last` of the answer before. Default 0: the oldest that is kept.
    after: Option<u64>,
    /// How many at most. Default 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// How many seconds to wait for a line where there is none. Default 0.
    #[param(maximum = 30)]
    wait: Option<u64>,
}

/// Log lines of a service; the latest 1,000, or 256 KiB of them, are kept.
#[utoipa::path(get, path = "/v1/services/{service}/logs", tag = "services", security((), ("token" = [])),
    params(("service" = String, Path, description = "the service's name", example = "rooms"), LinesQuery),
    responses(
        (status = 200, description = "the lines", body = Lines),
        (status = 503, description = "too many wait for lines", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn lines(
    State(shared): Context,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<LinesQuery>, QueryRejection>,
) -> Result<Json<Lines>, Problem> {
    let (name, Query(query)) = (name(path)?, query?);
    let limit = query.limit.unwrap_or(MOST);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::bad_request(format!("`limit` must be from 1 to {MOST}")));
    }
    let wait = query.wait.unwrap_or(0);
    if wait > WAIT {
        return Err(Problem::bad_request(format!("`wait` must be from 0 to {WAIT}")));
    }
    // A service that is gone may still have lines; one that never was has none.
    let known = shared.admin.services.service(&name).await.map(drop);
    let (logs, after) = (shared.admin.switch.logs(), query.after.unwrap_or(0));
    let page = logs.read(name.as_str(), after, limit);
    if !page.lines.is_empty() || wait == 0 {
        if page == LogPage::default() {
            known?;
        }
        return Ok(Json(page.into()));
    }
    known?;
    let Ok(_permit) = shared.followers.try_acquire() else {
        return Err(Problem::busy("too many wait for log lines"));
    };
    let page = logs
        .wait(name.as_str(), after, limit, Duration::from_secs(wait))
        .await;
    Ok(Json(page.into()))
}
