//! Live dialogs, and how an operator ends one.
#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes some"
)]

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use strowger_node::driver::DialogSeen;
use strowger_node::{Awaited, DialogFilter, DialogRef, End, Line, Noted, Open, UserId};
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::channels::millis;
use super::parts::{self, Named, Part, Wanted, Window};
use crate::names::ServiceName;
use crate::problem::Problem;

/// A dialog: one leg of an instance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Dialog")]
pub(super) struct DialogView {
    /// Its name; no other dialog ever has it.
    #[schema(example = "beef00-2a-1")]
    dialog: String,
    /// Its `DialogueID`, by which its channel knows it.
    dialog_id: String,
    /// The name of its channel; none until that is known.
    channel: Option<String>,
    /// The state of its session; `Transaction` outside of one.
    #[schema(example = "Established")]
    state: String,
    /// Whether the peer of the channel began it.
    begun_by_peer: bool,
    /// The `From` of its first request; none if it is longer than 255 bytes.
    from: Option<String>,
    /// The `To` likewise.
    to: Option<String>,
    /// How many seconds a session lives unless it is refreshed.
    expires_s: Option<u64>,
    /// Requests that are not done, at most 16.
    open: Vec<OpenView>,
    /// The timers that run for it, at most 16; most stand still while the channel has no socket.
    timers: Vec<TimerView>,
    /// The instance whose leg it is.
    instance: Option<String>,
    /// The service of that instance.
    service: Option<String>,
    /// Only where one dialog is asked for: the dialogs of the instance, this one included.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    legs: Vec<String>,
    /// Likewise: in how many milliseconds each timer of the instance fires.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    instance_timers_ms: Vec<u64>,
    /// Likewise: its latest messages, the oldest first, as many as `admin.dialog_messages` has kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<PassedView>,
}

/// A message that passed; nothing of what was in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "DialogMessage")]
pub(super) struct PassedView {
    /// How long ago, in milliseconds.
    ago_ms: u64,
    /// Who sent it: `peer` or `server`.
    from: &'static str,
    /// The method of a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "INVITE")]
    method: Option<String>,
    /// The code of a response.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 180)]
    code: Option<u16>,
    /// Its sequence number; a response has that of its request.
    cseq: u64,
}

impl From<(Duration, Noted)> for PassedView {
    fn from((ago, passed): (Duration, Noted)) -> Self {
        let (method, code) = match passed.line {
            Line::Request(method) => (Some(method.to_string()), None),
            Line::Response(code) => (None, Some(code.as_u16())),
        };
        Self {
            ago_ms: millis(ago),
            from: if passed.by_peer { "peer" } else { "server" },
            method,
            code,
            cseq: passed.cseq.get(),
        }
    }
}

/// A request that is not done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "OpenRequest")]
pub(super) struct OpenView {
    /// Its method.
    #[schema(example = "INVITE")]
    method: String,
    /// Its sequence number.
    cseq: u64,
    /// Who sent it: `peer` or `server`.
    from: &'static str,
    /// What it waits for: `response` or `ack`.
    awaits: &'static str,
}

/// A timer that runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Timer")]
pub(super) struct TimerView {
    /// What it guards: `session` (its state), `refresh`, `request` (one of ours without a response) or `response` (one that
    /// the instance owes).
    guards: &'static str,
    /// In how many milliseconds it is due.
    due_ms: u64,
}

impl From<Open> for OpenView {
    fn from(open: Open) -> Self {
        Self {
            method: open.method.to_string(),
            cseq: open.cseq.get(),
            from: match open.from {
                End::Local => "peer",
                End::Remote => "server",
            },
            awaits: match open.awaits {
                Awaited::Response => "response",
                Awaited::Ack => "ack",
            },
        }
    }
}

impl From<DialogSeen> for DialogView {
    fn from(seen: DialogSeen) -> Self {
        let look = seen.look;
        let (instance, service) = look.instance.unzip();
        let timer = |(guards, left)| TimerView {
            guards,
            due_ms: millis(left),
        };
        Self {
            dialog: look.id.to_string(),
            dialog_id: look.dialog.as_str().to_owned(),
            channel: seen.channel,
            state: look.state.to_owned(),
            begun_by_peer: look.begun_by_peer,
            from: look.from,
            to: look.to,
            expires_s: look.expires,
            open: look.open.into_iter().map(OpenView::from).collect(),
            timers: look.timers.into_iter().map(timer).collect(),
            instance: instance.map(|id| id.to_string()),
            service: service.map(|name| name.to_string()),
            legs: look.legs.iter().map(ToString::to_string).collect(),
            instance_timers_ms: look.instance_timers.into_iter().map(millis).collect(),
            messages: look.messages.into_iter().map(PassedView::from).collect(),
        }
    }
}

/// Which dialogs are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DialogsQuery {
    /// Those on the channel of a user.
    user: Option<String>,
    /// Those of instances of a service.
    service: Option<String>,
    /// Those in a state, `Established` for one; `Transaction` is the state outside of a session.
    state: Option<String>,
}

/// Live dialogs, in parts.
#[utoipa::path(get, path = "/v1/dialogs", tag = "dialogs", security((), ("token" = [])), params(DialogsQuery, Window), responses(
    (status = 200, description = "a part of the list", body = Part<DialogView>),
    (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(shared): Context,
    Wanted { filter, from, limit }: Wanted<DialogsQuery>,
) -> Result<Json<Part<DialogView>>, Problem> {
    let user = filter.user.as_deref().map(parts::name::<UserId>).transpose()?;
    let service: Option<ServiceName> = filter.service.map(|name| name.parse()).transpose()?;
    let filter = DialogFilter {
        channel: None,
        service: service.map(|name| name.to_string()),
        state: filter.state,
    };
    Ok(Part::of(
        shared.admin.switch.dialogs(user, filter, from, limit).await,
    ))
}

/// One dialog, with its latest messages, and the legs and timers of its instance.
#[utoipa::path(get, path = "/v1/dialogs/{dialog}", tag = "dialogs", security((), ("token" = [])),
    params(("dialog" = String, Path, description = "the dialog's name", example = "beef00-2a-1")),
    responses(
        (status = 200, description = "the dialog", body = DialogView),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn one(
    State(shared): Context,
    Named(id): Named<DialogRef>,
) -> Result<Json<DialogView>, Problem> {
    Named::<DialogRef>::found(shared.admin.switch.dialog(id).await)
}

/// Ends a dialog: its peer gets BYE, CANCEL or 480, and for its instance it is as if the peer had hung up.
#[utoipa::path(delete, path = "/v1/dialogs/{dialog}", tag = "dialogs", security((), ("token" = [])),
    params(("dialog" = String, Path, description = "the dialog's name", example = "beef00-2a-1")),
    responses(
        (status = 204, description = "done"),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn end(State(shared): Context, Named(id): Named<DialogRef>) -> Result<StatusCode, Problem> {
    Named::<DialogRef>::ended(shared.admin.switch.end_dialog(id).await)
}
