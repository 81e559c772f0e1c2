//! The JavaScript client: its own lint, build, tests and size, against the server built here.

use std::path::PathBuf;
use std::process::Command;

use crate::run;

/// What `npm run` is asked for, the cheap ones first.
const SCRIPTS: [&str; 4] = ["lint", "build", "size", "test"];

pub(crate) fn run() -> Result<(), String> {
    let folder = run::root().join("sdk/js");
    if !folder.join("node_modules").exists() {
        return Err("sdk/js has no node_modules: run scripts/bootstrap".to_owned());
    }
    run::succeed(&mut run::cargo(&["build", "-p", "strowger"]))?;
    for script in SCRIPTS {
        let mut npm = Command::new("npm");
        npm.args(["run", "--silent", script])
            .current_dir(&folder)
            .env("STROWGER_SERVER", server());
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
