//! One event as one line.

use serde_json::Value;

use crate::cli::operate::plain::{column, plain};

/// How wide the name of a party is.
const PARTY: usize = 22;
/// The most characters of what peers and services say.
const TEXT: usize = 160;
/// The most of a body.
const BODY: usize = 2000;

/// The line at which a call begins.
pub(super) fn of_begin(number: u64, call: &Value) -> String {
    let cut = if call["cut"] == true {
        ", earlier events are not kept"
    } else {
        ""
    };
    let service = call["service"].as_str().unwrap_or("no service");
    let name = call["call"].as_str().unwrap_or_default();
    format!(
        "== call {number}: {} ({}{cut})\n",
        plain(service, 40),
        plain(name, 40)
    )
}

/// The line at which it ends.
pub(super) fn of_end(number: u64, call: &Value) -> String {
    let outcome = call["outcome"].as_str().unwrap_or("no answer");
    let lasted =
        call["ended_ms"].as_f64().unwrap_or_default() - call["began_ms"].as_f64().unwrap_or_default();
    format!(
        "== call {number} is over after {:.3} s: {}\n",
        lasted.max(0.0) / 1000.0,
        plain(outcome, 40)
    )
}

/// An event of a call; with its body on a second line, if there is one and it is wanted.
pub(super) fn of_event(number: u64, event: &Value, bodies: bool) -> String {
    let party = event["party"].as_str().unwrap_or_default();
    let (mark, text) = said(event);
    let mut line = format!(
        "{} {number:>3}  {} {mark} {}\n",
        time(event["at_ms"].as_f64().unwrap_or_default()),
        column(party, PARTY),
        plain(&text, TEXT)
    );
    if bodies && let Some(body) = event["body"].as_str() {
        line.push_str(&format!("{:44}{}\n", "", plain(body, BODY)));
    }
    line
}

/// The time of day in UTC: log lines have the date.
fn time(at_ms: f64) -> String {
    // What is no time is shown as one all the same.
    let millis = at_ms.max(0.0) as u64;
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{millis:03}", seconds % 60)
}

/// How an event is marked, and what is said of it.
fn said(event: &Value) -> (&'static str, String) {
    let of = |member: &str| match &event[member] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let with = |before: &str, member: &str| match &event[member] {
        Value::Null => String::new(),
        _ => format!("{before}{}", of(member)),
    };
    let label = of("label");
    match event["kind"].as_str().unwrap_or_default() {
        "began" => (
            "[ ",
            format!("{} from {} to {}", of("method"), of("from"), of("to")),
        ),
        "served" => ("  ", format!("served by {} {}", of("service"), of("version"))),
        "received" => ("->", format!("{label}{}", with("  ", "reason"))),
        "sent" => ("<-", format!("{label}{}", with("  ", "reason"))),
        "absorbed" if event["answered_again"] == true => {
            ("x>", format!("{label} came again, and is answered as before"))
        }
        "absorbed" => ("x>", format!("{label} came again")),
        "dropped_message" => ("x>", format!("{label} has no effect: {}", of("why"))),
        "acknowledged" => ("  ", format!("has {label}")),
        "withdrawn" => ("  ", format!("{label} is taken back")),
        "replayed" => ("<-", format!("{label} once more, on a new socket")),
        "timer" => ("  ", format!("timer {}: {}", of("name"), of("text"))),
        "state" => ("  ", format!("{} -> {}", of("from"), of("to"))),
        "transaction" => {
            let whose = if event["by_peer"] == true { "" } else { " (ours)" };
            let text = format!(
                "transaction {} {}{whose} {}{}",
                of("method"),
                of("cseq"),
                of("state"),
                with(": ", "code")
            );
            ("  ", text)
        }
        "channel" => ("  ", format!("channel {}{}", of("state"), with(": ", "cause"))),
        "handled" => (
            "* ",
            format!("the service handled {}{}", of("event"), micros(&event["took_us"])),
        ),
        "decided" => (
            "* ",
            format!("{} {} (on {})", of("command"), of("text"), of("on")),
        ),
        "logged" => ("* ", format!("{}: {}", of("level"), of("text"))),
        "refused" => (
            "* ",
            format!("{} {} was refused: {}", of("command"), of("text"), of("why")),
        ),
        "ended" => ("] ", format!("ended: {}", of("cause"))),
        other => ("? ", format!("{other} {event}")),
    }
}

fn micros(took: &Value) -> String {
    took.as_u64()
        .map_or_else(String::new, |took| format!(" in {took} us"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        let event = json!({
            "seq": 3, "at_ms": 86_399_999.5, "call": "1", "dialog": "2", "party": "mallory\u{1b}[2J\n@example.com",
            "kind": "received", "label": "INVITE 1", "method": "INVITE", "cseq": 1, "reason": "\u{202e}x\r\n", "body": "a\nb"
        });
        let line = of_event(12, &event, false);
        assert_eq!(
            line,
            "23:59:59.999  12  mallory\\u{1b}[2J\\u{a}… -> INVITE 1  \\u{202e}x\\u{d}\\u{a}\n"
        );
        let lines = of_event(12, &event, true);
        assert_eq!(
            (lines.lines().count(), lines.lines().last().unwrap().trim()),
            (2, "a\\u{a}b")
        );
    }

    #[test]
    fn kinds_that_are_not_known_are_shown_as_they_are() {
        let event = json!({"seq": 1, "at_ms": 0.0, "kind": "new", "x": {"y": 1}});
        assert!(of_event(1, &event, false).contains("?  new {"));
        for none in [json!(null), json!([]), json!({"kind": 7})] {
            assert!(of_event(1, &none, true).ends_with('\n'));
        }
    }
}
