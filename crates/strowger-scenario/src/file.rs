//! The shape of a scenario file, and the way from there to steps.
//!
//! A step is one flat struct here, because what serde offers for enums either names no key in its errors or copies
//! the message into a tree, which would lose digits and key order.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Fault;
use crate::json::{Json, Pairs, minify};
use crate::pattern;
use crate::span;
use crate::step::{Ask, Asked, Connect, Expect, ExpectClose, Http, Query, Step, Window};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileShape {
    pub(crate) name: Option<String>,
    pub(crate) about: String,
    pub(crate) spec: Vec<String>,
    pub(crate) users: Pairs<String>,
    pub(crate) web: Option<String>,
    #[serde(default)]
    pub(crate) config: Pairs<serde_json::Value>,
    #[serde(default)]
    pub(crate) unscaled: bool,
    pub(crate) steps: Vec<StepShape>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepShape {
    connect: Option<String>,
    send: Option<String>,
    raw: Option<String>,
    binary: Option<String>,
    expect: Option<String>,
    expect_close: Option<String>,
    expect_nothing: Option<String>,
    ignore: Option<String>,
    wait: Option<String>,
    disconnect: Option<String>,
    drop: Option<String>,
    http: Option<HttpShape>,
    ask: Option<String>,
    asked: Option<String>,
    unordered: Option<Vec<Self>>,
    repeat: Option<u64>,

    #[serde(rename = "as")]
    userid: Option<String>,
    query: Option<String>,
    expect_status: Option<Box<RawValue>>,
    expect_body: Option<Box<RawValue>>,
    message: Option<Box<RawValue>>,
    text: Option<String>,
    capture: Option<Pairs<String>>,
    order: Option<Vec<String>>,
    skip: Option<Box<RawValue>>,
    after: Option<String>,
    within: Option<String>,
    code: Option<u16>,
    #[serde(rename = "for")]
    span: Option<String>,
    steps: Option<Vec<Self>>,
    method: Option<String>,
    path: Option<String>,
    headers: Option<Box<RawValue>>,
    body: Option<Box<RawValue>>,
    status: Option<Box<RawValue>>,
    answer: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpShape {
    method: String,
    path: String,
    #[serde(default)]
    headers: Pairs<String>,
    status: Box<RawValue>,
    body: Option<Box<RawValue>>,
}

/// Each verb with the keys that may stand beside it.
const VERBS: [(&str, &[&str]); 16] = [
    ("connect", &["as", "query", "expect_status", "expect_body"]),
    ("send", &["message"]),
    ("raw", &["text"]),
    ("binary", &[]),
    (
        "expect",
        &["message", "capture", "order", "skip", "after", "within"],
    ),
    ("expect_close", &["code", "after", "within"]),
    ("expect_nothing", &["for"]),
    ("ignore", &[]),
    ("wait", &[]),
    ("disconnect", &[]),
    ("drop", &[]),
    ("http", &[]),
    ("ask", &["method", "path", "body", "status", "answer", "capture"]),
    (
        "asked",
        &[
            "method", "path", "headers", "body", "capture", "after", "within", "status", "answer",
        ],
    ),
    ("unordered", &[]),
    ("repeat", &["steps"]),
];

impl StepShape {
    fn keys(&self) -> Vec<&'static str> {
        let all = [
            ("connect", self.connect.is_some()),
            ("send", self.send.is_some()),
            ("raw", self.raw.is_some()),
            ("binary", self.binary.is_some()),
            ("expect", self.expect.is_some()),
            ("expect_close", self.expect_close.is_some()),
            ("expect_nothing", self.expect_nothing.is_some()),
            ("ignore", self.ignore.is_some()),
            ("wait", self.wait.is_some()),
            ("disconnect", self.disconnect.is_some()),
            ("drop", self.drop.is_some()),
            ("http", self.http.is_some()),
            ("ask", self.ask.is_some()),
            ("asked", self.asked.is_some()),
            ("unordered", self.unordered.is_some()),
            ("repeat", self.repeat.is_some()),
            ("as", self.userid.is_some()),
            ("query", self.query.is_some()),
            ("expect_status", self.expect_status.is_some()),
            ("expect_body", self.expect_body.is_some()),
            ("message", self.message.is_some()),
            ("text", self.text.is_some()),
            ("capture", self.capture.is_some()),
            ("order", self.order.is_some()),
            ("skip", self.skip.is_some()),
            ("after", self.after.is_some()),
            ("within", self.within.is_some()),
            ("code", self.code.is_some()),
            ("for", self.span.is_some()),
            ("steps", self.steps.is_some()),
            ("method", self.method.is_some()),
            ("path", self.path.is_some()),
            ("headers", self.headers.is_some()),
            ("body", self.body.is_some()),
            ("status", self.status.is_some()),
            ("answer", self.answer.is_some()),
        ];
        all.into_iter()
            .filter(|(_, present)| *present)
            .map(|(key, _)| key)
            .collect()
    }

    /// Checks that there is one verb and nothing that does not go with it.
    fn check_keys(&self, place: &str) -> Result<(), Fault> {
        let keys = self.keys();
        let verbs: Vec<_> = VERBS.iter().filter(|(verb, _)| keys.contains(verb)).collect();
        let [(verb, beside)] = verbs.as_slice() else {
            let all: Vec<_> = VERBS.iter().map(|(verb, _)| *verb).collect();
            let found = match verbs.as_slice() {
                [] => "a step needs".to_owned(),
                [(one, _), (other, _), ..] => format!("`{one}` and `{other}` are two steps; write"),
                [_] => String::new(),
            };
            return Err(Fault::new(place, format!("{found} one of {}", all.join(", "))));
        };
        match keys.iter().find(|key| *key != verb && !beside.contains(key)) {
            None => Ok(()),
            Some(key) if beside.is_empty() => Err(Fault::new(
                place,
                format!("`{key}` does not go with `{verb}`, which takes nothing else"),
            )),
            Some(key) => {
                let beside = beside.join(", ");
                Err(Fault::new(
                    place,
                    format!("`{key}` does not go with `{verb}`, which takes {beside}"),
                ))
            }
        }
    }

    /// Makes the step.
    pub(crate) fn into_step(self, place: &str) -> Result<Step, Fault> {
        self.check_keys(place)?;
        if let Some(web) = self.ask.clone() {
            return self.into_ask(web, place);
        }
        if let Some(web) = self.asked.clone() {
            return self.into_asked(web, place);
        }
        let window = Window {
            after: self.after.map(|text| parse_span(&text, place)).transpose()?,
            within: self.within.map(|text| parse_span(&text, place)).transpose()?,
        };
        if let Some(user) = self.connect {
            let query = match (self.userid, self.query) {
                (None, None) => Query::UserId(format!("{{{{{user}}}}}")),
                (Some(userid), None) => Query::UserId(userid),
                (None, Some(query)) => Query::Verbatim(query),
                (Some(_), Some(_)) => return Err(Fault::new(place, "write either `as` or `query`")),
            };
            let body = self
                .expect_body
                .map(|raw| parse_pattern(&raw, place))
                .transpose()?;
            let refusal = match self.expect_status {
                Some(status) => Some((parse_pattern(&status, place)?, body)),
                None if body.is_some() => {
                    return Err(Fault::new(place, "`expect_body` needs an `expect_status`"));
                }
                None => None,
            };
            Ok(Step::Connect(Connect { user, query, refusal }))
        } else if let Some(user) = self.send {
            Ok(Step::Send {
                user,
                message: parse_message(self.message, place)?,
            })
        } else if let Some(user) = self.raw {
            let text = self
                .text
                .ok_or_else(|| Fault::new(place, "`raw` needs a `text`"))?;
            Ok(Step::Raw { user, text })
        } else if let Some(user) = self.binary {
            Ok(Step::Binary { user })
        } else if let Some(user) = self.expect {
            let skip = self
                .skip
                .map(|raw| parse_message_pattern(Some(raw), place))
                .transpose()?;
            Ok(Step::Expect(Expect {
                user,
                pattern: parse_message_pattern(self.message, place)?,
                captures: self.capture.unwrap_or_default().0,
                order: self.order.unwrap_or_default(),
                skip,
                window,
            }))
        } else if let Some(user) = self.expect_close {
            let code = self
                .code
                .ok_or_else(|| Fault::new(place, "`expect_close` needs a `code`"))?;
            Ok(Step::ExpectClose(ExpectClose { user, code, window }))
        } else if let Some(user) = self.expect_nothing {
            let span = self.span.map(|text| parse_span(&text, place)).transpose()?;
            Ok(Step::ExpectNothing { user, span })
        } else if let Some(user) = self.ignore {
            Ok(Step::Ignore { user })
        } else if let Some(text) = self.wait {
            Ok(Step::Wait(parse_span(&text, place)?))
        } else if let Some(user) = self.disconnect {
            Ok(Step::Disconnect { user })
        } else if let Some(user) = self.drop {
            Ok(Step::Drop { user })
        } else if let Some(http) = self.http {
            Ok(Step::Http(Http {
                method: http.method,
                path: http.path,
                headers: http.headers.0,
                status: parse_pattern(&http.status, place)?,
                body: http.body.map(|raw| parse_pattern(&raw, place)).transpose()?,
            }))
        } else if let Some(steps) = self.unordered {
            let steps = into_steps(steps, &format!("{place}.unordered"))?;
            let allowed = |step: &Step| matches!(step, Step::Expect(_) | Step::ExpectClose(_));
            if !steps.iter().all(allowed) {
                return Err(Fault::new(
                    place,
                    "`unordered` takes only `expect` and `expect_close`",
                ));
            }
            Ok(Step::Unordered(steps))
        } else {
            let steps = self
                .steps
                .ok_or_else(|| Fault::new(place, "`repeat` needs `steps`"))?;
            let times = self.repeat.unwrap_or_default();
            Ok(Step::Repeat {
                times,
                steps: into_steps(steps, &format!("{place}.steps"))?,
            })
        }
    }
}

impl StepShape {
    fn into_ask(self, web: String, place: &str) -> Result<Step, Fault> {
        let missing = |key: &str| Fault::new(place, format!("`ask` needs a `{key}`"));
        Ok(Step::Ask(Ask {
            web,
            method: self.method.ok_or_else(|| missing("method"))?,
            path: self.path.ok_or_else(|| missing("path"))?,
            body: self.body.map(|raw| minify(raw.get())),
            status: parse_pattern(&self.status.ok_or_else(|| missing("status"))?, place)?,
            answer: self
                .answer
                .map(|raw| parse_object_pattern("answer", &raw, place))
                .transpose()?,
            captures: self.capture.unwrap_or_default().0,
        }))
    }

    fn into_asked(self, web: String, place: &str) -> Result<Step, Fault> {
        let pattern = |key: &str, raw: Option<Box<RawValue>>| {
            raw.map(|raw| parse_object_pattern(key, &raw, place)).transpose()
        };
        let status = self.status.map_or(Ok(200), |raw| {
            let fault = |_| Fault::new(place, "`status` of `asked` is a number");
            serde_json::from_str(raw.get()).map_err(fault)
        })?;
        Ok(Step::Asked(Asked {
            web,
            method: self.method.unwrap_or_else(|| "POST".to_owned()),
            path: self
                .path
                .ok_or_else(|| Fault::new(place, "`asked` needs a `path`"))?,
            headers: pattern("headers", self.headers)?,
            body: pattern("body", self.body)?,
            captures: self.capture.unwrap_or_default().0,
            window: Window {
                after: self.after.map(|text| parse_span(&text, place)).transpose()?,
                within: self.within.map(|text| parse_span(&text, place)).transpose()?,
            },
            status,
            answer: self.answer.map(|raw| minify(raw.get())),
        }))
    }
}

/// Makes all steps of a list.
pub(crate) fn into_steps(shapes: Vec<StepShape>, place: &str) -> Result<Vec<Step>, Fault> {
    shapes
        .into_iter()
        .enumerate()
        .map(|(at, shape)| shape.into_step(&format!("{place}[{at}]")))
        .collect()
}

fn parse_span(text: &str, place: &str) -> Result<Duration, Fault> {
    span::parse(text)
        .ok_or_else(|| Fault::new(place, format!("`{text}` is no span of time such as 250ms or 5s")))
}

fn parse_pattern(raw: &RawValue, place: &str) -> Result<Json, Fault> {
    let parsed = Json::parse(raw.get()).map_err(|error| Fault::new(place, error.to_string()))?;
    pattern::check(&parsed).map_err(|fault| Fault::new(place, fault))?;
    Ok(parsed)
}

/// The text of the object in `message`.
fn parse_message(raw: Option<Box<RawValue>>, place: &str) -> Result<String, Fault> {
    let raw = raw.ok_or_else(|| Fault::new(place, "a `message` is missing"))?;
    parse_object("message", &raw, place)
}

fn parse_object(key: &str, raw: &RawValue, place: &str) -> Result<String, Fault> {
    let text = minify(raw.get());
    if text.starts_with('{') {
        Ok(text)
    } else {
        Err(Fault::new(place, format!("`{key}` must be an object")))
    }
}

/// The same for a pattern, which is checked.
fn parse_message_pattern(raw: Option<Box<RawValue>>, place: &str) -> Result<String, Fault> {
    let raw = raw.ok_or_else(|| Fault::new(place, "a `message` is missing"))?;
    parse_object_pattern("message", &raw, place)
}

fn parse_object_pattern(key: &str, raw: &RawValue, place: &str) -> Result<String, Fault> {
    let text = parse_object(key, raw, place)?;
    let parsed = Json::parse(&text).map_err(|error| Fault::new(place, error.to_string()))?;
    pattern::check(&parsed).map_err(|fault| Fault::new(place, fault))?;
    Ok(text)
}
