//! Errors as RFC 9457 has them.

use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalogue::CatalogueError;
use crate::names::NameError;
use crate::services::ServicesError;
use crate::store::StoreError;

/// Why a request was not carried out (RFC 9457).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind of problem it is: `about:blank`, so the title says as much as the status.
    #[serde(rename = "type", default = "about_blank")]
    pub kind: String,
    /// The kind in words.
    #[serde(default)]
    #[schema(example = "Not Found")]
    pub title: String,
    /// The status code of the response.
    #[schema(example = 404)]
    pub status: u16,
    /// What is wrong, for people.
    #[schema(example = "there is no service `rooms`")]
    pub detail: String,
}

/// Why a request was not carried out, kept beside the response that says so for the audit log.
#[derive(Clone, Debug)]
pub(crate) struct Refused(pub(crate) String);

/// What the type of a problem is that names none (RFC 9457, section 3.1.1).
fn about_blank() -> String {
    "about:blank".to_owned()
}

impl Problem {
    /// A problem with a status code and what is wrong.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: about_blank(),
            title: status.canonical_reason().unwrap_or("Problem").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
        }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        response.extensions_mut().insert(Refused(self.detail));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

impl From<NameError> for Problem {
    fn from(error: NameError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<CatalogueError> for Problem {
    fn from(error: CatalogueError) -> Self {
        let status = match error {
            CatalogueError::NoService(_) | CatalogueError::NoVersion(..) => StatusCode::NOT_FOUND,
            _ => StatusCode::CONFLICT,
        };
        Self::new(status, error.to_string())
    }
}

impl From<ServicesError> for Problem {
    fn from(error: ServicesError) -> Self {
        let status = match error {
            ServicesError::Catalogue(error) => return error.into(),
            ServicesError::Rejected(..) => StatusCode::UNPROCESSABLE_ENTITY,
            ServicesError::Registry(_) | ServicesError::InUse { .. } => StatusCode::CONFLICT,
            ServicesError::Store(StoreError::Full) => StatusCode::INSUFFICIENT_STORAGE,
            ServicesError::Store(_) | ServicesError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

macro_rules! from_rejection {
    ($($rejection:ty),+) => {
        $(impl From<$rejection> for Problem {
            fn from(rejection: $rejection) -> Self {
                Self::new(rejection.status(), rejection.body_text())
            }
        })+
    };
}

from_rejection!(BytesRejection, JsonRejection, PathRejection, QueryRejection);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_written_as_the_rfc_has_it() {
        let response = Problem::busy("too much").into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        let text = serde_json::to_value(Problem::not_found("gone")).unwrap();
        let expected =
            serde_json::json!({"type": "about:blank", "title": "Not Found", "status": 404, "detail": "gone"});
        assert_eq!(text, expected);
    }
}
