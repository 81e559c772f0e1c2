//! Checks that keep the house in order: `cargo xtask ci`, `tidy`, `bless`, `fuzz`, `guests`, `simulate`, `mutate`,
//! `counts`, `optimize`, `autobahn`, `schemathesis`, `lossless`, `sdk`, `browser`.
//!
//! Each check is a function from texts to [findings](report::Finding), so that its tests need no repository. The
//! commands around them are thin.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks by printing"
)]

mod autobahn;
mod bless;
mod browser;
mod ci;
mod counts;
mod files;
mod fuzz;
mod guests;
mod licences;
mod lossless;
mod mutate;
mod optimize;
mod packages;
mod report;
mod run;
mod schemathesis;
mod sdk;
mod simulate;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  ci                             everything that must hold before a change is merged
  tidy                           only the house rules: no build, a second or two
  bless [CARGO TEST ARGUMENTS]   runs the tests with BLESS=1, which prints tables and documents anew
  fuzz [--minutes N] [TARGET]    runs the fuzz targets, or one of them; needs cargo-fuzz
  sdk                            lints, builds and tests the kits for JavaScript; needs scripts/bootstrap
  browser                        plays the demo page and the console in headless Chromium; needs scripts/bootstrap
  guests                         builds the services that the host's tests load; needs scripts/bootstrap
  simulate [--seeds N] [--from SEED]
                                 runs the fault simulation; stops at the first seed that fails
  counts [--bless]               counts the instructions of what is done most, against bench/counts/baseline.toml; needs valgrind
  optimize                       builds the server as released, laid out by what it does under load, in target/optimized; takes two builds
  autobahn                       runs the Autobahn cases against our WebSocket layer; scripts/bootstrap fetches them
  schemathesis                   asks the admin interface what its OpenAPI document allows, and more; scripts/bootstrap fetches the tool
  mutate [PART OF A NAME]        breaks the product in many ways, and sees the simulation notice each; takes minutes
  lossless [--seed N] [--messages N] [--cuts N] [--users N]
                                 real sockets, broken at random: nothing lost, nothing applied twice
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["ci"] => ci::run(),
        ["tidy"] => tidy::run(),
        ["bless", rest @ ..] => bless::run(rest),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        ["lossless", rest @ ..] => lossless::run(rest),
        ["sdk"] => sdk::run(),
        ["browser"] => browser::run(),
        ["guests"] => guests::run(),
        ["simulate", rest @ ..] => simulate::run(rest),
        ["counts", rest @ ..] => counts::run(rest),
        ["autobahn"] => autobahn::run(),
        ["schemathesis"] => schemathesis::run(),
        ["mutate", rest @ ..] => mutate::run(rest),
        ["optimize"] => optimize::run(),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nxtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
