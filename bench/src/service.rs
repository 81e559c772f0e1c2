//! A service as a component, from Rust and from JavaScript, beside the same service native.

mod beside;
mod inside;
mod turns;

use std::path::Path;

use strowger_host::{Host, Settings as HostSettings};

use crate::bars::judge;
use crate::closed::Work;
use crate::report::{Cell, Column, Table, column};
use crate::server::{Default, Settings};
use crate::ways::{self, Extent};

/// One figure, of the services that it was measured of.
#[derive(Clone)]
struct Figure {
    name: String,
    native: Option<f64>,
    rust: Option<f64>,
    javascript: Option<f64>,
    /// What loaded Rust is to native.
    to: To,
    /// The bar that it is held against, if there is one.
    bar: Option<&'static str>,
}

impl Figure {
    /// What loaded Rust is to native, where they are compared.
    fn compared(&self) -> Option<f64> {
        let (native, rust) = self.native.zip(self.rust)?;
        match self.to {
            To::Ratio => Some(rust / native),
            To::Difference => Some(rust - native),
            To::Nothing => None,
        }
    }

    const fn judged(self, bar: &'static str) -> Self {
        self.judged_if(true, bar)
    }

    const fn judged_if(mut self, is_the_one: bool, bar: &'static str) -> Self {
        if is_the_one {
            self.bar = Some(bar);
        }
        self
    }
}

/// How two figures are compared.
#[derive(Clone, Copy)]
enum To {
    Ratio,
    Difference,
    Nothing,
}

const COLUMNS: [Column; 5] = [
    column("figure", "figure", 0),
    column("native", "native", 2),
    column("rust", "Rust", 2),
    column("javascript", "JavaScript", 2),
    column("rust_to_native", "Rust to native", 2),
];

/// `guests` is where `cargo xtask guests` has put the modules.
pub(crate) async fn run(extent: Extent, guests: &Path) -> Result<Vec<Table>, String> {
    let component = |name: &str| component(&guests.join(format!("{name}.wasm")));
    let (relay, echo, chatroom) = (component("relay")?, component("echo")?, component("chatroom")?);
    let (bridge, probe, javascript) = (component("bridge")?, component("probe")?, component("probe-js")?);
    let about = format!(
        "{} pairs, {} rounds of {} s, messages through relay, which forwards them, and through one that stays in each (JavaScript's does), so \
         many in flight per pair; events, instances and memory with echo, in this process; loading with chatroom, {} KiB; JavaScript with \
         one service that does both, {} KiB; medians",
        extent.pairs,
        extent.rounds,
        extent.span.as_secs(),
        chatroom.len() >> 10,
        javascript.len() >> 10
    );
    let mut table = Table::new("service", about, &COLUMNS);
    let mut figures = Vec::new();
    for (in_flight, bar) in [(1, "service_1_rate"), (32, "service_32_rate")] {
        let services = [&*relay, &bridge, &javascript];
        figures.extend(messages(Work::Message(in_flight), bar, services, extent).await?);
    }
    figures.extend(turns::measure(&bridge)?);
    figures.extend(inside::measure(&echo, &javascript)?);
    figures.extend(inside::loading(&chatroom, &javascript)?);
    for figure in &figures {
        table.rows.push(row(figure));
        let value = figure.compared().or(figure.rust);
        if let Some((bar, value)) = figure.bar.zip(value) {
            table.verdicts.push(judge(bar, value).of_rounds(extent.rounds));
        }
    }
    Ok(vec![table, beside::measure(chatroom, &probe).await?])
}

fn row(figure: &Figure) -> Vec<Cell> {
    let cell = |value: Option<f64>| value.map_or(Cell::None, Cell::Number);
    vec![
        figure.name.as_str().into(),
        cell(figure.native),
        cell(figure.rust),
        cell(figure.javascript),
        cell(figure.compared()),
    ]
}

/// Messages per second and processor time per message: native, loaded, and loaded with shared isolation, and the same of a
/// service that stays in each message; round by round in turn. The bar is for the first.
async fn messages(
    work: Work,
    bar: &'static str,
    [relay, bridge, javascript]: [&[u8]; 3],
    extent: Extent,
) -> Result<Vec<Figure>, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let write = |name: &str, component| {
        let file = directory.path().join(name);
        let written = std::fs::write(&file, component).map_err(|error| error.to_string());
        written.map(|()| file)
    };
    let files = [
        write("relay.wasm", relay)?,
        write("bridge.wasm", bridge)?,
        write("probe-js.wasm", javascript)?,
    ];
    let [relay, bridge, javascript] = files.each_ref();
    let defaults = [
        Default::Relay,
        Default::File(relay, "own"),
        Default::File(relay, "shared"),
        Default::File(bridge, "own"),
        Default::File(bridge, "shared"),
        Default::File(javascript, "own"),
    ];
    let settings = defaults.map(|default| Settings {
        default,
        ..Settings::shards(extent.shards)
    });
    let measured = ways::measure(work, settings, extent).await?;
    let [native, loaded @ .., javascript] = measured.map(|rounds| (rounds.rate(), rounds.cpu()));
    let names = [
        "",
        ", isolation = \"shared\"",
        ", staying in each",
        ", staying in each, isolation = \"shared\"",
    ];
    let figures = names.into_iter().zip(loaded).flat_map(|(name, (rate, cpu))| {
        // JavaScript's stays, too.
        let javascript = (name == ", staying in each").then_some(javascript);
        let figure = |what: &str, native, rust, javascript, to| Figure {
            name: format!("{work}: {what}"),
            native: Some(native),
            rust: Some(rust),
            javascript,
            to,
            bar: None,
        };
        [
            figure(
                &format!("per second{name}"),
                native.0,
                rate,
                javascript.map(|(rate, _)| rate),
                To::Ratio,
            )
            .judged_if(name.is_empty(), bar),
            figure(
                &format!("server CPU{name}, us"),
                native.1,
                cpu,
                javascript.map(|(_, cpu)| cpu),
                To::Difference,
            ),
        ]
    });
    Ok(figures.collect())
}

/// What `cargo xtask guests` has built.
fn component(module: &Path) -> Result<Vec<u8>, String> {
    let bytes = std::fs::read(module);
    bytes.map_err(|error| format!("{}: {error}; run `cargo xtask guests`", module.display()))
}

fn host(settings: HostSettings) -> Result<Host, String> {
    Host::new(settings).map_err(|error| error.to_string())
}
