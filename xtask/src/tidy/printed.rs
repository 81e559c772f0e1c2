//! Documents that are printed from code: each is there, says so, and is named by the code that prints it.
//!
//! That they are fresh is for the tests beside that code; here only that none is lost. The code says
//! ``Printed as `docs/...` `` in its documentation, the document names `BLESS=1` in its first line.

use std::collections::BTreeMap;

use crate::files::File;
use crate::report::Finding;

const CLAIM: &str = "Printed as `docs/";
const MARK: &str = "BLESS=1";

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut claimed = BTreeMap::new();
    for file in files
        .iter()
        .filter(|file| file.extension() == "rs" && !file.path.starts_with("xtask/"))
    {
        for (line, text) in file.lines() {
            if let Some((_, rest)) = text.split_once(CLAIM) {
                let path = format!("docs/{}", rest.split('`').next().unwrap_or(rest));
                claimed.insert(path, (file, line));
            }
        }
    }
    let mut findings = Vec::new();
    for (path, (file, line)) in &claimed {
        if !files.iter().any(|file| file.path == *path) {
            let fault = format!("says that it is printed as {path}, which is missing");
            findings.push(Finding::at(&file.path, *line, fault, "run `cargo xtask bless`"));
        }
    }
    for file in files.iter().filter(|file| file.path.starts_with("docs/")) {
        let is_printed = file.text.lines().next().is_some_and(|line| line.contains(MARK));
        if is_printed && !claimed.contains_key(&file.path) {
            let remedy =
                format!("write \"{CLAIM}...`\" in the documentation of that code, or delete the file");
            findings.push(Finding::new(
                &file.path,
                "is printed, but no code says that it prints it",
                remedy,
            ));
        }
        if !is_printed && claimed.contains_key(&file.path) {
            let remedy = format!("begin it with a comment that names its source and {MARK}");
            findings.push(Finding::new(
                &file.path,
                "is printed, but its first line does not say so",
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
    fn documents_and_code_that_name_each_other_are_in_order() {
        let files = [
            File::new("crates/a/src/x.rs", "/// Printed as `docs/x.md`.\n"),
            File::new("docs/x.md", "<!-- Printed; BLESS=1 -->\n"),
            File::new("docs/y.md", "# By hand, BLESS\n"),
        ];
        assert_eq!(check(&files), []);
    }

    #[test]
    fn a_document_lost_on_either_side_is_found() {
        let files = [
            File::new(
                "crates/a/src/x.rs",
                "/// Printed as `docs/x.md`.\n//! Printed as `docs/z.md`\n",
            ),
            File::new("docs/y.md", "<!-- Printed; BLESS=1 -->\n"),
            File::new("docs/z.md", "# Z\n"),
        ];
        assert_eq!(
            faults(&check(&files)),
            [
                "crates/a/src/x.rs:1: says that it is printed as docs/x.md, which is missing",
                "docs/y.md: is printed, but no code says that it prints it",
                "docs/z.md: is printed, but its first line does not say so",
            ]
        );
    }
}
