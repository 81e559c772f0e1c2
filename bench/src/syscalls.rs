//! System calls of a process, counted by `perf` where it is there and may.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// `perf` at work on one process and all its threads. It counts while it is told to, so its start is not in the figure.
#[derive(Debug)]
pub(crate) struct Counter {
    perf: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Counter {
    /// `None` where there is no `perf`, or it may not count.
    pub(crate) fn attach(process: u32) -> Option<Self> {
        let mut perf = Command::new("perf")
            .args(["stat", "-x,", "-e", "raw_syscalls:sys_enter"])
            // Counts nothing at first, takes orders from its standard input and says on its standard output when it obeyed.
            .args(["--delay", "-1", "--control", "fd:0,1", "--pid"])
            .arg(process.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        let (orders, answers) = (perf.stdin.take()?, BufReader::new(perf.stdout.take()?));
        let mut counter = Self {
            perf,
            orders,
            answers,
        };
        // The first order is obeyed once it has attached itself; where it may not, it ends instead.
        counter.order("disable").then_some(counter)
    }

    pub(crate) fn enable(&mut self) {
        self.order("enable");
    }

    /// Ends the counting. `None` where it failed.
    pub(crate) fn finish(mut self) -> Option<u64> {
        if !self.order("disable") {
            return None;
        }
        let process = rustix::process::Pid::from_child(&self.perf);
        rustix::process::kill_process(process, rustix::process::Signal::INT).ok()?;
        let mut said = String::new();
        self.perf.stderr.take()?.read_to_string(&mut said).ok()?;
        count_of(&said)
    }

    /// Whether it was obeyed.
    fn order(&mut self, order: &str) -> bool {
        let mut answer = String::new();
        writeln!(self.orders, "{order}").is_ok()
            && self.answers.read_line(&mut answer).is_ok()
            && answer.contains("ack")
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.perf.kill();
        let _ = self.perf.wait();
    }
}

/// Of the fields that `perf stat -x,` prints.
fn count_of(said: &str) -> Option<u64> {
    let line = said
        .lines()
        .find(|line| line.contains("raw_syscalls:sys_enter"))?;
    line.split(',').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_the_first_field_of_the_line_of_its_event() {
        let said = "Events disabled\nEvents enabled\nEvents disabled\n1682078,,raw_syscalls:sys_enter,511009166,100.00,,\n";
        assert_eq!(count_of(said), Some(1_682_078));
    }

    #[test]
    fn there_is_no_count_where_perf_could_not() {
        assert_eq!(
            count_of("<not counted>,,raw_syscalls:sys_enter,0,100.00,,\n"),
            None
        );
        assert_eq!(count_of("event syntax error\n"), None);
    }
}
