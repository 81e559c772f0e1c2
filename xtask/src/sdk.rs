//! The kits for JavaScript, of clients and of services: their own lint, build, tests and size, against the server built here.

use std::path::PathBuf;
use std::process::Command;

use crate::run;

/// What `npm run` is asked for, the cheap ones first.
const CLIENT: [&str; 4] = ["lint", "build", "size", "test"];
const SERVICE: [&str; 3] = ["build", "lint", "test"];

pub(crate) fn run() -> Result<(), String> {
    npm("sdk/js-service", &SERVICE, &[])?;
    run::succeed(&mut run::cargo(&["build", "-p", "strowger"]))?;
    npm("sdk/js", &CLIENT, &[("STROWGER_SERVER", server())])
}

/// Runs scripts of a package, one after another.
pub(crate) fn npm(folder: &str, scripts: &[&str], environment: &[(&str, PathBuf)]) -> Result<(), String> {
    let path = run::root().join(folder);
    if !path.join("node_modules").exists() {
        return Err(format!("{folder} has no node_modules: run scripts/bootstrap"));
    }
    for script in scripts {
        let mut npm = Command::new("npm");
        npm.args(["run", "--silent", script]).current_dir(&path);
        for (name, value) in environment {
            npm.env(name, value);
        }
        run::succeed(&mut npm)?;
    }
    Ok(())
}

/// Where cargo puts the server.
fn server() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| run::root().join("target"), PathBuf::from);
    target.join("debug/strowger")
}
