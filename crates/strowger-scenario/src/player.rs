//! Plays a scenario: says what to do next, takes what arrives.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use strowger_time::Instant;

use crate::json::{Json, Kind};
use crate::ladder::{Ladder, label};
use crate::outcome::{Difference, Failure, Outcome, shortened};
use crate::pattern;
use crate::scenario::Scenario;
use crate::step::{Connect, Http, Query, Step};
use crate::template::{self, Scope, Value};

mod expect;
mod interface;
mod plan;
mod web;

pub use interface::{Action, Input, Options};
use plan::{Planned, percent_encoded, suffixed, unroll};
use web::Question;

/// One run of a scenario. Owned by a driver; does no I/O.
///
/// The driver calls [`Player::poll`] until it says [`Action::WaitUntil`], then waits and polls again; whatever
/// arrives meanwhile goes into [`Player::handle`]. After [`Action::Done`] every poll gives the same outcome.
#[derive(Debug)]
pub struct Player {
    scenario: String,
    options: Options,
    scope: Scope,
    plan: Vec<Planned>,
    next: usize,
    /// When the step at `next` was reached, and what has been done for it.
    reached: Option<Instant>,
    asked: bool,
    /// The parts of an `unordered` step that have not come.
    open: Vec<Step>,
    sockets: BTreeMap<String, Socket>,
    http_answer: Option<(u16, String)>,
    /// What the web peer was asked and has not answered.
    questions: VecDeque<(Instant, Question)>,
    ladder: Ladder,
    started: Option<Instant>,
    outcome: Option<Outcome>,
}

#[derive(Debug, Default)]
struct Socket {
    state: SocketState,
    /// Whether what comes is thrown away.
    ignored: bool,
    queue: VecDeque<(Instant, Received)>,
}

impl Socket {
    fn push(&mut self, now: Instant, received: Received) {
        if !self.ignored {
            self.queue.push_back((now, received));
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum SocketState {
    #[default]
    Away,
    Connecting,
    Open,
    Refused(u16, String),
}

#[derive(Clone, Debug)]
enum Received {
    Text(String),
    Closed(Option<u16>),
}

/// What a look at the step gave.
enum Progress {
    Done,
    Act(Action),
    Wait(Instant),
}

type Result<T, E = Box<Problem>> = std::result::Result<T, E>;

/// A failure before its place is known.
#[derive(Debug, Default)]
struct Problem {
    what: String,
    differences: Vec<Difference>,
    received: Option<String>,
}

impl Problem {
    fn new(what: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            what: what.into(),
            ..Self::default()
        })
    }
}

impl From<String> for Box<Problem> {
    fn from(what: String) -> Self {
        Problem::new(what)
    }
}

impl Player {
    /// Prepares a run; nothing happens before the first poll.
    pub fn new(scenario: &Scenario, options: Options) -> Self {
        let options = Options {
            scale: scenario.effective_scale(options.scale),
            ..options
        };
        let users = scenario.user_pairs().iter();
        let scope = users
            .map(|(name, id)| (name.clone(), suffixed(id, &options.suffix)))
            .chain(scenario.web_pair().cloned())
            .map(|(name, text)| (name, Value::Text(text)))
            .collect();
        let mut plan = Vec::new();
        unroll(scenario.steps(), "steps", None, &mut plan);
        Self {
            scenario: scenario.name().to_owned(),
            options,
            scope,
            plan,
            next: 0,
            reached: None,
            asked: false,
            open: Vec::new(),
            sockets: BTreeMap::new(),
            http_answer: None,
            questions: VecDeque::new(),
            ladder: Ladder::new(
                scenario
                    .users()
                    .map(|(name, _)| name)
                    .filter(|name| scenario.steps().iter().any(|step| step.connects(name)))
                    .chain(scenario.web().map(|(name, _)| name)),
            ),
            started: None,
            outcome: None,
        }
    }

