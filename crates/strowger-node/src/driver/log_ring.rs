//! The latest log lines of each service, for an operator who looks now.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use strowger_service::LogLevel;
use tokio::sync::Notify;

/// How many lines of one service are kept.
const LINES: usize = 1000;
/// The same in bytes of text.
const BYTES: usize = 256 << 10;

/// One log line of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceLine {
    /// Counts the lines of its service, from 1.
    pub number: u64,
    /// When it was written.
    pub at: SystemTime,
    /// How serious it is.
    pub level: LogLevel,
    /// The line; no control characters, at most 4,096 bytes and a mark that it was cut.
    pub text: String,
}

/// Log lines of one service, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    /// The lines.
    pub lines: Vec<ServiceLine>,
    /// How many lines between the one asked for and the first of these are not kept any more.
    pub lost: u64,
    /// The number of the last line, for asking on.
    pub last: u64,
}

/// Keeps the latest 1,000 lines of each service, 256 KiB of them at most.
#[derive(Debug, Default)]
pub struct LogRing {
    /// As many as there were ever names of services at most.
    services: Mutex<HashMap<String, Lines>>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Lines {
    lines: VecDeque<ServiceLine>,
    bytes: usize,
    last: u64,
}

impl LogRing {
    pub(super) fn push(&self, service: &str, level: LogLevel, text: &str, at: SystemTime) {
        {
            let mut services = self.services();
            // The name is copied for the first line only.
            let lines = match services.get_mut(service) {
                Some(lines) => lines,
                None => services.entry(service.to_owned()).or_default(),
            };
            lines.push(level, text, at);
        }
        self.news.notify_waiters();
    }

    /// Up to `limit` lines of a service behind line number `after`; 0 is before the first.
    pub fn read(&self, service: &str, after: u64, limit: usize) -> LogPage {
        self.services()
            .get(service)
            .map_or_else(LogPage::default, |lines| lines.read(after, limit))
    }

    /// The same, but waits until there is a line, or so long.
    pub async fn wait(&self, service: &str, after: u64, limit: usize, within: Duration) -> LogPage {
        let end = tokio::time::sleep(within);
        tokio::pin!(end);
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            // From here on it is told, so that a line between the look and the wait is not missed.
            news.as_mut().enable();
            let page = self.read(service, after, limit);
            if !page.lines.is_empty() {
                return page;
            }
            tokio::select! {
                () = news => {}
                () = &mut end => return page,
            }
        }
    }

    fn services(&self) -> MutexGuard<'_, HashMap<String, Lines>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn push(&mut self, level: LogLevel, text: &str, at: SystemTime) {
        self.last += 1;
        self.bytes += text.len();
        self.lines.push_back(ServiceLine {
            number: self.last,
            at,
            level,
            text: text.to_owned(),
        });
        while self.lines.len() > LINES || self.bytes > BYTES {
            let Some(oldest) = self.lines.pop_front() else {
                break;
            };
            self.bytes -= oldest.text.len();
        }
    }

    fn read(&self, after: u64, limit: usize) -> LogPage {
        // Numbers of an earlier start of the node may be larger than any of this one.
        let after = if after > self.last { 0 } else { after };
        let first = self.lines.front().map_or(self.last + 1, |line| line.number);
        let lost = first.saturating_sub(after + 1);
        let from = usize::try_from((after + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        let lines: Vec<_> = self.lines.iter().skip(from).take(limit).cloned().collect();
        LogPage {
            last: lines.last().map_or(after, |line| line.number),
            lines,
            lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(texts: impl IntoIterator<Item = String>) -> LogRing {
        let ring = LogRing::default();
        for text in texts {
            ring.push("rooms", LogLevel::Info, &text, SystemTime::UNIX_EPOCH);
        }
        ring
    }

    fn texts(page: &LogPage) -> Vec<&str> {
        page.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn lines_are_read_on_from_the_last_one() {
        let ring = ring(["a", "b", "c"].map(str::to_owned));
        let page = ring.read("rooms", 0, 2);
        assert_eq!((texts(&page), page.last, page.lost), (vec!["a", "b"], 2, 0));
        assert_eq!(texts(&ring.read("rooms", 2, 2)), ["c"]);
        let none = ring.read("rooms", 3, 2);
        assert_eq!((texts(&none), none.last), (vec![], 3));
        assert_eq!(ring.read("other", 0, 2), LogPage::default());
    }

    #[test]
    fn what_was_not_kept_is_told() {
        let ring = ring((1..=LINES as u64 + 7).map(|number| number.to_string()));
        let page = ring.read("rooms", 2, 1);
        assert_eq!((texts(&page), page.lost), (vec!["8"], 5));
    }

    #[test]
    fn few_long_lines_are_kept() {
        let ring = ring((0..100).map(|_| "x".repeat(4096)));
        assert_eq!(ring.read("rooms", 0, LINES).lines.len(), BYTES / 4096);
    }

    #[test]
    fn a_number_from_before_a_restart_reads_from_the_beginning() {
        let ring = ring(["a".to_owned()]);
        assert_eq!(texts(&ring.read("rooms", 500, 9)), ["a"]);
    }

    #[tokio::test]
    async fn who_waits_is_told_of_the_next_line() {
        let ring = std::sync::Arc::new(ring(["a".to_owned()]));
        let waiting = std::sync::Arc::clone(&ring);
        let waiter = tokio::spawn(async move { waiting.wait("rooms", 1, 9, Duration::from_secs(60)).await });
        tokio::task::yield_now().await;
        ring.push("other", LogLevel::Info, "not for it", SystemTime::UNIX_EPOCH);
        ring.push("rooms", LogLevel::Warn, "b", SystemTime::UNIX_EPOCH);
        assert_eq!(texts(&waiter.await.unwrap()), ["b"]);
    }
}
