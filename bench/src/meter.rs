//! What a server costs: processor time, memory, descriptors and system calls of its process, and the bytes to and from it.

use std::time::{Duration, Instant};

use crate::syscalls::Counter;
use crate::traffic::Traffic;

/// A process, read through `/proc`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(u32);

impl Process {
    pub(crate) const fn new(id: u32) -> Self {
        Self(id)
    }

    pub(crate) const fn id(self) -> u32 {
        self.0
    }

    /// Processor time used so far, user and system.
    pub(crate) fn cpu(self) -> Result<Duration, String> {
        self.times().map(|[user, system]| user + system)
    }

    /// The same apart.
    fn times(self) -> Result<[Duration; 2], String> {
        let stat = self.read("stat")?;
        times_of(&stat).ok_or_else(|| "/proc shows no processor time".to_owned())
    }

    /// Resident memory in KB.
    pub(crate) fn resident(self) -> Result<u64, String> {
        let status = self.read("status")?;
        resident_of(&status).ok_or_else(|| "the server has no VmRSS".to_owned())
    }

    /// Open file descriptors.
    pub(crate) fn descriptors(self) -> Result<u64, String> {
        let path = format!("/proc/{}/fd", self.0);
        let entries = std::fs::read_dir(path).map_err(|error| error.to_string())?;
        Ok(entries.count() as u64)
    }

    fn read(self, file: &str) -> Result<String, String> {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.0)).map_err(|error| error.to_string())
    }
}

/// Of `/proc/PID/stat`. Linux counts 100 ticks per second on every architecture it reports them for.
fn times_of(stat: &str) -> Option<[Duration; 2]> {
    // The name in parentheses may hold spaces; fields are counted from behind it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut time = || Some(Duration::from_millis(fields.next()?.parse::<u64>().ok()? * 10));
    Some([time()?, time()?])
}

/// Of `/proc/PID/status`, in KB.
fn resident_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Whether system calls are counted. It makes each of them slower, so processor time is not measured at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calls {
    Count,
    Leave,
}

/// Counts from its start.
#[derive(Debug)]
pub(crate) struct Meter {
    process: Process,
    calls: Option<Counter>,
    traffic: Traffic,
    times: [Duration; 2],
    started: Instant,
}

/// What was spent between start and stop.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) span: Duration,
    pub(crate) cpu: Duration,
    /// What of it was not the system's.
    pub(crate) user: Duration,
    /// `None` where they were not counted, or nobody may count them here.
    pub(crate) calls: Option<u64>,
    /// Bytes into the server and out of it, WebSocket headers included, TCP's not.
    pub(crate) traffic: Traffic,
    /// At the end, in KB.
    pub(crate) resident: u64,
    /// At the end.
    pub(crate) descriptors: u64,
}

impl Meter {
    pub(crate) fn start(process: Process, calls: Calls) -> Result<Self, String> {
        let mut counter = match calls {
            Calls::Count => Counter::attach(process.id()),
            Calls::Leave => None,
        };
        if let Some(counter) = &mut counter {
            counter.enable();
        }
        Ok(Self {
            process,
            calls: counter,
            traffic: Traffic::now(),
            times: process.times()?,
            started: Instant::now(),
        })
    }

    pub(crate) fn stop(self) -> Result<Spent, String> {
        let span = self.started.elapsed();
        let traffic = Traffic::now() - self.traffic;
        let [user, system] = self.process.times()?;
        let user = user.saturating_sub(self.times[0]);
        let cpu = user + system.saturating_sub(self.times[1]);
        Ok(Spent {
            span,
            cpu,
            user,
            calls: self.calls.and_then(Counter::finish),
            traffic,
            resident: self.process.resident()?,
            descriptors: self.process.descriptors()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_a_name_with_blanks_and_parentheses() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194304 100 0 0 0 150 50 7 7 20 0 3 0 100 1 2";
        assert_eq!(times_of(stat), Some([1500, 500].map(Duration::from_millis)));
        assert_eq!(times_of("42 (a) S 1"), None);
    }

    #[test]
    fn resident_memory_is_a_line_of_the_status() {
        assert_eq!(
            resident_of("Name:\tx\nVmHWM:\t   99 kB\nVmRSS:\t    1234 kB\n"),
            Some(1234)
        );
        assert_eq!(resident_of("Name:\tx\n"), None);
    }

    #[test]
    fn the_meter_reads_its_own_process() {
        let meter = Meter::start(Process::new(std::process::id()), Calls::Leave).expect("there is a /proc");
        let spent = meter.stop().expect("there is a /proc");
        assert!(spent.resident > 0 && spent.descriptors >= 3);
        assert_eq!(spent.calls, None);
    }
}
