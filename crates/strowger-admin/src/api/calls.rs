//! The latest calls and their ladders.
#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes some"
)]

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::response::Response;
use http::HeaderMap;
use serde::{Deserialize, Serialize, Serializer};
use strowger_feed::{CallView, Event, Follow, FollowError, Following, Ladders, Told, Wanted};
use utoipa::{IntoParams, ToSchema};

use super::stream::{self, Answers, Frames};
use super::{Context, Shared};
use crate::access::{Caller, Role};
use crate::problem::Problem;

/// How many calls are told at a time at most.
const MOST: usize = 1000;
/// How many, if nobody says.
const USUAL: usize = 100;
/// The longest name that is looked for, in bytes.
const NAME: usize = 255;
/// How many things go into one piece of an answer that goes on.
const TOGETHER: usize = 256;

/// Part of the list of calls.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallPart {
    /// The calls, the latest first.
    items: Vec<CallView>,
    /// What to ask with as `after` for more; none at the end.
    next: Option<String>,
}

/// A call with what happened in it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ladder {
    #[serde(flatten)]
    call: CallView,
    /// What happened, in order.
    list: Vec<EventView>,
}

/// Something that happened in a call, as it is told to who asks.
#[derive(Debug, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = EventDocument)]
pub(super) struct EventView(#[serde(serialize_with = "whole")] Arc<Event>);

fn whole<S: Serializer>(event: &Arc<Event>, serializer: S) -> Result<S::Ok, S::Error> {
    Event::serialize(event, serializer)
}

/// Something that happened in a call. Its kind says which further members there are; `docs/admin.md` lists them.
#[derive(ToSchema)]
#[schema(title = "Event", as = Event)]
#[expect(dead_code, reason = "it is for the document; what is written is an `Event`")]
struct EventDocument {
    /// Counts the events of the call, from 1.
    seq: u64,
    /// When, in milliseconds since 1970.
    at_ms: f64,
    /// The call.
    call: String,
    /// The dialog in which it happened; none where it happened to the whole call.
    dialog: Option<String>,
    /// Who is at the other end of that.
    party: Option<String>,
    /// What happened.
    #[schema(example = "received")]
    kind: String,
}

/// Which calls are wanted, and which part of the list of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CallsQuery {
    /// Those in which a user takes part; without an `@`, users whose names begin so.
    user: Option<String>,
    /// Those of a service.
    service: Option<String>,
    /// `true`: those that live; `false`: those that are over.
    live: Option<bool>,
    /// Where the list goes on: `next` of the part before.
    after: Option<String>,
    /// How many at most. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// The latest calls, in parts, the latest first. Asking for them makes the node look for the next ten minutes, where it does not anyway.
#[utoipa::path(get, path = "/v1/calls", tag = "calls", security((), ("token" = [])), params(CallsQuery), responses(
    (status = 200, description = "a part of the list", body = CallPart),
    (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(shared): Context,
    query: Result<Query<CallsQuery>, QueryRejection>,
) -> Result<Json<CallPart>, Problem> {
    let Query(query) = query?;
    let limit = query.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::bad_request(format!("`limit` must be from 1 to {MOST}")));
    }
    let before = query.after.as_deref().map(place).transpose()?;
    let wanted = Wanted {
        user: named("user", query.user)?,
        service: named("service", query.service)?,
        live: query.live,
    };
    let calls = ladders(&shared)?.list(&wanted, before, limit);
    Ok(Json(CallPart {
        items: calls.items,
        next: calls.next.map(|place| format!("{place:x}")),
    }))
}

fn place(after: &str) -> Result<u64, Problem> {
    let place = u64::from_str_radix(after, 16).ok();
    // One text for one place: no signs, no capitals, no zeros in front.
    place
        .filter(|place| format!("{place:x}") == after)
        .ok_or_else(|| Problem::bad_request("`after` must be the `next` of another part"))
}

fn named(key: &str, name: Option<String>) -> Result<Option<String>, Problem> {
    if name.as_ref().is_some_and(|name| name.len() > NAME) {
        return Err(Problem::bad_request(format!(
            "`{key}` must not be longer than {NAME} bytes"
        )));
    }
    Ok(name)
}

fn ladders(shared: &Shared) -> Result<&Arc<Ladders>, Problem> {
    let ladders = &shared.admin.ladders;
    if ladders.are_kept() {
        Ok(ladders)
    } else {
        Err(Problem::not_found("no calls are kept: `calls.kept` is 0"))
    }
}

