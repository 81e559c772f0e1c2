//! Servers as processes of their own, and what they cost.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long [`Server::settled`] waits at most.
const SETTLING: Duration = Duration::from_secs(60);
/// After how many seconds without a change memory counts as settled. The allocator gives back what is unused for 10 s, and
/// begins slowly.
const QUIET: u32 = 8;

/// What a server is started with, beside what the load needs: limits far above what one user may send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings<'a> {
    pub(crate) default: Default<'a>,
    /// 0 is one per core.
    pub(crate) shards: usize,
    /// How long a request may wait for its answer.
    pub(crate) transaction: Duration,
}

/// The service that requests reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Default<'a> {
    /// Relay, as it is built in.
    Relay,
    /// A component, and its `isolation`.
    File(&'a Path, &'static str),
}

impl Settings<'_> {
    pub(crate) const fn shards(shards: usize) -> Self {
        Self {
            default: Default::Relay,
            shards,
            transaction: Duration::from_secs(5),
        }
    }

    fn text(self) -> String {
        let (shards, transaction) = (self.shards, self.transaction.as_secs());
        let service = match self.default {
            Default::Relay => String::new(),
            Default::File(file, isolation) => format!(
                "[services]\ndefault = \"measured\"\ncache = \"{}\"\n[services.measured]\nfile = \"{}\"\nisolation = \"{isolation}\"\n",
                file.with_file_name("cache").display(),
                file.display()
            ),
        };
        let text = format!(
            "shards = {shards}\n[limits]\nmessages_per_second = 1000000\nmessages_burst = 1000000\n\
             handshakes_per_second = 100000\ndialogs_per_channel = 1000000\ninstances = 1000000\n\
             [timers]\ntransaction = \"{transaction}s\"\n[log]\nlevel = \"error\"\n"
        );
        text + &service
    }
}

/// A server under test; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    config: Option<PathBuf>,
}

impl Server {
    /// The bare relay: this program again.
    pub(crate) fn floor() -> Result<Self, String> {
        let address = free_address()?;
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(own);
        command.arg("floor").arg(address.to_string());
        Self::spawn(command, address, None)
    }

    /// The server, beside this program in the target directory.
    pub(crate) fn strowger(settings: Settings<'_>) -> Result<Self, String> {
        let address = free_address()?;
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let binary = own.with_file_name("strowger");
        if !binary.exists() {
            return Err(format!(
                "{} is not there: cargo build --release -p strowger",
                binary.display()
            ));
        }
        let config = std::env::temp_dir().join(format!("strowger-bench-{}.toml", std::process::id()));
        std::fs::write(&config, settings.text()).map_err(|error| error.to_string())?;
        let mut command = Command::new(binary);
        command
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .arg("--listen")
            .arg(address.to_string());
        Self::spawn(command, address, Some(config))
    }

    fn spawn(mut command: Command, address: SocketAddr, config: Option<PathBuf>) -> Result<Self, String> {
        let child = command
            .stdout(Stdio::null())
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            child,
            address,
            config,
        })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the server accepts connections, at most a minute: it may have to compile a component.
    pub(crate) async fn wait_until_ready(&self) -> Result<(), String> {
        for _ in 0..6000 {
            if tokio::net::TcpStream::connect(self.address).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err("the server does not listen".to_owned())
    }

    /// Processor time used so far, user and system.
    pub(crate) fn cpu(&self) -> Result<Duration, String> {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        // The name in parentheses may hold spaces; fields are counted from behind it.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks = fields
            .split_ascii_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok());
        // Linux counts 100 ticks per second on every architecture it reports them for.
        Ok(Duration::from_millis(ticks.sum::<u64>() * 10))
    }

    /// Resident memory in KB.
    pub(crate) fn resident(&self) -> Result<u64, String> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let value = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        value.ok_or_else(|| "the server has no VmRSS".to_owned())
    }

    /// Resident memory in KB, once it has stopped falling and rising: allocators give memory back late.
    pub(crate) async fn settled(&self) -> Result<u64, String> {
        let mut last = self.resident()?;
        let mut quiet = 0;
        for _ in 0..SETTLING.as_secs() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = self.resident()?;
            quiet = if now.abs_diff(last) <= last / 200 {
                quiet + 1
            } else {
                0
            };
            last = now;
            if quiet == QUIET {
                break;
            }
        }
        Ok(last)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(config) = &self.config {
            let _ = std::fs::remove_file(config);
        }
    }
}

fn free_address() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    listener.local_addr().map_err(|error| error.to_string())
}
