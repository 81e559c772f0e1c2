//! What is to be reached, and whether a figure reaches it. `docs/performance.md` repeats this list.

use std::fmt;

use serde_json::{Value, json};

use crate::report::{Cell, Column, Table, column};

/// So many rounds make a median that is held against a bar.
pub(crate) const ROUNDS: usize = 5;

/// A figure that is to be reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    /// Names it in JSON.
    pub(crate) key: &'static str,
    /// Which command measures it.
    pub(crate) command: &'static str,
    pub(crate) what: &'static str,
    pub(crate) bound: Bound,
    pub(crate) unit: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    Below(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
            Self::Below(bound) => value < bound,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(f, "at least {bound}"),
            Self::AtMost(bound) => write!(f, "at most {bound}"),
            Self::Below(bound) => write!(f, "below {bound}"),
        }
    }
}

impl Bar {
    /// The bound with its unit.
    pub(crate) fn wanted(&self) -> String {
        match self.unit {
            "" => self.bound.to_string(),
            unit => format!("{} {unit}", self.bound),
        }
    }
}

const fn bar(
    key: &'static str,
    command: &'static str,
    what: &'static str,
    bound: Bound,
    unit: &'static str,
) -> Bar {
    Bar {
        key,
        command,
        what,
        bound,
        unit,
    }
}

use Bound::{AtLeast, AtMost, Below};

/// All bars, in the order of the document.
pub(crate) const BARS: [Bar; 31] = [
    bar(
        "message_1_rate",
        "message",
        "messages, 1 in flight: rate, of the floor's",
        AtLeast(0.85),
        "",
    ),
    bar(
        "message_1_cpu",
        "message",
        "messages, 1 in flight: CPU, of the floor's",
        AtMost(1.25),
        "",
    ),
    bar(
        "message_32_rate",
        "message",
        "messages, 32 in flight: rate, of the floor's",
        AtLeast(0.5),
        "",
    ),
    bar(
        "message_32_cpu",
        "message",
        "messages, 32 in flight: CPU, of the floor's",
        AtMost(2.0),
        "",
    ),
    bar(
        "call_rate",
        "call",
        "calls, 100 pairs: rate, of the floor's",
        AtLeast(0.75),
        "",
    ),
    bar(
        "call_setup_p99",
        "call",
        "calls at half load: p99 of the set-up, of the floor's",
        Below(2.0),
        "",
    ),
    bar(
        "idle_kb",
        "idle",
        "an idle channel, of 15,000: memory",
        AtMost(8.0),
        "KB",
    ),
    bar(
        "idle_churned",
        "idle",
        "memory after 10 rounds of churn, of that after the first",
        AtMost(1.1),
        "",
    ),
    bar("call_kb", "growth", "a live call: memory", AtMost(6.0), "KB"),
    bar(
        "growth_cpu",
        "growth",
        "CPU per message, 100,000 dialogs and 15,000 channels, of that at 1,000 and 100",
        AtMost(1.15),
        "",
    ),
    bar(
        "resume_cpu",
        "resume",
        "10,000 channels come back to 10 messages each: server CPU",
        Below(5.0),
        "s",
    ),
    bar(
        "resume_lost",
        "resume",
        "messages lost or delivered twice by that",
        AtMost(0.0),
        "",
    ),
    bar(
        "fanout_cpu",
        "fanout",
        "one message to 1,000 members: CPU per member",
        AtMost(1.3),
        "us",
    ),
    bar(
        "cores_cpu",
        "cores",
        "CPU per message with 2 shards, of that with 1",
        AtMost(1.15),
        "",
    ),
    bar(
        "soak_p99",
        "soak",
        "30 minutes of mixed load: p99 of the last, of the first",
        AtMost(1.25),
        "",
    ),
    bar(
        "soak_memory",
        "soak",
        "memory in the last minute, of the second",
        AtMost(1.1),
        "",
    ),
    bar(
        "soak_descriptors",
        "soak",
        "descriptors in the last minute, of the second",
        AtMost(1.1),
        "",
    ),
    bar(
        "soak_tables",
        "soak",
        "the table that grew most, last minute, of the second",
        AtMost(1.1),
        "",
    ),
    bar(
        "ring_message_1_rate",
        "journal",
        "messages, 1 in flight, written into a ring: rate, of that without",
        AtLeast(0.95),
        "",
    ),
    bar(
        "ring_message_32_rate",
        "journal",
        "messages, 32 in flight, written into a ring: rate, of that without",
        AtLeast(0.95),
        "",
    ),
    bar(
        "ring_call_rate",
        "journal",
        "calls written into a ring: rate, of that without",
        AtLeast(0.95),
        "",
    ),
    bar(
        "service_1_rate",
        "service",
        "relay as a component, 1 in flight: rate, of the native one's",
        AtLeast(0.7),
        "",
    ),
    bar(
        "service_32_rate",
        "service",
        "relay as a component, 32 in flight: rate, of the native one's",
        AtLeast(0.7),
        "",
    ),
    bar(
        "service_event",
        "service",
        "an event of a component, more than of the same native",
        AtMost(5.0),
        "us",
    ),
    bar(
        "service_new",
        "service",
        "a new instance of a component with its first event",
        AtMost(50.0),
        "us",
    ),
    bar(
        "service_idle",
        "service",
        "an idle instance of a component: memory",
        AtMost(64.0),
        "KiB",
    ),
    bar(
        "service_load",
        "service",
        "a component to load",
        AtMost(2000.0),
        "ms",
    ),
    bar(
        "service_cached",
        "service",
        "the same from the cache",
        AtMost(50.0),
        "ms",
    ),
    bar(
        "service_wait",
        "service",
        "the greatest wait of another service's users while components are compiled",
        AtMost(5.0),
        "ms",
    ),
    bar("start_ms", "start", "start to listening", AtMost(50.0), "ms"),
    bar("binary_mb", "start", "release binary", Below(40.0), "MB"),
];

