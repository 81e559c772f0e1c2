//! Whether the server runs, takes users, and how much it does.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use strowger_node::driver::Figures;
use utoipa::ToSchema;

use super::Context;

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
}

impl From<Figures> for NodeFigures {
    fn from(figures: Figures) -> Self {
        let counters = figures.counters;
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
        }
    }
}

/// The node's figures.
#[utoipa::path(get, path = "/figures", tag = "health", security((), ("token" = [])), responses(
    (status = 200, description = "the figures", body = NodeFigures),
    (status = "4XX", description = "why not", body = crate::problem::Problem, content_type = "application/problem+json"),
))]
pub(super) async fn figures(State(shared): Context) -> Json<NodeFigures> {
    Json(shared.admin.switch.figures().await.into())
}
