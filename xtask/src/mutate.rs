//! `cargo xtask mutate`: breaks the product on purpose, one mutation at a time, and sees the fault simulation fail.
//!
//! A mutation is data: a file, a text that occurs in it exactly once, what to put in its place, and why that is wrong.
//! They are in `xtask/mutations/`. Each is applied to a copy of the tree below `target/`, which is built anew as far as
//! need be; then seeds run that the tree as it is survives. A mutation that survives them as well says that the
//! simulation is too weak there.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use toml::{Table, Value};

use crate::files::{self, File};
use crate::report::{self, Finding};
use crate::run;

/// Where the mutations are.
const FOLDER: &str = "xtask/mutations/";
/// So many seeds may pass before a mutation counts as survived; the tests run as many.
const SEEDS: &str = "2000";
/// A mutation that keeps the simulation from ending is noticed, too.
const PATIENCE: Duration = Duration::from_secs(300);

/// One way to break a file.
#[derive(Clone, Debug)]
pub(crate) struct Mutation {
    /// The file of the list.
    list: String,
    name: String,
    file: String,
    old: String,
    new: String,
    why: String,
}

pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    let root = run::root();
    let tree = files::read(&root).map_err(|error| format!("cannot read the repository: {error}"))?;
    let findings = check(&tree);
    if !report::print("mutations apply", &findings) {
        return Err("a mutation does not apply".to_owned());
    }
    let wanted = |mutation: &Mutation| arguments.iter().all(|word| mutation.name.contains(word));
    let mutations: Vec<_> = list(&tree).0.into_iter().filter(wanted).collect();
    if mutations.is_empty() {
        return Err(format!("no mutation's name has: {}", arguments.join(" ")));
    }
    let scratch = Scratch::new(&root, &tree)?;
    println!("the tree as it is");
    match scratch.simulate()? {
        Outcome::Passed => {}
        Outcome::Failed(fault) => return Err(format!("the simulation fails without a mutation: {fault}")),
        Outcome::Endless => return Err("the simulation does not end without a mutation".to_owned()),
    }
    let mut survived = Vec::new();
    for mutation in &mutations {
        scratch.put(&mutation.file, &mutation.applied(&tree).unwrap_or_default())?;
        let begin = Instant::now();
        let outcome = scratch.simulate();
        scratch.put(&mutation.file, text_of(&tree, &mutation.file).unwrap_or_default())?;
        let seconds = begin.elapsed().as_secs();
        match outcome.map_err(|error| format!("{}: {error}", mutation.name))? {
            Outcome::Failed(fault) => println!("caught   {} ({seconds} s)\n         {fault}", mutation.name),
            Outcome::Endless => println!("caught   {}: the simulation does not end", mutation.name),
            Outcome::Passed => {
                println!(
                    "SURVIVED {} ({seconds} s)\n         {}",
                    mutation.name, mutation.why
                );
                survived.push(mutation.name.as_str());
            }
        }
    }
    println!(
        "{} of {} caught",
        mutations.len() - survived.len(),
        mutations.len()
    );
    if survived.is_empty() {
        Ok(())
    } else {
        Err(format!("the simulation misses: {}", survived.join("; ")))
    }
}

/// Whether every mutation still applies, for `cargo xtask tidy`.
pub(crate) fn check(tree: &[File]) -> Vec<Finding> {
    let (mutations, mut findings) = list(tree);
    for (at, mutation) in mutations.iter().enumerate() {
        let place = format!("{}: {}", mutation.list, mutation.name);
        if mutation.applied(tree).is_none() {
            findings.push(Finding::new(
                &place,
                format!("its text is not in {} exactly once", mutation.file),
                "rewrite `old` for what is there now",
            ));
        }
        if mutation.old == mutation.new || mutation.why.is_empty() {
            findings.push(Finding::new(
                &place,
                "changes nothing, or nobody knows why",
                "say what it breaks",
            ));
        }
        if mutations[..at].iter().any(|other| other.name == mutation.name) {
            findings.push(Finding::new(&place, "two mutations have this name", "rename one"));
        }
    }
    findings
}

/// All mutations, and what is wrong with their lists.
fn list(tree: &[File]) -> (Vec<Mutation>, Vec<Finding>) {
    let (mut mutations, mut findings) = (Vec::new(), Vec::new());
    for file in tree.iter().filter(|file| file.path.starts_with(FOLDER)) {
        match parse(file) {
            Ok(of_file) => mutations.extend(of_file),
            Err(fault) => findings.push(Finding::new(&file.path, fault, "see xtask/src/mutate.rs")),
        }
    }
    (mutations, findings)
}

