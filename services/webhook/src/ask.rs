//! A question to the endpoint: signed, asked again when it fails, then put to the fallback.

use std::time::Duration;

use strowger_service::{Context, FetchError, FetchId, HttpRequest, HttpResponse, LogLevel, TimerId};

use crate::Settings;
use crate::action::Action;

/// The pause before an endpoint that failed is asked again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// A question that has no answer yet.
#[derive(Debug)]
pub(crate) struct Question {
    body: String,
    /// How many times this endpoint has failed.
    failures: u32,
    /// Whether it is the fallback that is asked.
    fallback: bool,
    open: Option<FetchId>,
    pause: Option<TimerId>,
}

/// What something was for a question.
#[derive(Debug)]
pub(crate) enum Asked {
    /// There is no answer yet.
    Nothing,
    /// What is to be done.
    Answer(Vec<Action>),
    /// Neither endpoint has an answer.
    GivenUp,
}

impl Question {
    pub(crate) fn ask(body: String, settings: &Settings, cx: &mut Context<'_>) -> Self {
        let mut question = Self {
            body,
            failures: 0,
            fallback: false,
            open: None,
            pause: None,
        };
        question.send(settings, cx);
        question
    }

    fn send(&mut self, settings: &Settings, cx: &mut Context<'_>) {
        let url = match &settings.fallback {
            Some(fallback) if self.fallback => fallback,
            _ => &settings.url,
        };
        let mut request = HttpRequest::new("POST", url);
        request.timeout = settings.timeout();
        request.body = self.body.clone().into();
        let mut header = |name: &str, value: String| request.headers.push((name.to_owned(), value));
        header("content-type", "application/json".to_owned());
        if let Some(secret) = &settings.secret {
            header("strowger-signature", signature(secret, &self.body));
        }
        self.open = Some(cx.fetch(request));
    }

    pub(crate) fn on_timer(&mut self, timer: TimerId, settings: &Settings, cx: &mut Context<'_>) {
        if self.pause == Some(timer) {
            self.pause = None;
            self.send(settings, cx);
        }
    }

    pub(crate) fn on_fetched(
        &mut self,
        id: FetchId,
        result: Result<HttpResponse, FetchError>,
        settings: &Settings,
        cx: &mut Context<'_>,
    ) -> Asked {
        if self.open != Some(id) {
            return Asked::Nothing;
        }
        self.open = None;
        let (fault, is_passing) = match result {
            Ok(response) if (200..300).contains(&response.status) => match Action::read_all(&response.body) {
                Ok(actions) => return Asked::Answer(actions),
                Err(fault) => (fault, false),
            },
            Ok(response) => (
                format!("status {}", response.status),
                matches!(response.status, 408 | 429 | 500..),
            ),
            Err(error) => {
                let is_passing = !matches!(error, FetchError::NotGranted | FetchError::Invalid(_));
                (error.to_string(), is_passing)
            }
        };
        let which = if self.fallback { "fallback" } else { "endpoint" };
        cx.log(LogLevel::Warn, format!("the {which} gives no answer: {fault}"));
        self.failed(is_passing, settings, cx)
    }

    fn failed(&mut self, is_passing: bool, settings: &Settings, cx: &mut Context<'_>) -> Asked {
        if is_passing && self.failures < settings.retries {
            self.pause = Some(cx.set_timer(FIRST_PAUSE * (1 << self.failures.min(5))));
            self.failures += 1;
            return Asked::Nothing;
        }
        if self.fallback || settings.fallback.is_none() {
            return Asked::GivenUp;
        }
        (self.fallback, self.failures) = (true, 0);
        self.send(settings, cx);
        Asked::Nothing
    }
}

/// The HMAC of the body, by which the endpoint knows who asks.
fn signature(secret: &str, body: &str) -> String {
    use std::fmt::Write as _;

    let mut text = "sha256=".to_owned();
    for byte in hmac_sha256::HMAC::mac(body, secret) {
        // A String takes whatever is written.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_rfc_4231() {
        assert_eq!(
            signature("Jefe", "what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
