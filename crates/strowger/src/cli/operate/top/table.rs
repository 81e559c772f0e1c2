//! The table.

use strowger::operator::Operator;

use super::sample::{Lately, Part, Service};
use crate::cli::operate::plain::{column, plain};

/// How many parts are named as the busiest.
const BUSIEST: usize = 3;

/// What happened lately, in lines of at most this width and as many as the height allows, without a line break behind the last.
pub(super) fn table(operator: &Operator, lately: &Lately, width: usize, height: usize) -> String {
    let mut lines = vec![
        format!(
            "Strowger at {}  {} UTC, the last {:.1} s",
            operator.authority(),
            time(lately.at_ms),
            lately.seconds
        ),
        String::new(),
        "channels  sockets  dialogs instances      in/s     out/s   calls/s refused/s".to_owned(),
        format!(
            "{:>8} {:>8} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9}",
            whole(lately.channels),
            whole(lately.sockets),
            whole(lately.dialogs),
            whole(lately.instances),
            rate(lately.received),
            rate(lately.sent),
            rate(lately.started),
            rate(lately.refused),
        ),
        String::new(),
        format!(
            "in stack: p50 {}, p99 {}   busiest: {}",
            micros(lately.stack.p50_us),
            micros(lately.stack.p99_us),
            busiest(lately)
        ),
        String::new(),
        "SERVICE          VERSION          INSTANCES  EVENTS/S       P50       P99   LOAD".to_owned(),
    ];
    let room = height.saturating_sub(lines.len());
    // What does not fit is said on the last line.
    let shown = if lately.services.len() > room {
        room.saturating_sub(1)
    } else {
        room
    };
    lines.extend(lately.services.iter().take(shown).map(row));
    let more = lately.services.len().saturating_sub(shown);
    if more > 0 && room > 0 {
        lines.push(format!("... and {more} more services"));
    }
    lines.truncate(height);
    let lines: Vec<_> = lines.iter().map(|line| plain(line, width)).collect();
    lines.join("\n")
}

fn row(service: &Service) -> String {
    let version = service.version.as_deref().unwrap_or("-");
    let version = match service.versions {
        0 | 1 => version.to_owned(),
        versions => format!("{} +{}", plain(version, 11), versions - 1),
    };
    let Part {
        per_second,
        p50_us,
        p99_us,
        load,
    } = service.part;
    format!(
        "{} {} {:>9} {:>9} {:>9} {:>9} {:>6}",
        column(&service.name, 16),
        column(&version, 16),
        service.instances,
        rate(per_second),
        micros(p50_us),
        micros(p99_us),
        percent(load),
    )
}

fn busiest(lately: &Lately) -> String {
    let services = lately
        .services
        .iter()
        .map(|service| (service.name.as_str(), service.part.load));
    let mut parts: Vec<_> = services.chain([("stack", lately.stack.load)]).collect();
    parts.sort_by(|one, other| other.1.total_cmp(&one.1));
    let busy = parts.iter().take(BUSIEST).filter(|(_, load)| *load > 0.0);
    let busy: Vec<_> = busy
        .map(|(name, load)| format!("{} {}", plain(name, 12), percent(*load)))
        .collect();
    if busy.is_empty() {
        "nothing".to_owned()
    } else {
        busy.join(", ")
    }
}

fn whole(number: f64) -> String {
    format!("{number:.0}")
}

fn rate(rate: f64) -> String {
    if rate > 0.0 && rate < 10.0 {
        format!("{rate:.1}")
    } else {
        format!("{rate:.0}")
    }
}

fn percent(load: f64) -> String {
    format!("{:.1}%", load * 100.0)
}

fn micros(micros: Option<f64>) -> String {
    match micros {
        None => "-".to_owned(),
        Some(micros) if micros < 1000.0 => format!("{micros:.0} us"),
        Some(micros) if micros < 10_000.0 => format!("{:.1} ms", micros / 1000.0),
        Some(micros) => format!("{:.0} ms", micros / 1000.0),
    }
}

fn time(at_ms: f64) -> String {
    let seconds = (at_ms.max(0.0) / 1000.0) as u64;
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::operate::top::sample::tests::lately;

    #[test]
    fn a_table_fits_the_terminal() {
        let operator = Operator::new("http://127.0.0.1:2539", None).unwrap();
        for (width, height) in [(80, 24), (80, 9), (20, 3), (1, 1), (0, 0)] {
            let table = table(&operator, &lately(), width, height);
            assert!(table.lines().count() <= height, "{table}");
            assert!(table.lines().all(|line| line.chars().count() <= width), "{table}");
        }
        let table = table(&operator, &lately(), 80, 24);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 24);
        assert!(lines[3].starts_with("       3        0"), "{table}");
        assert!(
            lines[5].contains("p50 12 us, p99 -   busiest: service7 16.0%, stack 0.3%"),
            "{table}"
        );
        assert_eq!(
            lines[8],
            "service7         1.0                      7       320    400 us    900 us  16.0%"
        );
        assert_eq!(lines[23], "... and 15 more services");
    }
}
