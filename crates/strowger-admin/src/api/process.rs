//! What the operating system says of this process, under the names that every Prometheus exporter uses.

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::metrics::Page;

/// Linux counts 100 ticks per second on every architecture it reports them for.
const TICKS: f64 = 100.0;

/// When the server began, since 1970. The system tells it too, but not to a process that sees nothing of others.
static START: OnceLock<Duration> = OnceLock::new();

/// The server begins; of later calls nothing comes.
pub(super) fn begin() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    START.get_or_init(|| now.unwrap_or_default());
}

/// Figures of a process; none where the system does not tell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Process {
    cpu_seconds: Option<f64>,
    start_seconds: Option<f64>,
    resident_bytes: Option<u64>,
    open_files: Option<u64>,
    most_files: Option<u64>,
}

impl Process {
    pub(super) fn of_this() -> Self {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/self/{file}")).ok();
        Self {
            cpu_seconds: read("stat").and_then(|stat| cpu_seconds(&stat)),
            start_seconds: START.get().map(Duration::as_secs_f64),
            resident_bytes: read("status").and_then(|status| resident_bytes(&status)),
            open_files: std::fs::read_dir("/proc/self/fd")
                .ok()
                // The directory itself is one of them.
                .map(|files| files.count().saturating_sub(1) as u64),
            most_files: read("limits").and_then(|limits| most_files(&limits)),
        }
    }

    pub(super) fn encode(&self, page: &mut Page<'_>) -> fmt::Result {
        if let Some(seconds) = self.cpu_seconds {
            page.seconds("process_cpu_seconds", "Processor time, user and system", seconds)?;
        }
        if let Some(seconds) = self.start_seconds {
            let help = "When the server began, since 1970";
            page.time("process_start_time_seconds", help, seconds)?;
        }
        for (name, help, value) in [
            (
                "process_resident_memory_bytes",
                "Resident memory",
                self.resident_bytes,
            ),
            ("process_open_fds", "Open file descriptors", self.open_files),
            (
                "process_max_fds",
                "The most file descriptors that may be open",
                self.most_files,
            ),
        ] {
            if let Some(value) = value {
                page.gauge(name, help, value)?;
            }
        }
        Ok(())
    }
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    // The name in parentheses may hold blanks; fields are counted from behind it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / TICKS)
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn most_files(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_is_read() {
        let stat = "7 (a name) x) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 9 0 100 1 2";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(resident_bytes("VmHWM:\t9 kB\nVmRSS:\t    12 kB\n"), Some(12_288));
        assert_eq!(
            most_files(
                "Limit  Soft  Hard\nMax open files            1024                 4096                 files\n"
            ),
            Some(1024)
        );
        for nothing in ["", "x", "7 (a) S"] {
            assert_eq!(
                (cpu_seconds(nothing), resident_bytes(nothing), most_files(nothing)),
                (None, None, None)
            );
        }
    }
}
