//! Each `Cargo.toml` takes version, licence, lints and dependencies from the workspace.

use std::path::Path;

use toml::{Table, Value};

use crate::files::File;
use crate::packages::Packages;
use crate::report::Finding;

const INHERITED: [&str; 6] = [
    "version",
    "edition",
    "rust-version",
    "license",
    "repository",
    "publish",
];
const DEPENDENCIES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

pub(super) fn check(files: &[File], packages: &Packages, root: &Path) -> Vec<Finding> {
    let manifests = packages.members().filter_map(|(_, package)| {
        let path = Path::new(&package.manifest)
            .strip_prefix(root)
            .ok()?
            .to_string_lossy()
            .replace('\\', "/");
        files.iter().find(|file| file.path == path)
    });
    let root = files.iter().find(|file| file.path == "Cargo.toml");
    root.into_iter()
        .flat_map(|file| sorted(file, "[workspace.dependencies]"))
        .chain(manifests.flat_map(one))
        .collect()
}

fn one(file: &File) -> Vec<Finding> {
    let manifest: Table = match file.text.parse() {
        Ok(manifest) => manifest,
        Err(error) => {
            return vec![Finding::new(
                &file.path,
                format!("is no TOML: {error}"),
                "correct it",
            )];
        }
    };
    let is_inherited = |value: Option<&Value>| {
        value
            .and_then(|value| value.get("workspace"))
            .and_then(Value::as_bool)
            == Some(true)
    };
    let mut findings = Vec::new();
    if !is_inherited(manifest.get("lints")) {
        findings.push(Finding::new(
            &file.path,
            "leaves the workspace's lints out",
            "add [lints] workspace = true",
        ));
    }
    let package = manifest.get("package");
    for key in INHERITED {
        if !is_inherited(package.and_then(|package| package.get(key))) {
            let fault = format!("does not inherit {key}");
            findings.push(Finding::new(
                &file.path,
                fault,
                format!("write {key}.workspace = true"),
            ));
        }
    }
    if package.and_then(|package| package.get("description")).is_none() {
        findings.push(Finding::new(
            &file.path,
            "has no description",
            "say in one line what the crate is",
        ));
    }
    for table in DEPENDENCIES {
        for (name, value) in manifest
            .get(table)
            .and_then(Value::as_table)
            .into_iter()
            .flatten()
        {
            if !is_inherited(Some(value)) {
                let remedy = "name its version in the root Cargo.toml and write workspace = true here";
                findings.push(Finding::new(
                    &file.path,
                    format!("takes {name} past the workspace"),
                    remedy,
                ));
            }
        }
        findings.extend(sorted(file, &format!("[{table}]")));
    }
    findings
}

/// The first entry of a table that stands out of the alphabet.
fn sorted(file: &File, header: &str) -> Option<Finding> {
    let table = file.lines().skip_while(|(_, line)| line.trim() != header).skip(1);
    let table = table.take_while(|(_, line)| !line.starts_with('['));
    let names = table.filter(|(_, line)| line.starts_with(|c: char| c.is_ascii_alphanumeric()));
    let names: Vec<_> = names
        .map(|(number, line)| (number, line.split(['=', '.']).next().unwrap_or(line).trim()))
        .collect();
    let pair = names.windows(2).find(|pair| pair[0].1 > pair[1].1)?;
    let fault = format!("{} stands after {}", pair[1].1, pair[0].1);
    Some(Finding::at(
        &file.path,
        pair[1].0,
        fault,
        "sort the table by name",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::faults;

    const GOOD: &str = "\
[package]
name = \"a\"
description = \"A\"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
repository.workspace = true
publish.workspace = true

[lints]
workspace = true

[dependencies]
http.workspace = true
http-body = { workspace = true, features = [\"x\"] }
";

    #[test]
    fn a_manifest_that_inherits_is_in_order() {
        assert_eq!(one(&File::new("Cargo.toml", GOOD)), []);
    }

    #[test]
    fn what_is_not_inherited_is_found() {
        let text = GOOD.replace("edition.workspace = true", "edition = \"2021\"");
        let text = text
            .replace("workspace = true\n\n[dep", "\n\n[dep")
            .replace("http.workspace = true", "http = \"1\"");
        assert_eq!(
            faults(&one(&File::new("Cargo.toml", &text))),
            [
                "Cargo.toml: leaves the workspace's lints out",
                "Cargo.toml: does not inherit edition",
                "Cargo.toml: takes http past the workspace",
            ]
        );
    }

    #[test]
    fn a_dependency_out_of_order_is_found() {
        let file = File::new(
            "Cargo.toml",
            "[dependencies]\nb = \"1\"\na = \"1\"\n\n[other]\nA = 1\n",
        );
        assert_eq!(
            faults(&Vec::from_iter(sorted(&file, "[dependencies]"))),
            ["Cargo.toml:3: a stands after b"]
        );
    }
}
