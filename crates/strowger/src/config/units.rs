//! Durations and sizes as people write them: `250ms`, `5s`, `2m`, `1h`; `512B`, `64KiB`, `4MiB`, `1GiB`.

use std::time::Duration;

const MILLIS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];
const BYTES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads a whole number with a unit of time behind it.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    scaled(text, &MILLIS).map(Duration::from_millis)
}

/// Writes a duration in whole days or hours where it is some, else in seconds, else in milliseconds.
pub(super) fn show_duration(duration: Duration) -> String {
    let secs = duration.as_secs();
    match duration.subsec_millis() {
        0 if secs > 0 && secs.is_multiple_of(86_400) => format!("{}d", secs / 86_400),
        0 if secs > 0 && secs.is_multiple_of(3600) => format!("{}h", secs / 3600),
        0 => format!("{secs}s"),
        _ => format!("{}ms", duration.as_millis()),
    }
}

/// Reads a whole number with a unit of memory behind it.
pub(super) fn parse_size(text: &str) -> Option<usize> {
    scaled(text, &BYTES).and_then(|bytes| usize::try_from(bytes).ok())
}

/// Writes a size with the largest unit that needs no fraction.
pub(super) fn show_size(bytes: usize) -> String {
    let bytes = bytes as u64;
    let unit = BYTES
        .iter()
        .find(|(_, scale)| bytes >= *scale && bytes.is_multiple_of(*scale));
    let (name, scale) = unit.copied().unwrap_or(("B", 1));
    format!("{}{name}", bytes / scale)
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, millis) in [
            ("250ms", 250),
            ("5s", 5000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "-5s",
            "1.5s",
            "5sec",
            "1m30s",
            "99999999999999999999s",
            "٣s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_a_number_and_a_binary_unit() {
        for (text, bytes) in [
            ("512B", 512),
            ("64KiB", 65_536),
            ("4MiB", 4 << 20),
            ("1GiB", 1 << 30),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in ["", "64", "64KB", "64kib", "KiB", "1.5MiB", "99999999999999GiB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for duration in [
            Duration::ZERO,
            Duration::from_millis(1500),
            Duration::from_secs(600),
        ] {
            assert_eq!(parse_duration(&show_duration(duration)), Some(duration));
        }
        for bytes in [0, 1, 1023, 1024, 1536, 65_536, 4 << 20, (4 << 20) + 1] {
            assert_eq!(parse_size(&show_size(bytes)), Some(bytes));
        }
    }

    #[test]
    fn sizes_are_shown_with_the_largest_exact_unit() {
        assert_eq!(show_size(65_536), "64KiB");
        assert_eq!(show_size(4 << 20), "4MiB");
        assert_eq!(show_size(1500), "1500B");
    }
}
