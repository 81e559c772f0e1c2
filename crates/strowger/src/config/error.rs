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
        /// Every fault found, in the order of the file, then by variables; never empty.
        faults: Vec<Fault>,
    },
}

/// Where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of the file, from 1.
    Line(usize),
    /// A variable of the environment.
    Variable(String),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What is wrong there and what would be right.
    pub text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Line(line) => write!(f, "{line}: {}", self.text),
            Place::Variable(name) => write!(f, "{name}: {}", self.text),
        }
    }
}

fn lines(name: &str, faults: &[Fault]) -> String {
    faults
        .iter()
        .map(|fault| match fault.place {
            Place::Line(_) => format!("{name}:{fault}"),
            Place::Variable(_) => fault.to_string(),
        })
        .collect::<Vec<_>>()
        .join("\n")
}
