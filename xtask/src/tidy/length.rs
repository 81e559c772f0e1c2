//! No source file so long that nobody reads it whole.

use crate::files::File;
use crate::report::Finding;

/// The most lines of a source file, without the tests at its foot.
const CODE: usize = 600;
/// The most lines of a file of tests.
const TESTS: usize = 900;

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| file.extension() == "rs")
        .filter_map(one)
        .collect()
}

fn one(file: &File) -> Option<Finding> {
    let is_test = file.path.contains("/tests/") || file.path.ends_with("/tests.rs");
    let most = if is_test { TESTS } else { CODE };
    let lines = code_lines(file);
    let fault = format!("has {lines} lines of code, more than {most}");
    (lines > most).then(|| Finding::new(&file.path, fault, "look for a seam and split it"))
}

/// The lines before the test module at the foot.
fn code_lines(file: &File) -> usize {
    let lines: Vec<_> = file.text.lines().collect();
    let starts_tests =
        |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{');
    lines.windows(2).position(starts_tests).unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::faults;

    #[test]
    fn long_files_are_found_but_for_the_tests_at_their_foot() {
        let code = "x\n".repeat(600);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "x\n".repeat(300));
        let files = [
            File::new("a.rs", &format!("{code}{tests}")),
            File::new("b.rs", &format!("{code}x\n{tests}")),
            File::new("crates/a/tests/c.rs", &format!("{code}x\n")),
            File::new("d.md", &format!("{code}x\n")),
        ];
        assert_eq!(
            faults(&check(&files)),
            ["b.rs: has 601 lines of code, more than 600"]
        );
    }
}
