//! The fault simulation: seeds that must hold, and drivers broken on purpose that must be caught.

use strowger_testkit::simulation::{Figures, Sabotage, run};

/// Each takes some 10 ms in a debug build.
const SEEDS: u64 = 2_000;
/// A broken driver is caught within so many seeds; most in the first.
const PATIENCE: u64 = 3_000;

fn runs(seeds: std::ops::RangeInclusive<u64>) -> Figures {
    let mut figures = Figures::default();
    for seed in seeds {
        match run(seed, None) {
            Ok(of_seed) => figures += of_seed,
            Err(failure) => panic!("\n{failure}"),
        }
    }
    figures
}

#[test]
fn nothing_is_lost_doubled_or_left_over_whatever_the_network_does() {
    let figures = runs(1..=SEEDS / 2);
    println!("{figures}");
    let faults = [
        figures.cuts,
        figures.reloads,
        figures.takeovers,
        figures.channels_lost,
        figures.outboxes_full,
        figures.unavailable,
        figures.link_cuts,
        figures.refused_dials,
        figures.links_failed,
        figures.drained,
    ];
    assert!(faults.iter().all(|count| *count > 0), "{figures}");
    assert!(
        figures.joined > SEEDS / 8 && figures.joined < SEEDS / 2,
        "{figures}"
    );
    assert!(
        figures.drains > figures.drained,
        "some run out of time: {figures}"
    );
    assert!(
        figures.accepted > figures.messages / 3,
        "most get through: {figures}"
    );
}

#[test]
fn nothing_is_lost_doubled_or_left_over_in_other_runs() {
    runs(SEEDS / 2 + 1..=SEEDS);
}

#[test]
fn one_seed_is_always_the_same_run() {
    for seed in 1..=20 {
        assert_eq!(run(seed, None).unwrap(), run(seed, None).unwrap(), "seed {seed}");
    }
}

#[test]
fn every_broken_driver_is_caught() {
    let mut missed = Vec::new();
    for sabotage in Sabotage::ALL {
        let caught = (1..=PATIENCE).find_map(|seed| run(seed, Some(sabotage)).err());
        match caught {
            Some(failure) => println!("{sabotage:?}: seed {}: {}", failure.seed, failure.fault),
            None => missed.push(sabotage),
        }
    }
    assert!(
        missed.is_empty(),
        "not caught within {PATIENCE} seeds: {missed:?}"
    );
}

#[test]
fn a_failure_names_its_seed_and_shows_what_the_users_saw() {
    let failure = (1..=PATIENCE)
        .find_map(|seed| run(seed, Some(Sabotage::LosesFrames)).err())
        .unwrap();
    let text = failure.to_string();
    assert!(text.contains(&format!("seed {}", failure.seed)), "{text}");
    assert!(text.contains("[node0]") && text.contains("MESSAGE"), "{text}");
}
