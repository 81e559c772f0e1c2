//! HTTP requests and responses on their way in and out.

use std::time::Duration;

use strowger_service::{FetchError, FetchId, HttpRequest, HttpResponse};

use super::micros;
use crate::bindings::strowger::service::types;

pub(crate) fn request(request: &HttpRequest) -> types::HttpRequest {
    types::HttpRequest {
        method: request.method.clone(),
        url: request.url.clone(),
        headers: request.headers.clone(),
        body: request.body.clone(),
        timeout: micros(request.timeout),
    }
}

pub(super) fn native_request(request: types::HttpRequest) -> HttpRequest {
    HttpRequest {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        timeout: Duration::from_micros(request.timeout),
    }
}

pub(super) fn native_response(response: types::HttpResponse) -> Result<HttpResponse, String> {
    let types::HttpResponse {
        status,
        headers,
        body,
    } = response;
    if !(100..=599).contains(&status) {
        return Err(format!("{status} is no HTTP status"));
    }
    Ok(HttpResponse {
        status,
        headers,
        body,
    })
}

pub(super) fn fetched(id: FetchId, result: &Result<HttpResponse, FetchError>) -> types::Fetched {
    types::Fetched {
        id: id.number(),
        outcome: match result {
            Ok(response) => Ok(types::HttpResponse {
                status: response.status,
                headers: response.headers.clone(),
                body: response.body.clone(),
            }),
            Err(error) => Err(fetch_error(error)),
        },
    }
}

fn fetch_error(error: &FetchError) -> types::FetchError {
    match error {
        FetchError::NotGranted => types::FetchError::NotGranted,
        FetchError::Invalid(why) => types::FetchError::Invalid(why.clone()),
        FetchError::TooMany => types::FetchError::TooMany,
        FetchError::Failed(why) => types::FetchError::Failed(why.clone()),
        FetchError::TimedOut => types::FetchError::TimedOut,
        FetchError::TooLarge => types::FetchError::TooLarge,
        other => types::FetchError::Other(other.to_string()),
    }
}
