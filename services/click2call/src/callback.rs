//! Tells whoever ordered a call what becomes of it, in order and each once he has answered.

use std::collections::VecDeque;
use std::time::Duration;

use strowger_service::{Context, FetchError, FetchId, HttpRequest, HttpResponse, LogLevel, TimerId};

/// The pause before a callback that failed is tried again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// What is yet to be told. A call has four states at most, so this is no long queue.
#[derive(Debug)]
pub(crate) struct Callback {
    url: Option<String>,
    tries: u32,
    waiting: VecDeque<String>,
    failures: u32,
    open: Option<FetchId>,
    pause: Option<TimerId>,
}

impl Callback {
    pub(crate) const fn new(url: Option<String>, tries: u32) -> Self {
        Self {
            url,
            tries,
            waiting: VecDeque::new(),
            failures: 0,
            open: None,
            pause: None,
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn tell(&mut self, state: String, cx: &mut Context<'_>) {
        if self.url.is_some() {
            self.waiting.push_back(state);
            self.send(cx);
        }
    }

    fn send(&mut self, cx: &mut Context<'_>) {
        let (Some(url), Some(state)) = (&self.url, self.waiting.front()) else {
            return;
        };
        if self.open.is_some() || self.pause.is_some() {
            return;
        }
        let mut request = HttpRequest::new("POST", url);
        request
            .headers
            .push(("content-type".to_owned(), "application/json".to_owned()));
        request.body = state.clone().into();
        request.timeout = Duration::from_secs(5);
        self.open = Some(cx.fetch(request));
    }

    pub(crate) fn on_timer(&mut self, timer: TimerId, cx: &mut Context<'_>) {
        if self.pause == Some(timer) {
            self.pause = None;
            self.send(cx);
        }
    }

    pub(crate) fn on_fetched(
        &mut self,
        id: FetchId,
        result: Result<HttpResponse, FetchError>,
        cx: &mut Context<'_>,
    ) {
        if self.open != Some(id) {
            return;
        }
        self.open = None;
        let fault = match result {
            Ok(response) if (200..300).contains(&response.status) => {
                self.failures = 0;
                self.waiting.pop_front();
                return self.send(cx);
            }
            Ok(response) => format!("status {}", response.status),
            Err(error @ (FetchError::NotGranted | FetchError::Invalid(_))) => {
                self.failures = self.tries;
                error.to_string()
            }
            Err(error) => error.to_string(),
        };
        self.failures = self.failures.saturating_add(1);
        if self.failures < self.tries {
            let pause = FIRST_PAUSE * (1 << (self.failures - 1).min(6));
            self.pause = Some(cx.set_timer(pause));
            return;
        }
        cx.log(LogLevel::Warn, format!("a callback is given up: {fault}"));
        (self.url, self.failures) = (None, 0);
        self.waiting.clear();
    }
}
