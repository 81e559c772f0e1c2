//! `strowger service`: loads, lists and changes the services of a running server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use clap::{Args, Subcommand};
use http::Method;
use strowger::operator::{Operator, OperatorError, Sent, part};
use strowger_admin::api::logs::Lines;
use strowger_admin::view::{ServiceView, VersionView};

use super::server::Server;

mod new;

/// What to do with the services of a running server.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Begin a service of your own: a project that builds, tests and loads.
    New(new::New),
    /// Load a version from a file; new instances get it, running ones finish on theirs.
    Load {
        /// The service.
        name: String,
        /// The WebAssembly component. A file beside it whose name has `.sig` added is its signature.
        file: PathBuf,
        /// What to call the version, such as `1.4.0`; without it, the first digits of its digest.
        #[arg(long)]
        label: Option<String>,
        /// Leave it to `strowger service default` to make it the default.
        #[arg(long)]
        no_default: bool,
    },
    /// List the services.
    Ls,
    /// List the versions of a service.
    Versions {
        /// The service.
        name: String,
    },
    /// Give new instances another version.
    Default {
        /// The service.
        name: String,
        /// The version's label, its digest, at least the first 6 digits of it, or `built-in`.
        version: String,
    },
    /// Give new instances what they got before the last change.
    Rollback {
        /// The service.
        name: String,
    },
    /// Make no new instances of a loaded service; running ones finish.
    Drain {
        /// The service.
        name: String,
    },
    /// Take a loaded service, or one of its versions, out of use; none of its instances may run.
    Unload {
        /// The service.
        name: String,
        /// One version only.
        version: Option<String>,
        /// Forget it for good and delete its file.
        #[arg(long)]
        delete: bool,
        /// End the instances that run on it.
        #[arg(long)]
        end: bool,
    },
    /// Show what a service logs.
    Logs {
        /// The service.
        name: String,
        /// Go on with what it logs from now on.
        #[arg(long, short)]
        follow: bool,
    },
}

pub(in crate::cli) async fn run(arguments: Arguments) -> ExitCode {
    let done = match arguments.server.operator() {
        Ok(operator) => act(&operator, arguments.action).await,
        Err(error) => Err(error),
    };
    crate::cli::ended(done)
}

async fn act(operator: &Operator, action: Action) -> Result<(), String> {
    let said = |error: OperatorError| error.to_string();
    match action {
        // It needs no server.
        Action::New(new) => new::run(&new),
        Action::Load {
            name,
            file,
            label,
            no_default,
        } => load(operator, &name, &file, label.as_deref(), !no_default).await,
        Action::Ls => {
            let services: Vec<ServiceView> = get(operator, "/v1/services").await?;
            print!("{}", service_table(&services));
            Ok(())
        }
        Action::Versions { name } => {
            let versions: Vec<VersionView> = get(operator, &path(&name, "/versions")).await?;
            print!("{}", version_table(&versions));
            Ok(())
        }
        Action::Default { name, version } => {
            let sent = Sent {
                body: serde_json::json!({ "version": version }).to_string().into(),
                content_type: "application/json",
                headers: Vec::new(),
            };
            let service: ServiceView = operator
                .ask(Method::PUT, &path(&name, "/default"), sent)
                .await
                .map_err(said)?;
            tell_default(&service);
            Ok(())
        }
        Action::Rollback { name } => {
            let service = post(operator, &path(&name, "/rollback")).await?;
            tell_default(&service);
            Ok(())
        }
        Action::Drain { name } => {
            let service = post(operator, &path(&name, "/drain")).await?;
            let left: usize = service
                .versions
                .iter()
                .filter(|version| !version.is_default)
                .map(|version| version.instances)
                .sum();
            println!("{name} drains: {left} instances still run");
            tell_default(&service);
            Ok(())
        }
        Action::Unload {
            name,
            version,
            delete,
            end,
        } => {
            let version = version.map_or_else(String::new, |version| format!("/versions/{}", part(&version)));
            let query = format!("?delete={delete}&end={end}");
            let path = path(&name, &format!("{version}{query}"));
            operator.tell(Method::DELETE, &path).await.map_err(said)?;
            println!("unloaded{}", if delete { " and deleted" } else { "" });
            Ok(())
        }
        Action::Logs { name, follow } => logs(operator, &name, follow).await,
    }
}

async fn get<T: serde::de::DeserializeOwned>(operator: &Operator, path: &str) -> Result<T, String> {
    let answer = operator.ask(Method::GET, path, Sent::default()).await;
    answer.map_err(|error| error.to_string())
}