fn parse(file: &File) -> Result<Vec<Mutation>, String> {
    let table: Table = file
        .text
        .parse()
        .map_err(|error| format!("is no TOML: {error}"))?;
    let entries = table.get("mutation").and_then(Value::as_array);
    let entries = entries.ok_or("has no [[mutation]]")?;
    let one = |entry: &Value| {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Mutation {
            list: file.path.clone(),
            name: text("name")?,
            file: text("file")?,
            old: text("old")?,
            new: text("new")?,
            why: text("why")?,
        })
    };
    let all: Option<Vec<_>> = entries.iter().map(one).collect();
    all.ok_or_else(|| "has a [[mutation]] without one of name, file, old, new, why".to_owned())
}

fn text_of<'a>(tree: &'a [File], path: &str) -> Option<&'a str> {
    let file = tree.iter().find(|file| file.path == path)?;
    Some(&file.text)
}

impl Mutation {
    /// The file with the mutation in it; `None` if it does not apply.
    fn applied(&self, tree: &[File]) -> Option<String> {
        let text = text_of(tree, &self.file)?;
        let once = !self.old.is_empty() && text.matches(&self.old).count() == 1;
        once.then(|| text.replacen(&self.old, &self.new, 1))
    }
}

/// What the simulation said.
enum Outcome {
    Passed,
    Failed(String),
    Endless,
}

/// A copy of the tree, with a target directory of its own: the mutated crates are built there again and again.
struct Scratch {
    tree: PathBuf,
    target: PathBuf,
}

impl Scratch {
    fn new(root: &Path, tree: &[File]) -> Result<Self, String> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let scratch = Self {
            tree: target.join("mutate/tree"),
            target: target.join("mutate/target"),
        };
        for file in tree {
            scratch.put(&file.path, &file.text)?;
        }
        Ok(scratch)
    }

    /// Writes a file, unless it is there as it should be: cargo builds what is newer than its last build.
    fn put(&self, path: &str, text: &str) -> Result<(), String> {
        let path = self.tree.join(path);
        if fs::read_to_string(&path).is_ok_and(|before| before == text) {
            return Ok(());
        }
        let write = || -> io::Result<()> {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&path, text)
        };
        write().map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// Builds the simulation and runs its seeds.
    fn simulate(&self) -> Result<Outcome, String> {
        let mut build = run::cargo(&[
            "build",
            "--quiet",
            "-p",
            "strowger-testkit",
            "--example",
            "simulate",
        ]);
        build
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.target);
        // What is mutated may leave something unused behind.
        build.env("RUSTFLAGS", "-Awarnings");
        run::succeed(&mut build)?;
        let mut command = Command::new(self.target.join("debug/examples/simulate"));
        command.args(["--seeds", SEEDS]);
        let log = self.tree.with_file_name("log");
        let out =
            fs::File::create(&log).map_err(|error| format!("cannot write {}: {error}", log.display()))?;
        command.stdout(out).stderr(Stdio::null());
        let child = command.spawn();
        let child = child.map_err(|error| format!("cannot run the simulation: {error}"))?;
        let Some(success) = wait(child)? else {
            return Ok(Outcome::Endless);
        };
        if success {
            return Ok(Outcome::Passed);
        }
        let text = fs::read_to_string(&log).unwrap_or_default();
        let fault = text.lines().find(|line| line.starts_with("seed "));
        let fault = fault.ok_or("the simulation broke off without naming a fault")?;
        Ok(Outcome::Failed(fault.chars().take(160).collect()))
    }
}

/// Whether it succeeded; `None` if it had to be ended.
fn wait(mut child: Child) -> Result<Option<bool>, String> {
    let end = Instant::now() + PATIENCE;
    let failed = |error: io::Error| format!("cannot wait for the simulation: {error}");
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(Some(status.success()));
        }
        if Instant::now() >= end {
            child.kill().map_err(failed)?;
            child.wait().map_err(failed)?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::faults;

    fn tree(old: &str, why: &str) -> Vec<File> {
        let text = format!(
            "[[mutation]]\nname = \"n\"\nfile = \"a.rs\"\nold = \"{old}\"\nnew = \"x\"\nwhy = \"{why}\"\n"
        );
        vec![
            File::new("a.rs", "one two two"),
            File::new("xtask/mutations/a.toml", &text),
        ]
    }

    #[test]
    fn a_mutation_applies_where_its_text_is_there_once() {
        assert!(check(&tree("one", "why")).is_empty());
        let mutation = list(&tree("one", "why")).0.remove(0);
        assert_eq!(mutation.applied(&tree("one", "why")).unwrap(), "x two two");
    }

    #[test]
    fn a_mutation_whose_text_is_gone_or_not_the_only_one_is_found() {
        for old in ["two", "three", ""] {
            let findings = faults(&check(&tree(old, "why")));
            assert_eq!(
                findings,
                ["xtask/mutations/a.toml: n: its text is not in a.rs exactly once"]
            );
        }
    }

    #[test]
    fn a_mutation_without_a_reason_and_a_broken_list_are_found() {
        assert_eq!(check(&tree("one", "")).len(), 1);
        let broken = [File::new(
            "xtask/mutations/a.toml",
            "[[mutation]]\nname = \"n\"\n",
        )];
        assert_eq!(check(&broken).len(), 1);
    }
}
