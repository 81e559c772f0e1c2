//! `cargo xtask counts`: how many instructions the server spends on what it does most, against what it spent before.
//!
//! Time on a shared machine says little; instructions hardly change from run to run. `valgrind` counts them in a build that is
//! optimised as the release is. What takes 5 % more than `bench/counts/baseline.toml` says fails, unless the same change gives the
//! baseline anew (`--bless`).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use toml::{Table, Value};

use crate::run;

const BASELINE: &str = "bench/counts/baseline.toml";
const WORKS: [&str; 5] = ["decode", "transaction", "message", "journal", "call"];
/// How often each is done while it is counted.
const TIMES: u64 = 1000;
/// How many instructions more are no fault, in percent.
const TOLERATED: u64 = 5;

pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    let bless = match arguments {
        [] => false,
        ["--bless"] => true,
        other => return Err(format!("{other:?}: only --bless can stand here")),
    };
    let path = run::root().join(BASELINE);
    run::succeed(&mut run::cargo(&[
        "build",
        "--quiet",
        "--profile",
        "counts",
        "-p",
        "strowger-counts",
    ]))?;
    let counted = WORKS
        .iter()
        .map(|work| Ok((*work, count(work)?)))
        .collect::<Result<Vec<_>, String>>()?;
    let compiler = run::output(Command::new("rustc").arg("--version"))?;
    let compiler = compiler.trim();
    if bless {
        return std::fs::write(&path, baseline(compiler, &counted))
            .map_err(|error| format!("{BASELINE}: {error}"));
    }
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{BASELINE}: {error}"))?;
    let verdict = judge(&text, compiler, &counted)?;
    for line in &verdict.lines {
        println!("{line}");
    }
    if verdict.is_good {
        Ok(())
    } else {
        Err("more instructions than before; if they are worth it: cargo xtask counts --bless, and say so in the commit".to_owned())
    }
}

/// Instructions of one operation.
fn count(work: &str) -> Result<u64, String> {
    let target = run::root().join("target");
    let out = target.join(format!("counts-{work}.callgrind"));
    let program: PathBuf = target.join("counts/strowger-counts");
    let mut valgrind = Command::new("valgrind");
    valgrind
        .arg("--tool=callgrind")
        .arg("--toggle-collect=*counted*")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(&program)
        .args([work, &TIMES.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = valgrind
        .status()
        .map_err(|error| format!("cannot run valgrind: {error}; scripts/bootstrap installs it"))?;
    if !status.success() {
        return Err(format!(
            "{} {work} failed under valgrind ({status})",
            shown(&program)
        ));
    }
    let report = std::fs::read_to_string(&out).map_err(|error| format!("{}: {error}", shown(&out)))?;
    match total(&report) {
        Some(total) if total > 0 => Ok(total / TIMES),
        _ => Err(format!("{} tells no instructions", shown(&out))),
    }
}

fn shown(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn total(report: &str) -> Option<u64> {
    let line = report.lines().find_map(|line| line.strip_prefix("totals: "))?;
    line.trim().parse().ok()
}

fn baseline(compiler: &str, counted: &[(&str, u64)]) -> String {
    let mut text = format!(
        "# Instructions of one operation, printed by `cargo xtask counts --bless`.\nrustc = {compiler:?}\n\n[instructions]\n"
    );
    for (work, count) in counted {
        text.push_str(&format!("{work} = {count}\n"));
    }
    text
}

#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    lines: Vec<String>,
    is_good: bool,
}

/// Compares counts with the baseline. Another compiler makes other code: its counts are shown and not judged.
fn judge(baseline: &str, compiler: &str, counted: &[(&str, u64)]) -> Result<Verdict, String> {
    let table: Table = baseline.parse().map_err(|error| format!("{BASELINE}: {error}"))?;
    let is_same = table.get("rustc").and_then(Value::as_str) == Some(compiler);
    let before = |work: &str| {
        let count = table.get("instructions").and_then(|counts| counts.get(work));
        let count = count
            .and_then(Value::as_integer)
            .and_then(|count| u64::try_from(count).ok());
        count.ok_or_else(|| format!("{BASELINE} has no count of `{work}`"))
    };
    let mut verdict = Verdict {
        lines: Vec::new(),
        is_good: true,
    };
    for (work, now) in counted {
        let before = before(work)?;
        let is_more = *now > before + before * TOLERATED / 100;
        let is_less = now + before * TOLERATED / 100 < before;
        let remark = match (is_same, is_more, is_less) {
            (false, ..) => ": not judged, the baseline is of another compiler",
            (true, true, _) => ": too many",
            (true, false, true) => ": fewer; give the baseline anew, so that they stay few",
            (true, false, false) => "",
        };
        verdict.is_good &= !is_same || !is_more;
        let change = 100.0 * (*now as f64 / before as f64 - 1.0);
        verdict
            .lines
            .push(format!("{work}: {now} instructions, {change:+.1} %{remark}"));
    }
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "rustc = \"rustc 1\"\n[instructions]\ncall = 1000\n";

    fn is_good(compiler: &str, count: u64) -> bool {
        judge(BEFORE, compiler, &[("call", count)]).unwrap().is_good
    }

    #[test]
    fn five_percent_more_are_too_many() {
        assert!(is_good("rustc 1", 1050) && is_good("rustc 1", 10));
        assert!(!is_good("rustc 1", 1051));
    }

    #[test]
    fn another_compiler_is_not_judged() {
        assert!(is_good("rustc 2", 5000));
    }

    #[test]
    fn what_the_baseline_does_not_know_is_a_fault() {
        let error = judge(BEFORE, "rustc 1", &[("decode", 1)]).unwrap_err();
        assert!(error.contains("no count of `decode`"), "{error}");
    }

    #[test]
    fn what_is_blessed_is_read_again() {
        let text = baseline("rustc 1 (x)", &[("decode", 7), ("call", 9)]);
        let verdict = judge(&text, "rustc 1 (x)", &[("decode", 7), ("call", 9)]).unwrap();
        let lines = ["decode: 7 instructions, +0.0 %", "call: 9 instructions, +0.0 %"];
        assert_eq!(
            (verdict.lines, verdict.is_good),
            (lines.map(str::to_owned).to_vec(), true)
        );
    }

    #[test]
    fn the_total_is_found_in_a_report() {
        assert_eq!(total("events: Ir\nfn=(1) x\nsummary: 3\ntotals: 42\n"), Some(42));
        assert_eq!(total("events: Ir\n"), None);
    }
}
