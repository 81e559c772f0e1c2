//! `cargo xtask schemathesis`: questions made of the served OpenAPI document, for the admin interface of a real server.
//!
//! The Python package `schemathesis` makes them; `scripts/bootstrap` installs it. A 5xx, a status code or a content type that
//! the document does not tell of, and an answer of another shape fail. So does a route that asks for no token.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::run;

/// What has to hold; the document's own claims, and that nobody comes in without a token.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,unsupported_method,use_after_free,ignored_auth";

/// One run for each role: how many questions for each operation, and what is left out.
struct Round {
    role: &'static str,
    token: &'static str,
    questions: &'static str,
    without: Option<&'static str>,
}

/// The weakest role first: it ends nothing, so that all that is alive is looked at. Who drains comes last.
const ROUNDS: [Round; 3] = [
    Round {
        role: "read",
        token: "reads-0123456789abcdef",
        questions: "15",
        without: None,
    },
    Round {
        role: "operate",
        token: "operates-0123456789abcdef",
        questions: "15",
        without: Some("/v1/drain"),
    },
    Round {
        role: "deploy",
        token: "deploys-0123456789abcdef",
        questions: "30",
        without: None,
    },
];

pub(crate) fn run() -> Result<(), String> {
    let tool = run::root().join("target/.venv/bin/schemathesis");
    if !tool.exists() {
        return Err("schemathesis is not installed: scripts/bootstrap".to_owned());
    }
    run::succeed(&mut run::cargo(&["build", "--quiet", "-p", "strowger"]))?;
    let folder = run::root().join("target/schemathesis");
    let program = std::env::current_exe()
        .map_err(|error| error.to_string())?
        .with_file_name(format!("strowger{}", std::env::consts::EXE_SUFFIX));
    let mut server = Running::server(&program, &folder)?;
    let (users, admin) = (
        server.said("Strowger listens on ")?,
        server.said("Admin interface on ")?,
    );
    let admin = admin.split(',').next().unwrap_or(&admin).to_owned();
    let _call = call(&program, &users)?;
    for round in &ROUNDS {
        println!("\n-- as {}", round.role);
        ask(&tool, &admin, round, &folder)?;
        if !server.is_running() {
            return Err("the server has ended; its log is target/schemathesis/server.log".to_owned());
        }
    }
    Ok(())
}

/// Two users who talk, for as long as they are kept: channels, dialogs and an instance to look at.
fn call(program: &Path, url: &str) -> Result<[Running; 2], String> {
    let mut callee = Running::user(program, "bob@example.com", url)?;
    callee.said_somewhere("connected")?;
    let mut caller = Running::user(program, "alice@example.com", url)?;
    caller.said_somewhere("connected")?;
    caller.type_in("call bob@example.com\n")?;
    callee.said_somewhere("calls: answer")?;
    callee.type_in("answer\n")?;
    caller.said_somewhere("talking to")?;
    Ok([caller, callee])
}

fn ask(tool: &Path, admin: &str, round: &Round, folder: &Path) -> Result<(), String> {
    let settings = run::root().join("xtask/schemathesis");
    let mut command = Command::new(tool);
    command
        .arg("--config-file")
        .arg(settings.join("schemathesis.toml"));
    command
        .args(["run", &format!("{admin}/openapi.json"), "--url", admin])
        .args(["--checks", CHECKS, "--max-examples", round.questions])
        .args(["--header", &format!("Authorization: Bearer {}", round.token)]);
    if let Some(path) = round.without {
        command.args(["--exclude-path", path]);
    }
    command
        .env("SCHEMATHESIS_HOOKS", settings.join("hooks.py"))
        // Where it leaves what it remembers.
        .current_dir(folder);
    run::succeed(&mut command)
}

/// A process; ended when dropped.
struct Running {
    child: Child,
    said: Option<BufReader<std::process::ChildStdout>>,
}

impl Running {
    fn server(program: &Path, folder: &Path) -> Result<Self, String> {
        let fault = |error: std::io::Error| format!("target/schemathesis: {error}");
        std::fs::create_dir_all(folder).map_err(fault)?;
        let tokens: String = ROUNDS
            .iter()
            .map(|round| format!("{} {} {}\n", round.role, round.token, round.role))
            .collect();
        let (tokens_file, config) = (folder.join("tokens"), folder.join("strowger.toml"));
        std::fs::write(&tokens_file, tokens).map_err(fault)?;
        let text = format!(
            "listen = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\ndialog_messages = 8\ntokens = {:?}\n[drain]\ntimeout = \"1s\"\n",
            tokens_file.display().to_string()
        );
        std::fs::write(&config, text).map_err(fault)?;
        let log = std::fs::File::create(folder.join("server.log")).map_err(fault)?;
        let mut command = Command::new(program);
        command.args(["serve", "--config"]).arg(config).stderr(log);
        Self::start(&mut command)
    }

    fn user(program: &Path, name: &str, url: &str) -> Result<Self, String> {
        Self::start(
            Command::new(program)
                .args(["ua", "--as", name, "--url", url])
                .stderr(Stdio::inherit()),
        )
    }

    fn start(command: &mut Command) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run the server: {error}"))?;
        let said = child.stdout.take().map(BufReader::new);
        Ok(Self { child, said })
    }

    /// The rest of the next line that begins so.
    fn said(&mut self, beginning: &str) -> Result<String, String> {
        self.line(|line| line.strip_prefix(beginning).map(str::to_owned))
            .ok_or_else(|| {
                format!("the server never said \"{beginning}\"; its log is target/schemathesis/server.log")
            })
    }

    /// Waits for a line with this in it.
    fn said_somewhere(&mut self, words: &str) -> Result<(), String> {
        self.line(|line| line.contains(words).then_some(()))
            .ok_or_else(|| format!("a user never said \"{words}\""))
    }

    fn line<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> Option<T> {
        let said = self.said.as_mut()?;
        loop {
            let mut line = String::new();
            if said.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(found) = wanted(line.trim_end()) {
                return Some(found);
            }
        }
    }

    fn type_in(&mut self, text: &str) -> Result<(), String> {
        let typed = self
            .child
            .stdin
            .as_mut()
            .map(|stdin| stdin.write_all(text.as_bytes()));
        typed
            .unwrap_or(Ok(()))
            .map_err(|error| format!("a user of the server has ended: {error}"))
    }

    fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
