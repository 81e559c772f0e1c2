//! Runs seeds of the fault simulation: `simulate [--seeds N] [--from SEED]`. Stops at the first that fails.

#![allow(clippy::print_stdout, reason = "a command-line tool speaks by printing")]

use std::process::ExitCode;

use strowger_testkit::simulation::{Figures, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.map_or(Some(default), |at| arguments.get(at + 1)?.parse().ok())
    };
    let (Some(seeds), Some(from)) = (number("--seeds", 1_000), number("--from", 1)) else {
        println!("usage: simulate [--seeds N] [--from SEED]");
        return ExitCode::from(64);
    };
    let mut figures = Figures::default();
    for seed in from..from.saturating_add(seeds) {
        match run(seed, None) {
            Ok(of_seed) => figures += of_seed,
            Err(failure) => {
                println!("{failure}");
                println!("\nbefore it, without a fault:\n{figures}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{figures}");
    ExitCode::SUCCESS
}
