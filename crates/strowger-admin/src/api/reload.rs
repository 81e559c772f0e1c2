//! The configuration, read again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::Context;
use crate::problem::Problem;
use crate::reload::Reloaded;

/// Reads the configuration file again and takes over what can change while the server runs; all of it, or nothing where the file
/// cannot be used.
#[utoipa::path(post, path = "/v1/reload", tag = "server", security((), ("token" = [])), responses(
    (status = 200, description = "what has changed, and what needs a restart", body = Reloaded),
    (status = 422, description = "why nothing has changed", body = Problem, content_type = "application/problem+json"),
    (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn reload(State(shared): Context) -> Result<Json<Reloaded>, Problem> {
    let reload = Arc::clone(&shared.admin.reload);
    match tokio::task::spawn_blocking(move || reload()).await {
        Ok(Ok(reloaded)) => Ok(Json(reloaded)),
        Ok(Err(why)) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why)),
        Err(_) => Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "a fault of the server ended the reload",
        )),
    }
}
