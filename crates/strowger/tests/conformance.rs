//! Every file of `conformance/`, on a simulated node and against the real binary.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use strowger::config::Config;
use strowger::operator::Operator;
use strowger::play::{Web, play};
use strowger::settings;
use strowger_host::Host;
use strowger_node::Registry;
use strowger_scenario::{Options, Scenario};
use strowger_service::Service;
use strowger_testkit::SimNode;
use support::Running;

/// Timers and waits of real runs are this much shorter.
const SCALE: f64 = 0.1;
/// How many scenarios run at a time on the real binary.
const PARALLEL: usize = 12;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance");
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .collect();
    files.sort();
    assert!(files.len() >= 60, "{} scenarios", files.len());
    files
}

fn simulate(scenario: &Scenario, shards: u16) -> Result<(), String> {
    simulate_with(scenario, shards, |registry| registry)
}

/// Plays a scenario on a simulated node with other services.
fn simulate_with(
    scenario: &Scenario,
    shards: u16,
    change: impl FnOnce(Registry) -> Registry,
) -> Result<(), String> {
    let config =
        Config::parse(&scenario.config_toml(1.0), scenario.name()).map_err(|error| error.to_string())?;
    let node = settings::node(&config).unwrap();
    let (links, message_bytes) = (node.links.clone(), config.limits.message_bytes);
    let registry = change(settings::registry(&config).unwrap());
    let mut node = SimNode::new(node, registry, shards, 7);
    let outcome = strowger_testkit::play(scenario, &mut node, &links, message_bytes);
    if outcome.is_success() {
        Ok(())
    } else {
        Err(outcome.to_string())
    }
}

#[track_caller]
fn check_simulated(shards: u16) {
    let failures: Vec<String> = files()
        .iter()
        .map(|file| Scenario::load(file).unwrap())
        .filter_map(|scenario| simulate(&scenario, shards).err())
        .collect();
    assert!(
        failures.is_empty(),
        "{} scenarios failed\n\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn scenarios_hold_on_a_simulated_node_of_one_shard() {
    check_simulated(1);
}

#[test]
fn scenarios_hold_on_a_simulated_node_of_three_shards() {
    check_simulated(3);
}

/// A component that `cargo xtask guests` has built.
fn component(host: &Host, name: &str) -> Arc<dyn Service> {
    let directory = std::env::var_os("STROWGER_GUESTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests/wasm32-unknown-unknown/release"),
        PathBuf::from,
    );
    let path = directory.join(format!("{name}.wasm"));
    let module = std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask guests`", path.display()));
    let encoder = wit_component::ComponentEncoder::default()
        .module(&module)
        .unwrap();
    let limits = strowger_host::Limits {
        // This is not about time.
        budget: Duration::from_secs(10),
        ..strowger_host::Limits::default()
    };
    Arc::new(
        host.load(&encoder.validate(true).encode().unwrap(), limits)
            .unwrap(),
    )
}

#[test]
fn scenarios_hold_with_components_in_place_of_built_in_services() {
    let host = Host::new(strowger_host::Settings::default()).unwrap();
    let services = ["relay", "echo", "hunt", "chatroom"].map(|name| (name, component(&host, name)));
    let mut played = 0;
    let mut failures = Vec::new();
    for file in files() {
        let scenario = Scenario::load(&file).unwrap();
        // The settings of built-in services are not those of components.
        if ["services.hunt", "services.chatroom"]
            .iter()
            .any(|key| scenario.config_toml(1.0).contains(key))
        {
            continue;
        }
        played += 1;
        let replace = |mut registry: Registry| {
            for (name, service) in &services {
                registry = registry.with(name, "component", Arc::clone(service)).unwrap();
            }
            registry
        };
        failures.extend(simulate_with(&scenario, 2, replace).err());
    }
    assert!(
        failures.is_empty(),
        "{} of {played} failed\n\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(played >= 180, "{played} scenarios");
}

/// A server whose admin interface is known.
struct WithAdmin {
    running: Running,
    operator: Operator,
}

impl WithAdmin {
    fn start(config: &str) -> Self {
        let mut running = Running::start_with(config, &["--admin-listen", "127.0.0.1:0"]);
        let operator = Operator::new(&running.admin(), None).unwrap();
        Self { running, operator }
    }
}

/// A scenario's web peer on a port of its own, which the server's configuration names.
async fn with_web(scenario: Scenario) -> (Scenario, Web) {
    if scenario.web().is_none() {
        return (scenario, Web::default());
    }
    let web = Web::default()
        .listening(([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    let url = web.url().unwrap();
    (scenario.with_web_at(&url), web)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenarios_hold_against_the_real_binary() {
    let shared = Arc::new(WithAdmin::start("[log]\nlevel = \"error\"\n"));
    let permits = Arc::new(tokio::sync::Semaphore::new(PARALLEL));
    let mut runs = tokio::task::JoinSet::new();
    for (number, file) in files().into_iter().enumerate() {
        let scenario = Scenario::load(&file).unwrap();
        let (shared, permits) = (Arc::clone(&shared), Arc::clone(&permits));
        runs.spawn(async move {
            let _permit = permits.acquire_owned().await.unwrap();
            let (scenario, listener) = with_web(scenario).await;
            // A configuration of its own needs a server of its own.
            let own = scenario
                .has_config()
                .then(|| WithAdmin::start(&scenario.config_toml(SCALE)));
            let server = own.as_ref().map_or(&*shared, |own| own);
            let web = listener.asking(server.operator.clone());
            let server = server.running.server();
            let mut options = Options::real_time().with_scale(SCALE);
            // On a server of their own users keep their names, which its configuration may hold.
            if own.is_none() {
                options = options.with_suffix(format!("r{number}"));
            }
            let outcome = play(&scenario, options, &server, web).await;
            (!outcome.is_success()).then(|| outcome.to_string())
        });
    }
    let failures: Vec<String> = runs.join_all().await.into_iter().flatten().collect();
    assert!(
        failures.is_empty(),
        "{} scenarios failed\n\n{}",
        failures.len(),
        failures.join("\n")
    );
}
