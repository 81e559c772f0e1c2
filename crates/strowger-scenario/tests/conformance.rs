//! Every file of `conformance/` can be read and played as far as its structure goes.

use std::path::{Path, PathBuf};

use strowger_scenario::Scenario;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance");
    let entries = std::fs::read_dir(folder).expect("the folder exists");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

fn scenarios() -> Vec<Scenario> {
    let (good, bad): (Vec<_>, Vec<_>) = files()
        .iter()
        .map(|path| Scenario::load(path))
        .partition(Result::is_ok);
    let bad: Vec<_> = bad
        .into_iter()
        .filter_map(Result::err)
        .map(|error| error.to_string())
        .collect();
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    good.into_iter().flatten().collect()
}

#[test]
fn every_file_is_well_formed() {
    assert!(scenarios().len() >= 75);
}

#[test]
fn every_file_is_named_by_its_behaviour_and_says_what_it_covers() {
    for (path, scenario) in files().iter().zip(scenarios()) {
        let name = scenario.name();
        assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(name));
        assert!(
            name.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
            "{name}"
        );
        assert!(scenario.about().ends_with('.'), "{name}: `about` is a sentence");
        assert!(!scenario.spec().is_empty(), "{name}: `spec` names a section");
        let numbered = |section: &String| section.starts_with(|c: char| ('1'..='9').contains(&c));
        assert!(
            scenario.spec().iter().all(numbered),
            "{name}: {:?}",
            scenario.spec()
        );
    }
}

#[test]
fn sections_1_to_7_are_all_covered() {
    let scenarios = scenarios();
    for section in '1'..='7' {
        let covers = |scenario: &&Scenario| scenario.spec().iter().any(|text| text.starts_with(section));
        assert!(scenarios.iter().filter(covers).count() >= 3, "section {section}");
    }
}
