//! Every file of `conformance/`, on a simulated node and against the real binary.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
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
    simulate_with(scenario, &scenario.config_toml(1.0), shards, |registry| registry)
}

/// Plays a scenario on a simulated node with another configuration and other services.
fn simulate_with(
    scenario: &Scenario,
    config: &str,
    shards: u16,
    change: impl FnOnce(Registry) -> Registry,
) -> Result<(), String> {
    let config = Config::parse(config, scenario.name()).map_err(|error| error.to_string())?;
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

/// The services that are built as components, too.
const COMPONENTS: [&str; 5] = ["relay", "echo", "hunt", "chatroom", "click2call"];

/// A component that `cargo xtask guests` has built.
fn guest(name: &str) -> PathBuf {
    let directory = std::env::var_os("STROWGER_GUESTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests/wasm32-unknown-unknown/release"),
        PathBuf::from,
    );
    let path = directory.join(format!("{name}.wasm"));
    assert!(path.exists(), "no {}; run `cargo xtask guests`", path.display());
    path
}

fn component(host: &Host, name: &str) -> Arc<dyn Service> {
    let limits = strowger_host::Limits {
        // This is not about time.
        budget: Duration::from_secs(10),
        ..strowger_host::Limits::default()
    };
    Arc::new(host.load_file(&guest(name), limits).unwrap())
}

/// A span as whole seconds; anything else as it is.
fn in_seconds(value: Value) -> Value {
    let seconds = value.as_str().and_then(|text| text.strip_suffix('s'));
    let seconds: Option<u64> = seconds.and_then(|text| text.parse().ok());
    seconds.map_or(value, Value::from)
}

/// A scenario's configuration for components: what a built-in service has in tables of its own stands in its settings, spans as
/// seconds.
fn config_of_components(scenario: &Scenario, scale: f64) -> String {
    let own = [
        ("services.hunt.numbers", "services.hunt.settings.numbers"),
        ("services.chatroom.", "services.chatroom.settings."),
    ];
    let entry = |(key, value): (String, Value)| {
        let Some((tables, settings)) = own.iter().find(|(tables, _)| key.starts_with(tables)) else {
            return format!("{key} = {value}\n");
        };
        let value = match value {
            Value::Array(items) => items.into_iter().map(in_seconds).collect(),
            value => in_seconds(value),
        };
        format!("{} = {value}\n", key.replacen(tables, settings, 1))
    };
    scenario.config(scale).into_iter().map(entry).collect()
}

#[test]
fn scenarios_hold_with_components_in_place_of_built_in_services() {
    let host = Host::new(strowger_host::Settings::default()).unwrap();
    let services = COMPONENTS.map(|name| (name, component(&host, name)));
    let mut failures = Vec::new();
    for file in files() {
        let scenario = Scenario::load(&file).unwrap();
        let replace = |mut registry: Registry| {
            for (name, service) in &services {
                registry = registry.with(name, "component", Arc::clone(service)).unwrap();
            }
            registry
        };
        let config = config_of_components(&scenario, 1.0);
        failures.extend(simulate_with(&scenario, &config, 2, replace).err());
    }
    assert!(
        failures.is_empty(),
        "{} failed\n\n{}",
        failures.len(),
        failures.join("\n")
    );
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

/// Plays scenarios on a server that they share, those with a configuration of their own on a server of theirs.
async fn check_real(files: Vec<PathBuf>, common: &str, config: fn(&Scenario, f64) -> String) {
    let shared = Arc::new(WithAdmin::start(&format!("{common}log.level = \"error\"\n")));
    let permits = Arc::new(tokio::sync::Semaphore::new(PARALLEL));
    let mut runs = tokio::task::JoinSet::new();
    for (number, file) in files.into_iter().enumerate() {
        let scenario = Scenario::load(&file).unwrap();
        let (shared, permits, common) = (Arc::clone(&shared), Arc::clone(&permits), common.to_owned());
        runs.spawn(async move {
            let _permit = permits.acquire_owned().await.unwrap();
            let (scenario, web) = with_web(scenario).await;
            // A configuration of its own needs a server of its own.
            let own = scenario
                .has_config()
                .then(|| WithAdmin::start(&format!("{common}{}", config(&scenario, SCALE))));
            let server = own.as_ref().unwrap_or(&shared);
            let web = web.asking(server.operator.clone());
            let mut options = Options::real_time().with_scale(SCALE);
            // On a server of their own users keep their names, which its configuration may hold.
            if own.is_none() {
                options = options.with_suffix(format!("r{number}"));
            }
            let outcome = play(&scenario, options, &server.running.server(), web).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenarios_hold_against_the_real_binary() {
    check_real(files(), "", Scenario::config_toml).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenarios_hold_against_the_real_binary_with_components() {
    let services = ["hunt", "chatroom", "click2call"];
    let cache = tempfile::tempdir().unwrap();
    // Compiled once for all servers; this is not about time.
    // Made by the server, as nobody else may write to it.
    let mut common = format!("services.cache = {:?}\n", cache.path().join("cache"));
    for name in services {
        common += &format!(
            "services.{name}.file = {:?}\nservices.{name}.budget = \"10s\"\n",
            guest(name)
        );
    }
    let is_theirs = |file: &PathBuf| {
        let name = file.file_stem().unwrap().to_string_lossy();
        services.iter().any(|service| name.starts_with(service))
    };
    let files: Vec<PathBuf> = files().into_iter().filter(is_theirs).collect();
    assert!(files.len() >= 20, "{} scenarios", files.len());
    check_real(files, &common, config_of_components).await;
}
