//! What can be wrong with a scenario file.

use std::path::PathBuf;

/// A scenario file that cannot be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is no JSON of the shape of a scenario: the source names the key and the line.
    #[error("{name}: {source}")]
    Shape {
        /// The scenario.
        name: String,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// The shape is right, the meaning is not.
    #[error("{name}: {place}: {fault}")]
    Meaning {
        /// The scenario.
        name: String,
        /// Where in the file, such as `steps[3]`.
        place: String,
        /// What is wrong there.
        fault: String,
    },
}

/// A fault in the meaning of a file and its place, before the file's name is known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: String,
    pub(crate) text: String,
}

impl Fault {
    pub(crate) fn new(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            text: text.into(),
        }
    }
}
