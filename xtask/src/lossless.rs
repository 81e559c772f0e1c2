//! `cargo xtask lossless`: the proof over real sockets that nothing is lost or applied twice.

use std::process::Command;

use crate::run;

/// Without arguments first the control, in which clients broken on purpose have to be noticed, and then the proof.
pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    // Together, so that both have the same features of what they share and neither is built twice.
    run::succeed(&mut run::cargo(&["build", "-p", "strowger", "-p", "proof"]))?;
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let proof = |arguments: &[&str]| run::succeed(Command::new(own.with_file_name("proof")).args(arguments));
    if arguments.is_empty() {
        proof(&["control"])?;
    }
    proof(arguments)
}
