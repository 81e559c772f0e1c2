//! `cargo xtask autobahn`: the cases of the Autobahn test suite against a plain echo on our WebSocket layer.
//!
//! The Python package `kosoku` runs the cases; `scripts/bootstrap` installs it. Section 9 (speed and
//! limits) is left out. Offers of windows smaller than 32 KiB are declined, so their cases count as unimplemented.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::run;

/// The sections that are run, and what they are about.
const SECTIONS: [(u32, &str); 10] = [
    (1, "framing"),
    (2, "pings and pongs"),
    (3, "reserved bits"),
    (4, "opcodes"),
    (5, "fragmentation"),
    (6, "UTF-8"),
    (7, "closing"),
    (10, "automatic fragmentation"),
    (12, "compression"),
    (13, "parameters of compression"),
];

/// Of the eighteen cases of each kind of compression those that take seconds: whole and in fragments, small and large.
const COMPRESSED: [&str; 3] = ["3", "6", "13"];

/// Cases that this version of the suite does not get as far as running: it fails itself while it makes their data.
const BROKEN: [&str; 3] = ["12.2.3", "12.5.3", "12.5.6"];

pub(crate) fn run() -> Result<(), String> {
    let kosoku = run::root().join("target/.venv/bin/kosoku");
    if !kosoku.exists() {
        return Err("kosoku is not installed: scripts/bootstrap".to_owned());
    }
    run::succeed(&mut run::cargo(&[
        "build",
        "--quiet",
        "-p",
        "strowger-channel",
        "--example",
        "echo",
    ]))?;
    let reports = run::root().join("target/autobahn");
    if reports.exists() {
        std::fs::remove_dir_all(&reports).map_err(|error| format!("target/autobahn: {error}"))?;
    }
    let (echo, address) = Echo::start()?;
    let mut command = Command::new(kosoku);
    command.arg(format!("ws://{address}/rtc?userid=autobahn"));
    for (section, _) in SECTIONS {
        let cases = match section {
            12 | 13 => COMPRESSED.map(|case| format!("{section}.*.{case}")).to_vec(),
            _ => vec![format!("{section}.*")],
        };
        for case in cases {
            command.args(["--include", &case]);
        }
    }
    for case in BROKEN {
        command.args(["--exclude", case]);
    }
    // It fails where a case does; which one, and how, is in the report.
    let ran = run::output(command.arg("--outdir").arg(&reports));
    drop(echo);
    let index = reports.join("index.json");
    let index = std::fs::read_to_string(index).map_err(|error| match ran {
        Err(failure) => failure,
        Ok(_) => format!("target/autobahn/index.json: {error}"),
    })?;
    let tally = Tally::read(&index)?;
    tally.print();
    tally.verdict()
}

/// The example; ended when dropped.
struct Echo(Child);

