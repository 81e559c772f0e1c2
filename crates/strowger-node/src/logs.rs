//! Log lines of services and about links: cut, one line each, and no more of them than somebody can read.

use std::time::Duration;

use strowger_channel::{LinkChange, LinkNews};
use strowger_service::LogLevel;
use strowger_time::Instant;

use crate::{Effect, LogLine, Shard, Subject};

/// The most bytes of one line; more is cut.
const LINE_BYTES: usize = 4096;
/// The most lines of one service on one shard in a [`PERIOD`]; more are dropped, and their number is told.
const LINES: u32 = 1000;
/// The same for all links of one shard. Under a pattern of `links.allow` peers choose the hosts.
const LINK_LINES: u32 = 20;
const PERIOD: Duration = Duration::from_secs(1);

/// How many lines a service, or the links, have written lately.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LogBudget {
    since: Instant,
    lines: u32,
    dropped: u64,
}

impl LogBudget {
    /// Whether a line may be written now, of `most` in a [`PERIOD`], and how many were dropped before it.
    fn take(&mut self, now: Instant, most: u32) -> Option<u64> {
        if now.since(self.since) >= PERIOD {
            let dropped = std::mem::take(&mut self.dropped);
            *self = Self {
                since: now,
                lines: 1,
                dropped: 0,
            };
            return Some(dropped);
        }
        if self.lines >= most {
            self.dropped += 1;
            return None;
        }
        self.lines += 1;
        Some(0)
    }
}

impl Shard {
    /// Writes a log line of the service at this place of the registry.
    pub(crate) fn log(&mut self, now: Instant, service: usize, level: LogLevel, text: &str) {
        let Some(dropped) = self
            .log_budgets
            .get_mut(service)
            .and_then(|budget| budget.take(now, LINES))
        else {
            return;
        };
        if dropped > 0 {
            self.write(service, LogLevel::Warn, format!("{dropped} log lines dropped"));
        }
        self.write(service, level, one_line(text));
    }

    fn write(&mut self, service: usize, level: LogLevel, text: String) {
        let subject = Subject::Service(self.registry.name(service).to_string());
        self.effects
            .push_back(Effect::Log(LogLine { level, subject, text }));
    }

    /// Writes what is new of a link.
    pub(crate) fn log_link(&mut self, now: Instant, news: LinkNews) {
        let Some(dropped) = self.link_log_budget.take(now, LINK_LINES) else {
            return;
        };
        let (level, text) = match news.change {
            LinkChange::Up => (LogLevel::Info, "link is up"),
            LinkChange::Lost => (LogLevel::Warn, "link lost, dialling again"),
            LinkChange::Unreachable => (LogLevel::Warn, "link cannot be dialled, trying again"),
            LinkChange::Failed => (LogLevel::Error, "link failed"),
        };
        let mut text = text.to_owned();
        if dropped > 0 {
            text.push_str(&format!(" ({dropped} lines about links dropped before)"));
        }
        let subject = Subject::Link {
            host: news.host,
            port: news.port,
            reason: one_line(&news.reason),
        };
        self.effects
            .push_back(Effect::Log(LogLine { level, subject, text }));
    }
}

/// A text that a peer may have chosen must not look like two lines, nor move the cursor of a terminal.
fn one_line(text: &str) -> String {
    let cut = &text[..text.floor_char_boundary(LINE_BYTES)];
    let mut line: String = cut
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if cut.len() < text.len() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_not_too_long() {
        assert_eq!(one_line("a\nb\u{1b}[2Jc"), "a b [2Jc");
        let long = one_line(&"é".repeat(LINE_BYTES));
        assert_eq!(long.chars().count(), LINE_BYTES / 2 + 1);
    }
}