async fn post(operator: &Operator, path: &str) -> Result<ServiceView, String> {
    let answer = operator.ask(Method::POST, path, Sent::default()).await;
    answer.map_err(|error| error.to_string())
}

fn path(name: &str, rest: &str) -> String {
    format!("/v1/services/{}{rest}", part(name))
}

async fn load(
    operator: &Operator,
    name: &str,
    file: &Path,
    label: Option<&str>,
    make_default: bool,
) -> Result<(), String> {
    let body = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let label = label.map_or_else(String::new, |label| format!("&label={}", part(label)));
    let sent = Sent {
        body: Bytes::from(body),
        content_type: "application/wasm",
        headers: signature(file)?
            .map(|signature| ("strowger-signature", signature))
            .into_iter()
            .collect(),
    };
    let path = path(name, &format!("/versions?default={make_default}{label}"));
    let version: VersionView = operator
        .ask(Method::POST, &path, sent)
        .await
        .map_err(|error| error.to_string())?;
    println!(
        "{name} {} is loaded (version {})",
        version.label,
        short(&version.version)
    );
    if version.is_default {
        println!(
            "New instances get it. Back again: {} service rollback {name}",
            crate::cli::program()
        );
    } else {
        println!(
            "To use it: {} service default {name} {}",
            crate::cli::program(),
            version.label
        );
    }
    Ok(())
}

fn signature(file: &Path) -> Result<Option<String>, String> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".sig");
    match std::fs::read(&beside) {
        Ok(signature) => Ok(Some(BASE64_STANDARD.encode(signature))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", Path::new(&beside).display())),
    }
}

/// How long to wait for a line before asking again, in seconds.
const WAIT: u64 = 25;

async fn logs(operator: &Operator, name: &str, follow: bool) -> Result<(), String> {
    let mut after = 0;
    loop {
        let wait = if follow { WAIT } else { 0 };
        let lines: Lines = get(operator, &path(name, &format!("/logs?after={after}&wait={wait}"))).await?;
        if lines.lost > 0 && after > 0 {
            println!("({} lines are not kept any more)", lines.lost);
        }
        for line in &lines.lines {
            println!("{} {:5} {}", line.at, line.level, line.text);
        }
        if !follow && lines.lines.is_empty() {
            return Ok(());
        }
        after = lines.last;
    }
}

fn tell_default(service: &ServiceView) {
    match &service.default {
        Some(version) => println!("New instances of {} get version {version}", service.name),
        None => println!("There are no new instances of {}", service.name),
    }
}

fn service_table(services: &[ServiceView]) -> String {
    let rows = services.iter().map(|service| {
        let mark = if service.is_default_service {
            " (default service)"
        } else {
            ""
        };
        vec![
            service.name.clone() + mark,
            service.default.clone().unwrap_or_else(|| "-".to_owned()),
            service.versions.len().to_string(),
            service.instances.to_string(),
        ]
    });
    table(&["SERVICE", "VERSION", "VERSIONS", "INSTANCES"], rows.collect())
}

fn version_table(versions: &[VersionView]) -> String {
    let rows = versions.iter().map(|version| {
        let state = match (&version.fault, version.is_default) {
            (Some(_), _) => "broken",
            (None, true) => "default",
            (None, false) => "",
        };
        vec![
            version.label.clone(),
            short(&version.version).to_owned(),
            state.to_owned(),
            version.instances.to_string(),
            version
                .bytes
                .map_or_else(|| "-".to_owned(), |bytes| bytes.to_string()),
            version.loaded_at.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    });
    let mut text = table(
        &["LABEL", "VERSION", "STATE", "INSTANCES", "BYTES", "LOADED"],
        rows.collect(),
    );
    for version in versions {
        if let Some(fault) = &version.fault {
            text.push_str(&format!("{}: {fault}\n", version.label));
        }
    }
    text
}

/// The first digits of a digest.
fn short(version: &str) -> &str {
    version.get(..12).unwrap_or(version)
}

fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let head = head.iter().map(|&cell| cell.to_owned()).collect();
    let all: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| all.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..all[0].len()).map(width).collect();
    let mut text = String::new();
    for row in &all {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = vec![
            vec!["relay".to_owned(), "1".to_owned()],
            vec!["x".to_owned(), String::new()],
        ];
        assert_eq!(table(&["NAME", "N"], rows), "NAME   N\nrelay  1\nx\n");
    }
}
