//! The web peer: it asks services and is asked by them.

use std::time::Duration;

use strowger_time::Instant;

use super::expect::captured;
use super::{Action, Player, Problem, Progress, Result};
use crate::json::{Json, Kind};
use crate::ladder::brief;
use crate::outcome::{Difference, shortened};
use crate::pattern;
use crate::step::{Ask, Asked};
use crate::template;

/// After which time a GET is made again whose answer was not the expected one.
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// What the web peer was asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) id: u64,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Player {
    pub(super) fn ask(&mut self, ask: &Ask, reached: Instant, now: Instant) -> Result<Progress> {
        if !self.asked {
            self.asked = true;
            self.http_answer = None;
            let path = template::fill(&ask.path, &self.scope)?;
            let body = self.filled(ask.body.as_deref())?;
            let label = format!("{} {}", ask.method, told(&ask.path, ask.body.as_deref()));
            self.ladder.sent(self.elapsed(now), &ask.web, &label);
            return Ok(Progress::Act(Action::Ask {
                method: ask.method.clone(),
                target: format!("/services{path}"),
                body,
            }));
        }
        let Some((status, body)) = self.http_answer.take() else {
            return self.wait_for("the service did not answer", reached, now);
        };
        let label = told(&status.to_string(), ask.answer.as_deref());
        self.ladder.received(self.elapsed(now), &ask.web, &label);
        let got = number(status);
        let mut differences = Vec::new();
        if !pattern::matches(&ask.status, Some(&got)) {
            differences.push(difference("status", &ask.status.raw, &got.raw));
        }
        self.compare(ask.answer.as_deref(), &body, &mut differences)?;
        // What came before on a socket may not be done yet. A GET changes nothing, so it can be asked again.
        if !differences.is_empty() && ask.method == "GET" && now < reached + self.options.expect_limit {
            self.asked = false;
            return Ok(Progress::Wait(now + ASK_AGAIN));
        }
        checked("another answer than expected", differences, &body)?;
        self.keep(&ask.captures, &body)?;
        Ok(Progress::Done)
    }

    pub(super) fn asked(&mut self, asked: &Asked, reached: Instant, now: Instant) -> Result<Progress> {
        if self.asked {
            return Ok(Progress::Done);
        }
        let Some((at, question)) = self.questions.pop_front() else {
            let within = self.scaled(asked.window.within.unwrap_or_default());
            let until = reached + self.options.expect_limit + within;
            return if now < until {
                Ok(Progress::Wait(until))
            } else {
                Err(Problem::new(format!("{} was not asked", asked.web)))
            };
        };
        let elapsed = self.elapsed(at);
        let target = told(&question.target, asked.body.as_deref());
        self.ladder
            .received(elapsed, &asked.web, &format!("{} {target}", question.method));
        if at.since(reached) < self.scaled(asked.window.after.unwrap_or_default()) {
            return Err(Problem::new(format!("{} was asked too early", asked.web)));
        }
        self.fits(asked, &question)?;
        self.keep(&asked.captures, &question.body)?;
        self.asked = true;
        let body = self.filled(asked.answer.as_deref())?.unwrap_or_default();
        let label = told(&asked.status.to_string(), asked.answer.as_deref());
        self.ladder.sent(self.elapsed(now), &asked.web, &label);
        Ok(Progress::Act(Action::Answer {
            id: question.id,
            status: asked.status,
            body,
        }))
    }

    fn fits(&self, asked: &Asked, question: &Question) -> Result<()> {
        let path = template::fill(&asked.path, &self.scope)?;
        let mut differences = Vec::new();
        for (name, wanted, got) in [
            ("method", &asked.method, &question.method),
            ("path", &path, &question.target),
        ] {
            if wanted != got {
                differences.push(difference(name, wanted, got));
            }
        }
        let headers = question.headers.iter().cloned();
        let headers: serde_json::Map<String, serde_json::Value> =
            headers.map(|(name, value)| (name, value.into())).collect();
        let headers = serde_json::Value::from(headers).to_string();
        self.compare(asked.headers.as_deref(), &headers, &mut differences)?;
        self.compare(asked.body.as_deref(), &question.body, &mut differences)?;
        checked("another request than expected", differences, &question.body)
    }

    /// Whether whoever plays the web peer was asked what no step is about.
    pub(super) fn nothing_asked(&self) -> Result<()> {
        let Some((_, question)) = self.questions.front() else {
            return Ok(());
        };
        let what = format!(
            "{} {} was asked, and no step is about it",
            question.method, question.target
        );
        Err(Box::new(Problem {
            what,
            received: Some(question.body.clone()),
            ..Problem::default()
        }))
    }

    fn filled(&self, text: Option<&str>) -> Result<Option<String>> {
        let filled = text.map(|text| template::fill_json(text, &self.scope));
        Ok(filled.transpose()?)
    }

    /// How a body differs from a pattern, if there is one.
    fn compare(&self, pattern: Option<&str>, body: &str, differences: &mut Vec<Difference>) -> Result<()> {
        let Some(pattern) = self.filled(pattern)? else {
            return Ok(());
        };
        let pattern = Json::parse(&pattern).map_err(|error| Problem::new(error.to_string()))?;
        differences.extend(pattern::differences(&pattern, &parsed(body)?, &[]));
        Ok(())
    }

    fn keep(&mut self, captures: &[(String, String)], body: &str) -> Result<()> {
        for (name, key) in captures {
            let body = parsed(body)?;
            let value = body
                .get(key)
                .ok_or_else(|| Problem::new(format!("`{key}`, to be captured, is absent")))?;
            self.scope.insert(name.clone(), captured(value));
        }
        Ok(())
    }
}

/// What the file says, for the drawing: names where a run has ids and addresses.
fn told(what: &str, body: Option<&str>) -> String {
    let text = format!("{what} {}", brief(body));
    text.replace("{{", "").replace("}}", "").trim_end().to_owned()
}

fn parsed(body: &str) -> Result<Json> {
    Json::parse(body).map_err(|error| Problem::new(format!("no JSON: {error}: {}", shortened(body, 200))))
}

fn number(status: u16) -> Json {
    Json {
        raw: status.to_string(),
        kind: Kind::Number,
    }
}

fn difference(what: &str, expected: &str, got: &str) -> Difference {
    Difference {
        header: what.to_owned(),
        expected: expected.to_owned(),
        got: got.to_owned(),
    }
}

fn checked(what: &str, differences: Vec<Difference>, body: &str) -> Result<()> {
    if differences.is_empty() {
        return Ok(());
    }
    Err(Box::new(Problem {
        what: what.to_owned(),
        differences,
        received: Some(body.to_owned()),
    }))
}
