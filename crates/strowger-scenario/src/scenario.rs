//! A scenario file, read and checked.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::check::Check;
use crate::error::{Fault, ScenarioError};
use crate::file::{FileShape, into_steps};
use crate::span;
use crate::step::Step;
use crate::template::{self, Scope};

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
    /// The web peer's name and URL.
    web: Option<(String, String)>,
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
        let steps = into_steps(shape.steps, "steps")?;
        let (users, web) = (shape.users.0, shape.web.map(|name| (web_url(&name), name)));
        Check::new(&users, web.as_ref().map(|(_, name)| name.as_str()))?.steps(&steps, "steps", 1)?;
        let web = web.map(|(url, name)| (name, url));
        for (key, value) in &shape.config.0 {
            let fault = |fault| Fault::new(format!("config.{key}"), fault);
            check_config(key, value).map_err(fault)?;
            filled(value, &scope_of(web.as_ref())).map_err(fault)?;
        }
        Ok(Self {
            name,
            about: shape.about,
            spec: shape.spec,
            users,
            web,
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

    /// The web peer's name in the file and its URL without a path, where the scenario has one.
    pub fn web(&self) -> Option<(&str, &str)> {
        self.web.as_ref().map(|(name, url)| (name.as_str(), url.as_str()))
    }

    /// The same with the web peer at this URL, such as `http://127.0.0.1:8000`; without it, it is `http://NAME.test`.
    #[must_use]
    pub fn with_web_at(mut self, url: &str) -> Self {
        if let Some((_, web)) = &mut self.web {
            url.clone_into(web);
        }
        self
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
        let (scale, scope) = (self.effective_scale(scale), scope_of(self.web.as_ref()));
        let entry = |(key, value): &(String, Value)| {
            // That it can be filled was seen when the file was read.
            let value = filled(value, &scope).unwrap_or_else(|_| value.clone());
            (key.clone(), scaled(key, &value, scale))
        };
        self.config.iter().map(entry).collect()
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

    pub(crate) const fn web_pair(&self) -> Option<&(String, String)> {
        self.web.as_ref()
    }

    pub(crate) fn user_pairs(&self) -> &[(String, String)] {
        &self.users
    }
}

/// Where the web peer is if nobody says.
fn web_url(name: &str) -> String {
    format!("http://{name}.test")
}

fn scope_of(web: Option<&(String, String)>) -> Scope {
    web.map(|(name, url)| (name.clone(), template::Value::Text(url.clone())))
        .into_iter()
        .collect()
}

/// A value of the configuration with the web peer's URL in it.
fn filled(value: &Value, scope: &Scope) -> Result<Value, String> {
    match value {
        Value::String(text) => template::fill(text, scope).map(Value::from),
        Value::Array(items) => items.iter().map(|item| filled(item, scope)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Ok(value.clone()),
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
