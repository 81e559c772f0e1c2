//! How a scenario ended.

use std::fmt;
use std::time::Duration;

use crate::ladder::Ladder;

/// How a scenario ended. Its `Display` is the report for a person: the first difference, then the ladder.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: String,
    /// What went wrong first; `None` if all went as the file says.
    pub failure: Option<Failure>,
    /// Who sent what to whom.
    pub ladder: Ladder,
    /// From the first poll to the end.
    pub took: Duration,
}

impl Outcome {
    /// Whether all went as the file says.
    pub const fn is_success(&self) -> bool {
        self.failure.is_none()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failure {
            None => writeln!(f, "{}: ok ({:.3} s)", self.scenario, self.took.as_secs_f64())?,
            Some(failure) => write!(f, "{}: FAILED\n{failure}", self.scenario)?,
        }
        write!(f, "{}", self.ladder)
    }
}

/// The first thing that was not as the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step, such as `steps[3]`, or `end` for what was found after the last one.
    pub place: String,
    /// The step's text in the file, in short.
    pub step: String,
    /// When, counted from the first poll.
    pub at: Duration,
    /// What went wrong, in one sentence.
    pub what: String,
    /// The headers that differ, where a message came that does not match.
    pub differences: Vec<Difference>,
    /// The frame that came, if one did.
    pub received: Option<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  at {:.3} s, {}: {}",
            self.at.as_secs_f64(),
            self.place,
            self.step
        )?;
        writeln!(f, "  {}", self.what)?;
        for difference in &self.differences {
            writeln!(f, "  {difference}")?;
        }
        if let Some(received) = &self.received {
            writeln!(f, "  received: {}", shortened(received, 2_000))?;
        }
        Ok(())
    }
}

/// One header that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The header.
    pub header: String,
    /// What the file says, as JSON.
    pub expected: String,
    /// What came, as JSON, or `absent`.
    pub got: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (expected, got) = (shortened(&self.expected, 300), shortened(&self.got, 300));
        write!(f, "{}: expected {expected}, got {got}", self.header)
    }
}

/// The text, cut after `limit` characters.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit).chain("...".chars()).collect()
}
