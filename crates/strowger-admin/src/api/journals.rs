//! Calls that were written down, to be played again.
#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes some"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use strowger_journal::Journal;
use strowger_node::InstanceId;
use utoipa::{IntoParams, ToSchema};

use super::parts::Named;
use super::{Context, Shared};
use crate::problem::Problem;

/// Tells a directory, if there is one; may block.
pub type TellDirectory = Arc<dyn Fn() -> Option<PathBuf> + Send + Sync>;

/// What a journal is, over HTTP.
const BINARY: &str = "application/vnd.strowger.journal";

/// In which form a journal is wanted.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Form {
    /// The compact one.
    #[default]
    Binary,
    /// The one that people read: a line for each record.
    Text,
}

/// How a journal is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct JournalQuery {
    /// The form; `binary` where nothing is said.
    #[serde(default)]
    #[param(inline)]
    form: Form,
}

/// The journal of a call, for `strowger replay`. It may hold bodies of messages, where they are written down.
#[utoipa::path(get, path = "/v1/calls/{call}/journal", tag = "calls", security((), ("token" = [])),
    params(("call" = String, Path, description = "the call: the name of its instance", example = "beef00-2a-1"), JournalQuery),
    responses(
        (status = 200, description = "the journal", body = Vec<u8>, content_type = "application/vnd.strowger.journal"),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn journal(
    State(shared): Context,
    Named(call): Named<InstanceId>,
    query: Result<axum::extract::Query<JournalQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let query = query.map_err(|rejection| Problem::new(StatusCode::BAD_REQUEST, rejection.body_text()))?;
    let journal = found(&shared, call).await?;
    Ok(match query.form {
        Form::Binary => ([(header::CONTENT_TYPE, BINARY)], journal.to_binary()).into_response(),
        Form::Text => journal.to_text().into_response(),
    })
}

/// A call as a scenario file, which `strowger scenario` plays against a server.
#[utoipa::path(get, path = "/v1/calls/{call}/scenario", tag = "calls", security((), ("token" = [])),
    params(("call" = String, Path, description = "the call: the name of its instance", example = "beef00-2a-1")),
    responses(
        (status = 200, description = "the scenario", body = serde_json::Value),
        (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn scenario(
    State(shared): Context,
    Named(call): Named<InstanceId>,
) -> Result<Response, Problem> {
    let journal = found(&shared, call).await?;
    let scenario = strowger_journal::to_scenario(&journal)
        .map_err(|fault| Problem::new(StatusCode::CONFLICT, fault.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], scenario).into_response())
}

/// The journal of a call: from memory, else from its file.
async fn found(shared: &Shared, call: InstanceId) -> Result<Journal, Problem> {
    let taken = shared.admin.switch.taken(call).await;
    let directory = Arc::clone(&shared.admin.journals);
    let is_on = taken.is_some();
    // To look through some megabytes takes a while.
    let look = move || {
        let kept = taken.and_then(|taken| taken.journal(call).ok().flatten());
        let is_whole = kept.as_ref().is_some_and(Journal::is_whole);
        let filed = if is_whole { None } else { directory() };
        filed.and_then(|directory| in_file(&directory, call)).or(kept)
    };
    let journal = tokio::task::spawn_blocking(look).await.ok().flatten();
    match journal {
        Some(journal) if !journal.records.is_empty() => Ok(journal),
        Some(_) => Err(Problem::not_found(
            "the beginning of this call is not in the journal any more; a larger `journal.ring_bytes` keeps calls longer",
        )),
        None if is_on => Err(Problem::not_found(
            "nothing of this call is in the journal; what is kept, and of which calls, says `[journal]` of the configuration",
        )),
        None => Err(Problem::not_found(
            "no calls are written down; `journal.ring_bytes` or `journal.directory` in the configuration turns it on",
        )),
    }
}

/// The file of a call; the names of files end with that of the call.
fn in_file(directory: &Path, call: InstanceId) -> Option<Journal> {
    let ending = format!("-{call}.journal");
    let entries = std::fs::read_dir(directory).ok()?.filter_map(Result::ok);
    let mut names: Vec<_> = entries.map(|entry| entry.path()).collect();
    names.retain(|path| path.to_string_lossy().ends_with(&ending));
    let latest = names.into_iter().max()?;
    Journal::read(&std::fs::read(latest).ok()?).ok()
}