    /// The user id of a user of the file, with the suffix.
    pub fn userid(&self, user: &str) -> Option<&str> {
        match self.scope.get(user)? {
            Value::Text(id) => Some(id),
            Value::Raw(_) => None,
        }
    }

    /// What to do next.
    pub fn poll(&mut self, now: Instant) -> Action {
        self.started.get_or_insert(now);
        loop {
            if let Some(outcome) = &self.outcome {
                return Action::Done(Box::new(outcome.clone()));
            }
            let reached = *self.reached.get_or_insert(now);
            let progress = match self.plan.get(self.next).cloned() {
                Some(planned) => {
                    if let Some(round) = planned.round {
                        self.scope.insert("i".to_owned(), Value::Raw(round.to_string()));
                    }
                    self.advance(&planned.step, reached, now)
                }
                None => self.finish(reached, now),
            };
            match progress {
                Ok(Progress::Act(action)) => return action,
                Ok(Progress::Wait(until)) => return Action::WaitUntil(until),
                Ok(Progress::Done) => {
                    self.next += 1;
                    self.reached = None;
                    self.asked = false;
                }
                Err(problem) => self.fail(now, *problem),
            }
        }
    }

    /// Takes what arrived.
    pub fn handle(&mut self, now: Instant, input: Input) {
        let at = now.since(*self.started.get_or_insert(now));
        match input {
            Input::Connected { user } => {
                self.ladder.note(at, &user, "connected");
                self.socket(&user).state = SocketState::Open;
            }
            Input::Refused { user, status, body } => {
                self.ladder.note(at, &user, &format!("refused {status}"));
                self.socket(&user).state = SocketState::Refused(status, body);
            }
            Input::Text { user, text } => {
                if self.socket(&user).state == SocketState::Open {
                    self.ladder.received(at, &user, &label(&text));
                    self.socket(&user).push(now, Received::Text(text));
                }
            }
            Input::Closed { user, code } => {
                if self.socket(&user).state == SocketState::Open {
                    self.ladder.note(at, &user, &closed(code));
                    let socket = self.socket(&user);
                    socket.state = SocketState::Away;
                    socket.push(now, Received::Closed(code));
                }
            }
            Input::HttpAnswer { status, body } => self.http_answer = Some((status, body)),
            Input::Asked {
                id,
                method,
                target,
                headers,
                body,
            } => {
                let question = Question {
                    id,
                    method,
                    target,
                    headers,
                    body,
                };
                self.questions.push_back((now, question));
            }
        }
    }

    fn socket(&mut self, user: &str) -> &mut Socket {
        self.sockets.entry(user.to_owned()).or_default()
    }

    fn scaled(&self, span: Duration) -> Duration {
        span.mul_f64(self.options.scale)
    }

    fn elapsed(&self, now: Instant) -> Duration {
        now.since(self.started.unwrap_or(now))
    }

