//! Calls of every file of `conformance/`, recorded and played again: the same, and written as scenarios that hold.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use strowger::config::Config;
use strowger::play::{Web, play};
use strowger::replay::{self, Other, Report, Source};
use strowger::settings;
use strowger_host::Host;
use strowger_journal::{Entry, Journal, Place, Record, ScenarioFault, to_scenario};
use strowger_node::{JournalSettings, Registry};
use strowger_scenario::{Options, Scenario};
use strowger_testkit::SimNode;
use support::Running;

fn scenarios() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ext| ext == "json"));
    files.sort();
    files.iter().map(|file| Scenario::load(file).unwrap()).collect()
}

fn recording(bodies: bool) -> JournalSettings {
    JournalSettings {
        ring_bytes: usize::MAX,
        bodies,
        to: None,
        began_us: 0,
    }
}

/// Plays a scenario on a node that writes everything down.
fn record(
    scenario: &Scenario,
    bodies: bool,
    change: impl FnOnce(Registry) -> Registry,
) -> (Vec<Journal>, Registry) {
    let config = Config::parse(&scenario.config_toml(1.0), scenario.name()).unwrap();
    let node = settings::node(&config).unwrap();
    let (links, message_bytes) = (node.links.clone(), config.limits.message_bytes);
    let registry = change(settings::registry(&config).unwrap());
    let mut node = SimNode::new(node, registry.clone(), 2, 7);
    node.record(&recording(bodies));
    let outcome = strowger_testkit::play(scenario, &mut node, &links, message_bytes);
    assert!(outcome.is_success(), "{outcome}");
    (node.journals(), registry)
}

