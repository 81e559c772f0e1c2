//! Running instances.
#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes some"
)]

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use strowger_node::{InstanceFilter, InstanceId, InstanceInfo};
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::channels::millis;
use super::parts::{Named, Part, Wanted, Window};
use crate::names::{Selector, ServiceName};
use crate::problem::Problem;

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
    /// Whether the service has forwarded the call and has no part in it any more.
    forwarded: bool,
}

impl From<InstanceInfo> for InstanceView {
    fn from(info: InstanceInfo) -> Self {
        Self {
            instance: info.id.to_string(),
            service: info.service.to_string(),
            version: info.version.label.clone(),
            age_ms: millis(info.age),
            legs: info.legs,
            timers: info.timers,
            relations: info.relations,
            key: info.key,
            forwarded: info.forwarded,
        }
    }
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
}

/// Running instances, in parts.
#[utoipa::path(get, path = "/v1/instances", tag = "instances", security((), ("token" = [])), params(InstancesQuery, Window), responses(
    (status = 200, description = "a part of the list", body = Part<InstanceView>),
    (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(shared): Context,
    Wanted { filter, from, limit }: Wanted<InstancesQuery>,
) -> Result<Json<Part<InstanceView>>, Problem> {
    let service: Option<ServiceName> = filter.service.map(|name| name.parse()).transpose()?;
    let version = match (&service, filter.version) {
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
    Ok(Part::of(shared.admin.switch.instances(filter, from, limit).await))
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
    Named(id): Named<InstanceId>,
) -> Result<Json<InstanceView>, Problem> {
    Named::<InstanceId>::found(shared.admin.switch.instance(id).await)
}

/// Ends an instance as if it had finished: its legs get BYE or CANCEL, who waits for an answer 500.
#[utoipa::path(delete, path = "/v1/instances/{instance}", tag = "instances", security((), ("token" = [])),
    params(("instance" = String, Path, description = "the instance's name", example = "beef00-2a-1")),
    responses(
        (status = 204, description = "done"),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn end(State(shared): Context, Named(id): Named<InstanceId>) -> Result<StatusCode, Problem> {
    Named::<InstanceId>::ended(shared.admin.switch.end_instance(id).await)
}
