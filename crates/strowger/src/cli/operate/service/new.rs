//! `strowger service new`: a project to begin with.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use strowger_admin::names::ServiceName;

/// What to make.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// The service, and the directory that is made for it.
    name: String,
    /// The language.
    #[arg(long, value_enum, default_value = "rust")]
    lang: Language,
    /// The source of Strowger, where the crates are that a service builds on. Without it, that which this program was built from.
    #[arg(long, value_name = "DIRECTORY")]
    sdk: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    /// A crate that is built for WebAssembly.
    Rust,
    /// A package in JavaScript, whose types an editor checks, that is built to a component with an engine in it.
    Js,
}

/// A file of the project, and what it is made of.
type Template = (&'static str, &'static str);

const RUST: [Template; 4] = [
    (
        "Cargo.toml",
        include_str!("../../../../templates/rust/Cargo.toml.in"),
    ),
    ("src/lib.rs", include_str!("../../../../templates/rust/lib.rs.in")),
    (
        "README.md",
        include_str!("../../../../templates/rust/README.md.in"),
    ),
    (
        ".gitignore",
        include_str!("../../../../templates/rust/gitignore.in"),
    ),
];

const JS: [Template; 6] = [
    (
        "package.json",
        include_str!("../../../../templates/js/package.json.in"),
    ),
    (
        "src/service.js",
        include_str!("../../../../templates/js/service.js.in"),
    ),
    (
        "src/service.test.js",
        include_str!("../../../../templates/js/service.test.js.in"),
    ),
    ("README.md", include_str!("../../../../templates/js/README.md.in")),
    (".npmrc", include_str!("../../../../templates/js/npmrc.in")),
    (
        ".gitignore",
        include_str!("../../../../templates/js/gitignore.in"),
    ),
];

impl Language {
    const fn files(self) -> &'static [Template] {
        match self {
            Self::Rust => &RUST,
            Self::Js => &JS,
        }
    }

    /// What tests it, what builds it, and the component that comes of it.
    const fn commands(self) -> [&'static str; 3] {
        match self {
            Self::Rust => [
                "cargo test",
                "cargo build --release --target wasm32-unknown-unknown",
                "target/wasm32-unknown-unknown/release/{{file}}.wasm",
            ],
            Self::Js => ["npm install && npm test", "npm run build", "dist/{{name}}.wasm"],
        }
    }

    /// What it builds on, below the source of Strowger: where it is, and a file that is there once it can be used.
    const fn kit(self) -> [&'static str; 2] {
        match self {
            Self::Rust => ["sdk/rust-service", "Cargo.toml"],
            Self::Js => ["sdk/js-service", "dist/index.js"],
        }
    }
}

/// Makes the project, and says what to do next.
///
/// # Errors
///
/// What is wrong, and what to do.
pub(super) fn run(new: &New) -> Result<(), String> {
    let name = project_name(&new.name)?;
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let sdk = sdk(new.lang, new.sdk.as_deref().unwrap_or(&built_from))?;
    write(Path::new(&name), new.lang.files(), |text| fill(text, &name, &sdk))?;
    let [test, build, component] = new.lang.commands().map(|text| fill(text, &name, &sdk));
    let program = crate::cli::program();
    println!(
        "{name}/ is a service that greets. Test it, build it, and load it into the server on this machine:"
    );
    println!();
    println!("  cd {name} && {test}");
    println!("  {build}");
    println!("  {program} service load {name} {component}");
    println!();
    println!("Then {program} ua --as alice@example.com --service {name} msg {name}@example.com hi");
    Ok(())
}

/// A name that is a service's and a crate's.
fn project_name(name: &str) -> Result<String, String> {
    let service: ServiceName = name.parse().map_err(|error| format!("`{name}`: {error}"))?;
    let name = service.as_str();
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) || name.ends_with('-') {
        return Err(format!(
            "`{name}`: begin with a letter, and end with a letter or digit"
        ));
    }
    Ok(name.to_owned())
}

/// The path of Strowger's source, with the kit of a language in it.
fn sdk(language: Language, root: &Path) -> Result<String, String> {
    let [kit, ready] = language.kit();
    let found = root
        .canonicalize()
        .ok()
        .filter(|root| root.join(kit).is_dir())
        .ok_or_else(|| {
            let place = root.display();
            format!("the source of Strowger is not in {place}; say with --sdk where it is")
        })?;
    let kit = found.join(kit);
    if !kit.join(ready).is_file() {
        return Err(format!(
            "{0} is not built: run `npm install` and `npm run build` there",
            kit.display()
        ));
    }
    let root = found.to_str().ok_or("the path of Strowger's source is no text")?;
    Ok(root.to_owned())
}

/// Fills a template in.
fn fill(text: &str, name: &str, sdk: &str) -> String {
    text.replace("{{name}}", name)
        .replace("{{file}}", &name.replace('-', "_"))
        .replace("{{type}}", &type_name(name))
        .replace("{{sdk}}", &sdk.replace('\\', "\\\\").replace('"', "\\\""))
}

/// `front-desk` as `FrontDesk`.
fn type_name(name: &str) -> String {
    let words = name.split('-');
    let upper = words.map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    upper.collect()
}

/// Writes the files into a directory that is not there yet.
fn write(directory: &Path, files: &[Template], fill: impl Fn(&str) -> String) -> Result<(), String> {
    let fault = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    fs::create_dir(directory).map_err(|error| fault(directory, error))?;
    for (name, template) in files {
        let path = directory.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| fault(parent, error))?;
        }
        fs::write(&path, fill(template)).map_err(|error| fault(&path, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_services_and_a_crates() {
        assert_eq!(project_name("Front-Desk").unwrap(), "front-desk");
        for bad in ["", "1st", "-a", "a-", "a_b", "../a", "default", "a b"] {
            assert!(project_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn templates_are_filled_in_to_the_end() {
        for language in [Language::Rust, Language::Js] {
            let commands = language.commands().map(|text| ("what is printed", text));
            for (file, template) in language.files().iter().chain(&commands) {
                let text = fill(template, "front-desk", "/there");
                assert!(!text.contains("{{"), "{file}: {text}");
            }
        }
        let source = fill(RUST[1].1, "front-desk", "/there");
        assert!(source.contains("pub struct FrontDesk;"));
    }

    #[test]
    fn a_kit_that_is_missing_or_not_built_is_told_so() {
        let root = tempfile::tempdir().unwrap();
        let refusal = sdk(Language::Js, root.path()).unwrap_err();
        assert!(refusal.contains("say with --sdk"), "{refusal}");
        fs::create_dir_all(root.path().join("sdk/js-service/dist")).unwrap();
        let refusal = sdk(Language::Js, root.path()).unwrap_err();
        assert!(refusal.contains("npm install"), "{refusal}");
        fs::write(root.path().join("sdk/js-service/dist/index.js"), "").unwrap();
        let found = sdk(Language::Js, root.path()).unwrap();
        assert_eq!(Path::new(&found), root.path().canonicalize().unwrap());
    }
}
