//! The form that people read, compare and change: a line a record, with the seconds since the first one.

use std::fmt::Write as _;

use crate::{Entry, Header, Journal, ReadError, Record};

/// What a journal in this form begins with; the number of the version follows.
const TITLE: &str = "strowger journal ";
/// The version of this form.
const VERSION: u32 = 1;

/// A record as one line, without its end.
pub fn line(record: &Record<'_>, start: u64) -> String {
    let since = record.at.saturating_sub(start);
    // An entry is made of texts and numbers only.
    let entry = serde_json::to_string(&record.entry).unwrap_or_default();
    format!("{}.{:06} {entry}", since / 1_000_000, since % 1_000_000)
}

pub(crate) fn write(journal: &Journal) -> String {
    let start = journal.start();
    let mut out = format!("{TITLE}{VERSION}\n");
    let header = serde_json::to_string(&journal.header).unwrap_or_default();
    let _ = writeln!(out, "{header}");
    let _ = writeln!(out, "from {}.{:06}", start / 1_000_000, start % 1_000_000);
    for record in &journal.records {
        out.push_str(&line(record, start));
        out.push('\n');
    }
    out
}

pub(crate) fn read(text: &str) -> Result<Journal, ReadError> {
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let title = lines.next().map_or("", |(_, line)| line);
    let version = title.strip_prefix(TITLE).ok_or(ReadError::NoJournal)?;
    let version: u32 = version.trim().parse().map_err(|_| ReadError::NoJournal)?;
    if version != VERSION {
        return Err(ReadError::Version {
            found: version,
            known: VERSION,
        });
    }
    let (_, header) = lines
        .next()
        .ok_or_else(|| ReadError::Header("it is missing".to_owned()))?;
    let header: Header =
        serde_json::from_str(header).map_err(|error| ReadError::Header(error.to_string()))?;
    let wrong = |line: usize, why: &str| ReadError::Line {
        line,
        why: why.to_owned(),
    };
    let (number, from) = lines.next().unwrap_or((3, ""));
    let start = from
        .strip_prefix("from ")
        .and_then(seconds)
        .ok_or_else(|| wrong(number, "`from` and a time in seconds belong here"))?;
    let mut records: Vec<Record<'static>> = Vec::new();
    for (number, line) in lines {
        // Whoever writes by hand may leave lines free, and say something on them.
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (time, entry) = line
            .split_once(' ')
            .ok_or_else(|| wrong(number, "a time and an entry belong here"))?;
        let at = seconds(time).ok_or_else(|| wrong(number, "the time must be seconds, as 1.250000"))?;
        let at = start
            .checked_add(at)
            .ok_or_else(|| wrong(number, "later than everything"))?;
        if records.last().is_some_and(|last| at < last.at) {
            return Err(wrong(number, "earlier than the line before"));
        }
        let entry: Entry<'static> =
            serde_json::from_str(entry).map_err(|error| wrong(number, &error.to_string()))?;
        records.push(Record { at, entry });
    }
    Ok(Journal { header, records })
}

/// Microseconds, of seconds with up to six decimals.
fn seconds(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 6 || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let part = format!("{part:0<6}");
    let whole: u64 = whole.parse().ok()?;
    whole.checked_mul(1_000_000)?.checked_add(part.parse().ok()?)
}