impl Echo {
    fn start() -> Result<(Self, String), String> {
        let mut child = Command::new(beside_us()?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run the echo: {error}"))?;
        let stdout = child.stdout.take();
        let echo = Self(child);
        let mut address = String::new();
        let read = stdout.map(|stdout| BufReader::new(stdout).read_line(&mut address));
        match read {
            Some(Ok(1..)) => Ok((echo, address.trim().to_owned())),
            _ => Err("the echo does not say where it listens".to_owned()),
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where cargo has put the example: in a folder beside this program.
fn beside_us() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let name = format!("examples/echo{}", std::env::consts::EXE_SUFFIX);
    Ok(own.with_file_name(name))
}

/// How many cases of one section had which outcome.
#[derive(Debug, Default, PartialEq, Eq)]
struct Section {
    ok: usize,
    /// What the RFC leaves open.
    informational: usize,
    /// Those the suite calls non-strict too: allowed, but not what the RFC recommends.
    failed: Vec<String>,
}

/// The outcomes, by section.
#[derive(Debug)]
struct Tally(BTreeMap<u32, Section>);

impl Tally {
    fn read(index: &str) -> Result<Self, String> {
        let index: Value = serde_json::from_str(index).map_err(|error| format!("the report: {error}"))?;
        let mut sections = BTreeMap::<u32, Section>::new();
        let agents = index.as_object().into_iter().flat_map(|agents| agents.values());
        for (id, case) in agents.filter_map(Value::as_object).flatten() {
            let number = id.split('.').next().and_then(|number| number.parse().ok());
            let section = sections.entry(number.unwrap_or_default()).or_default();
            let outcome = |field| case.get(field).and_then(Value::as_str).unwrap_or("MISSING");
            match (outcome("behavior"), outcome("behaviorClose")) {
                ("OK", "OK") => section.ok += 1,
                ("INFORMATIONAL", "OK" | "INFORMATIONAL") | ("OK", "INFORMATIONAL") => {
                    section.informational += 1;
                }
                // An offer may be declined.
                ("UNIMPLEMENTED", "OK") if id.starts_with("13.") => section.informational += 1,
                (behavior, close) => section.failed.push(format!("{id}: {behavior}, close {close}")),
            }
        }
        Ok(Self(sections))
    }

    fn print(&self) {
        println!("section                      ok  informational  failed");
        for (number, about) in SECTIONS {
            let none = Section::default();
            let section = self.0.get(&number).unwrap_or(&none);
            println!(
                "{number:>2} {about:<24} {:>4}  {:>13}  {:>6}",
                section.ok,
                section.informational,
                section.failed.len()
            );
        }
        for failure in self.0.values().flat_map(|section| &section.failed) {
            println!("FAIL {failure}");
        }
    }

    fn verdict(&self) -> Result<(), String> {
        let failed: usize = self.0.values().map(|section| section.failed.len()).sum();
        if failed > 0 {
            return Err(format!(
                "{failed} cases failed; target/autobahn/index.html has the frames"
            ));
        }
        match SECTIONS.iter().find(|(number, _)| !self.0.contains_key(number)) {
            Some((number, _)) => Err(format!("no case of section {number} was run")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(cases: &[(&str, &str, &str)]) -> String {
        let cases: Vec<_> = cases
            .iter()
            .map(|(id, behavior, close)| {
                format!("\"{id}\": {{\"behavior\": \"{behavior}\", \"behaviorClose\": \"{close}\"}}")
            })
            .collect();
        format!("{{\"echo\": {{{}}}}}", cases.join(","))
    }

    const ALL: [(&str, &str, &str); 10] = [
        ("1.1.1", "OK", "OK"),
        ("2.1", "OK", "OK"),
        ("3.2", "OK", "OK"),
        ("4.1.1", "OK", "OK"),
        ("5.1", "OK", "OK"),
        ("6.1.1", "OK", "OK"),
        ("7.1.6", "INFORMATIONAL", "INFORMATIONAL"),
        ("12.1.3", "OK", "OK"),
        ("13.3.3", "UNIMPLEMENTED", "OK"),
        ("10.1.1", "OK", "OK"),
    ];

    #[test]
    fn what_the_rfc_leaves_open_passes() {
        let tally = Tally::read(&report(&ALL)).unwrap();
        assert_eq!((tally.0[&3].ok, tally.0[&7].informational), (1, 1));
        assert_eq!(
            (tally.0[&12].ok, tally.0[&13].informational),
            (1, 1),
            "an offer may be declined"
        );
        assert_eq!(tally.verdict(), Ok(()));
    }

    #[test]
    fn a_failed_case_and_a_wrong_close_fail() {
        for wrong in [
            ("1.2.3", "FAILED", "OK"),
            ("1.2.3", "NON-STRICT", "OK"),
            ("1.2.3", "OK", "WRONG CODE"),
        ] {
            let mut cases = ALL.to_vec();
            cases.push(wrong);
            let tally = Tally::read(&report(&cases)).unwrap();
            assert_eq!(tally.0[&1].failed.len(), 1);
            assert!(tally.verdict().unwrap_err().starts_with("1 cases failed"));
        }
    }

    #[test]
    fn a_section_that_was_not_run_fails() {
        let tally = Tally::read(&report(&ALL[..9])).unwrap();
        assert_eq!(tally.verdict(), Err("no case of section 10 was run".to_owned()));
        assert!(Tally::read("[").is_err());
    }
}
