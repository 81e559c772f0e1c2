//! The pages and the client in headless Chromium, with made-up cameras, against the server built here.
//!
//! Pictures of each state are left in `target/browser`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run;

/// The tests of each page, the quick ones first.
const TESTS: [(&str, &[&str]); 2] = [
    (
        "console",
        &[
            "test/pure.test.js",
            "test/ladder.test.js",
            "test/pages.test.js",
            "test/call.test.js",
            "test/server.test.js",
        ],
    ),
    (
        "demo",
        &["test/calls.test.js", "test/page.test.js", "test/origins.test.js"],
    ),
];

pub(crate) fn run() -> Result<(), String> {
    let root = run::root();
    let (pages, client) = (root.join("apps"), root.join("sdk/js"));
    let tools = client.join("node_modules/.bin");
    if !tools.exists() {
        return Err("sdk/js has no node_modules: run scripts/bootstrap".to_owned());
    }
    if !browser().exists() {
        return Err("there is no Chromium: run scripts/bootstrap, or set CHROMIUM".to_owned());
    }
    let lint = ["ci", "--error-on-warnings", "."];
    run::succeed(Command::new(tools.join("biome")).args(lint).current_dir(&pages))?;
    run::succeed(
        Command::new(tools.join("tsc"))
            .args(["-p", "."])
            .current_dir(&pages),
    )?;
    run::succeed(&mut run::cargo(&["build", "-p", "strowger"]))?;
    let arguments = ["run", "--silent", "test:browser"];
    run::succeed(with_server(
        Command::new("npm").args(arguments).current_dir(&client),
    ))?;
    for (page, files) in TESTS {
        let mut tests = Command::new("node");
        // One file after another: two browsers at a time are too much for a small machine.
        tests.args(["--test", "--test-concurrency=1", "--test-timeout=900000"]);
        tests.arg("--test-reporter=spec").args(files);
        run::succeed(with_server(tests.current_dir(pages.join(page))))?;
    }
    Ok(())
}

fn browser() -> PathBuf {
    std::env::var_os("CHROMIUM").map_or_else(|| PathBuf::from("/usr/bin/chromium"), PathBuf::from)
}

/// Tells where the server is and where the pictures go.
fn with_server(command: &mut Command) -> &mut Command {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(
        || run::root().join("target"),
        |folder| Path::new(&folder).to_path_buf(),
    );
    command
        .env("STROWGER_SERVER", target.join("debug/strowger"))
        .env("CARGO_TARGET_DIR", target)
}
