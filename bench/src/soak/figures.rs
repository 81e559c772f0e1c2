//! What a server shows of itself: the tables on its page for Prometheus.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The tables that must not grow, as they are named there.
pub(super) const TABLES: [&str; 5] = [
    "strowger_channels",
    "strowger_sockets",
    "strowger_dialogs",
    "strowger_dialog_records",
    "strowger_instances",
];

const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the admin interface at this address.
pub(super) async fn tables(admin: SocketAddr) -> Result<[f64; 5], String> {
    let page = tokio::time::timeout(PATIENCE, get(admin)).await;
    let page = page.map_err(|_| "the admin interface does not answer".to_owned())?;
    let page = page.map_err(|error| format!("the admin interface: {error}"))?;
    read(&page).ok_or_else(|| "/metrics lacks a table".to_owned())
}

async fn get(admin: SocketAddr) -> std::io::Result<String> {
    let mut tcp = TcpStream::connect(admin).await?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    tcp.write_all(request.as_bytes()).await?;
    let mut page = String::new();
    tcp.read_to_string(&mut page).await?;
    Ok(page)
}

/// Lines of a name, a blank and a value.
fn read(page: &str) -> Option<[f64; 5]> {
    let mut values = [0.0; 5];
    for (value, name) in values.iter_mut().zip(TABLES) {
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        *value = line?.trim().parse().ok()?;
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_lines_of_a_name_and_a_value() {
        let page = "HTTP/1.1 200 OK\r\n\r\n# TYPE strowger_channels gauge\nstrowger_channels 12\nstrowger_sockets 11\n\
                    strowger_dialogs 3\nstrowger_dialog_records 40\nstrowger_instances 2\n# EOF\n";
        assert_eq!(read(page), Some([12.0, 11.0, 3.0, 40.0, 2.0]));
        assert_eq!(read("HTTP/1.1 401 Unauthorized\r\n\r\n"), None);
    }
}
