//! The client processes, one per language.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use tokio::sync::mpsc::UnboundedSender;

use crate::plan::{Line, Plan};

/// What a client process is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    Python,
    Node,
}

pub(crate) const LANGUAGES: [Language; 3] = [Language::Rust, Language::Python, Language::Node];

impl Language {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Node => "node",
        }
    }

    /// The users that a process of this language plays.
    pub(crate) fn users(self, count: usize) -> impl Iterator<Item = String> {
        (0..count).map(move |number| format!("{}{number}@proof.example", self.name()))
    }

    fn command(self) -> Result<Command, String> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let installed = |variable: &str, path: &str| {
            std::env::var_os(variable).map_or_else(|| here.join("../target").join(path), PathBuf::from)
        };
        match self {
            Self::Rust => {
                let own = std::env::current_exe().map_err(|error| error.to_string())?;
                let mut command = Command::new(own);
                command.arg("client");
                Ok(command)
            }
            Self::Python => {
                let mut command = Command::new(installed("STROWGER_PYTHON", ".venv/bin/python"));
                command.arg(here.join("clients/client.py"));
                Ok(command)
            }
            Self::Node => {
                let mut command = Command::new("node");
                let modules = installed("STROWGER_NODE_MODULES", "node/node_modules");
                command
                    .arg(here.join("clients/client.cjs"))
                    .env("NODE_PATH", modules);
                Ok(command)
            }
        }
    }
}

/// A running client process; killed when dropped.
#[derive(Debug)]
pub(crate) struct ClientProcess {
    child: Child,
    stdin: ChildStdin,
}

impl ClientProcess {
    /// Starts it with its plan. Its lines go to `lines`, with its language; `None` is its end.
    pub(crate) fn start(
        language: Language,
        plan: &Plan,
        lines: UnboundedSender<(Language, Option<Line>)>,
    ) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| {
            format!(
                "the {} client does not run ({error}): scripts/bootstrap installs what it needs",
                language.name()
            )
        };
        let mut command = language.command()?;
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| failed(&error))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(&"no pipes"));
        };
        let mut process = Self { child, stdin };
        let plan = serde_json::to_string(plan).map_err(|error| error.to_string())?;
        process.tell(&plan).map_err(|error| failed(&error))?;
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                match serde_json::from_str(&line) {
                    Ok(line) => drop(lines.send((language, Some(line)))),
                    Err(error) => eprintln!("{}: {error} in {line:.200}", language.name()),
                }
            }
            // The harness may have ended first.
            let _ = lines.send((language, None));
        });
        Ok(process)
    }

    /// All users are connected: they may begin.
    pub(crate) fn go(&mut self) {
        // One that has ended says so with its lines.
        let _ = self.tell("go");
    }

    /// The users may leave.
    pub(crate) fn stop(&mut self) {
        let _ = self.tell("stop");
    }

    fn tell(&mut self, line: &str) -> std::io::Result<()> {
        writeln!(self.stdin, "{line}")?;
        self.stdin.flush()
    }
}

impl Drop for ClientProcess {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
