//! `cargo xtask optimize`: the server and the bench of the release, laid out by what they did under load.
//!
//! The compiler builds both so that they count how often each branch is taken; then they run the work below on the loopback
//! interface; then the compiler builds them once more by these counts: what is done often lies together and is inlined, what is
//! not is kept small. Takes two builds and a few minutes.

use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{guests, run};

/// What the server is to be good at: `bench` with these arguments. What none of it does is kept small, at the cost of its
/// speed.
const WORK: [&[&str]; 8] = [
    &["message"],
    &["call"],
    &["fanout", "100"],
    &["churn"],
    &["resume", "1000"],
    &["idle", "1000"],
    &["journal"],
    &["service"],
];
const PACKAGES: [&str; 4] = ["-p", "strowger", "-p", "bench"];
const PROGRAMS: [&str; 2] = ["strowger", "bench"];
/// Where the outcome is, in the target directory.
const OUTCOME: &str = "optimized";

pub(crate) fn run() -> Result<(), String> {
    let target = run::root().join("target");
    let (counting, counts) = (target.join("counting"), target.join("counting/counts"));
    let host = run::host()?;
    let merge = merging_tool(&host)?;

    println!("building what counts, and the services that it loads");
    guests::run()?;
    let flag = format!("-Cprofile-generate={}", counts.display());
    run::succeed(build(&host, &counting, &flag).arg("--quiet"))?;

    // Counts of an earlier run are of other code.
    let _ = std::fs::remove_dir_all(&counts);
    let programs = counting.join(&host).join("release");
    for work in WORK {
        println!("bench {}", work.join(" "));
        let mut bench = Command::new(programs.join("bench"));
        bench.args(["--rounds", "1", "--seconds", "1"]).args(work);
        // A file for each program, to which each run adds.
        bench.env("LLVM_PROFILE_FILE", counts.join("%m.profraw"));
        run::output(bench.current_dir(run::root()))?;
    }
    let merged = counting.join("merged.profdata");
    let mut merging = Command::new(merge);
    run::succeed(merging.args(["merge", "--output"]).args([&merged, &counts]))?;
    let by = named_by_content(&merged)?;

    println!("building by what was counted");
    let optimized = target.join(OUTCOME);
    let flag = format!("-Cprofile-use={}", by.display());
    run::succeed(build(&host, &optimized, &flag).arg("--quiet"))?;
    for program in PROGRAMS {
        let built = optimized.join(&host).join("release").join(program);
        let to = optimized.join(program);
        std::fs::copy(&built, &to).map_err(|error| format!("{}: {error}", built.display()))?;
        println!("target/{OUTCOME}/{program}");
    }
    Ok(())
}

/// A target is named, or what runs while it is built would be built in the same way. The flag may have blanks in it, as the
/// path of a checkout may.
fn build(host: &str, directory: &Path, flag: &str) -> Command {
    let mut command = run::cargo(&["build", "--release", "--locked", "--target", host]);
    command
        .args(PACKAGES)
        .env("CARGO_TARGET_DIR", directory)
        .env("CARGO_ENCODED_RUSTFLAGS", flag);
    command
}

/// Gives a file a name that another content has not: cargo builds anew where a flag has changed, not where a file has.
fn named_by_content(file: &Path) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut hasher = DefaultHasher::new();
    hasher.write(&std::fs::read(file).map_err(failed)?);
    let named = file.with_file_name(format!("{:016x}.profdata", hasher.finish()));
    std::fs::rename(file, &named).map_err(failed)?;
    Ok(named)
}

/// `llvm-profdata` as it came with the compiler: one of another version does not read what programs of this one count.
fn merging_tool(host: &str) -> Result<PathBuf, String> {
    let mut rustc = Command::new("rustc");
    let sysroot = run::output(rustc.args(["--print", "sysroot"]))?;
    let directory = Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(host)
        .join("bin");
    let tool = directory.join("llvm-profdata");
    if !tool.exists() {
        // Whether that helped is seen next.
        let _ = Command::new("rustup")
            .args(["component", "add", "llvm-tools"])
            .status();
    }
    if tool.exists() {
        Ok(tool)
    } else {
        Err(format!(
            "{} is not there: rustup component add llvm-tools",
            tool.display()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_content_has_another_name() {
        let directory = std::env::temp_dir().join(format!("strowger-optimize-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let named = |content: &str| {
            let file = directory.join("merged.profdata");
            std::fs::write(&file, content).unwrap();
            named_by_content(&file).unwrap()
        };
        let (one, other, again) = (named("a"), named("b"), named("a"));
        assert_ne!(one, other);
        assert_eq!(one, again);
        assert_eq!(std::fs::read_to_string(one).unwrap(), "a");
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
