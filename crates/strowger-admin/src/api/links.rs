//! The links that this node dials.
#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes some"
)]

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use strowger_node::{LinkInfo, LinkState};
use utoipa::ToSchema;

use super::Context;
use super::parts::{Part, Wanted, Window};
use crate::problem::Problem;

/// A link to another node.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Link")]
pub(super) struct LinkView {
    /// The other node's host.
    #[schema(example = "node2.example.com")]
    host: String,
    /// The other node's port.
    port: u16,
    /// `up`, `connecting`, `waiting` (it is dialled again in a while) or `failed` (given up, until somebody is called there).
    state: &'static str,
    /// How many times it was dialled without success, where it waits.
    retries: Option<usize>,
    /// Why it is not up; none if nothing went wrong so far.
    reason: Option<String>,
}

impl From<LinkInfo> for LinkView {
    fn from(info: LinkInfo) -> Self {
        let (state, retries) = match info.state {
            LinkState::Up => ("up", None),
            LinkState::Connecting => ("connecting", None),
            LinkState::Waiting { retry } => ("waiting", Some(retry)),
            LinkState::Failed => ("failed", None),
        };
        Self {
            host: info.host,
            port: info.port,
            state,
            retries,
            reason: Some(info.reason).filter(|reason| !reason.is_empty()),
        }
    }
}

/// All links are wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AllLinks {}

/// The links that this node dials, in parts; of those that failed, the latest 256 of each shard.
#[utoipa::path(get, path = "/v1/links", tag = "links", security((), ("token" = [])), params(Window), responses(
    (status = 200, description = "a part of the list", body = Part<LinkView>),
    (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(shared): Context,
    Wanted { from, limit, .. }: Wanted<AllLinks>,
) -> Json<Part<LinkView>> {
    Part::of(shared.admin.switch.links(from, limit).await)
}
