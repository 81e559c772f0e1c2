//! Servers as processes of their own, and what they cost.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::meter::Process;

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
    /// How many members a room may have; 0 is what the server allows by itself. A floor with rooms is one room: it sends what a
    /// speaker says to all.
    pub(crate) members: u64,
    /// Whether the server shows its figures ([`Server::admin`]).
    pub(crate) shows_figures: bool,
    /// What stands in the table `[journal]`; empty where there is none.
    pub(crate) journal: &'a str,
}

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Floor,
    Strowger,
}

/// Both, in the order of tables.
pub(crate) const KINDS: [Kind; 2] = [Kind::Floor, Kind::Strowger];

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Strowger => "strowger",
        }
    }

    /// Starts it and waits until it listens.
    pub(crate) async fn start(self, settings: Settings<'_>) -> Result<Server, String> {
        let server = match self {
            Self::Floor if settings.members > 0 => Server::floor_room()?,
            Self::Floor => Server::floor()?,
            Self::Strowger => Server::strowger(settings)?,
        };
        server.wait_until_ready().await?;
        Ok(server)
    }
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
            members: 0,
            shows_figures: false,
            journal: "",
        }
    }

    fn text(self, admin: Option<SocketAddr>) -> String {
        let (shards, transaction) = (self.shards, self.transaction.as_secs());
        let service = match self.default {
            Default::Relay => String::new(),
            Default::File(file, isolation) => format!(
                "[services]\ndefault = \"measured\"\ncache = \"{}\"\n[services.measured]\nfile = \"{}\"\nisolation = \"{isolation}\"\n",
                file.with_file_name("cache").display(),
                file.display()
            ),
        };
        // Each member takes a leg and a command while he is sent something; a room must leave some, and other bounds stay.
        let rooms = match self.members {
            0 => [String::new(), String::new()],
            members => [
                format!(
                    "legs_per_instance = {}\ncommands_per_event = {}\n",
                    (members + 16).max(256),
                    (members + 16).max(1024)
                ),
                format!("[services.chatroom]\nmembers = {members}\n"),
            ],
        };
        let admin = match admin {
            Some(address) => format!("[admin]\nlisten = \"{address}\"\n"),
            None => "[admin]\nenabled = \"off\"\n".to_owned(),
        };
        let [bounds, rooms] = rooms;
        let text = format!(
            "shards = {shards}\n[limits]\nmessages_per_second = 1000000\nmessages_burst = 1000000\n\
             handshakes_per_second = 100000\ndialogs_per_channel = 1000000\ninstances = 1000000\n{bounds}\
             [timers]\ntransaction = \"{transaction}s\"\nsession = \"1d\"\n[drain]\ntimeout = \"1s\"\n[log]\nlevel = \"error\"\n{admin}"
        );
        let journal = match self.journal {
            "" => String::new(),
            keys => format!("[journal]\n{keys}"),
        };
        text + &service + &rooms + &journal
    }
}

/// Says where programs that count what they do (`cargo xtask optimize`) write it down. They do when they end in good order.
const COUNTS: &str = "LLVM_PROFILE_FILE";
/// How long a server may take for that.
const PATIENCE: Duration = Duration::from_secs(10);
const PATIENCE_LOOKS: u32 = 1000;

/// A server under test; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    admin: Option<SocketAddr>,
    config: Option<PathBuf>,
}

impl Server {
    /// The bare relay: this program again.
    pub(crate) fn floor() -> Result<Self, String> {
        Self::bare(&[])
    }

    /// The same as a room: what a speaker says goes to all others.
    fn floor_room() -> Result<Self, String> {
        Self::bare(&["--room"])
    }

    fn bare(options: &[&str]) -> Result<Self, String> {
        let address = free_address()?;
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(own);
        command.arg("floor").arg(address.to_string()).args(options);
        Self::spawn(command, address, None, None)
    }

    /// The server, beside this program in the target directory.
    pub(crate) fn strowger(settings: Settings<'_>) -> Result<Self, String> {
        let address = free_address()?;
        let binary = binary()?;
        let admin = settings.shows_figures.then(free_address).transpose()?;
        let name = format!("strowger-bench-{}-{}.toml", std::process::id(), address.port());
        let config = std::env::temp_dir().join(name);
        std::fs::write(&config, settings.text(admin)).map_err(|error| error.to_string())?;
        let mut command = Command::new(binary);
        command
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .arg("--listen")
            .arg(address.to_string());
        Self::spawn(command, address, admin, Some(config))
    }

    fn spawn(
        mut command: Command,
        address: SocketAddr,
        admin: Option<SocketAddr>,
        config: Option<PathBuf>,
    ) -> Result<Self, String> {
        let child = command
            .stdout(Stdio::null())
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            child,
            address,
            admin,
            config,
        })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it shows its figures, if it does.
    pub(crate) const fn admin(&self) -> Option<SocketAddr> {
        self.admin
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

    /// What `/proc` tells of it.
    pub(crate) fn process(&self) -> Process {
        Process::new(self.child.id())
    }

    /// Processor time used so far, user and system.
    pub(crate) fn cpu(&self) -> Result<Duration, String> {
        self.process().cpu()
    }

    /// Resident memory in KB.
    pub(crate) fn resident(&self) -> Result<u64, String> {
        self.process().resident()
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

    /// Ends it in good order.
    fn end(&mut self) {
        // It may have ended by itself.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        for _ in 0..PATIENCE_LOOKS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(PATIENCE / PATIENCE_LOOKS);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::env::var_os(COUNTS).is_some() {
            self.end();
        }
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(config) = &self.config {
            let _ = std::fs::remove_file(config);
        }
    }
}

/// The server's, beside this program in the target directory.
pub(crate) fn binary() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let binary = own.with_file_name("strowger");
    if !binary.exists() {
        return Err(format!(
            "{} is not there: cargo build --release -p strowger",
            binary.display()
        ));
    }
    Ok(binary)
}

fn free_address() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    listener.local_addr().map_err(|error| error.to_string())
}