/// A figure held against its bar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    bar: &'static Bar,
    value: f64,
    /// Why it does not count, where it does not.
    reservation: Option<&'static str>,
}

/// Holds a figure against a bar of the list.
///
/// # Panics
///
/// Where the list has no bar of this key. A test looks for the keys in the commands.
pub(crate) fn judge(key: &str, value: f64) -> Verdict {
    let bar = BARS.iter().find(|bar| bar.key == key);
    Verdict {
        bar: bar.expect("commands name bars of the list"),
        value,
        reservation: None,
    }
}

impl Verdict {
    /// With too few rounds there is a figure, but no verdict.
    pub(crate) fn of_rounds(self, rounds: usize) -> Self {
        self.unless(rounds < ROUNDS, "too few rounds")
    }

    /// Where this holds, there is a figure but no verdict.
    pub(crate) fn unless(mut self, doubtful: bool, why: &'static str) -> Self {
        if doubtful {
            self.reservation = Some(why);
        }
        self
    }

    fn is_met(&self) -> bool {
        self.value.is_finite() && self.bar.bound.holds(self.value)
    }

    fn word(&self) -> String {
        match self.reservation {
            Some(why) => format!("not judged: {why}"),
            None if self.is_met() => "met".to_owned(),
            None => "missed".to_owned(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        let met = self.reservation.is_none().then(|| self.is_met());
        json!({
            "key": self.bar.key,
            "wanted": self.bar.wanted(),
            "value": self.value,
            "met": met,
            "reservation": self.reservation,
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bar, value, .. } = self;
        write!(
            f,
            "bar: {}: {value:.2}, wanted {}: {}",
            bar.what,
            bar.wanted(),
            self.word()
        )
    }
}

const COLUMNS: [Column; 5] = [
    column("bar", "bar", 0),
    column("command", "bench", 0),
    column("wanted", "wanted", 0),
    column("value", "figure", 2),
    column("verdict", "verdict", 0),
];

/// All bars, with what earlier runs said of them in JSON; the last document that has a bar counts.
pub(crate) fn table(documents: &[Value]) -> Table {
    let about = "what is to be reached; figures are from the documents that were named".to_owned();
    let mut table = Table::new("bars", about, &COLUMNS);
    for bar in &BARS {
        let found = documents.iter().rev().find_map(|document| said_of(bar, document));
        let value = found.and_then(|found| found["value"].as_f64());
        let verdict = match (found, found.and_then(|found| found["met"].as_bool())) {
            (None, _) => "not measured",
            (_, Some(true)) => "met",
            (_, Some(false)) => "missed",
            (Some(found), None) => found["reservation"].as_str().unwrap_or("not judged"),
        };
        table.rows.push(vec![
            bar.what.into(),
            bar.command.into(),
            bar.wanted().as_str().into(),
            value.map_or(Cell::None, Cell::Number),
            verdict.into(),
        ]);
    }
    table
}

fn said_of<'a>(bar: &Bar, document: &'a Value) -> Option<&'a Value> {
    let tables = document["tables"].as_array()?;
    let verdicts = tables
        .iter()
        .filter_map(|table| table["bars"].as_array())
        .flatten();
    verdicts.rev().find(|verdict| verdict["key"] == bar.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_meets_its_bar_or_misses_it() {
        assert_eq!(judge("message_1_rate", 0.85).word(), "met");
        assert_eq!(judge("message_1_rate", 0.84).word(), "missed");
        assert_eq!(judge("message_1_cpu", 1.25).word(), "met");
        assert_eq!(judge("call_setup_p99", 2.0).word(), "missed");
        assert_eq!(judge("call_setup_p99", f64::NAN).word(), "missed");
        assert_eq!(
            judge("start_ms", 12.0).to_string(),
            "bar: start to listening: 12.00, wanted at most 50 ms: met"
        );
    }

    #[test]
    fn too_few_rounds_make_no_verdict() {
        let verdict = judge("message_1_rate", 0.9).of_rounds(3);
        assert_eq!(verdict.word(), "not judged: too few rounds");
        assert_eq!(verdict.json()["met"], Value::Null);
        assert_eq!(judge("message_1_rate", 0.9).of_rounds(5).word(), "met");
    }

    #[test]
    fn the_last_document_that_has_a_bar_counts() {
        let document =
            |met: bool| json!({"tables": [{"bars": [{"key": "start_ms", "value": 7.0, "met": met}]}]});
        let text = table(&[document(false), document(true), json!({"tables": []})]).to_string();
        let line = text.lines().find(|line| line.starts_with("start to listening"));
        assert!(
            line.expect("it has a row").ends_with("7.00           met"),
            "{text}"
        );
        assert!(text.contains("not measured"));
    }

    #[test]
    fn no_two_bars_have_one_key() {
        for (at, bar) in BARS.iter().enumerate() {
            assert!(BARS.iter().skip(at + 1).all(|other| other.key != bar.key));
        }
    }

    #[test]
    fn every_bar_is_judged_by_its_command() {
        let sources = [
            ("message", include_str!("compare.rs")),
            ("call", include_str!("compare.rs")),
            ("idle", include_str!("idle.rs")),
            ("growth", include_str!("growth.rs")),
            ("resume", include_str!("resume.rs")),
            ("fanout", include_str!("fanout.rs")),
            ("cores", include_str!("cores.rs")),
            ("soak", include_str!("soak.rs")),
            ("journal", include_str!("journal.rs")),
            (
                "service",
                concat!(
                    include_str!("service.rs"),
                    include_str!("service/inside.rs"),
                    include_str!("service/beside.rs")
                ),
            ),
            ("start", include_str!("start.rs")),
        ];
        for bar in &BARS {
            let source = sources.iter().find(|(command, _)| *command == bar.command);
            let (_, source) = source.expect("it is a command");
            assert!(source.contains(&format!("\"{}\"", bar.key)), "{}", bar.key);
        }
    }

    #[test]
    fn the_document_repeats_every_bar() {
        let document = include_str!("../../docs/performance.md");
        for bar in &BARS {
            let row = format!("| {} | `{}` | {} |", bar.what, bar.command, bar.wanted());
            assert!(document.contains(&row), "docs/performance.md lacks: {row}");
        }
    }
}