/// One call, with what happened in it.
#[utoipa::path(get, path = "/v1/calls/{call}", tag = "calls", security((), ("token" = [])),
    params(("call" = String, Path, description = "the call's name", example = "beef00-2a-1")),
    responses(
        (status = 200, description = "the call", body = Ladder),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn one(
    State(shared): Context,
    Extension(caller): Extension<Caller>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Ladder>, Problem> {
    let Path(call) = path?;
    let (call, list) = ladders(&shared)?.one(&call).ok_or_else(gone)?;
    let list = list
        .into_iter()
        .map(|event| EventView(bare(event, &caller)))
        .collect();
    Ok(Json(Ladder { call, list }))
}

fn gone() -> Problem {
    Problem::not_found(
        "this call is not kept (any more): only the latest are, and only those that began while the node looked",
    )
}

impl From<FollowError> for Problem {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::TooMany => Self::busy("too many follow calls"),
            FollowError::NoCall => gone(),
        }
    }
}

/// Where to go on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// The last event that is known already. Default: none. `Last-Event-ID` counts as well.
    after: Option<u64>,
}

/// One call while it goes on, as server-sent events: `call` (what the list has of it, when that has changed), `event`, `gap` (`left_out`: how much was
/// left out, for who reads too slowly) and `end`.
#[utoipa::path(get, path = "/v1/calls/{call}/stream", tag = "calls", security((), ("token" = [])),
    params(("call" = String, Path, description = "the call's name", example = "beef00-2a-1"), After),
    responses(Answers))]
pub(super) async fn follow(
    State(shared): Context,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<After>, QueryRejection>,
) -> Result<Response, Problem> {
    let (Path(call), Query(After { after })) = (path?, query?);
    let last = headers
        .get("last-event-id")
        .and_then(|last| last.to_str().ok()?.parse().ok());
    let after = last.or(after).unwrap_or(0);
    let following = ladders(&shared)?.follow(Follow::Call { call, after })?;
    Ok(stream::response(Followed::new(following, &caller, true), &caller))
}

/// Which calls are followed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FollowQuery {
    /// Those in which a user takes part; without an `@`, users whose names begin so.
    user: Option<String>,
    /// Those of a service.
    service: Option<String>,
    /// `true`: with what has happened so far in those that live.
    backlog: Option<bool>,
}

/// All calls that fit while they go on, as server-sent events: `call`, `event` and `gap` as for one call.
#[utoipa::path(get, path = "/v1/calls/stream", tag = "calls", security((), ("token" = [])), params(FollowQuery),
    responses(Answers))]
pub(super) async fn follow_all(
    State(shared): Context,
    Extension(caller): Extension<Caller>,
    query: Result<Query<FollowQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let follow = Follow::All {
        user: named("user", query.user)?,
        service: named("service", query.service)?,
        backlog: query.backlog.unwrap_or(false),
    };
    let following = ladders(&shared)?.follow(follow)?;
    Ok(stream::response(
        Followed::new(following, &caller, false),
        &caller,
    ))
}

/// What one is told who follows.
struct Followed {
    following: Following,
    caller: Caller,
    /// Whether events have their number as their id: those of one call.
    has_ids: bool,
    over: bool,
}

impl Followed {
    fn new(following: Following, caller: &Caller, has_ids: bool) -> Self {
        Self {
            following,
            caller: caller.clone(),
            has_ids,
            over: false,
        }
    }

    fn frame(&mut self, told: Told) -> String {
        match told {
            Told::Call(call) => stream::frame("call", None, &call),
            Told::Event(event) => {
                let id = self.has_ids.then_some(event.seq);
                stream::frame("event", id, &*bare(event, &self.caller))
            }
            Told::Gap(left_out) => stream::frame("gap", None, &Gap { left_out }),
            Told::End => {
                self.over = true;
                stream::frame("end", None, &serde_json::json!({}))
            }
        }
    }
}

#[derive(Serialize)]
struct Gap {
    left_out: u64,
}

impl Frames for Followed {
    async fn next(&mut self) -> Option<String> {
        if self.over {
            return None;
        }
        let told = self.following.next(TOGETHER).await;
        Some(told.into_iter().map(|told| self.frame(told)).collect())
    }
}

/// Bodies are for those who may do more than read.
fn bare(event: Arc<Event>, caller: &Caller) -> Arc<Event> {
    if caller.role >= Role::Operate {
        event
    } else {
        event.without_body()
    }
}
