//! Channels: who is connected, or may come back; and how an operator ends one.
#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes some"
)]

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use strowger_node::driver::ChannelSeen;
use strowger_node::{ChannelFilter, ChannelKind, ChannelState, UserId};
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::parts::{Named, Part, Wanted, Window};
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
}

/// Channels, in parts.
#[utoipa::path(get, path = "/v1/channels", tag = "channels", security((), ("token" = [])), params(ChannelsQuery, Window), responses(
    (status = 200, description = "a part of the list", body = Part<ChannelView>),
    (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(shared): Context,
    Wanted { filter, from, limit }: Wanted<ChannelsQuery>,
) -> Json<Part<ChannelView>> {
    let filter = ChannelFilter {
        name: filter.name,
        kind: filter.kind.map(ChannelKind::from),
        state: filter.state.map(ChannelState::from),
    };
    Part::of(shared.admin.switch.channels(filter, from, limit).await)
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
    Named(name): Named<UserId>,
) -> Result<Json<ChannelView>, Problem> {
    Named::<UserId>::found(shared.admin.switch.channel(name).await)
}

/// Ends a user's channel with all its dialogs. Its socket is closed with 1008; the user may come back as anybody may come.
#[utoipa::path(delete, path = "/v1/channels/{name}", tag = "channels", security((), ("token" = [])),
    params(("name" = String, Path, description = "the userid", example = "alice@example.com")),
    responses(
        (status = 204, description = "done"),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn end(State(shared): Context, Named(name): Named<UserId>) -> Result<StatusCode, Problem> {
    Named::<UserId>::ended(shared.admin.switch.end_channel(name).await)
}
