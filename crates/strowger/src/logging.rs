//! Structured logs on standard error.

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt, reload};

use crate::config::{Log, LogFormat, LogLevel};

/// What sets the level of a process's log.
static LEVEL: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// Starts logging; to be called once. A panic becomes one log line.
pub fn start(log: &Log) {
    let (filter, handle) = reload::Layer::new(filter(log.level));
    let lines = fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    let started = match log.format {
        LogFormat::Text => registry.with(lines.with_target(false)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    if started.is_ok() {
        // A second start would be a test's; the first stands.
        let _ = LEVEL.set(handle);
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload().downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.payload().downcast_ref::<String>().cloned());
        tracing::error!(place, "panic: {}", text.unwrap_or_default());
    }));
}

/// Changes the least serious level that is logged.
pub fn set_level(level: LogLevel) {
    if let Some(handle) = LEVEL.get() {
        // It fails only where there is no log any more.
        let _ = handle.reload(filter(level));
    }
}

/// The same, by the level's name in the configuration.
///
/// # Errors
///
/// What the names are.
pub fn set_level_named(name: &str) -> Result<(), String> {
    let level = match name {
        "error" => LogLevel::Error,
        "warn" => LogLevel::Warn,
        "info" => LogLevel::Info,
        "debug" => LogLevel::Debug,
        "trace" => LogLevel::Trace,
        _ => return Err("`level` must be `error`, `warn`, `info`, `debug` or `trace`".to_owned()),
    };
    set_level(level);
    Ok(())
}

/// What is logged at a level. The audit is no log of what the server does, and is written whatever the level is.
fn filter(level: LogLevel) -> Targets {
    let least = least(level);
    Targets::new()
        .with_default(least)
        .with_target(strowger_admin::AUDIT, least.max(LevelFilter::INFO))
}

const fn least(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn no_level_silences_the_audit() {
        for level in [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Trace] {
            assert!(
                filter(level).would_enable(strowger_admin::AUDIT, &Level::INFO),
                "{level:?}"
            );
        }
        assert!(!filter(LogLevel::Error).would_enable("strowger", &Level::INFO));
        assert!(filter(LogLevel::Trace).would_enable("strowger", &Level::TRACE));
    }
}
