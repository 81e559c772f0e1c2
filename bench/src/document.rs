//! One JSON document of a run: on what machine and when, with which settings, and what came out.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::report::Table;

/// Of the tables that were made with these arguments.
pub(crate) fn of(tables: &[Table], arguments: &[String], settings: &Value) -> Value {
    let tables: Vec<Value> = tables.iter().map(Table::json).collect();
    json!({
        "date": humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        "machine": machine(),
        "arguments": arguments,
        "settings": settings,
        "tables": tables,
    })
}

fn machine() -> Value {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    json!({
        "cores": cores,
        "processor": processor_of(&read("/proc/cpuinfo")),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load": load_of(&read("/proc/loadavg")),
    })
}

/// Of `/proc/cpuinfo`; ARM has no such line.
fn processor_of(info: &str) -> Option<&str> {
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim())
}

/// How busy the machine was in the minute before: what else ran makes figures worse.
fn load_of(load: &str) -> Option<f64> {
    load.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_and_the_load_are_read_where_linux_has_them() {
        assert_eq!(
            processor_of("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n"),
            Some("Some CPU @ 2 GHz")
        );
        assert_eq!(processor_of("processor\t: 0\n"), None);
        assert_eq!(load_of("1.25 0.5 0.1 1/100 42\n"), Some(1.25));
    }

    #[test]
    fn a_document_has_machine_date_settings_and_tables() {
        let document = of(&[], &["message".to_owned()], &json!({"rounds": 5}));
        assert_eq!(document["arguments"], json!(["message"]));
        assert_eq!(document["settings"]["rounds"], 5);
        assert!(document["date"].as_str().is_some_and(|date| date.ends_with('Z')));
        assert!(document["machine"]["cores"].as_u64() > Some(0));
    }
}
