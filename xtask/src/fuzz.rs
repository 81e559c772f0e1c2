//! `cargo xtask fuzz`: looks for new faults. What was found before is replayed by the tests.

use toml::Table;

use crate::run;

pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    let (minutes, target) = match arguments {
        [] => ("1", None),
        ["--minutes", minutes] => (*minutes, None),
        ["--minutes", minutes, target] | [target, "--minutes", minutes] => (*minutes, Some(*target)),
        [target] => ("1", Some(*target)),
        _ => return Err("usage: cargo xtask fuzz [--minutes N] [TARGET]".to_owned()),
    };
    let seconds = minutes
        .parse::<u32>()
        .ok()
        .and_then(|minutes| minutes.checked_mul(60));
    let seconds = seconds.ok_or_else(|| format!("--minutes takes a whole number, not {minutes}"))?;
    let manifest = std::fs::read_to_string(run::root().join("fuzz/Cargo.toml"))
        .map_err(|error| format!("cannot read fuzz/Cargo.toml: {error}"))?;
    let known = targets(&manifest)?;
    let chosen: Vec<_> = known
        .iter()
        .filter(|name| target.is_none_or(|target| target == *name))
        .collect();
    if chosen.is_empty() {
        return Err(format!("no such fuzz target; there are: {}", known.join(", ")));
    }
    if !run::has_cargo("fuzz") {
        return Err("cargo-fuzz is missing: cargo install cargo-fuzz --locked".to_owned());
    }
    for name in chosen {
        println!("\n== fuzz {name}, {minutes} min");
        let limit = format!("-max_total_time={seconds}");
        // The instrumentation needs flags that a stable compiler takes only with this variable.
        run::succeed(run::cargo(&["fuzz", "run", name, "--", &limit]).env("RUSTC_BOOTSTRAP", "1"))?;
    }
    Ok(())
}

/// The names of the `[[bin]]`s of a manifest.
fn targets(manifest: &str) -> Result<Vec<String>, String> {
    let manifest: Table = manifest
        .parse()
        .map_err(|error| format!("fuzz/Cargo.toml: {error}"))?;
    let bins = manifest
        .get("bin")
        .and_then(|bins| bins.as_array())
        .cloned()
        .unwrap_or_default();
    Ok(bins
        .iter()
        .filter_map(|bin| Some(bin.get("name")?.as_str()?.to_owned()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_the_binaries_of_the_manifest() {
        let manifest = "[package]\nname = \"fuzz\"\n[[bin]]\nname = \"decode\"\n[[bin]]\nname = \"stack\"\n";
        assert_eq!(targets(manifest).unwrap(), ["decode", "stack"]);
        assert_eq!(targets("").unwrap(), Vec::<String>::new());
        assert!(targets("[").is_err());
    }
}
