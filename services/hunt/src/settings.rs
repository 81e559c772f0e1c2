//! The settings as JSON: all that a hunt has which was loaded.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use strowger_service::jsip::Uri;

use crate::{Number, Settings};

/// What says nothing.
const NOTHING: &str = "{}";

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Shape {
    ring: u64,
    numbers: BTreeMap<String, NumberShape>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            ring: 15,
            numbers: BTreeMap::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NumberShape {
    agents: Vec<String>,
    #[serde(default)]
    ring: Ring,
    #[serde(default)]
    wrap_up: u64,
    #[serde(default)]
    queue: usize,
    #[serde(default = "sixty")]
    wait: u64,
    overflow: Option<String>,
}

/// One span for all steps, or one for each.
#[derive(Deserialize)]
#[serde(untagged, expecting = "`ring` must be seconds, or a list of them")]
enum Ring {
    All(u64),
    Each(Vec<u64>),
}

impl Default for Ring {
    fn default() -> Self {
        Self::All(15)
    }
}

impl Ring {
    fn into_spans(self, steps: usize) -> Result<Vec<Duration>, String> {
        let seconds = match self {
            Self::All(seconds) => vec![seconds],
            Self::Each(seconds) => seconds,
        };
        if seconds.is_empty() || seconds.len() > steps {
            return Err("`ring` must be one span for all steps, or one for each".to_owned());
        }
        let span = |seconds| in_range("ring", seconds, 1, 3600).map(|()| Duration::from_secs(seconds));
        seconds.into_iter().map(span).collect()
    }
}

const fn sixty() -> u64 {
    60
}

impl Settings {
    /// Reads them from JSON: `ring`, and `numbers` by their names, each with `agents` (a list of steps; users of one step have
    /// blanks between them), `ring` (a number, or a list with one for each step), `wrap_up`, `queue`, `wait` and `overflow`. Spans are whole seconds.
    ///
    /// # Errors
    ///
    /// What is wrong, for the operator.
    pub fn read(text: &str) -> Result<Self, String> {
        let shape: Shape = serde_json::from_str(text).map_err(|error| error.to_string())?;
        in_range("ring", shape.ring, 1, 3600)?;
        let mut numbers = BTreeMap::new();
        for (name, number) in shape.numbers {
            let called = user(&name).map_err(|fault| format!("`{name}` is no number: {fault}"))?;
            let number = number
                .into_number()
                .map_err(|fault| format!("`{name}`: {fault}"))?;
            if numbers.insert(called, number).is_some() {
                return Err(format!("`{name}` is there twice"));
            }
        }
        Ok(Self {
            numbers,
            ring: Duration::from_secs(shape.ring),
        })
    }

    /// The settings of an instance, where it has some. They were checked before it got them.
    pub(crate) fn read_own(config: &str) -> Option<Self> {
        (config != NOTHING).then(|| Self::read(config).ok()).flatten()
    }
}

impl NumberShape {
    fn into_number(self) -> Result<Number, String> {
        in_range("wrap_up", self.wrap_up, 0, 3600)?;
        in_range("queue", self.queue as u64, 0, 10_000)?;
        in_range("wait", self.wait, 1, 86_400)?;
        let mut steps = Vec::new();
        for step in &self.agents {
            let agents: Vec<String> = step.split_ascii_whitespace().map(str::to_owned).collect();
            for agent in &agents {
                user(agent).map_err(|fault| format!("`{agent}` is no agent: {fault}"))?;
            }
            if agents.is_empty() {
                return Err("a step has no agents".to_owned());
            }
            steps.push(agents);
        }
        if steps.is_empty() {
            return Err("it has no agents".to_owned());
        }
        if let Some(overflow) = &self.overflow {
            user(overflow).map_err(|fault| format!("`overflow` is no user: {fault}"))?;
        }
        Ok(Number {
            ring: self.ring.into_spans(steps.len())?,
            steps,
            wrap_up: Duration::from_secs(self.wrap_up),
            queue: self.queue,
            wait: Duration::from_secs(self.wait),
            overflow: self.overflow,
        })
    }
}

fn user(text: &str) -> Result<String, String> {
    let uri = Uri::parse(text).map_err(|error| error.to_string())?;
    Ok(uri.user_with_host().into_owned())
}

fn in_range(name: &str, value: u64, least: u64, most: u64) -> Result<(), String> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(format!("`{name}` is {value}; it must be from {least} to {most}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_number_is_read_with_all_that_it_may_have() {
        let settings = Settings::read(
            r#"{"numbers":{"sales@Example.com":{"agents":["ann@x","ben@x carl@x"],"ring":[5,9],"wrap_up":2,"queue":3,"wait":9,
                "overflow":"desk@x"}, "help@x":{"agents":["ann@x"]}}}"#,
        )
        .unwrap();
        let steps = [vec!["ann@x"], vec!["ben@x", "carl@x"]];
        let expected = Number {
            steps: steps
                .map(|step| step.into_iter().map(str::to_owned).collect())
                .into(),
            ring: vec![SECOND * 5, SECOND * 9],
            wrap_up: SECOND * 2,
            queue: 3,
            wait: SECOND * 9,
            overflow: Some("desk@x".to_owned()),
        };
        assert_eq!(settings.numbers["sales@example.com"], expected);
        let help = Number::in_turn(["ann@x".to_owned()], SECOND * 15);
        assert_eq!(settings.numbers["help@x"], help);
        assert_eq!(Settings::read("{}"), Ok(Settings::default()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("7", "invalid type"),
            (r#"{"number":{}}"#, "unknown field `number`"),
            (r#"{"ring":0}"#, "`ring` is 0; it must be from 1 to 3600"),
            (
                r#"{"numbers":{"a@b":{"agents":["x"],"ring":[3,0]}}}"#,
                "`a@b`: `ring` must be one span for all steps",
            ),
            (
                r#"{"numbers":{"a@b":{"agents":["x","y"],"ring":[3,0]}}}"#,
                "`a@b`: `ring` is 0",
            ),
            (
                r#"{"numbers":{"a@b":{"agents":["x"],"ring":"5s"}}}"#,
                "`ring` must be seconds, or a list of them",
            ),
            (r#"{"numbers":{"a@@b":{"agents":["x"]}}}"#, "`a@@b` is no number"),
            (r#"{"numbers":{"a@b":{}}}"#, "missing field `agents`"),
            (r#"{"numbers":{"a@b":{"agents":[]}}}"#, "`a@b`: it has no agents"),
            (
                r#"{"numbers":{"a@b":{"agents":[" "]}}}"#,
                "`a@b`: a step has no agents",
            ),
            (
                r#"{"numbers":{"a@b":{"agents":["x@@y"]}}}"#,
                "`a@b`: `x@@y` is no agent",
            ),
            (
                r#"{"numbers":{"a@b":{"agents":["x"],"wait":0}}}"#,
                "`a@b`: `wait` is 0",
            ),
            (
                r#"{"numbers":{"a@b":{"agents":["x"],"overflow":"@"}}}"#,
                "`a@b`: `overflow`",
            ),
            (
                r#"{"numbers":{"a@b":{"agents":["x"]},"a@B":{"agents":["x"]}}}"#,
                "`a@b` is there twice",
            ),
        ];
        for (text, expected) in cases {
            let error = Settings::read(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
