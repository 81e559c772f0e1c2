//! What the checks say.

use std::fmt;

/// One thing that is out of order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// A path, perhaps with `:line`, or what else names the place.
    pub(crate) place: String,
    /// What is wrong there.
    pub(crate) fault: String,
    /// What to do about it.
    pub(crate) remedy: String,
}

impl Finding {
    pub(crate) fn new(place: impl Into<String>, fault: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            fault: fault.into(),
            remedy: remedy.into(),
        }
    }

    pub(crate) fn at(path: &str, line: usize, fault: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(format!("{path}:{line}"), fault, remedy)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.fault, self.remedy)
    }
}

/// Prints one line for a check, and one for each of its findings; says whether there are none.
pub(crate) fn print(check: &str, findings: &[Finding]) -> bool {
    println!("{} {check}", if findings.is_empty() { "ok  " } else { "FAIL" });
    for finding in findings {
        println!("       {finding}");
    }
    findings.is_empty()
}

/// The faults of findings, for tests.
#[cfg(test)]
pub(crate) fn faults(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|finding| format!("{}: {}", finding.place, finding.fault))
        .collect()
}
