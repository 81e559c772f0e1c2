//! Spans of time as they are written in files: `250ms`, `5s`, `2m`.

use std::time::Duration;

/// Reads a span of time; `None` if it is not a whole number with the unit `ms`, `s`, `m` or `h`.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(millis)?))
}

/// Writes a span of time in whole milliseconds, at least one for a span that is not zero.
pub(crate) fn write(span: Duration) -> String {
    let millis = span.as_millis();
    if millis == 0 && !span.is_zero() {
        return "1ms".to_owned();
    }
    if millis.is_multiple_of(1_000) {
        format!("{}s", millis / 1_000)
    } else {
        format!("{millis}ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit() {
        assert_eq!(parse("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse("5s"), Some(Duration::from_secs(5)));
        assert_eq!(parse("2m"), Some(Duration::from_secs(120)));
        for bad in [
            "",
            "5",
            "s",
            "5 s",
            "-5s",
            "1.5s",
            "5sec",
            "99999999999999999999s",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_span_written_is_read_again() {
        for text in ["250ms", "5s", "120s"] {
            assert_eq!(write(parse(text).unwrap()), text);
        }
        assert_eq!(write(Duration::from_micros(10)), "1ms");
    }
}
