//! The routes, each with what OpenAPI says of it.
//!
//! | routes | role |
//! |---|---|
//! | `/healthz`, `/readyz`, `/openapi.json`, `/console/...` | none |
//! | reading | `read` |
//! | ending instances, channels and dialogs, messages, drain, log level, reading the configuration again, `/services/NAME/...` (what services answer themselves) | `operate` |
//! | loading, choosing and unloading versions | `deploy` |

mod audit;
mod calls;
mod channels;
mod console;
mod dialogs;
mod health;
mod instances;
mod journals;
mod links;
pub mod logs;
mod messages;
mod metrics;
mod node;
mod parts;
mod process;
mod reload;
mod routes_of_services;
mod services;
mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};

use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use http::{Method, StatusCode, header};
use serde_json::Value;
use strowger_feed::Ladders;
use tokio::sync::Semaphore;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use journals::TellDirectory;
pub use node::{SetLogLevel, Setting, TellLimits};

use crate::access::{self, PresentTokens, Role};
use crate::problem::Problem;
use crate::reload::Reload;
use crate::services::Services;
use crate::switch::Switch;

/// How long a request may take, its body and the compiling of a component included.
pub(crate) const REQUEST: Duration = Duration::from_secs(120);
/// How many components may be on their way in at a time; each takes as much memory as it is large.
const UPLOADS: usize = 2;
/// How many requests may wait for log lines at a time, and how many follow the figures.
const FOLLOWERS: usize = 16;

/// What the interface is about.
#[allow(missing_debug_implementations, reason = "it is made of what others made")]
pub struct Admin {
    /// The node.
    pub switch: Arc<dyn Switch>,
    /// Its services.
    pub services: Arc<Services>,
    /// Who may do what; with none, everybody who reaches the address may do everything.
    pub tokens: PresentTokens,
    /// Reads the configuration again.
    pub reload: Reload,
    /// Sets the least serious level that is logged.
    pub set_log_level: SetLogLevel,
    /// Tells the limits and timers that hold now.
    pub limits: TellLimits,
    /// Whether new users are not admitted any more.
    pub draining: Arc<AtomicBool>,
    /// The latest calls.
    pub ladders: Arc<Ladders>,
    /// How large a component may be, in bytes.
    pub component_bytes: usize,
    /// Tells where journals of calls are kept in files now.
    pub journals: TellDirectory,
    /// How large the body of a request for a service may be, in bytes.
    pub body_bytes: usize,
}

pub(crate) struct Shared {
    pub(crate) admin: Admin,
    uploads: Semaphore,
    followers: Semaphore,
    pulses: Arc<Semaphore>,
    /// The document, where no token is asked for and where one is.
    openapi: [String; 2],
}

type Context = State<Arc<Shared>>;
type Routes = OpenApiRouter<Arc<Shared>>;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Strowger",
        description = "The operator's interface of a Strowger server: its services and their versions, and what runs.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "health", description = "Whether the server runs, and takes users."),
        (name = "server", description = "The server as a whole."),
        (name = "services", description = "Services and the versions that were loaded of them."),
        (name = "channels", description = "Who is connected, or may come back."),
        (name = "calls", description = "The latest calls, and what happened in them."),
        (name = "dialogs", description = "Calls and other dialogs that are alive."),
        (name = "calls", description = "Calls: instances of services with their legs, as they were written down."),
        (name = "links", description = "Links to other nodes."),
        (name = "messages", description = "Messages of the operator to users."),
        (name = "node", description = "The node as a whole."),
        (name = "instances", description = "Running instances of services."),
    ),
)]
struct Document;

/// The routes and what OpenAPI says of them.
fn routes(component_bytes: usize) -> (Routes, Vec<(Role, Routes)>) {
    let open = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz));
    let read = OpenApiRouter::new()
        .routes(routes!(health::figures))
        .routes(routes!(console::caller))
        .routes(routes!(health::pulse))
        .routes(routes!(metrics::metrics))
        .routes(routes!(calls::list))
        .routes(routes!(calls::follow_all))
        .routes(routes!(calls::one))
        .routes(routes!(calls::follow))
        .routes(routes!(services::list))
        .routes(routes!(services::one))
        .routes(routes!(services::versions))
        .routes(routes!(services::version))
        .routes(routes!(logs::lines))
        .routes(routes!(channels::list))
        .routes(routes!(channels::one))
        .routes(routes!(dialogs::list))
        .routes(routes!(dialogs::one))
        .routes(routes!(links::list))
        .routes(routes!(node::limits))
        .routes(routes!(instances::list))
        .routes(routes!(instances::one));
    let operate = OpenApiRouter::new()
        .routes(routes!(instances::end))
        .routes(routes!(journals::journal))
        .routes(routes!(journals::scenario))
        .routes(routes!(reload::reload))
        .routes(routes!(channels::end))
        .routes(routes!(dialogs::end))
        .routes(routes!(messages::send))
        .routes(routes!(node::drain))
        .routes(routes!(node::log_level));
    let deploy = OpenApiRouter::new()
        .routes(routes!(services::load))
        .routes(routes!(services::set_default))
        .routes(routes!(services::roll_back))
        .routes(routes!(services::drain))
        .routes(routes!(services::unload))
        .routes(routes!(services::unload_version))
        .layer(axum::extract::DefaultBodyLimit::max(component_bytes));
    (
        open,
        vec![
            (Role::Read, read),
            (Role::Operate, operate),
            (Role::Deploy, deploy),
        ],
    )
}

