//! The server as a process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// How long the server may take to drain and end; nothing goes on in it then.
const END: Duration = Duration::from_secs(40);

/// Dead sockets are found soon, and nobody is refused for the load or told 408 because a machine is slow.
const CONFIG: &str = r#"
[channel]
ping_interval = "1s"
outbox_messages = 8192
outbox_bytes = "64MiB"

[timers]
transaction = "120s"
provisional = "120s"

[limits]
messages_per_second = 1000000
messages_burst = 1000000
dialogs_per_channel = 100000
lingering_per_channel = 16384
handshakes_per_second = 100000

[log]
level = "warn"
"#;

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Kept open, so that the server can write.
    _stdout: BufReader<ChildStdout>,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Server {
    /// Starts the server that was built beside this program, on free ports of loopback.
    pub(crate) fn start() -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let binary = own.with_file_name("strowger");
        if !binary.exists() {
            return Err(format!(
                "{} is not there: cargo build -p strowger",
                binary.display()
            ));
        }
        let config = config_file()?;
        let child = Command::new(binary)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--admin-listen",
                "127.0.0.1:0",
            ])
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.map_err(|error| format!("the server does not start: {error}"))?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("stdout is a pipe")?);
        let found = addresses(&mut stdout);
        // The server has read it, or has failed to.
        let _ = std::fs::remove_file(config);
        let (address, admin) = found?;
        Ok(Self {
            child,
            _stdout: stdout,
            address,
            admin,
        })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Processor time used so far, user and system.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // The name in parentheses may hold spaces; fields are counted from behind it.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks = fields.split_ascii_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
        // Linux counts 100 ticks per second on every architecture it reports them for.
        Duration::from_millis(ticks * 10)
    }

    /// What is left of channels, dialogs and instances when all users are gone: nothing, or what it is.
    pub(crate) async fn leftovers(&self) -> Result<(), String> {
        let end = Instant::now() + Duration::from_secs(15);
        loop {
            let figures = self.figures().await?;
            let left: Vec<String> = ["channels", "sockets", "dialogs", "dialog_records", "instances"]
                .iter()
                .filter(|name| figures[**name] != 0)
                .map(|name| format!("{} {name}", figures[*name]))
                .collect();
            if figures["instances_failed"] != 0 {
                return Err(format!("{} instances failed", figures["instances_failed"]));
            }
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!("left over in the server: {}", left.join(", ")));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn figures(&self) -> Result<Value, String> {
        let ask = async {
            let mut tcp = TcpStream::connect(self.admin).await?;
            let request = "GET /figures HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            tcp.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            tcp.read_to_string(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        let answer = ask.await.map_err(|error| format!("no figures: {error}"))?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).map_err(|error| format!("no figures: {error}"))
    }

    /// Stops it in form; its exit code is part of the proof.
    pub(crate) async fn stop(mut self) -> Result<(), String> {
        let told = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        told.map_err(|error| format!("cannot signal the server: {error}"))?;
        let end = Instant::now() + END;
        loop {
            let status: Option<ExitStatus> = self.child.try_wait().map_err(|error| error.to_string())?;
            match status {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("the server ended with {status}")),
                None if Instant::now() > end => return Err("the server does not end".to_owned()),
                None => sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config_file() -> Result<PathBuf, String> {
    let file = std::env::temp_dir().join(format!("strowger-proof-{}.toml", std::process::id()));
    std::fs::write(&file, CONFIG).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(file)
}

/// Reads what the server prints when it is up.
fn addresses(stdout: &mut BufReader<ChildStdout>) -> Result<(SocketAddr, SocketAddr), String> {
    let mut address = None;
    loop {
        let mut line = String::new();
        match stdout.read_line(&mut line) {
            Ok(0) | Err(_) => return Err("the server ended at once".to_owned()),
            Ok(_) => {}
        }
        let authority = |line: &str| -> Option<SocketAddr> {
            let rest = line.split_once("://")?.1;
            rest.split(['/', ',']).next()?.parse().ok()
        };
        if line.starts_with("Strowger listens on") {
            address = authority(&line);
        } else if line.starts_with("Admin interface on") {
            let admin = authority(&line).ok_or("the server prints no address of its figures")?;
            return Ok((address.ok_or("the server prints no address")?, admin));
        }
    }
}
