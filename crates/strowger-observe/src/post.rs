//! Sending items to an HTTP endpoint, in batches, with a queue that has an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use strowger_node::driver::fetch_shared;
use strowger_service::{FetchError, HttpRequest, HttpResponse};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::PostSettings;

/// How many items go with one request at most.
const BATCH: usize = 512;
/// How long a request waits for more to go with it.
const GATHER: Duration = Duration::from_millis(500);
/// The pause after the first failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What became of items.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) sent: Arc<AtomicU64>,
    pub(crate) dropped: Arc<AtomicU64>,
}

/// The near end of a queue.
#[derive(Debug)]
pub(crate) struct Poster<T> {
    queue: mpsc::Sender<T>,
    dropped: Arc<AtomicU64>,
}

impl<T> Poster<T> {
    /// Sends an item some time; drops it if too many wait.
    pub(crate) fn post(&self, item: T) {
        if self.queue.try_send(item).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Makes the body of a request.
pub(crate) type Body<T> = Box<dyn Fn(&[T]) -> Vec<u8>>;

/// What goes over the wire.
pub(crate) struct Form<T> {
    /// What the items are, for the log.
    pub(crate) what: &'static str,
    pub(crate) content_type: &'static str,
    /// The body of a request.
    pub(crate) body: Body<T>,
}

/// Makes a queue and what empties it; that ends when the near end is gone and all is sent.
pub(crate) fn poster<T>(
    settings: PostSettings,
    form: Form<T>,
    tally: Tally,
) -> (Poster<T>, impl Future<Output = ()>) {
    let (queue, items) = mpsc::channel(settings.queue.max(1));
    let near = Poster {
        queue,
        dropped: Arc::clone(&tally.dropped),
    };
    (near, empty(items, settings, form, tally))
}

async fn empty<T>(mut items: mpsc::Receiver<T>, settings: PostSettings, form: Form<T>, tally: Tally) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut is_failing = false;
    while gather(&mut items, &mut batch).await {
        let body = Bytes::from((form.body)(&batch));
        let count = batch.len() as u64;
        let counter = match deliver(&settings, &form, &body, &mut is_failing).await {
            Ok(()) => &tally.sent,
            Err(()) => &tally.dropped,
        };
        counter.fetch_add(count, Ordering::Relaxed);
        batch.clear();
    }
}

/// Waits for an item and a while for more. `false`: there are none any more.
async fn gather<T>(items: &mut mpsc::Receiver<T>, batch: &mut Vec<T>) -> bool {
    if items.recv_many(batch, BATCH).await == 0 {
        return false;
    }
    let more =
        async { while batch.len() < BATCH && items.recv_many(batch, BATCH - batch.len()).await > 0 {} };
    // Whatever came by then goes.
    let _ = timeout(GATHER, more).await;
    true
}

/// Sends a body until it is taken, or will never be.
async fn deliver<T>(
    settings: &PostSettings,
    form: &Form<T>,
    body: &Bytes,
    is_failing: &mut bool,
) -> Result<(), ()> {
    let mut pause = FIRST_PAUSE;
    let request = request(settings, form);
    loop {
        let answer = fetch_shared(&request, body.clone(), &settings.web).await;
        let (why, again) = match verdict(&answer) {
            Verdict::Taken => {
                if std::mem::take(is_failing) {
                    tracing::info!("{} are taken again", form.what);
                }
                return Ok(());
            }
            Verdict::Never(why) => (why, None),
            Verdict::Later(why, wait) => (why, Some(wait)),
        };
        // Once, until one is taken.
        if !std::mem::replace(is_failing, true) {
            tracing::warn!(why, tried_again = again.is_some(), "{} cannot be sent", form.what);
        }
        let Some(wait) = again else { return Err(()) };
        sleep(pause.max(wait)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The request without its body.
fn request<T>(settings: &PostSettings, form: &Form<T>) -> HttpRequest {
    let mut request = HttpRequest::new("POST", &settings.url);
    request.timeout = settings.timeout;
    let content_type = ("content-type".to_owned(), form.content_type.to_owned());
    request.headers.push(content_type);
    request.headers.extend(settings.headers.iter().cloned());
    request
}

enum Verdict {
    Taken,
    /// Nothing will change by trying again.
    Never(String),
    /// Perhaps after so long.
    Later(String, Duration),
}

fn verdict(answer: &Result<HttpResponse, FetchError>) -> Verdict {
    match answer {
        Ok(response) => {
            let why = format!("the answer was {}", response.status);
            match response.status {
                200..=299 => Verdict::Taken,
                408 | 429 | 500..=599 => Verdict::Later(why, retry_after(response)),
                _ => Verdict::Never(why),
            }
        }
        Err(FetchError::Invalid(why)) => Verdict::Never(why.clone()),
        // It was taken, and said too much about it.
        Err(FetchError::TooLarge) => Verdict::Taken,
        Err(error) => Verdict::Later(error.to_string(), Duration::ZERO),
    }
}

fn retry_after(response: &HttpResponse) -> Duration {
    let header = response.headers.iter().find(|(name, _)| name == "retry-after");
    let seconds = header.and_then(|(_, value)| value.trim().parse().ok());
    seconds
        .map_or(Duration::ZERO, Duration::from_secs)
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16) -> Verdict {
        verdict(&Ok(HttpResponse::new(status)))
    }

    #[test]
    fn what_may_be_taken_later_is_tried_again() {
        assert!(matches!(answered(204), Verdict::Taken));
        for status in [408, 429, 500, 503] {
            assert!(matches!(answered(status), Verdict::Later(..)), "{status}");
        }
        for status in [301, 400, 401, 404, 413] {
            assert!(matches!(answered(status), Verdict::Never(_)), "{status}");
        }
        assert!(matches!(verdict(&Err(FetchError::TimedOut)), Verdict::Later(..)));
    }

    #[test]
    fn a_pause_that_is_asked_for_has_an_end() {
        let mut response = HttpResponse::new(503);
        response.headers.push(("retry-after".to_owned(), "7".to_owned()));
        assert_eq!(retry_after(&response), Duration::from_secs(7));
        response.headers[0].1 = "99999999999".to_owned();
        assert_eq!(retry_after(&response), LONGEST_PAUSE);
        response.headers[0].1 = "tomorrow".to_owned();
        assert_eq!(retry_after(&response), Duration::ZERO);
    }
}
