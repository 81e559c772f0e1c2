//! `/metrics` against the document that lists it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use crate::harness::World;

/// What is known of a metric from its own description.
#[derive(Debug, Default)]
struct Metric {
    kind: String,
    help: String,
    /// The names of labels, and the values of those that have few.
    labels: BTreeMap<String, BTreeSet<String>>,
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
    let (_, labels) = sample.split_once('{').unwrap_or((sample, ""));
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
