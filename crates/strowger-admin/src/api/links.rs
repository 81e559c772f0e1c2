//! The links that this node dials.
#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes some"
)]

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use strowger_node::{LinkInfo, LinkState};
use utoipa::{IntoParams, ToSchema};

use super::{Context, parts};
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

/// Part of a list of links.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkList {
    /// The links.
    links: Vec<LinkView>,
    /// What to ask with as `after` for more; none at the end.
    next: Option<String>,
}

/// Which links are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LinksQuery {
    /// Where the list goes on: `next` of the part before.
    after: Option<String>,
    /// How many at most. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// The links that this node dials, in parts; of those that failed, the latest 256 of each shard.
#[utoipa::path(get, path = "/v1/links", tag = "links", security((), ("token" = [])), params(LinksQuery), responses(
    (status = 200, description = "a part of the list", body = LinkList),
    (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(shared): Context,
    query: Result<Query<LinksQuery>, QueryRejection>,
) -> Result<Json<LinkList>, Problem> {
    let Query(query) = query?;
    let (limit, from) = (parts::limit(query.limit)?, parts::after(query.after.as_deref())?);
    let page = shared.admin.switch.links(from, limit).await;
    Ok(Json(LinkList {
        links: page.items.into_iter().map(LinkView::from).collect(),
        next: page.next.map(|cursor| cursor.to_string()),
    }))
}
