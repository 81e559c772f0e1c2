//! Compares what came with what the steps wait for.

use std::time::Duration;

use strowger_time::Instant;

use super::{Player, Problem, Progress, Received, Result, closed};
use crate::json::{Json, Kind};
use crate::outcome::Difference;
use crate::pattern;
use crate::step::{Connect, Expect, Step, Window};
use crate::template::{self, Value};

impl Player {
    /// Takes what has come for a group of expectations; one alone is a group of one.
    pub(super) fn expect_all(&mut self, steps: &[Step], reached: Instant, now: Instant) -> Result<Progress> {
        if !self.asked {
            self.asked = true;
            self.open = steps.to_vec();
        }
        while let Some(user) = self.open.iter().map(user_of).find(|user| self.has_received(user)) {
            let user = user.to_owned();
            let Some((at, received)) = self.socket(&user).queue.pop_front() else {
                break;
            };
            self.take(&user, at.since(reached), &received)?;
        }
        let Some(first) = self.open.first() else {
            return Ok(Progress::Done);
        };
        // In a group each part has its own limit; the one that ends first is the next to look at.
        let until = self
            .open
            .iter()
            .map(|step| reached + self.limit(step))
            .min()
            .unwrap_or(reached);
        if now < until {
            return Ok(Progress::Wait(until));
        }
        let late = self
            .open
            .iter()
            .find(|step| now >= reached + self.limit(step))
            .unwrap_or(first);
        let what = if let Step::ExpectClose(expect) = late {
            format!("{} was not closed within {:?}", expect.user, self.limit(late))
        } else {
            format!("nothing came for {} within {:?}", user_of(late), self.limit(late))
        };
        Err(Problem::new(what))
    }

    fn has_received(&self, user: &str) -> bool {
        self.sockets
            .get(user)
            .is_some_and(|socket| !socket.queue.is_empty())
    }

    fn limit(&self, step: &Step) -> Duration {
        self.options.expect_limit + self.scaled(window_of(step).within.unwrap_or_default())
    }

    /// Gives what came to the first open expectation that it fits.
    fn take(&mut self, user: &str, waited: Duration, received: &Received) -> Result<()> {
        if self
            .open
            .iter()
            .any(|step| user_of(step) == user && self.skips(step, received))
        {
            return Ok(());
        }
        let mut problem = None;
        for at in 0..self.open.len() {
            if user_of(&self.open[at]) != user {
                continue;
            }
            match self.fit(&self.open[at], received) {
                Ok(captured) => {
                    let step = self.open.remove(at);
                    if waited < self.scaled(window_of(&step).after.unwrap_or_default()) {
                        return Err(Problem::new(format!(
                            "what {user} got came too early, after {waited:?}"
                        )));
                    }
                    self.scope.extend(captured);
                    return Ok(());
                }
                Err(found) => {
                    problem.get_or_insert(found);
                }
            }
        }
        Err(problem.unwrap_or_else(|| Problem::new(format!("{user} got something nobody waits for"))))
    }

    /// Whether what came fits one expectation; if so, what it captures.
    fn fit(&self, step: &Step, received: &Received) -> Result<Vec<(String, Value)>> {
        match (step, received) {
            (Step::Expect(expect), Received::Text(text)) => self.fit_message(expect, text),
            (Step::ExpectClose(expect), Received::Closed(code)) if *code == Some(expect.code) => {
                Ok(Vec::new())
            }
            (Step::ExpectClose(expect), Received::Closed(code)) => {
                let what = format!(
                    "{} was to be closed with {}, but {}",
                    expect.user,
                    expect.code,
                    closed(*code)
                );
                Err(Problem::new(what))
            }
            (_, Received::Closed(code)) => Err(Problem::new(format!(
                "{} waits for a message, but {}",
                user_of(step),
                closed(*code)
            ))),
            (_, Received::Text(text)) => Err(Box::new(Problem {
                what: format!("{} got a message that nobody waits for", user_of(step)),
                received: Some(text.clone()),
                ..Problem::default()
            })),
        }
    }

    fn skips(&self, step: &Step, received: &Received) -> bool {
        let (Step::Expect(Expect { skip: Some(skip), .. }), Received::Text(text)) = (step, received) else {
            return false;
        };
        let pattern = template::fill_json(skip, &self.scope)
            .ok()
            .and_then(|text| Json::parse(&text).ok());
        let message = Json::parse(text).ok();
        pattern
            .zip(message)
            .is_some_and(|(pattern, message)| pattern::differences(&pattern, &message, &[]).is_empty())
    }

    fn fit_message(&self, expect: &Expect, text: &str) -> Result<Vec<(String, Value)>> {
        let problem = |what: String, differences: Vec<Difference>| {
            Box::new(Problem {
                what,
                differences,
                received: Some(text.to_owned()),
            })
        };
        let pattern = template::fill_json(&expect.pattern, &self.scope)?;
        let pattern = Json::parse(&pattern).map_err(|error| Problem::new(error.to_string()))?;
        let message = Json::parse(text).map_err(|error| {
            problem(
                format!("{} got what is no JSON: {error}", expect.user),
                Vec::new(),
            )
        })?;
        let differences = pattern::differences(&pattern, &message, &expect.order);
        if !differences.is_empty() {
            return Err(problem(
                format!("{} got another message than expected", expect.user),
                differences,
            ));
        }
        let capture = |(name, header): &(String, String)| match message.get(header) {
            Some(value) => Ok((name.clone(), captured(value))),
            None => Err(problem(
                format!("`{header}`, to be captured, is absent"),
                Vec::new(),
            )),
        };
        expect.captures.iter().map(capture).collect()
    }
}

fn user_of(step: &Step) -> &str {
    match step {
        Step::Connect(Connect { user, .. })
        | Step::Send { user, .. }
        | Step::Raw { user, .. }
        | Step::Binary { user }
        | Step::ExpectNothing { user, .. }
        | Step::Ignore { user }
        | Step::Disconnect { user }
        | Step::Drop { user } => user,
        Step::Expect(expect) => &expect.user,
        Step::ExpectClose(expect) => &expect.user,
        Step::Wait(_)
        | Step::Http(_)
        | Step::Ask(_)
        | Step::Asked(_)
        | Step::Unordered(_)
        | Step::Repeat { .. } => "",
    }
}

fn window_of(step: &Step) -> Window {
    match step {
        Step::Expect(expect) => expect.window,
        Step::ExpectClose(expect) => expect.window,
        Step::Connect(_)
        | Step::Send { .. }
        | Step::Raw { .. }
        | Step::Binary { .. }
        | Step::ExpectNothing { .. }
        | Step::Ignore { .. }
        | Step::Wait(_)
        | Step::Disconnect { .. }
        | Step::Drop { .. }
        | Step::Http(_)
        | Step::Ask(_)
        | Step::Asked(_)
        | Step::Unordered(_)
        | Step::Repeat { .. } => Window::default(),
    }
}

pub(super) fn captured(value: &Json) -> Value {
    match &value.kind {
        Kind::String(text) => Value::Text(text.clone()),
        Kind::Null | Kind::Bool(_) | Kind::Number | Kind::Array(_) | Kind::Object(_) => {
            Value::Raw(value.raw.clone())
        }
    }
}
