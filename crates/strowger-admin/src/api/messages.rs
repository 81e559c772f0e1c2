//! Messages of the operator to users.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use strowger_node::{MessageError, OperatorMessage};
use utoipa::ToSchema;

use super::Context;
use super::parts::name;
use crate::problem::Problem;

/// A message to a user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMessage {
    /// Whom it is for: a userid, or `user@host` of a node that links may lead to.
    #[schema(example = "alice@example.com")]
    to: String,
    /// The name of the node that it comes from: its host is one of `realm`. Default `operator` at the first of them.
    #[schema(example = "operator@example.com")]
    from: Option<String>,
    /// Its text.
    #[schema(example = "The server restarts at noon.")]
    text: String,
    /// Its `Content-Type`. Default `text/plain`.
    content_type: Option<String>,
}

/// What became of a message.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Delivered {
    /// The code of the final response: 2xx, it was accepted; 480, nobody of that name is there; 408, no answer in time.
    #[schema(example = 200)]
    code: u16,
    /// The code in words.
    phrase: &'static str,
    /// The `Reason` of the response, if it has one.
    reason: Option<String>,
}

/// Sends a MESSAGE from the node itself to a user, past all services, and answers its final response.
#[utoipa::path(post, path = "/v1/messages", tag = "messages", security((), ("token" = [])), request_body = NewMessage, responses(
    (status = 200, description = "the message has its final response, whatever that is", body = Delivered),
    (status = "4XX", description = "why not", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "too much waits", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn send(
    State(shared): Context,
    body: Result<Json<NewMessage>, JsonRejection>,
) -> Result<Json<Delivered>, Problem> {
    let Json(body) = body?;
    let message = OperatorMessage {
        from: body.from,
        to: name(&body.to)?,
        content_type: body.content_type,
        text: body.text,
    };
    let answer = shared.admin.switch.message(message).await?;
    Ok(Json(Delivered {
        code: answer.code.as_u16(),
        phrase: answer.code.reason_phrase(),
        reason: answer.reason,
    }))
}

impl From<MessageError> for Problem {
    fn from(error: MessageError) -> Self {
        let status = match error {
            MessageError::TooMany | MessageError::Stopped => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.to_string())
    }
}
