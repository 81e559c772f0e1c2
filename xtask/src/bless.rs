//! `cargo xtask bless`: prints every table and document anew that a test compares.

use crate::run;

pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    let mut command = run::cargo(&["test"]);
    if arguments.is_empty() {
        command.arg("--workspace");
    }
    run::succeed(command.args(arguments).env("BLESS", "1"))?;
    println!("\nBlessed. Read what changed before you keep it: git diff");
    Ok(())
}
