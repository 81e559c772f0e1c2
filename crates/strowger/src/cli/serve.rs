//! `strowger serve` and what belongs to its configuration file.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use strowger::config::{Config, ConfigError, Demo, Overrides};
use strowger::serve::Server;
use strowger::settings;
use tokio::signal::unix::{SignalKind, signal};

use super::{either, on_runtime, program, token};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration file; without it the built-in defaults hold.
    #[arg(long, value_name = "FILE", env = "STROWGER_CONFIG")]
    config: Option<PathBuf>,
    /// Listen here instead of where the configuration says (`127.0.0.1:8080`, port 0 takes a free one).
    #[arg(long, value_name = "ADDR")]
    listen: Vec<SocketAddr>,
    /// Listen where other machines can reach the server although nobody has to prove who they are.
    #[arg(long)]
    insecure: bool,
    /// Where the admin interface listens, instead of where the configuration says.
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<SocketAddr>,
}

/// Exit code of a command line or configuration that cannot be used (sysexits EX_USAGE, EX_CONFIG).
const EX_CONFIG: u8 = 78;
/// Exit code of a server that found a fault of its own (sysexits EX_SOFTWARE).
const EX_SOFTWARE: u8 = 70;

/// Reads a configuration file and says what is wrong with it.
pub(super) fn check_config(file: &Path) -> ExitCode {
    let config =
        Config::load_with(Some(file), &Overrides::of_environment()).map_err(|error| error.to_string());
    let checked = config.and_then(|config| {
        let config = &config;
        strowger::observing::settings(config, 0).map_err(|error| error.to_string())?;
        let usable = settings::node(config).and_then(|_| settings::registry(config));
        usable
            .and_then(|_| settings::driver(config, 0))
            .and_then(|_| settings::identity(config, None))
            .and_then(|_| settings::tokens(config, config.admin.listen, token().as_deref()))
            .map(|_| config.open_files())
            .map_err(|error| error.to_string())
    });
    match checked {
        Ok(open) => {
            for open in open {
                eprintln!("warning: {open}");
            }
            println!("{} is good", file.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(EX_CONFIG)
        }
    }
}

/// Runs the server until it is told to end.
pub(super) fn run(arguments: Arguments) -> ExitCode {
    let config = match arguments.read() {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(EX_CONFIG);
        }
    };
    strowger::logging::start(&config.log);
    on_runtime(serve_until_stopped(config, arguments))
}

impl Arguments {
    /// The configuration as the file has it now, with what the environment and the command line say otherwise.
    fn read(&self) -> Result<Config, ConfigError> {
        let mut config = Config::load_with(self.config.as_deref(), &Overrides::of_environment())?;
        if !self.listen.is_empty() {
            config.server.listen.clone_from(&self.listen);
        }
        config.auth.insecure |= self.insecure;
        Ok(config)
    }
}

async fn serve_until_stopped(config: Config, arguments: Arguments) -> ExitCode {
    let signals = [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::hangup(),
    ]
    .map(signal);
    let [terminate, interrupt, hangup] = signals;
    let signals = terminate.and_then(|terminate| Ok((terminate, interrupt?, hangup?)));
    let (mut terminate, mut interrupt, mut hangup) = match signals {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("cannot watch for signals: {error}");
            return ExitCode::FAILURE;
        }
    };
    let admin = arguments.admin_listen;
    let server = match Server::start(&config, admin, Box::new(move || arguments.read())) {
        Ok(server) => server,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::from(EX_CONFIG);
        }
    };
    greet(&server, &config);
    loop {
        tokio::select! {
            () = either(&mut terminate, &mut interrupt) => break,
            _ = hangup.recv() => server.reload(),
            shard = server.failed() => return give_up(shard),
        }
    }
    tracing::info!(timeout = ?config.drain.timeout, "draining; a second signal ends at once");
    let drained = tokio::select! {
        () = server.drain() => true,
        () = either(&mut terminate, &mut interrupt) => false,
        shard = server.failed() => return give_up(shard),
    };
    if !drained {
        tracing::warn!("ended without draining");
        return ExitCode::FAILURE;
    }
    server.stop().await;
    tracing::info!("drained");
    ExitCode::SUCCESS
}

/// A shard that panicked holds users whom nothing answers any more: better to start anew.
fn give_up(shard: u16) -> ExitCode {
    tracing::error!(
        shard,
        "a shard panicked, which is a fault of the server; ending, to be started again"
    );
    ExitCode::from(EX_SOFTWARE)
}

/// Tells where the server listens and what to try next.
fn greet(server: &Server, config: &Config) {
    let path = &config.server.path;
    for address in server.addresses() {
        let place = reachable(*address);
        tracing::info!(%address, path, "listening");
        println!("Strowger listens on ws://{place}{path}");
        let program = program();
        if config.server.demo == Demo::On {
            println!("A demo, for two tabs of a browser: http://{place}/");
        }
        println!("Try, in two other terminals:");
        println!("  {program} ua --as alice@example.com --url ws://{place}{path}");
        println!("  {program} ua --as bob@example.com   --url ws://{place}{path}");
        println!("then type in the first: call bob@example.com   (the second: answer)");
    }
    for address in server.tls_addresses() {
        tracing::info!(%address, path, "listening with TLS");
        println!("Strowger listens on wss://{}{path}", reachable(*address));
    }
    if !server.authenticates() {
        let mut addresses = server.addresses().iter().chain(server.tls_addresses());
        let is_open = addresses.any(|address| !address.ip().is_loopback());
        if is_open {
            tracing::warn!("insecure: whoever can reach the server can take any name");
            println!(
                "Insecure: nobody is asked who they are, and whoever can reach the server can take any name"
            );
        } else {
            println!(
                "No authentication is configured, so only this machine can connect; see docs/authentication.md"
            );
        }
    }
    if let Some(address) = server.admin_address() {
        let program = program();
        println!("Admin interface on http://{address}, for `{program} service` among others");
        println!("What happens, as it happens, in a browser: http://{address}/console");
    }
}

/// Where this machine reaches a listener.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        (Ipv4Addr::LOCALHOST, address.port()).into()
    } else {
        address
    }
}
