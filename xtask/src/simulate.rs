//! `cargo xtask simulate`: many seeds of the fault simulation, in release.

use crate::run;

pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    let build = [
        "run",
        "--release",
        "-p",
        "strowger-testkit",
        "--example",
        "simulate",
        "--",
    ];
    run::succeed(run::cargo(&build).args(arguments))
}
