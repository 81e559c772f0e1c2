//! One log line for each change: who, what, and what came of it.

use axum::response::Response;
use http::{Method, Uri};

use crate::AUDIT;
use crate::access::Caller;
use crate::problem::{Problem, Refused};

/// Whether a request may change something.
pub(super) fn is_change(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Writes the line of a change that was carried out, or was not.
pub(super) fn note(caller: &Caller, method: &Method, uri: &Uri, response: &Response) {
    let (role, token) = (caller.role.to_string(), caller.name.as_str());
    let (status, path) = (response.status().as_u16(), uri.path());
    // What services are asked may hold secrets of theirs.
    let query = uri
        .query()
        .filter(|_| path.starts_with("/v1/"))
        .unwrap_or_default();
    let refused = response.extensions().get::<Refused>();
    let reason = refused.map_or("", |refused| refused.0.as_str());
    tracing::info!(target: AUDIT, role, token, %method, path, query, status, reason, "the operator asked for a change");
}

/// Writes the line of a change that somebody may not make.
pub(super) fn note_refused(method: &Method, uri: &Uri, problem: &Problem) {
    let (status, path) = (problem.status, uri.path());
    tracing::warn!(target: AUDIT, %method, path, status, reason = problem.detail, "an admin request was refused");
}
