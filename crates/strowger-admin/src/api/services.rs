//! Services and their versions.
#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes some"
)]

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest as _, Path, Query, Request, State};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Context, to_the_end};
use crate::loader::Package;
use crate::names::{Label, Selector, ServiceName};
use crate::problem::Problem;
use crate::services::{LoadRequest, UnloadRequest};
use crate::view::{ServiceView, VersionView};

type Parsed<T> = Result<Path<T>, PathRejection>;
type Asked<T> = Result<Query<T>, QueryRejection>;

/// All services.
#[utoipa::path(get, path = "/v1/services", tag = "services", security((), ("token" = [])), responses(
    (status = 200, description = "the services, by name", body = Vec<ServiceView>),
    (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(State(shared): Context) -> Json<Vec<ServiceView>> {
    Json(shared.admin.services.list().await)
}

/// One service.
#[utoipa::path(get, path = "/v1/services/{service}", tag = "services", security((), ("token" = [])),
    params(("service" = String, Path, description = "the service's name", example = "rooms")),
    responses(
        (status = 200, description = "the service", body = ServiceView),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn one(State(shared): Context, path: Parsed<String>) -> Result<Json<ServiceView>, Problem> {
    Ok(Json(shared.admin.services.service(&name(path)?).await?))
}

/// The versions of a service.
#[utoipa::path(get, path = "/v1/services/{service}/versions", tag = "services", security((), ("token" = [])),
    params(("service" = String, Path, description = "the service's name", example = "rooms")),
    responses(
        (status = 200, description = "its versions, in the order in which they were loaded", body = Vec<VersionView>),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn versions(
    State(shared): Context,
    path: Parsed<String>,
) -> Result<Json<Vec<VersionView>>, Problem> {
    let service = shared.admin.services.service(&name(path)?).await?;
    Ok(Json(service.versions))
}

/// One version of a service.
#[utoipa::path(get, path = "/v1/services/{service}/versions/{version}", tag = "services", security((), ("token" = [])),
    params(
        ("service" = String, Path, description = "the service's name", example = "rooms"),
        ("version" = String, Path, description = "its label, its digest, or at least the first 6 digits of it", example = "1.4.0"),
    ),
    responses(
        (status = 200, description = "the version", body = VersionView),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn version(
    State(shared): Context,
    path: Parsed<(String, String)>,
) -> Result<Json<VersionView>, Problem> {
    let (service, selector) = name_and_version(path)?;
    Ok(Json(shared.admin.services.version(&service, &selector).await?))
}

/// How a version is loaded.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LoadQuery {
    /// What to call the version: letters, digits, `.`, `_`, `+` and `-`, at most 64. Without it, the first 12 digits of its digest.
    label: Option<String>,
    /// Whether new instances get it at once. Default true.
    default: Option<bool>,
}

/// Where somebody's signature of a component stands: 64 bytes of Ed25519, as Base64.
const SIGNATURE: &str = "strowger-signature";

/// Loads a version. The body is a WebAssembly component; it is compiled, and makes a first instance, before anything changes.
#[utoipa::path(post, path = "/v1/services/{service}/versions", tag = "services", security((), ("token" = [])),
    params(
        ("service" = String, Path, description = "the service's name", example = "rooms"),
        LoadQuery,
        ("Strowger-Signature" = Option<String>, Header, description = "where signatures are demanded: of Ed25519, as Base64"),
    ),
    request_body(content = inline(Vec<u8>), content_type = "application/wasm", description = "the component"),
    responses(
        (status = 201, description = "the new version", body = VersionView),
        (status = 200, description = "the version, which was loaded before", body = VersionView),
        (status = 409, description = "the label is another version's", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "it is too large", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "it can be no service", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn load(
    State(shared): Context,
    path: Parsed<String>,
    query: Asked<LoadQuery>,
    request: Request,
) -> Result<(StatusCode, Json<VersionView>), Problem> {
    let (service, Query(query)) = (name(path)?, query?);
    let label: Option<Label> = query.label.map(|label| label.parse()).transpose()?;
    let Ok(_permit) = shared.uploads.try_acquire() else {
        return Err(Problem::busy("other versions are being loaded"));
    };
    let signature = signature(request.headers())?;
    let bytes = component(request, shared.admin.component_bytes).await?;
    let request = LoadRequest {
        service,
        package: Package { bytes, signature },
        label,
        make_default: query.default.unwrap_or(true),
    };
    let services = Arc::clone(&shared.admin.services);
    let (version, is_new) = to_the_end(async move { services.load(request).await }).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(version)))
}

fn signature(headers: &HeaderMap) -> Result<Option<Bytes>, Problem> {
    let Some(text) = headers.get(SIGNATURE) else {
        return Ok(None);
    };
    match BASE64_STANDARD.decode(text) {
        Ok(signature) => Ok(Some(signature.into())),
        Err(error) => Err(Problem::bad_request(format!(
            "`{SIGNATURE}` is no Base64: {error}"
        ))),
    }
}

async fn component(request: Request, most: usize) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &()).await.map_err(|rejection| {
        let mut problem = Problem::from(rejection);
        if problem.status == StatusCode::PAYLOAD_TOO_LARGE.as_u16() {
            problem.detail =
                format!("a component may have {most} bytes at most (`services.component_bytes`)");
        }
        problem
    })
}

/// Which version new instances get.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DefaultVersion {
    /// Its label, its digest, at least the first 6 digits of it, or `built-in`.
    #[schema(example = "1.4.0")]
    version: String,
}

