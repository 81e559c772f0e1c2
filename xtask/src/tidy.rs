//! `cargo xtask tidy`: the house rules that no compiler knows.

mod arrows;
mod changelog;
mod length;
mod links;
mod lints;
mod manifests;
mod printed;
mod threats;
mod words;

use crate::packages::Packages;
use crate::report::Finding;
use crate::{files, mutate, report, run};

pub(crate) fn run() -> Result<(), String> {
    let root = run::root();
    let files = files::read(&root).map_err(|error| format!("cannot read the repository: {error}"))?;
    let packages = Packages::load()?;
    let checks: [(&str, Vec<Finding>); 10] = [
        (
            "dependency arrows as ARCHITECTURE.md allows them",
            arrows::check(&files, &packages),
        ),
        (
            "manifests inherit from the workspace",
            manifests::check(&files, &packages, &root),
        ),
        ("clippy.toml of each pure crate", lints::check(&files)),
        ("length of files", length::check(&files)),
        ("words and names", words::check(&files)),
        ("links between documents", links::check(&files)),
        ("documents printed from code", printed::check(&files)),
        ("threats and their tests", threats::check(&files)),
        ("changelog", changelog::check(&files)),
        ("mutations apply", mutate::check(&files)),
    ];
    let failed: Vec<_> = checks
        .iter()
        .filter(|(check, findings)| !report::print(check, findings))
        .map(|(check, _)| *check)
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("the house is not tidy: {}", failed.join("; ")))
    }
}
