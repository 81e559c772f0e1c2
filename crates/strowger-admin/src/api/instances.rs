//! Running instances.
#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes some"
)]

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use strowger_node::{InstanceFilter, InstanceId, InstanceInfo};
use utoipa::{IntoParams, ToSchema};

use super::{Context, parts};
use crate::names::{Selector, ServiceName};
use crate::problem::Problem;
use crate::switch::Later;

/// An instance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Instance")]
pub(super) struct InstanceView {
    /// Its name; no other instance ever has it.
    #[schema(example = "beef00-2a-1")]
    instance: String,
    /// Its service.
    #[schema(example = "rooms")]
    service: String,
    /// Its version: a digest, `built-in` or `file`.
    version: String,
    /// How long it has run, in milliseconds.
    age_ms: u64,
    /// Its legs.
    legs: usize,
    /// Its timers.
    timers: usize,
    /// The relation ids by which others may join it.
    relations: usize,
    /// The key by which requests reach it.
    key: Option<String>,
}

impl From<InstanceInfo> for InstanceView {
    fn from(info: InstanceInfo) -> Self {
        Self {
            instance: info.id.to_string(),
            service: info.service.to_string(),
            version: info.version.label.clone(),
            age_ms: u64::try_from(info.age.as_millis()).unwrap_or(u64::MAX),
            legs: info.legs,
            timers: info.timers,
            relations: info.relations,
            key: info.key,
        }
    }
}

/// Part of a list of instances.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Instances {
    /// The instances; fewer than asked for, even none, do not mean that the list ends.
    instances: Vec<InstanceView>,
    /// What to ask with as `after` for more; none at the end.
    next: Option<String>,
}

/// Which instances are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct InstancesQuery {
    /// Those of a service.
    service: Option<String>,
    /// Those of a version of that service: its label, its digest, the beginning of it, or `built-in`.
    version: Option<String>,
    /// Where the list goes on: `next` of the part before.
    after: Option<String>,
    /// How many at most. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Running instances, in parts.
#[utoipa::path(get, path = "/v1/instances", tag = "instances", security((), ("token" = [])), params(InstancesQuery), responses(
    (status = 200, description = "a part of the list", body = Instances),
    (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(shared): Context,
    query: Result<Query<InstancesQuery>, QueryRejection>,
) -> Result<Json<Instances>, Problem> {
    let Query(query) = query?;
    let (limit, from) = (parts::limit(query.limit)?, parts::after(query.after.as_deref())?);
    let service: Option<ServiceName> = query.service.map(|name| name.parse()).transpose()?;
    let version = match (&service, query.version) {
        (_, None) => None,
        (None, Some(_)) => return Err(Problem::bad_request("`version` needs `service`")),
        (Some(service), Some(text)) => {
            let selector: Selector = text.parse()?;
            Some(shared.admin.services.version(service, &selector).await?.version)
        }
    };
    let filter = InstanceFilter {
        service: service.map(|name| name.to_string()),
        version,
    };
    let page = shared.admin.switch.instances(filter, from, limit).await;
    Ok(Json(Instances {
        instances: page.items.into_iter().map(InstanceView::from).collect(),
        next: page.next.map(|cursor| cursor.to_string()),
    }))
}

/// One instance.
#[utoipa::path(get, path = "/v1/instances/{instance}", tag = "instances", security((), ("token" = [])),
    params(("instance" = String, Path, description = "the instance's name", example = "beef00-2a-1")),
    responses(
        (status = 200, description = "the instance", body = InstanceView),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn one(
    State(shared): Context,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<InstanceView>, Problem> {
    let id = id(path)?;
    let found: Later<'_, _> = shared.admin.switch.instance(id);
    found.await.map(|info| Json(info.into())).ok_or_else(gone)
}

/// Ends an instance as if it had finished: its legs get BYE or CANCEL, who waits for an answer 500.
#[utoipa::path(delete, path = "/v1/instances/{instance}", tag = "instances", security((), ("token" = [])),
    params(("instance" = String, Path, description = "the instance's name", example = "beef00-2a-1")),
    responses(
        (status = 204, description = "done"),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn end(
    State(shared): Context,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let id = id(path)?;
    if shared.admin.switch.end_instance(id).await {
        tracing::info!(instance = %id, "ended by the operator");
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(gone())
    }
}

fn id(path: Result<Path<String>, PathRejection>) -> Result<InstanceId, Problem> {
    let Path(text) = path?;
    text.parse()
        .map_err(|_| Problem::bad_request("an instance is named as the list of instances has it"))
}

fn gone() -> Problem {
    Problem::not_found("this instance does not run (any more)")
}
