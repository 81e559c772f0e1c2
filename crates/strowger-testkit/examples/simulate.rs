//! Runs seeds of the fault simulation on all cores: `simulate [--seeds N] [--from SEED]`. Stops at the first that fails.

#![allow(clippy::print_stdout, reason = "a command-line tool speaks by printing")]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use strowger_testkit::simulation::{Failure, Figures, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.map_or(Some(default), |at| arguments.get(at + 1)?.parse().ok())
    };
    let known =
        |argument: &String| argument == "--seeds" || argument == "--from" || argument.parse::<u64>().is_ok();
    let (Some(seeds), Some(from), true) = (
        number("--seeds", 1_000),
        number("--from", 1),
        arguments.iter().all(known),
    ) else {
        println!("usage: simulate [--seeds N] [--from SEED]");
        return ExitCode::from(64);
    };
    let (figures, failure) = run_all(from, from.saturating_add(seeds));
    match failure {
        None => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Some(failure) => {
            println!("{failure}\n\nbefore it, without a fault:\n{figures}");
            ExitCode::FAILURE
        }
    }
}

/// What the seeds came to, and the lowest that fails of those that were run.
fn run_all(from: u64, until: u64) -> (Figures, Option<Box<Failure>>) {
    let next = AtomicU64::new(from);
    let outcome = Mutex::new((Figures::default(), None::<Box<Failure>>));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= until {
                return;
            }
            let result = run(seed, None);
            let mut outcome = outcome.lock().expect("nobody panics while holding it");
            match result {
                Ok(figures) => outcome.0 += figures,
                Err(failure) => {
                    next.store(until, Ordering::Relaxed);
                    if outcome.1.as_ref().is_none_or(|known| failure.seed < known.seed) {
                        outcome.1 = Some(failure);
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    outcome.into_inner().expect("nobody panicked while holding it")
}
