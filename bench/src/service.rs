//! A service as a component beside the same service native.

mod beside;
mod inside;

use std::path::Path;
use std::time::Duration;

use strowger_host::{Host, Settings as HostSettings};

use crate::closed::{self, Work};
use crate::report::{Cell, Column, Table, column, median};
use crate::server::{Default, Server, Settings};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent<'a> {
    pub(crate) rounds: usize,
    pub(crate) span: Duration,
    pub(crate) pairs: u64,
    pub(crate) shards: usize,
    /// Where `cargo xtask guests` has put the modules.
    pub(crate) guests: &'a Path,
}

const COLUMNS: [Column; 4] = [
    column("figure", "figure", 0),
    column("native", "native", 2),
    column("loaded", "loaded", 2),
    column("difference", "loaded to native", 2),
];

pub(crate) async fn run(extent: Extent<'_>) -> Result<Table, String> {
    let component = |name: &str| component(&extent.guests.join(format!("{name}.wasm")));
    let (relay, echo, chatroom) = (component("relay")?, component("echo")?, component("chatroom")?);
    let about = format!(
        "{} pairs, {} rounds of {} s, messages with 32 in flight through relay; events, instances and memory with echo, in this \
         process; loading with chatroom, {} KiB; medians",
        extent.pairs,
        extent.rounds,
        extent.span.as_secs(),
        chatroom.len() >> 10
    );
    let mut table = Table::new("service", about, &COLUMNS);
    let [native, own, shared] = messages(&relay, extent).await?;
    for (name, loaded) in [("own", own), ("shared", shared)] {
        let [rate, cpu] =
            ["messages per second", "server CPU per message, us"].map(|what| format!("{what}, {name}"));
        row(&mut table, &rate, native.0, loaded.0, loaded.0 / native.0);
        row(&mut table, &cpu, native.1, loaded.1, loaded.1 - native.1);
    }
    let figures = inside::measure(&echo)?;
    for (name, native, loaded) in figures {
        row(&mut table, name, native, loaded, loaded - native);
    }
    let [fresh, cached] = inside::loading(&chatroom)?;
    for (name, value) in [("load, ms", fresh), ("load from the cache, ms", cached)] {
        table
            .rows
            .push(vec![name.into(), Cell::None, value.into(), Cell::None]);
    }
    for figure in beside::measure(&chatroom).await? {
        row(
            &mut table,
            figure.name,
            figure.quiet,
            figure.loading,
            figure.loading - figure.quiet,
        );
    }
    table.notes.push(
        "the last rows: latency of another service's messages at 1,000 per second with nothing beside them (native) and while \
         components are compiled one after another (loaded)"
            .to_owned(),
    );
    Ok(table)
}

fn row(table: &mut Table, name: &str, native: f64, loaded: f64, difference: f64) {
    table
        .rows
        .push(vec![name.into(), native.into(), loaded.into(), difference.into()]);
}

/// Messages per second and processor time per message: native, loaded, and loaded with shared isolation; round by round
/// in turn.
async fn messages(component: &[u8], extent: Extent<'_>) -> Result<[(f64, f64); 3], String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = directory.path().join("relay.wasm");
    std::fs::write(&file, component).map_err(|error| error.to_string())?;
    let defaults = [
        Default::Relay,
        Default::File(&file, "own"),
        Default::File(&file, "shared"),
    ];
    let mut measured = defaults.map(|_| (Vec::new(), Vec::new()));
    for _ in 0..extent.rounds {
        for (default, (rates, cpus)) in defaults.into_iter().zip(&mut measured) {
            let server = Server::strowger(Settings {
                default,
                ..Settings::shards(extent.shards)
            })?;
            server.wait_until_ready().await?;
            let round = closed::drive(&server, Work::Message(32), extent.pairs, extent.span).await?;
            let operations = round.operations as f64;
            rates.push(operations / round.span.as_secs_f64());
            cpus.push(round.cpu.as_secs_f64() * 1e6 / operations);
        }
    }
    Ok(measured.map(|(rate, cpu)| (median(rate), median(cpu))))
}

/// A module that was built with `strowger-component`.
fn component(module: &Path) -> Result<Vec<u8>, String> {
    let bytes = std::fs::read(module);
    bytes.map_err(|error| format!("{}: {error}; run `cargo xtask guests`", module.display()))
}

fn host(settings: HostSettings) -> Result<Host, String> {
    Host::new(settings).map_err(|error| error.to_string())
}
