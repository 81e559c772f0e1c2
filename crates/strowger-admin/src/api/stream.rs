//! Server-sent events: answers that go on.

use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use utoipa::IntoResponses;

use crate::access::Caller;
use crate::problem::Problem;

/// After how long a comment says that the connection still stands.
const STILL_HERE: Duration = Duration::from_secs(15);
/// How long one answer goes on: about as long as its connection may. Who wants more asks again; the last event's id says where to go on.
const LIFE: Duration = Duration::from_secs(540);
/// After how many milliseconds a client asks again that lost the connection.
const RETRY: &str = "retry: 1000\n\n";

/// How a route answers whose answer goes on, for the document.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is for the document")]
pub(super) enum Answers {
    #[response(status = 200, description = "events", content_type = "text/event-stream")]
    Events(String),
    #[response(
        status = 503,
        description = "too many follow",
        content_type = "application/problem+json"
    )]
    TooMany(Problem),
    #[response(
        status = "4XX",
        description = "why not",
        content_type = "application/problem+json"
    )]
    Refused(Problem),
}

/// What an answer is made of.
pub(super) trait Frames: Send + 'static {
    /// The next events, written out; `None`: nothing more comes. May be called again when it was dropped before it was done.
    fn next(&mut self) -> impl Future<Output = Option<String>> + Send;
}

/// One event, written out.
pub(super) fn frame(event: &str, id: Option<u64>, data: &impl Serialize) -> String {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    // JSON has its line breaks escaped, so it is one line of data. What is told can be written as JSON.
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {event}\n{id}data: {data}\n\n")
}

struct Running<F> {
    frames: F,
    end: Instant,
    begun: bool,
}

/// An answer that goes on while there is something to tell and its caller's token holds.
pub(super) fn response(frames: impl Frames, caller: &Caller) -> Response {
    let holds = caller.until.map(|until| {
        let left = until.duration_since(SystemTime::now());
        left.unwrap_or_default()
    });
    let running = Running {
        frames,
        end: Instant::now() + holds.unwrap_or(LIFE).min(LIFE),
        begun: false,
    };
    let chunks = stream::unfold(running, async |mut running| {
        let chunk = running.chunk().await?;
        Some((Ok::<_, Infallible>(Bytes::from(chunk)), running))
    });
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        (http::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(chunks)).into_response()
}

impl<F: Frames> Running<F> {
    async fn chunk(&mut self) -> Option<String> {
        if !std::mem::replace(&mut self.begun, true) {
            // So that who asks has an answer before anything happens.
            return Some(RETRY.to_owned());
        }
        let next = (Instant::now() + STILL_HERE).min(self.end);
        match timeout_at(next, self.frames.next()).await {
            Ok(frames) => frames,
            Err(_) if Instant::now() >= self.end => None,
            Err(_) => Some(": still here\n\n".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_few_lines_whatever_is_in_it() {
        let hostile = "a\nevent: end\n\ndata: \u{2028}";
        let frame = frame("event", Some(7), &hostile);
        let lines: Vec<_> = frame.lines().collect();
        assert_eq!(lines.len(), 4, "{frame}");
        assert_eq!((lines[0], lines[1], lines[3]), ("event: event", "id: 7", ""));
        let data = lines[2].strip_prefix("data: ").unwrap();
        assert_eq!(serde_json::from_str::<String>(data).unwrap(), hostile);
    }
}
