//! The tutorials of docs/services.md: each command is run, and must say what is written there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::Running;
use support::page::{Step, fits, line_fits, steps};

/// Where the reader is.
struct Terminal {
    directory: PathBuf,
    environment: Vec<(String, String)>,
    /// The same, for what is built for WebAssembly.
    wasm: Vec<(String, String)>,
}

impl Terminal {
    fn run(&mut self, step: &Step) {
        if let Some(directory) = step.command.strip_prefix("cd ") {
            self.directory.push(directory);
            return;
        }
        let is_wasm = step.command.starts_with("cargo build") && step.command.contains("wasm32");
        let wasm = self.wasm.iter().filter(|_| is_wasm);
        let output = Command::new("sh")
            .args(["-c", &step.command])
            .current_dir(&self.directory)
            .envs(self.environment.iter().chain(wasm).cloned())
            .env_remove("CARGO_TARGET_DIR")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}{complaints}", step.command);
        let lines: Vec<&str> = said.lines().collect();
        assert!(
            fits(&step.output, &lines),
            "{}\n{:#?}\nsaid\n{said}",
            step.command,
            step.output
        );
    }
}

/// What cargo needs to build for WebAssembly where the compiler in use has no library for it, as `cargo xtask guests` does.
fn wasm_compiler() -> Vec<(String, String)> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", "wasm32-unknown-unknown"]);
    let library = rustc.output().unwrap();
    if Path::new(String::from_utf8_lossy(&library.stdout).trim()).is_dir() {
        return Vec::new();
    }
    let wanted = [
        ("RUSTC", "/usr/bin/rustc"),
        ("RUSTC_BOOTSTRAP", "1"),
        ("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort"),
        ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-19"),
    ];
    wanted
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// Runs every command of a section, one after another.
fn run(section: &str) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/services.md");
    let steps = steps(&std::fs::read_to_string(page).unwrap(), section);
    assert!(steps.len() >= 12, "{steps:#?}");
    let mut server = Running::start_with("", &["--admin-listen", "127.0.0.1:0"]);
    let home = tempfile::tempdir().unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_strowger")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tutorial");
    let environment = vec![
        ("PATH".to_owned(), format!("{}:{path}", binary.display())),
        ("STROWGER_ADMIN".to_owned(), server.admin()),
        ("STROWGER_URL".to_owned(), server.url.clone()),
        // What is compiled for it is kept from one run to the next.
        ("CARGO_BUILD_BUILD_DIR".to_owned(), kept.display().to_string()),
    ];
    let mut terminal = Terminal {
        directory: home.path().to_owned(),
        environment,
        wasm: wasm_compiler(),
    };
    for step in &steps {
        terminal.run(step);
    }
}

#[test]
fn every_step_from_nothing_to_an_upgraded_service_does_what_it_says() {
    run("From nothing to an upgraded service");
}

#[test]
fn every_step_in_javascript_does_what_it_says() {
    run("In JavaScript");
}

#[test]
fn what_is_left_out_may_be_anything() {
    let pattern = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(fits(&pattern("a\n...\nz"), &["a", "b", "c", "z"]));
    assert!(fits(&pattern("...\nz"), &["z"]));
    assert!(!fits(&pattern("a\n..."), &["b"]));
    assert!(!fits(&pattern("a"), &["a", "b"]));
    assert!(line_fits("1.0 ... default ...", "1.0    abc  default  0  77"));
    assert!(!line_fits("1.0 ... default", "1.0 abc"));
    assert!(!line_fits("ab", "abc"));
}
