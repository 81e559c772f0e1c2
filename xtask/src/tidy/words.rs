//! Words and file names that this repository does without.

use crate::files::File;
use crate::report::Finding;

struct Word {
    word: &'static str,
    /// The extensions of the files in which it is looked for; empty for all.
    only_in: &'static [&'static str],
    remedy: &'static str,
}

const WORDS: [Word; 9] = [
    Word {
        word: "TODO",
        only_in: &[],
        remedy: "do it, or file it and leave it out here",
    },
    Word {
        word: "FIXME",
        only_in: &[],
        remedy: "correct it, or file it and leave it out here",
    },
    Word {
        word: "/home/",
        only_in: &[],
        remedy: "no path of one machine belongs here",
    },
    Word {
        word: "/root/",
        only_in: &[],
        remedy: "no path of one machine belongs here",
    },
    Word {
        word: "/work/",
        only_in: &[],
        remedy: "no path of one machine belongs here",
    },
    Word {
        word: "fn test_",
        only_in: &["rs"],
        remedy: "name a test as a sentence, without test_",
    },
    Word {
        word: "#[ignore]",
        only_in: &["rs"],
        remedy: "write the reason: #[ignore = \"...\"]",
    },
    Word {
        word: "blacklist",
        only_in: &[],
        remedy: "say deny list",
    },
    Word {
        word: "whitelist",
        only_in: &[],
        remedy: "say allow list",
    },
];

/// Names that say nothing about what is in the file; `mod.rs` because we write `foo.rs` beside `foo/`. Below `tests/`
/// there is no other way to share code between test binaries, so `mod.rs` is free there.
const NAMES: [&str; 9] = [
    "mod.rs",
    "util.rs",
    "utils.rs",
    "common.rs",
    "helper.rs",
    "helpers.rs",
    "types.rs",
    "misc.rs",
    "data.rs",
];

/// Files that have to spell the words out, or are not ours to word.
const EXEMPT: [&str; 5] = [
    "xtask/src/tidy/words.rs",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "sdk/js/package-lock.json",
];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| !EXEMPT.contains(&file.path.as_str()))
        .flat_map(one)
        .collect()
}

fn one(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = file.path.rsplit('/').next().unwrap_or(&file.path);
    let is_shared_by_tests = name == "mod.rs" && file.path.contains("/tests/");
    if NAMES.contains(&name) && !is_shared_by_tests {
        let fault = format!("{name} says nothing about what is in it");
        findings.push(Finding::new(&file.path, fault, "name the file for what it holds"));
    }
    for (number, line) in file.lines() {
        for Word {
            word,
            only_in,
            remedy,
        } in &WORDS
        {
            if (only_in.is_empty() || only_in.contains(&file.extension())) && line.contains(word) {
                findings.push(Finding::at(&file.path, number, format!("says {word}"), *remedy));
            }
        }
        if says_dialogue(line) {
            let remedy = "write dialog; only the wire spells DialogueID";
            findings.push(Finding::at(&file.path, number, "says dialogue", remedy));
        }
    }
    findings
}

/// Whether the longer spelling stands there other than in the name of the header, perhaps with an escape in it.
fn says_dialogue(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    let mut rests = line.split("dialogue").skip(1);
    rests.any(|rest| !rest.starts_with("id") && !rest.starts_with("\\u"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::faults;

    #[test]
    fn words_are_found_with_their_lines() {
        let files = [
            File::new("a.rs", "let x = 1;\n// TODO: more\nfn test_it() {}\n"),
            File::new("b.md", "fn test_it\nThe `DialogueID` of a dialogue\n"),
        ];
        assert_eq!(
            faults(&check(&files)),
            [
                "a.rs:2: says TODO",
                "a.rs:3: says fn test_",
                "b.md:2: says dialogue"
            ]
        );
    }

    #[test]
    fn names_that_say_nothing_are_found() {
        let files = [
            File::new("crates/a/src/utils.rs", ""),
            File::new("crates/a/src/uri.rs", ""),
        ];
        assert_eq!(
            faults(&check(&files)),
            ["crates/a/src/utils.rs: utils.rs says nothing about what is in it"]
        );
    }

    #[test]
    fn the_header_may_be_spelt_as_on_the_wire() {
        assert!(!says_dialogue(r#"{"DialogueID":"x"} Header::DialogueId"#));
        assert!(!says_dialogue(r#"{"Dialogue\u0049D":"x"}"#));
        assert!(says_dialogue("dialogue_id"));
    }
}
