//! The changelog begins with what is unreleased, and each entry says of what kind it is.

use crate::files::File;
use crate::report::Finding;

const PATH: &str = "CHANGELOG.md";
const KINDS: [&str; 4] = ["**breaking**", "**added**", "**changed**", "**fixed**"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let Some(file) = files.iter().find(|file| file.path == PATH) else {
        return vec![Finding::new(PATH, "is missing", "write it")];
    };
    let mut findings = Vec::new();
    let first = file.lines().find(|(_, line)| line.starts_with("## "));
    if first.is_none_or(|(_, line)| line != "## Unreleased") {
        findings.push(Finding::new(
            PATH,
            "does not begin with \"## Unreleased\"",
            "put that section on top",
        ));
    }
    for (number, line) in file.lines() {
        let entry = line.strip_prefix("- ");
        if entry.is_some_and(|entry| !KINDS.iter().any(|kind| entry.starts_with(kind))) {
            let remedy = format!("begin it with one of {}", KINDS.join(", "));
            findings.push(Finding::at(
                PATH,
                number,
                "the entry does not say of what kind it is",
                remedy,
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::faults;

    #[test]
    fn entries_begin_with_their_kind() {
        let good = "# Changelog\n\n## Unreleased\n\n- **added** A thing,\n  in two lines\n";
        assert_eq!(check(&[File::new(PATH, good)]), []);
        let bad = "# Changelog\n\n## 0.1.0\n\n- A thing\n";
        assert_eq!(
            faults(&check(&[File::new(PATH, bad)])),
            [
                "CHANGELOG.md: does not begin with \"## Unreleased\"",
                "CHANGELOG.md:5: the entry does not say of what kind it is",
            ]
        );
    }
}
