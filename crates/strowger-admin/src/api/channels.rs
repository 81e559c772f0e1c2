//! Channels: who is connected, or may come back; and how an operator ends one.
#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes some"
)]

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use strowger_node::driver::ChannelSeen;
use strowger_node::{ChannelFilter, ChannelKind, ChannelState, UserId};
use utoipa::{IntoParams, ToSchema};

use super::{Context, parts};
use crate::problem::Problem;

/// What is at the other end of a channel.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(title = "ChannelKind")]
pub(super) enum Kind {
    /// A user who connected.
    User,
    /// Another node that connected.
    Node,
    /// Another node that this one dials.
    Link,
}

/// Where a channel is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(title = "ChannelState")]
pub(super) enum ChannelStanding {
    /// It has a socket.
    Open,
    /// It waits for the next socket.
    Retained,
    /// A link that is being dialled.
    Connecting,
    /// A link that is dialled again in a while.
    Waiting,
}

impl From<Kind> for ChannelKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::User => Self::User,
            Kind::Node => Self::Node,
            Kind::Link => Self::Link,
        }
    }
}

impl From<ChannelStanding> for ChannelState {
    fn from(state: ChannelStanding) -> Self {
        match state {
            ChannelStanding::Open => Self::Open,
            ChannelStanding::Retained => Self::Retained,
            ChannelStanding::Connecting => Self::Connecting,
            ChannelStanding::Waiting => Self::Waiting,
        }
    }
}

/// A channel.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Channel")]
pub(super) struct ChannelView {
    /// Its name: the userid of who connected, or `host:port` of a link.
    #[schema(example = "alice@example.com")]
    channel: String,
    /// What is at its other end.
    kind: Kind,
    /// Where it is.
    state: ChannelStanding,
    /// How long it has been there, in milliseconds; a new socket counts anew.
    state_ms: u64,
    /// Messages in its outbox.
    outbox_messages: usize,
    /// Bytes of text in its outbox.
    outbox_bytes: usize,
    /// How long the oldest message that its peer never acknowledged has been there, in milliseconds.
    outbox_age_ms: Option<u64>,
    /// Its live dialogs.
    dialogs: usize,
    /// The address of its socket; none where there is no socket, and for links.
    #[schema(example = "192.0.2.7:50412")]
    peer: Option<String>,
}

impl From<ChannelSeen> for ChannelView {
    fn from(seen: ChannelSeen) -> Self {
        let look = seen.look;
        Self {
            channel: look.name,
            kind: match look.kind {
                ChannelKind::User => Kind::User,
                ChannelKind::Node => Kind::Node,
                ChannelKind::Link => Kind::Link,
            },
            state: match look.state {
                ChannelState::Open => ChannelStanding::Open,
                ChannelState::Retained => ChannelStanding::Retained,
                ChannelState::Connecting => ChannelStanding::Connecting,
                ChannelState::Waiting => ChannelStanding::Waiting,
            },
            state_ms: millis(look.age),
            outbox_messages: look.outbox_messages,
            outbox_bytes: look.outbox_bytes,
            outbox_age_ms: look.outbox_age.map(millis),
            dialogs: seen.dialogs,
            peer: seen.peer.map(|peer| peer.to_string()),
        }
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Part of a list of channels.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChannelList {
    /// The channels; fewer than asked for, even none, do not mean that the list ends.
    channels: Vec<ChannelView>,
    /// What to ask with as `after` for more; none at the end.
    next: Option<String>,
}

/// Which channels are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ChannelsQuery {
    /// Those whose names begin so.
    name: Option<String>,
    /// Those with this at the other end.
    #[param(inline)]
    kind: Option<Kind>,
    /// Those that are there.
    #[param(inline)]
    state: Option<ChannelStanding>,
    /// Where the list goes on: `next` of the part before.
    after: Option<String>,
    /// How many at most. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Channels, in parts.
#[utoipa::path(get, path = "/v1/channels", tag = "channels", security((), ("token" = [])), params(ChannelsQuery), responses(
    (status = 200, description = "a part of the list", body = ChannelList),
    (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(shared): Context,
    query: Result<Query<ChannelsQuery>, QueryRejection>,
) -> Result<Json<ChannelList>, Problem> {
    let Query(query) = query?;
    let (limit, from) = (parts::limit(query.limit)?, parts::after(query.after.as_deref())?);
    let filter = ChannelFilter {
        name: query.name,
        kind: query.kind.map(ChannelKind::from),
        state: query.state.map(ChannelState::from),
    };
    let page = shared.admin.switch.channels(filter, from, limit).await;
    Ok(Json(ChannelList {
        channels: page.items.into_iter().map(ChannelView::from).collect(),
        next: page.next.map(|cursor| cursor.to_string()),
    }))
}

/// The channel of a user or of a node that connected.
#[utoipa::path(get, path = "/v1/channels/{name}", tag = "channels", security((), ("token" = [])),
    params(("name" = String, Path, description = "the userid", example = "alice@example.com")),
    responses(
        (status = 200, description = "the channel", body = ChannelView),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn one(
    State(shared): Context,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<ChannelView>, Problem> {
    let seen = shared.admin.switch.channel(name(path)?).await;
    seen.map(|seen| Json(seen.into())).ok_or_else(gone)
}

/// Ends a user's channel with all its dialogs. Its socket is closed with 1008; the user may come back as anybody may come.
#[utoipa::path(delete, path = "/v1/channels/{name}", tag = "channels", security((), ("token" = [])),
    params(("name" = String, Path, description = "the userid", example = "alice@example.com")),
    responses(
        (status = 204, description = "done"),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn end(
    State(shared): Context,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    if shared.admin.switch.end_channel(name(path)?).await {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(gone())
    }
}

fn name(path: Result<Path<String>, PathRejection>) -> Result<UserId, Problem> {
    let Path(text) = path?;
    userid(&text)
}

/// A name as channels have it.
pub(super) fn userid(text: &str) -> Result<UserId, Problem> {
    UserId::new(text).map_err(|error| Problem::bad_request(format!("it is no userid: {error}")))
}

fn gone() -> Problem {
    Problem::not_found("nobody of this name is connected or may come back")
}
