//! What can be wrong with a configuration file.

use std::{fmt, io};

use thiserror::Error;

/// Why a configuration was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {name}: {source}")]
    Unreadable {
        /// The file, as the caller named it.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file was read and is wrong; displayed as one line per fault.
    #[error("{}", lines(.name, .faults))]
    Faults {
        /// The file, as the caller named it.
        name: String,
        /// Every fault found, in the order of the file; never empty.
        faults: Vec<Fault>,
    },
}

/// One thing that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line of the file, from 1.
    pub line: usize,
    /// What is wrong there and what would be right.
    pub text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.text)
    }
}

fn lines(name: &str, faults: &[Fault]) -> String {
    faults
        .iter()
        .map(|fault| format!("{name}:{fault}"))
        .collect::<Vec<_>>()
        .join("\n")
}
