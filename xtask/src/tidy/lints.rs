//! Pure crates have a `clippy.toml` with more bans. Clippy reads only the nearest one, so it repeats the root's.

use crate::files::File;
use crate::report::Finding;

/// Folders whose crates are pure.
const PURE: [&str; 5] = [
    "crates/jsip",
    "crates/jsip-stack",
    "crates/strowger-service",
    "crates/strowger-time",
    "services",
];

/// What each of them has to ban.
const BANNED: [&str; 4] = [
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "std::collections::HashMap",
    "std::collections::HashSet",
];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let find = |path: &str| files.iter().find(|file| file.path == path);
    let Some(root) = find("clippy.toml") else {
        return vec![Finding::new("clippy.toml", "is missing", "write it")];
    };
    let mut findings = Vec::new();
    for folder in PURE {
        let path = format!("{folder}/clippy.toml");
        let Some(file) = find(&path) else {
            findings.push(Finding::new(
                path,
                "is missing",
                "copy it from another pure crate",
            ));
            continue;
        };
        for ban in BANNED
            .iter()
            .filter(|ban| !file.text.contains(&format!("\"{ban}\"")))
        {
            findings.push(Finding::new(
                &path,
                format!("does not ban {ban}"),
                "copy the ban from another pure crate",
            ));
        }
        for line in root
            .text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            if !file.text.lines().any(|other| other == line) {
                let fault = format!("lacks a line of the root's: {}", line.trim());
                findings.push(Finding::new(&path, fault, "repeat it"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::faults;

    #[test]
    fn a_missing_ban_and_a_missing_line_are_found() {
        let bans = BANNED.map(|ban| format!("\"{ban}\"\n")).concat();
        let mut files: Vec<_> = PURE
            .iter()
            .map(|folder| File::new(&format!("{folder}/clippy.toml"), &format!("a = 1\n{bans}")))
            .collect();
        files.push(File::new("clippy.toml", "# why\na = 1\n"));
        assert_eq!(check(&files), []);
        files[0].text = bans.replace("\"std::time::Instant::now\"", "");
        files.remove(1);
        assert_eq!(
            faults(&check(&files)),
            [
                "crates/jsip/clippy.toml: does not ban std::time::Instant::now",
                "crates/jsip/clippy.toml: lacks a line of the root's: a = 1",
                "crates/jsip-stack/clippy.toml: is missing",
            ]
        );
    }
}
