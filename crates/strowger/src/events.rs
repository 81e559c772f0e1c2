//! Server-sent events, as a client reads them.

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use tokio::task::JoinHandle;

use crate::operator::{Operator, OperatorError, Sent};

/// The longest event, in bytes.
const EVENT_BYTES: usize = 1 << 20;
/// The largest problem that is read in the place of events, in bytes.
const PROBLEM_BYTES: usize = 64 << 10;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerEvent {
    /// Its name.
    pub name: String,
    /// Its id, if it has one.
    pub id: Option<String>,
    /// What it says: JSON, on this interface.
    pub data: String,
}

/// An answer of the admin interface that goes on.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    reader: EventReader,
    driver: JoinHandle<()>,
}

impl Drop for Events {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Operator {
    /// Asks for something that goes on.
    ///
    /// # Errors
    ///
    /// See [`OperatorError`].
    pub async fn follow(&self, path: &str) -> Result<Events, OperatorError> {
        let (response, driver) = self.begin(Method::GET, path, Sent::default()).await?;
        let status = response.status();
        let body = response.into_body();
        if status == StatusCode::OK {
            let reader = EventReader::default();
            return Ok(Events { body, reader, driver });
        }
        let problem = Limited::new(body, PROBLEM_BYTES).collect().await;
        driver.abort();
        let problem = problem.map_err(|_| OperatorError::Foreign(status))?.to_bytes();
        match serde_json::from_slice(&problem) {
            Ok(problem) => Err(OperatorError::Refused(problem)),
            Err(_) => Err(OperatorError::Foreign(status)),
        }
    }
}

impl Events {
    /// The next event; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`OperatorError::Http`] where the connection broke, [`OperatorError::Foreign`] where what comes is no event.
    pub async fn next(&mut self) -> Result<Option<ServerEvent>, OperatorError> {
        loop {
            if let Some(event) = self.reader.next() {
                return Ok(Some(event));
            }
            let Some(frame) = self.body.frame().await.transpose()? else {
                return Ok(None);
            };
            let data = frame.into_data().unwrap_or_else(|_| Bytes::new());
            if !self.reader.feed(&data) {
                return Err(OperatorError::Foreign(StatusCode::OK));
            }
        }
    }
}

/// Takes events out of bytes as they come.
#[derive(Debug, Default)]
struct EventReader {
    bytes: Vec<u8>,
    /// Up to here there is no end of an event.
    looked: usize,
}

impl EventReader {
    /// Takes bytes in; `false`: it is too long for an event.
    fn feed(&mut self, bytes: &[u8]) -> bool {
        self.bytes.extend_from_slice(bytes);
        self.bytes.len() <= EVENT_BYTES + bytes.len()
    }

    /// The next event that is whole; comments and what has no name are left out.
    fn next(&mut self) -> Option<ServerEvent> {
        loop {
            let from = self.looked.saturating_sub(1);
            let end = self.bytes[from..].windows(2).position(|pair| pair == b"\n\n");
            let Some(end) = end.map(|end| from + end) else {
                self.looked = self.bytes.len();
                return None;
            };
            let event = read(&String::from_utf8_lossy(&self.bytes[..end]));
            self.bytes.drain(..end + 2);
            self.looked = 0;
            if !event.name.is_empty() {
                return Some(event);
            }
        }
    }
}

fn read(text: &str) -> ServerEvent {
    let mut event = ServerEvent::default();
    for line in text.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => event.name = value.to_owned(),
            "id" => event.id = Some(value.to_owned()),
            "data" => {
                if !event.data.is_empty() {
                    event.data.push('\n');
                }
                event.data.push_str(value);
            }
            _ => {}
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text = "retry: 1000\n\nevent: call\ndata: {\"é\":1}\n\n: still here\n\nevent: event\nid: 7\ndata: a\ndata: b\n\nevent: x";
        for size in 1..text.len() {
            let mut reader = EventReader::default();
            let mut events = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                assert!(reader.feed(piece));
                events.extend(std::iter::from_fn(|| reader.next()));
            }
            assert_eq!(events.len(), 2, "{size}");
            assert_eq!(
                (events[0].name.as_str(), events[0].data.as_str()),
                ("call", "{\"é\":1}")
            );
            assert_eq!(
                (events[1].id.as_deref(), events[1].data.as_str()),
                (Some("7"), "a\nb")
            );
        }
    }

    #[test]
    fn what_has_no_end_is_not_kept() {
        let mut reader = EventReader::default();
        let piece = vec![b'x'; 64 << 10];
        let taken = (0..100).take_while(|_| {
            let fits = reader.feed(&piece);
            assert_eq!(reader.next(), None);
            fits
        });
        assert_eq!(taken.count(), (EVENT_BYTES / piece.len()) + 1);
    }
}
