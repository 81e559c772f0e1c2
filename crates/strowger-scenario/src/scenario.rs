//! A scenario file, read and checked.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::check::Check;
use crate::error::{Fault, ScenarioError};
use crate::file::{FileShape, into_steps};
use crate::span;
use crate::step::Step;

/// A scenario that can be played: its structure, names and captures have been checked.
///
/// ```
/// # use strowger_scenario::Scenario;
/// let error = Scenario::parse(
///     "typo",
///     r#"{"about": "", "spec": [], "users": {"alice": "alice@example.com"},
///         "steps": [{"connect": "alice"}, {"send": "bob", "message": {}}]}"#,
/// )
/// .unwrap_err();
/// assert_eq!(error.to_string(), "typo: steps[1]: `bob` is not in `users`");
/// ```
#[derive(Clone, Debug)]
pub struct Scenario {
    name: String,
    about: String,
    spec: Vec<String>,
    users: Vec<(String, String)>,
    config: Vec<(String, Value)>,
    unscaled: bool,
    steps: Vec<Step>,
}

impl Scenario {
    /// Reads a scenario from a file; its name is the file's without `.json`, unless the file says another.
    ///
    /// # Errors
    /// `Read`, and those of [`Scenario::parse`].
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path).map_err(|source| ScenarioError::Read {
            path: path.to_owned(),
            source,
        })?;
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
        Self::parse(&name, &text)
    }

    /// Reads a scenario from text.
    ///
    /// # Errors
    /// `Shape` with line and column for what is no JSON or has an unknown key, `Meaning` with the step for the rest.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        let shape: FileShape = serde_json::from_str(text).map_err(|source| ScenarioError::Shape {
            name: name.to_owned(),
            source,
        })?;
        let name = shape.name.clone().unwrap_or_else(|| name.to_owned());
        Self::from_shape(name.clone(), shape).map_err(|fault| ScenarioError::Meaning {
            name,
            place: fault.place,
            fault: fault.text,
        })
    }

    fn from_shape(name: String, shape: FileShape) -> Result<Self, Fault> {
        for (key, value) in &shape.config.0 {
            check_config(key, value).map_err(|fault| Fault::new(format!("config.{key}"), fault))?;
        }
        let steps = into_steps(shape.steps, "steps")?;
        let users = shape.users.0;
        Check::new(&users)?.steps(&steps, "steps", 1)?;
        Ok(Self {
            name,
            about: shape.about,
            spec: shape.spec,
            users,
            config: shape.config.0,
            unscaled: shape.unscaled,
            steps,
        })
    }

    /// The name: the behaviour.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it shows, in one sentence.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// The sections of the protocol it covers, such as `5 Inviting`.
    pub fn spec(&self) -> &[String] {
        &self.spec
    }

    /// Each user's name in the file and user id, in the file's order, without any suffix.
    pub fn users(&self) -> impl Iterator<Item = (&str, &str)> {
        self.users
            .iter()
            .map(|(name, userid)| (name.as_str(), userid.as_str()))
    }

    /// Whether the server needs a configuration of its own for this scenario.
    pub const fn has_config(&self) -> bool {
        !self.config.is_empty()
    }

    /// The configuration the server needs, by dotted key, for a run at the speed `scale`.
    ///
    /// Timers and retention are multiplied by `scale`, unless the scenario is about seconds that stand in messages
    /// and says so.
    pub fn config(&self, scale: f64) -> BTreeMap<String, Value> {
        let scale = self.effective_scale(scale);
        let scaled = self
            .config
            .iter()
            .map(|(key, value)| (key.clone(), scaled(key, value, scale)));
        scaled.collect()
    }

    /// The same as TOML, one dotted key a line.
    pub fn config_toml(&self, scale: f64) -> String {
        self.config(scale)
            .into_iter()
            .map(|(key, value)| format!("{key} = {value}\n"))
            .collect()
    }

    /// `scale`, or 1 where the scenario cannot be played faster or slower.
    pub const fn effective_scale(&self, scale: f64) -> f64 {
        if self.unscaled { 1.0 } else { scale }
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(crate) fn user_pairs(&self) -> &[(String, String)] {
        &self.users
    }
}

fn is_scaled(key: &str) -> bool {
    key.starts_with("timers.")
        || key.starts_with("channel.")
        || key.starts_with("link.")
        || key.starts_with("drain.")
}

fn check_config(key: &str, value: &Value) -> Result<(), String> {
    let part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    // What stands in quotes may hold dots: every other piece between quotes.
    let quotes = key.split('"');
    let bare: String = quotes.clone().step_by(2).collect::<Vec<_>>().join("quoted");
    if quotes.count().is_multiple_of(2) || !bare.split('.').all(part) {
        return Err("a key is names joined by dots, such as `timers.session`".to_owned());
    }
    match value {
        Value::String(text) if key.starts_with("timers.") && span::parse(text).is_none() => {
            Err(format!("`{text}` is no span of time such as 250ms or 5s"))
        }
        Value::Null | Value::Object(_) => Err("a string, number, boolean or array is wanted".to_owned()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Ok(()),
    }
}

fn scaled(key: &str, value: &Value, scale: f64) -> Value {
    match value.as_str().filter(|_| is_scaled(key)).and_then(span::parse) {
        Some(span) => Value::from(span::write(span.mul_f64(scale))),
        None => value.clone(),
    }
}

#[cfg(test)]
mod tests;
