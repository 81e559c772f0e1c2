//! Each threat in THREATS.md names the tests that hold its defence, and the tests are there.

use crate::files::File;
use crate::report::Finding;

const DOCUMENT: &str = "THREATS.md";

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let Some(document) = files.iter().find(|file| file.path == DOCUMENT) else {
        return vec![Finding::at(
            DOCUMENT,
            1,
            "it is missing".to_owned(),
            "write down the threats and their tests",
        )];
    };
    let mut findings = Vec::new();
    let mut in_threats = false;
    for (line, text) in document.lines() {
        let Some(cells) = cells(text) else {
            in_threats = false;
            continue;
        };
        let Some(last) = cells.last() else { continue };
        if *last == "tests" {
            in_threats = true;
        } else if in_threats && !last.starts_with("---") {
            findings.extend(
                faults(last, files)
                    .into_iter()
                    .map(|(fault, remedy)| Finding::at(DOCUMENT, line, fault, remedy)),
            );
        }
    }
    findings
}

/// The cells of a row of a table.
fn cells(line: &str) -> Option<Vec<&str>> {
    let row = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(row.split('|').map(str::trim).collect())
}

/// What is wrong with a cell of tests, each `file: name` as code.
fn faults(cell: &str, files: &[File]) -> Vec<(String, &'static str)> {
    let named: Vec<_> = cell.split('`').skip(1).step_by(2).collect();
    if named.is_empty() {
        return vec![(
            "a threat without a test".to_owned(),
            "name the test that fails when the defence goes, as `file: name`",
        )];
    }
    let missing = named.into_iter().filter(|test| !is_there(test, files));
    missing
        .map(|test| {
            (
                format!("there is no test `{test}`"),
                "name one that is there, as `file: name`",
            )
        })
        .collect()
}

fn is_there(test: &str, files: &[File]) -> bool {
    let Some((path, name)) = test.split_once(": ") else {
        return false;
    };
    let Some(file) = files.iter().find(|file| file.path == path) else {
        return false;
    };
    match file.extension() {
        "rs" => file.text.contains(&format!("fn {name}(")),
        // A scenario is a test by itself, and elsewhere a test has its name as a text.
        "json" => file.text.contains(name),
        _ => ['"', '\'']
            .iter()
            .any(|quote| file.text.contains(&format!("{quote}{name}{quote}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::faults;

    fn document(row: &str) -> [File; 3] {
        [
            File::new(
                "THREATS.md",
                &format!(
                    "| asset | kept by |\n|---|---|\n| a | b |\n\n| threat | defence | tests |\n|---|---|---|\n{row}\n"
                ),
            ),
            File::new("a/b.rs", "#[test]\nfn it_holds() {}\n"),
            File::new("c.js", "test(\"it holds\", () => {});\n"),
        ]
    }

    #[test]
    fn threats_with_tests_are_in_order() {
        let row = "| x | y | `a/b.rs: it_holds`, `c.js: it holds` |";
        assert_eq!(check(&document(row)), []);
    }

    #[test]
    fn threats_without_tests_are_found() {
        let rows = "| x | y | |\n| x | y | `a/b.rs: it_held` |\n| x | y | `a/c.rs: it_holds`, `it_holds` |";
        assert_eq!(
            faults(&check(&document(rows))),
            [
                "THREATS.md:7: a threat without a test",
                "THREATS.md:8: there is no test `a/b.rs: it_held`",
                "THREATS.md:9: there is no test `a/c.rs: it_holds`",
                "THREATS.md:9: there is no test `it_holds`",
            ]
        );
        assert_eq!(faults(&check(&[])), ["THREATS.md:1: it is missing"]);
    }
}