/// Gives new instances another version. Running ones go on as they are.
#[utoipa::path(put, path = "/v1/services/{service}/default", tag = "services", security((), ("token" = [])),
    params(("service" = String, Path, description = "the service's name", example = "rooms")),
    request_body = DefaultVersion,
    responses(
        (status = 200, description = "the service", body = ServiceView),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn set_default(
    State(shared): Context,
    path: Parsed<String>,
    body: Result<Json<DefaultVersion>, JsonRejection>,
) -> Result<Json<ServiceView>, Problem> {
    let (service, Json(body)) = (name(path)?, body?);
    let selector: Selector = body.version.parse()?;
    let services = Arc::clone(&shared.admin.services);
    let view = to_the_end(async move { services.set_default(&service, &selector).await }).await?;
    Ok(Json(view))
}

/// Gives new instances what they got before the last change; once more goes one change further back.
#[utoipa::path(post, path = "/v1/services/{service}/rollback", tag = "services", security((), ("token" = [])),
    params(("service" = String, Path, description = "the service's name", example = "rooms")),
    responses(
        (status = 200, description = "the service", body = ServiceView),
        (status = 409, description = "there is nothing to go back to", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn roll_back(
    State(shared): Context,
    path: Parsed<String>,
) -> Result<Json<ServiceView>, Problem> {
    let service = name(path)?;
    let services = Arc::clone(&shared.admin.services);
    let view = to_the_end(async move { services.roll_back(&service).await }).await?;
    Ok(Json(view))
}

/// Makes no new instances of a loaded service; running ones finish. Its versions are kept. What is built in under the same name
/// takes its place.
#[utoipa::path(post, path = "/v1/services/{service}/drain", tag = "services", security((), ("token" = [])),
    params(("service" = String, Path, description = "the service's name", example = "rooms")),
    responses(
        (status = 202, description = "the service; its instances say how many are left", body = ServiceView),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn drain(
    State(shared): Context,
    path: Parsed<String>,
) -> Result<(StatusCode, Json<ServiceView>), Problem> {
    let service = name(path)?;
    let services = Arc::clone(&shared.admin.services);
    let view = to_the_end(async move { services.drain(&service).await }).await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// How something is unloaded.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UnloadQuery {
    /// Whether the versions are forgotten and their files deleted. Default false: they can be made the default again.
    delete: Option<bool>,
    /// Whether instances that run on them are ended. Default false: they forbid it.
    end: Option<bool>,
}

/// Unloads a service: no new instances of its loaded versions, and none that runs.
#[utoipa::path(delete, path = "/v1/services/{service}", tag = "services", security((), ("token" = [])),
    params(("service" = String, Path, description = "the service's name", example = "rooms"), UnloadQuery),
    responses(
        (status = 204, description = "done"),
        (status = 409, description = "instances run, or the service is not loaded", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn unload(
    State(shared): Context,
    path: Parsed<String>,
    query: Asked<UnloadQuery>,
) -> Result<StatusCode, Problem> {
    let service = name(path)?;
    unload_some(&shared, service, None, query?.0).await
}

/// Unloads one version that is not the default: none of its instances runs.
#[utoipa::path(delete, path = "/v1/services/{service}/versions/{version}", tag = "services", security((), ("token" = [])),
    params(
        ("service" = String, Path, description = "the service's name", example = "rooms"),
        ("version" = String, Path, description = "its label, its digest, or at least the first 6 digits of it", example = "1.4.0"),
        UnloadQuery,
    ),
    responses(
        (status = 204, description = "done"),
        (status = 409, description = "instances run, or it is the default", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn unload_version(
    State(shared): Context,
    path: Parsed<(String, String)>,
    query: Asked<UnloadQuery>,
) -> Result<StatusCode, Problem> {
    let (service, selector) = name_and_version(path)?;
    unload_some(&shared, service, Some(selector), query?.0).await
}

async fn unload_some(
    shared: &super::Shared,
    service: ServiceName,
    version: Option<Selector>,
    query: UnloadQuery,
) -> Result<StatusCode, Problem> {
    let request = UnloadRequest {
        service,
        version,
        delete: query.delete.unwrap_or(false),
        end: query.end.unwrap_or(false),
    };
    let services = Arc::clone(&shared.admin.services);
    to_the_end(async move { services.unload(request).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn name(path: Parsed<String>) -> Result<ServiceName, Problem> {
    Ok(path?.0.parse()?)
}

fn name_and_version(path: Parsed<(String, String)>) -> Result<(ServiceName, Selector), Problem> {
    let Path((service, version)) = path?;
    Ok((service.parse()?, version.parse()?))
}
