//! Whether the server runs, takes users, and how much it does.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes some"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use strowger_node::Histogram;
use strowger_node::driver::Figures;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval};
use utoipa::{IntoParams, ToSchema};

use super::stream::{self, Answers, Frames};
use super::{Context, Shared};
use crate::access::Caller;
use crate::problem::Problem;

/// Whether the process runs.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "`ok`", body = String)))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether new users are admitted.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "`ready`", body = String),
    (status = 503, description = "`draining`", body = String),
))]
pub(super) async fn readyz(State(shared): Context) -> (StatusCode, &'static str) {
    if shared.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}

/// Figures of the node. Counts only grow, from 0 at its start.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Figures")]
pub(super) struct NodeFigures {
    /// Channels, open or retained.
    channels: usize,
    /// Sockets.
    sockets: usize,
    /// Dialogs that are alive.
    dialogs: usize,
    /// Dialogs and what is left of them for absorbing repeats.
    dialog_records: usize,
    /// Instances.
    instances: usize,
    /// Links that have a socket.
    links_up: usize,
    /// Links that are being dialled.
    links_connecting: usize,
    /// Links that are dialled again in a while.
    links_waiting: usize,
    /// Links that failed for good.
    links_failed: usize,
    /// Messages that came in.
    messages_received: u64,
    /// Messages handed to outboxes.
    messages_sent: u64,
    /// Instances started.
    instances_started: u64,
    /// Instances that failed.
    instances_failed: u64,
    /// Instances that went over to another version.
    instances_moved: u64,
    /// Instances that could not.
    instances_not_moved: u64,
    /// Requests for which no service or instance was found (404).
    not_found: u64,
    /// Requests refused because too many instances ran or the node drained (503).
    unavailable: u64,
    /// First requests whose destination was nobody (480).
    unreachable: u64,
    /// Requests refused because too much waited for their recipient (503).
    no_room: u64,
    /// Requests refused because their Max-Forwards was used up (483).
    too_many_hops: u64,
    /// Commands of services that were not carried out.
    commands_refused: u64,
    /// Requests that no grant covers (403).
    forbidden: u64,
    /// Requests refused because their sender sent too many (503).
    rate_limited: u64,
    /// Requests refused by the session (400, 481, 491).
    illegal_requests: u64,
    /// Requests that came again and were absorbed.
    retransmissions: u64,
    /// The time that batches of messages took, services left out; one batch in sixteen is measured.
    in_stack: Times,
    /// The same in services, by their names.
    in_services: BTreeMap<String, Times>,
}

/// How long something took.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Times {
    /// How often it was measured.
    count: u64,
    /// All of it together, in microseconds.
    sum_us: f64,
    /// The median, in microseconds; none where nothing was measured. In a stream: of the time since the figures before.
    p50_us: Option<f64>,
    /// What one in a hundred was longer than, likewise.
    p99_us: Option<f64>,
}

impl Times {
    fn of(all: &Histogram, before: Option<&Histogram>) -> Self {
        let lately = before.map_or(*all, |before| all.since(before));
        let micros = |span: Duration| span.as_secs_f64() * 1e6;
        Self {
            count: all.count(),
            sum_us: micros(all.sum()),
            p50_us: lately.quantile(0.5).map(micros),
            p99_us: lately.quantile(0.99).map(micros),
        }
    }
}

impl NodeFigures {
    /// The figures as they are, with medians since those `before`, or since the start.
    pub(super) fn of(figures: &Figures, before: Option<&Figures>) -> Self {
        let counters = &figures.counters;
        let times = |(service, times): (&Arc<str>, &Histogram)| {
            let before = before.and_then(|before| before.in_services.get(service));
            (service.to_string(), Times::of(times, before))
        };
        Self {
            channels: figures.channels,
            sockets: figures.sockets,
            dialogs: figures.dialogs,
            dialog_records: figures.records,
            instances: figures.instances,
            links_up: figures.links.up,
            links_connecting: figures.links.connecting,
            links_waiting: figures.links.waiting,
            links_failed: figures.links.failed,
            messages_received: counters.messages_received,
            messages_sent: counters.messages_sent,
            instances_started: counters.instances_started,
            instances_failed: counters.instances_failed,
            instances_moved: counters.instances_moved,
            instances_not_moved: counters.instances_not_moved,
            not_found: counters.not_found,
            unavailable: counters.unavailable,
            unreachable: counters.unreachable,
            no_room: counters.no_room,
            too_many_hops: counters.too_many_hops,
            commands_refused: counters.commands_refused,
            forbidden: counters.forbidden,
            rate_limited: figures.channel_counters.rate_limited,
            illegal_requests: figures.stack_counters.illegal_requests,
            retransmissions: figures.stack_counters.retransmissions,
            in_stack: Times::of(&figures.in_stack, before.map(|before| &before.in_stack)),
            in_services: figures.in_services.iter().map(times).collect(),
        }
    }
}

/// The node's figures.
#[utoipa::path(get, path = "/figures", tag = "health", security((), ("token" = [])), responses(
    (status = 200, description = "the figures", body = NodeFigures),
    (status = "4XX", description = "why not", body = crate::problem::Problem, content_type = "application/problem+json"),
))]
pub(super) async fn figures(State(shared): Context) -> Json<NodeFigures> {
    Json(NodeFigures::of(&shared.admin.switch.figures().await, None))
}

/// How often figures are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Pace {
    /// After how many milliseconds the next ones come. Default 1,000.
    #[param(minimum = 200, maximum = 60000)]
    every_ms: Option<u64>,
}

/// Figures with the time at which they held.
#[derive(Serialize)]
struct Timed {
    at_ms: f64,
    #[serde(flatten)]
    figures: NodeFigures,
}

/// The figures of one who wants them again and again.
struct Pulse {
    shared: Arc<Shared>,
    pace: Interval,
    before: Option<Figures>,
    _permit: OwnedSemaphorePermit,
}

impl Frames for Pulse {
    async fn next(&mut self) -> Option<String> {
        self.pace.tick().await;
        let figures = self.shared.admin.switch.figures().await;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let timed = Timed {
            at_ms: since.as_micros() as f64 / 1000.0,
            figures: NodeFigures::of(&figures, self.before.as_ref()),
        };
        self.before = Some(figures);
        Some(stream::frame("figures", None, &timed))
    }
}

/// The node's figures again and again, as server-sent events: `figures` with what `GET /figures` answers and `at_ms`, the time in milliseconds since
/// 1970; medians are those since the event before.
#[utoipa::path(get, path = "/v1/figures/stream", tag = "health", security((), ("token" = [])), params(Pace),
    responses(Answers))]
pub(super) async fn pulse(
    State(shared): Context,
    Extension(caller): Extension<Caller>,
    query: Result<Query<Pace>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Pace { every_ms }) = query?;
    let every = every_ms.unwrap_or(1000);
    if !(200..=60_000).contains(&every) {
        return Err(Problem::bad_request("`every_ms` must be from 200 to 60000"));
    }
    let permit = Arc::clone(&shared.pulses).try_acquire_owned();
    let permit = permit.map_err(|_| Problem::busy("too many follow the figures"))?;
    let mut pace = interval(Duration::from_millis(every));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let pulse = Pulse {
        shared,
        pace,
        before: None,
        _permit: permit,
    };
    Ok(stream::response(pulse, &caller))
}
