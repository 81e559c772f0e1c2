//! `/metrics` against the document that lists it, the dashboard and the alert rules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::harness::World;

/// What is known of a metric from its own description.
#[derive(Debug, Default)]
struct Metric {
    kind: String,
    help: String,
    /// The names of labels, and the values of those that have few.
    labels: BTreeMap<String, BTreeSet<String>>,
    /// The names of its samples.
    samples: BTreeSet<String>,
}

/// The metrics of a node on which a loaded service runs, by name.
async fn metrics() -> BTreeMap<String, Metric> {
    let world = World::new();
    world.load("1", "one").await;
    world.hold("rooms").await;
    let counted = async {
        loop {
            let text = world.get("/metrics").await.text().to_owned();
            if text.contains("strowger_instances 1\n") {
                break text;
            }
        }
    };
    let text = tokio::time::timeout(Duration::from_secs(60), counted)
        .await
        .expect("the instance is counted");
    let mut metrics = BTreeMap::<String, Metric>::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            current = name.to_owned();
            metrics.entry(current.clone()).or_default().help = help.trim_end_matches('.').to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            metrics.get_mut(name).unwrap().kind = kind.to_owned();
        } else if !line.starts_with('#') {
            let metric = metrics.get_mut(&current).unwrap();
            sample(metric, line);
        }
    }
    metrics
}

fn sample(metric: &mut Metric, line: &str) {
    let (sample, _) = line.rsplit_once(' ').unwrap();
    let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
    metric.samples.insert(name.to_owned());
    for label in labels
        .trim_end_matches('}')
        .split(',')
        .filter(|label| !label.is_empty())
    {
        let (label, value) = label.split_once('=').unwrap();
        let values = metric.labels.entry(label.to_owned()).or_default();
        values.insert(value.trim_matches('"').to_owned());
    }
}

/// The labels of a metric as the document has them.
fn labels(metric: &Metric) -> String {
    let known = metric.labels.iter().filter(|(label, _)| *label != "le");
    let label = |(label, values): (&String, &BTreeSet<String>)| match label.as_str() {
        "service" | "version" => format!("`{label}`"),
        _ => {
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            format!("`{label}`: {}", values.join(", "))
        }
    };
    known.map(label).collect::<Vec<_>>().join("; ")
}

fn root(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(file)
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[tokio::test]
async fn the_metrics_are_those_of_the_document() {
    const FILE: &str = "docs/metrics.md";
    const BEGIN: &str = "| metric | type | labels | what it is |\n|---|---|---|---|\n";
    let mut table = BEGIN.to_owned();
    for (name, metric) in metrics().await {
        let suffix = if metric.kind == "counter" { "_total" } else { "" };
        let (kind, help, labels) = (&metric.kind, &metric.help, labels(&metric));
        table.push_str(&format!("| `{name}{suffix}` | {kind} | {labels} | {help} |\n"));
    }
    let document = read(FILE);
    let (before, rest) = document.split_once(BEGIN).unwrap_or((&document, ""));
    let after = rest.split_once("\n\n").map_or("", |(_, after)| after);
    let fresh = if after.is_empty() {
        format!("{before}{table}")
    } else {
        format!("{before}{table}\n{after}")
    };
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(root(FILE), fresh).unwrap();
        return;
    }
    assert_eq!(
        document, fresh,
        "{FILE} is not fresh: BLESS=1 cargo test -p strowger-admin --test admin"
    );
}

/// The names of metrics in an expression of PromQL.
fn named(expression: &str) -> BTreeSet<String> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = expression.split(|character| !is_part(character));
    words
        .filter(|word| word.starts_with("strowger_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

/// Each `label="value"` and `label=~"a|b"` of an expression.
fn selected(expression: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for selector in expression.split('{').skip(1) {
        let selector = selector.split('}').next().unwrap_or_default();
        for label in selector.split("\",") {
            let Some((label, values)) = label.split_once('=') else {
                continue;
            };
            let values = values.trim_start_matches('~').trim_matches('"');
            let label = label.trim().trim_end_matches('!').to_owned();
            found.extend(values.split('|').map(|value| (label.clone(), value.to_owned())));
        }
    }
    found
}

/// Fails where an expression names a metric, or the value of a label, that is not there.
#[track_caller]
fn check(metrics: &BTreeMap<String, Metric>, place: &str, expression: &str) {
    let samples: BTreeSet<_> = metrics.values().flat_map(|metric| &metric.samples).collect();
    let names = named(expression);
    for name in &names {
        assert!(samples.contains(name), "{place}: there is no {name}");
    }
    let used = metrics
        .values()
        .filter(|metric| metric.samples.iter().any(|sample| names.contains(sample)));
    let used: Vec<_> = used.collect();
    for (label, value) in selected(expression) {
        if ["instance", "job", "service", "version", "le"].contains(&label.as_str()) {
            continue;
        }
        let is_there = |metric: &&Metric| {
            metric
                .labels
                .get(&label)
                .is_some_and(|values| values.contains(&value))
        };
        assert!(used.iter().any(is_there), "{place}: no {label}=\"{value}\"");
    }
}

#[tokio::test]
async fn the_dashboard_shows_what_there_is() {
    let dashboard: Value = serde_json::from_str(&read("packaging/grafana/strowger.json")).unwrap();
    let metrics = metrics().await;
    let mut ids = BTreeSet::new();
    let mut shown = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(
            ids.insert(panel["id"].as_u64().unwrap()),
            "{title} has the id of another panel"
        );
        for target in panel["targets"].as_array().into_iter().flatten() {
            check(&metrics, title, target["expr"].as_str().unwrap());
            shown += 1;
        }
    }
    assert!(shown > 20, "{shown} queries");
}

#[tokio::test]
async fn alerts_are_about_what_there_is() {
    let metrics = metrics().await;
    let text = read("packaging/prometheus/alerts.yml");
    let mut alerts = 0;
    for line in text.lines().map(str::trim) {
        if let Some(expression) = line.strip_prefix("expr: ") {
            check(&metrics, "alerts.yml", expression);
            alerts += 1;
        }
    }
    assert_eq!(
        alerts,
        text.matches("- alert: ").count(),
        "each alert has its expression on one line"
    );
    assert!(alerts >= 10, "{alerts} alerts");
}

/// Prometheus's own tool, where `scripts/bootstrap` or the machine has it.
fn promtool() -> Option<PathBuf> {
    let fetched = root("target/prometheus/promtool");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let known = std::env::split_paths(&path).map(|directory| directory.join("promtool"));
    known.chain([fetched]).find(|file| file.is_file())
}

#[test]
fn prometheus_takes_the_rules_where_it_can_be_asked() {
    let Some(promtool) = promtool() else { return };
    let rules = root("packaging/prometheus/alerts.yml");
    let checked = std::process::Command::new(promtool)
        .args(["check", "rules"])
        .arg(rules)
        .output()
        .unwrap();
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
}
