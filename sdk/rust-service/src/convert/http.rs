//! HTTP requests and responses on their way in and out.

use std::time::Duration;

use strowger_service::{Event, FetchError, FetchId, HttpRequest, HttpResponse};

use crate::guest::strowger::service::types;

pub(crate) fn request(request: types::HttpRequest) -> HttpRequest {
    HttpRequest {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        timeout: Duration::from_micros(request.timeout),
    }
}

pub(super) fn told_request(request: HttpRequest) -> types::HttpRequest {
    types::HttpRequest {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        timeout: u64::try_from(request.timeout.as_micros()).unwrap_or(u64::MAX),
    }
}

pub(super) fn told_response(response: HttpResponse) -> types::HttpResponse {
    types::HttpResponse {
        status: response.status,
        headers: response.headers,
        body: response.body,
    }
}

pub(super) fn fetched(fetched: types::Fetched) -> Event {
    let result = match fetched.outcome {
        Ok(response) => Ok(HttpResponse {
            status: response.status,
            headers: response.headers,
            body: response.body,
        }),
        Err(error) => Err(fetch_error(error)),
    };
    Event::Fetched {
        id: FetchId::new(fetched.id),
        result,
    }
}

fn fetch_error(error: types::FetchError) -> FetchError {
    match error {
        types::FetchError::NotGranted => FetchError::NotGranted,
        types::FetchError::Invalid(why) => FetchError::Invalid(why),
        types::FetchError::TooMany => FetchError::TooMany,
        types::FetchError::Failed(why) | types::FetchError::Other(why) => FetchError::Failed(why),
        types::FetchError::TimedOut => FetchError::TimedOut,
        types::FetchError::TooLarge => FetchError::TooLarge,
    }
}