    /// Looks at one step: is it done, what is to do, how long to wait.
    fn advance(&mut self, step: &Step, reached: Instant, now: Instant) -> Result<Progress> {
        match step {
            Step::Connect(connect) => self.connect(connect, reached, now),
            Step::Send { user, message } => {
                let text = template::fill_json(message, &self.scope)?;
                self.send(user, text, now)
            }
            Step::Raw { user, text } => {
                let text = template::fill(text, &self.scope)?;
                self.send(user, text, now)
            }
            Step::Binary { user } => {
                if self.asked {
                    return Ok(Progress::Done);
                }
                self.asked = true;
                self.ladder.sent(self.elapsed(now), user, "(binary)");
                Ok(Progress::Act(Action::SendBinary { user: user.clone() }))
            }
            Step::Expect(_) | Step::ExpectClose(_) => {
                self.expect_all(std::slice::from_ref(step), reached, now)
            }
            Step::Unordered(steps) => self.expect_all(steps, reached, now),
            Step::ExpectNothing { user, span } => {
                let until = reached + span.map_or(self.options.quiet, |span| self.scaled(span));
                self.nothing_left(Some(user))?;
                Ok(if now >= until {
                    Progress::Done
                } else {
                    Progress::Wait(until)
                })
            }
            Step::Ignore { user } => {
                let socket = self.socket(user);
                socket.ignored = true;
                socket.queue.clear();
                Ok(Progress::Done)
            }
            Step::Wait(span) => {
                let until = reached + self.scaled(*span);
                Ok(if now >= until {
                    Progress::Done
                } else {
                    Progress::Wait(until)
                })
            }
            Step::Disconnect { user } => self.part(user, reached, now, false),
            Step::Drop { user } => self.part(user, reached, now, true),
            Step::Http(http) => self.http(http, reached, now),
            Step::Ask(ask) => self.ask(ask, reached, now),
            Step::Asked(asked) => self.asked(asked, reached, now),
            Step::Repeat { .. } => Ok(Progress::Done),
        }
    }

    fn connect(&mut self, connect: &Connect, reached: Instant, now: Instant) -> Result<Progress> {
        let user = &connect.user;
        if !self.asked {
            self.asked = true;
            let query = match &connect.query {
                Query::UserId(text) => {
                    format!("userid={}", percent_encoded(&template::fill(text, &self.scope)?))
                }
                Query::Verbatim(text) => template::fill(text, &self.scope)?,
            };
            let socket = self.socket(user);
            socket.state = SocketState::Connecting;
            return Ok(Progress::Act(Action::Connect {
                user: user.clone(),
                query,
            }));
        }
        match (self.socket(user).state.clone(), &connect.refusal) {
            (SocketState::Connecting, _) => self.wait_for("the handshake was not answered", reached, now),
            (SocketState::Refused(status, body), Some((wanted, wanted_body))) => {
                self.socket(user).state = SocketState::Away;
                check_http(wanted, wanted_body.as_ref(), status, &body)?;
                Ok(Progress::Done)
            }
            (SocketState::Refused(status, body), None) => Err(Problem::new(format!(
                "the handshake was refused with {status} {}",
                shortened(&body, 200)
            ))),
            (SocketState::Open | SocketState::Away, Some(_)) => {
                Err(Problem::new("the handshake was not refused"))
            }
            (SocketState::Open | SocketState::Away, None) => Ok(Progress::Done),
        }
    }

    fn send(&mut self, user: &str, text: String, now: Instant) -> Result<Progress> {
        if self.asked {
            return Ok(Progress::Done);
        }
        if self.socket(user).state != SocketState::Open {
            let what = match self.socket(user).queue.back() {
                Some((_, Received::Closed(code))) => closed(*code),
                Some((_, Received::Text(_))) | None => "no socket".to_owned(),
            };
            return Err(Problem::new(format!("{user} cannot send: {what}")));
        }
        self.asked = true;
        self.ladder.sent(self.elapsed(now), user, &label(&text));
        Ok(Progress::Act(Action::SendText {
            user: user.to_owned(),
            text,
        }))
    }

    /// Ends a socket. An abrupt end waits a little first, so that what the user has got is released at the server.
    fn part(&mut self, user: &str, reached: Instant, now: Instant, abrupt: bool) -> Result<Progress> {
        if self.asked {
            return Ok(Progress::Done);
        }
        self.nothing_left(Some(user))?;
        let until = reached + self.options.quiet;
        if abrupt && now < until {
            return Ok(Progress::Wait(until));
        }
        self.asked = true;
        self.socket(user).state = SocketState::Away;
        let user = user.to_owned();
        self.ladder.note(
            self.elapsed(now),
            &user,
            if abrupt { "drop" } else { "disconnect" },
        );
        Ok(Progress::Act(if abrupt {
            Action::Drop { user }
        } else {
            Action::Close { user }
        }))
    }

