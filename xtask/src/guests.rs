//! `cargo xtask guests`: the Rust services under `sdk/rust-service/guests` and the JavaScript one of `sdk/js-service/test`,
//! built for WebAssembly.

use std::path::Path;
use std::process::Command;

use crate::{run, sdk};

const TARGET: &str = "wasm32-unknown-unknown";
/// Where Debian keeps a compiler that knows the target; `scripts/bootstrap` installs it where rustup cannot add the target.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_LINKER: &str = "wasm-ld-19";

pub(crate) fn run() -> Result<(), String> {
    let mut command = run::cargo(&[
        "build",
        "--workspace",
        "--release",
        "--locked",
        "--target",
        TARGET,
    ]);
    command
        .current_dir(run::root().join("sdk/rust-service"))
        .env("CARGO_TARGET_DIR", run::root().join("target/guests"));
    if !has_target() {
        if !Path::new(DEBIAN_RUSTC).exists() {
            return Err(format!(
                "rustc cannot build for {TARGET}: run `scripts/bootstrap`, or `rustup target add {TARGET}`"
            ));
        }
        // Its standard library comes as source, and the flag that builds it is not a stable one.
        command
            .arg("-Zbuild-std=std,panic_abort")
            .env("RUSTC", DEBIAN_RUSTC)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER);
    }
    run::succeed(&mut command)?;
    sdk::npm("sdk/js-service", &["build", "guests"], &[])
}

/// Whether the compiler in use has the standard library of the target.
fn has_target() -> bool {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    run::output(&mut rustc).is_ok_and(|directory| Path::new(directory.trim()).is_dir())
}
