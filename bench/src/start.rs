//! How long the server takes from its start to listening, and how large it is.

use std::time::{Duration, Instant};

use crate::bars::judge;
use crate::figures::{COLUMNS, row};
use crate::report::{Table, median};
use crate::server::{self, Server, Settings};

const STARTS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn run(shards: usize) -> Result<Table, String> {
    let mut measured = [Vec::new(), Vec::new()];
    for _ in 0..STARTS {
        let [floor, own] = &mut measured;
        floor.push(until_listening(Server::floor)?);
        own.push(until_listening(|| Server::strowger(Settings::shards(shards)))?);
    }
    let about = format!(
        "{STARTS} starts of each server: milliseconds until a client is accepted, medians; with the built-in services, nothing to load"
    );
    let mut table = Table::new("start", about, &COLUMNS);
    let listening = median(measured[1].clone());
    let binary = server::binary()?;
    let bytes = std::fs::metadata(&binary)
        .map_err(|error| error.to_string())?
        .len();
    let megabytes = bytes as f64 / 1e6;
    table.rows.push(row("start to listening, ms", 1, measured));
    table
        .rows
        .push(row("binary, MB", 1, [Vec::new(), vec![megabytes]]));
    let released = binary
        .parent()
        .is_some_and(|directory| directory.ends_with("release"));
    table.verdicts.extend([
        judge("start_ms", listening),
        judge("binary_mb", megabytes).unless(!released, "no release build, which has no symbols"),
    ]);
    Ok(table)
}

/// In milliseconds.
fn until_listening(start: impl FnOnce() -> Result<Server, String>) -> Result<f64, String> {
    let started = Instant::now();
    let server = start()?;
    loop {
        if std::net::TcpStream::connect(server.address()).is_ok() {
            return Ok(started.elapsed().as_secs_f64() * 1e3);
        }
        if started.elapsed() > PATIENCE {
            return Err("the server does not listen".to_owned());
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}