/// The whole interface.
pub(crate) fn router(admin: Admin) -> Router {
    process::begin();
    let (mut all, guarded) = routes(admin.component_bytes);
    for (role, part) in guarded {
        let tokens = admin.tokens.clone();
        all = all.merge(part.route_layer(from_fn_with_state((tokens, role), guard)));
    }
    let (router, mut openapi) = all.split_for_parts();
    // A service's answer has a time limit of its own.
    let of_services = Router::new()
        .route("/services/{service}/", any(routes_of_services::ask))
        .route("/services/{service}/{*path}", any(routes_of_services::ask))
        .route_layer(from_fn_with_state((admin.tokens.clone(), Role::Operate), guard));
    describe_token(&mut openapi);
    let shared = Arc::new(Shared {
        openapi: [false, true].map(|has_tokens| told(&openapi, has_tokens)),
        admin,
        uploads: Semaphore::new(UPLOADS),
        followers: Semaphore::new(FOLLOWERS),
        pulses: Arc::new(Semaphore::new(FOLLOWERS)),
    });
    router
        .route("/openapi.json", axum::routing::get(document))
        .merge(console::routes())
        .fallback(async || Problem::not_found("there is nothing here; /openapi.json says what there is"))
        .method_not_allowed_fallback(async |method: Method| {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("{method} is not for this path"),
            )
        })
        .layer(from_fn(in_time))
        .merge(of_services)
        .with_state(shared)
}

fn describe_token(openapi: &mut utoipa::openapi::OpenApi) {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "Needed where the server has tokens, as it must off loopback.",
        ));
    let components = openapi.components.get_or_insert_default();
    components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
}

/// The document; where there are tokens, no route says that it needs none if it does.
fn told(openapi: &utoipa::openapi::OpenApi, has_tokens: bool) -> String {
    let mut document = serde_json::to_value(openapi).unwrap_or_default();
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let operations = paths.filter_map(|(_, path)| path.as_object_mut());
    for (_, operation) in operations.flatten().filter(|_| has_tokens) {
        if let Some(ways) = operation.get_mut("security").and_then(Value::as_array_mut) {
            ways.retain(|way| way.as_object().is_some_and(|way| !way.is_empty()));
        }
    }
    document.to_string()
}

async fn guard(
    State((tokens, role)): State<(PresentTokens, Role)>,
    mut request: Request<Body>,
    next: Next,
) -> Response {
    match access::check(&tokens.get(), role, &request, SystemTime::now()) {
        Ok(caller) => {
            let (method, uri) = (request.method().clone(), request.uri().clone());
            request.extensions_mut().insert(caller.clone());
            let response = next.run(request).await;
            if audit::is_change(&method) {
                audit::note(&caller, &method, &uri, &response);
            }
            response
        }
        Err(problem) => {
            audit::note_refused(request.method(), request.uri(), &problem);
            let is_unknown = problem.status == StatusCode::UNAUTHORIZED.as_u16();
            let mut response = problem.into_response();
            if is_unknown {
                let bearer = http::HeaderValue::from_static("Bearer");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
            }
            response
        }
    }
}

async fn in_time(request: Request<Body>, next: Next) -> Response {
    match tokio::time::timeout(REQUEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(StatusCode::REQUEST_TIMEOUT, "the request took too long").into_response(),
    }
}

async fn document(State(shared): Context) -> Response {
    let json = (header::CONTENT_TYPE, "application/json");
    let [open, guarded] = &shared.openapi;
    let has_tokens = !shared.admin.tokens.get().is_empty();
    let document = if has_tokens { guarded } else { open };
    ([json], document.clone()).into_response()
}

impl Shared {
    fn is_draining(&self) -> bool {
        self.admin.draining.load(Ordering::Acquire)
    }
}

/// Goes on with a change also when who asked for it goes away: half a change is none.
async fn to_the_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, crate::services::ServicesError>> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::spawn(change).await {
        Ok(result) => result.map_err(Problem::from),
        Err(_) => Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "a fault of the server ended the change",
        )),
    }
}