#[track_caller]
fn check_all(bodies: bool, change: impl Fn(Registry) -> Registry, is_meant: impl Fn(&str) -> bool) -> usize {
    let (mut calls, mut failures) = (0, Vec::new());
    for scenario in scenarios().iter().filter(|scenario| is_meant(scenario.name())) {
        let (journals, registry) = record(scenario, bodies, &change);
        let services = registry.into();
        for journal in journals {
            calls += 1;
            // Whatever was written is read as it was, in both forms.
            assert_eq!(Journal::read(&journal.to_binary()).unwrap(), journal);
            assert_eq!(Journal::read(journal.to_text().as_bytes()).unwrap(), journal);
            let report = Report::play(&journal, &services).unwrap();
            if report.differs() {
                failures.push(format!(
                    "{}: {}\n{}{}",
                    scenario.name(),
                    report.title(),
                    report.differences(),
                    journal.to_text()
                ));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {calls} calls\n\n{}",
        failures.len(),
        failures.join("\n")
    );
    calls
}

#[test]
fn calls_of_all_scenarios_are_played_again_as_they_were() {
    let calls = check_all(true, |registry| registry, |_| true);
    assert!(calls > 200, "{calls} calls");
}

#[test]
fn calls_without_their_bodies_are_played_again_where_services_do_not_read_them() {
    let reads_bodies = ["webhook", "click2call", "chatroom", "conference", "registrar"];
    check_all(
        false,
        |registry| registry,
        |name| !reads_bodies.iter().any(|service| name.contains(service)),
    );
}

#[test]
fn what_a_call_went_over_to_is_taken_from_the_command_line_or_asked_for() {
    let scenarios = scenarios();
    let is_call = |scenario: &&Scenario| scenario.name() == "a_call_survives_a_takeover";
    let call = scenarios.iter().find(is_call).unwrap();
    let mut journal = record(call, true, |registry| registry).0.remove(0);
    let instance = journal.header.call.as_deref().unwrap().rsplit('-').next();
    let instance = Place {
        index: instance.unwrap().parse().unwrap(),
        count: 0,
    };
    let at = journal.records.last().unwrap().at;
    let version = "v2".into();
    let entry = Entry::Moved { instance, version };
    journal.records.push(Record { at, entry });
    let play = |others: &[Other]| {
        let services = replay::services(&Config::default(), others).unwrap();
        Report::play(&journal, &services).unwrap()
    };
    let without = play(&[]);
    assert!(without.differs());
    let wanted = "note: the instance went over to version v2: give it with --service relay@v2=FILE";
    assert!(without.title().contains(wanted), "{}", without.title());
    let with = play(&[Other {
        name: "relay".to_owned(),
        version: Some("v2".to_owned()),
        source: Source::BuiltIn,
    }]);
    assert!(!with.title().contains("--service"), "{}", with.title());
}

#[test]
fn calls_of_components_are_played_again_as_they_were() {
    let host = Host::new(strowger_host::Settings::default()).unwrap();
    let limits = strowger_host::Limits {
        // This is not about time.
        budget: Duration::from_secs(10),
        ..strowger_host::Limits::default()
    };
    let directory = std::env::var_os("STROWGER_GUESTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests/wasm32-unknown-unknown/release"),
        PathBuf::from,
    );
    let load = |name: &str| {
        let file = directory.join(format!("{name}.wasm"));
        assert!(file.exists(), "no {}; run `cargo xtask guests`", file.display());
        host.load_file(&file, limits).unwrap()
    };
    let services = ["relay", "echo"].map(|name| (name, Arc::new(load(name))));
    let replace = |mut registry: Registry| {
        for (name, service) in &services {
            registry = registry
                .with(name, "component", Arc::clone(service) as _)
                .unwrap();
        }
        registry
    };
    let others = [
        "hunt",
        "webhook",
        "click2call",
        "chatroom",
        "conference",
        "registrar",
    ];
    let calls = check_all(true, replace, |name| {
        !others.iter().any(|service| name.contains(service))
    });
    assert!(calls > 100, "{calls} calls");
}

/// Calls that can be told as scenarios, by the names of those that they are of.
const TOLD: [&str; 8] = [
    "caller_calls_and_hangs_up",
    "callee_hangs_up",
    "caller_cancels_while_ringing",
    "a_busy_callee_gets_its_ack_from_the_stack",
    "a_message_reaches_the_callee_and_its_answer_the_caller",
    "an_invite_to_an_offline_user_gets_480",
    "an_invite_that_nobody_answers_is_cancelled_and_gets_408",
    "an_answer_without_ack_is_ended_by_bye",
];

fn told() -> Vec<Scenario> {
    let scenarios = scenarios();
    let of = |name: &&str| {
        let scenario = scenarios
            .iter()
            .find(|scenario| scenario.name() == *name)
            .unwrap();
        let (journals, _) = record(scenario, true, |registry| registry);
        let text = to_scenario(&journals[0]).unwrap();
        Scenario::parse(name, &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    };
    TOLD.iter().map(of).collect()
}

#[test]
fn a_call_becomes_a_scenario_that_holds_on_a_simulated_node() {
    for scenario in told() {
        let (journals, _) = record(&scenario, true, |registry| registry);
        assert_eq!(journals.len(), 1, "{}", scenario.name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_becomes_a_scenario_that_holds_on_the_real_binary() {
    for scenario in told() {
        let scale = 0.1;
        let server = Running::start(&scenario.config_toml(scale));
        let options = Options::real_time().with_scale(scale);
        let outcome = play(&scenario, options, &server.server(), Web::default()).await;
        assert!(outcome.is_success(), "{outcome}");
    }
}

#[test]
fn what_a_scenario_cannot_say_is_said() {
    let scenarios = scenarios();
    let name = "click2call_rings_both_and_joins_them";
    let scenario = scenarios.iter().find(|scenario| scenario.name() == name).unwrap();
    let (journals, _) = record(scenario, true, |registry| registry);
    let fault = to_scenario(&journals[0]).unwrap_err();
    assert!(matches!(fault, ScenarioFault::NoStep { .. }), "{fault}");
}