    fn http(&mut self, http: &Http, reached: Instant, now: Instant) -> Result<Progress> {
        if !self.asked {
            self.asked = true;
            self.http_answer = None;
            let target = template::fill(&http.path, &self.scope)?;
            let (method, headers) = (http.method.clone(), http.headers.clone());
            return Ok(Progress::Act(Action::Http {
                method,
                target,
                headers,
            }));
        }
        let Some((status, body)) = self.http_answer.take() else {
            return self.wait_for("the HTTP request was not answered", reached, now);
        };
        check_http(&http.status, http.body.as_ref(), status, &body)?;
        Ok(Progress::Done)
    }

    fn wait_for(&self, what: &str, reached: Instant, now: Instant) -> Result<Progress> {
        let until = reached + self.options.expect_limit;
        if now >= until {
            Err(Problem::new(what))
        } else {
            Ok(Progress::Wait(until))
        }
    }

    /// After the last step: nothing more may come.
    fn finish(&mut self, reached: Instant, now: Instant) -> Result<Progress> {
        self.nothing_left(None)?;
        self.nothing_asked()?;
        let until = reached + self.options.quiet;
        if now < until {
            return Ok(Progress::Wait(until));
        }
        self.outcome = Some(Outcome {
            scenario: self.scenario.clone(),
            failure: None,
            ladder: self.ladder.clone(),
            took: self.elapsed(now),
        });
        Ok(Progress::Done)
    }

    /// Checks that a user, or anybody, has got nothing that was not expected.
    fn nothing_left(&self, user: Option<&str>) -> Result<()> {
        let mut sockets = self
            .sockets
            .iter()
            .filter(|(name, _)| user.is_none_or(|user| user == *name));
        let left =
            sockets.find_map(|(name, socket)| socket.queue.front().map(|(_, received)| (name, received)));
        match left {
            None => Ok(()),
            Some((name, Received::Text(text))) => Err(Box::new(Problem {
                what: format!("{name} got a message that nobody waits for"),
                received: Some(text.clone()),
                ..Problem::default()
            })),
            Some((name, Received::Closed(code))) => Err(Problem::new(format!("{name}: {}", closed(*code)))),
        }
    }

    fn fail(&mut self, now: Instant, problem: Problem) {
        let (place, step) = match self.plan.get(self.next) {
            Some(planned) => (planned.place.to_string(), shortened(&planned.step.summary(), 400)),
            None => ("end".to_owned(), "after the last step".to_owned()),
        };
        self.outcome = Some(Outcome {
            scenario: self.scenario.clone(),
            failure: Some(Failure {
                place,
                step,
                at: self.elapsed(now),
                what: problem.what,
                differences: problem.differences,
                received: problem.received,
            }),
            ladder: self.ladder.clone(),
            took: self.elapsed(now),
        });
    }
}

fn check_http(wanted: &Json, wanted_body: Option<&Json>, status: u16, body: &str) -> Result<()> {
    let status = Json {
        raw: status.to_string(),
        kind: Kind::Number,
    };
    let body = Json {
        raw: serde_json::Value::from(body).to_string(),
        kind: Kind::String(body.trim_end().to_owned()),
    };
    let mut differences = Vec::new();
    for (header, wanted, got) in [("status", Some(wanted), status), ("body", wanted_body, body)] {
        if let Some(wanted) = wanted.filter(|wanted| !pattern::matches(wanted, Some(&got))) {
            differences.push(Difference {
                header: header.to_owned(),
                expected: wanted.raw.clone(),
                got: got.raw,
            });
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(Box::new(Problem {
        what: "another HTTP answer than expected".to_owned(),
        differences,
        received: None,
    }))
}

fn closed(code: Option<u16>) -> String {
    code.map_or_else(
        || "closed without a code".to_owned(),
        |code| format!("closed with {code}"),
    )
}

#[cfg(test)]
mod tests;
