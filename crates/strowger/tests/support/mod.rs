//! The real binary as a child process.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

pub mod cutter;
pub mod page;
pub mod raw;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use strowger::client::{Client, Handshake, Received, Server};

/// A running server; killed when dropped.
pub struct Running {
    child: Child,
    /// Kept open, so that the server can write.
    stdout: BufReader<ChildStdout>,
    pub url: String,
}

impl Running {
    /// Starts the server on a free port with this configuration file's text.
    pub fn start(config: &str) -> Self {
        Self::start_with(config, &[])
    }

    pub fn start_with(config: &str, arguments: &[&str]) -> Self {
        Self::start_on("127.0.0.1:0", config, arguments)
    }

    /// Where the admin interface is, as the server says after it has started.
    pub fn admin(&mut self) -> String {
        let rest = self.said("Admin interface on ");
        rest.split(',').next().unwrap_or(&rest).to_owned()
    }

    /// The rest of the next line that begins so.
    pub fn said(&mut self, beginning: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.stdout.read_line(&mut line).expect("stdout is text");
            assert_ne!(read, 0, "the server says \"{beginning}...\"");
            if let Some(rest) = line.trim_end().strip_prefix(beginning) {
                break rest.to_owned();
            }
        }
    }

    pub fn start_on(listen: &str, config: &str, arguments: &[&str]) -> Self {
        let file = config_file(config);
        let running = Self::start_from(&file, listen, arguments);
        std::fs::remove_file(file).ok();
        running
    }

    /// Starts the server with a configuration file that stays.
    pub fn start_from(file: &Path, listen: &str, arguments: &[&str]) -> Self {
        Self::start_logging(file, listen, arguments, Stdio::inherit())
    }

    /// The same, with its log to somewhere.
    pub fn start_logging(file: &Path, listen: &str, arguments: &[&str], log: Stdio) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_strowger"))
            .args(["serve", "--listen", listen, "--config"])
            .arg(file)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let url = loop {
            let mut line = String::new();
            assert_ne!(
                stdout.read_line(&mut line).expect("stdout is text"),
                0,
                "the server ended at once"
            );
            if let Some(url) = line.trim().strip_prefix("Strowger listens on ") {
                break url.to_owned();
            }
        };
        Self { child, stdout, url }
    }

    pub fn server(&self) -> Server {
        Server::parse(&self.url).expect("the server prints its URL")
    }

    /// `host:port`.
    pub fn authority(&self) -> &str {
        self.url.trim_start_matches("ws://").trim_end_matches("/rtc")
    }

    /// How much memory the server has, in bytes.
    pub fn resident_bytes(&self) -> usize {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("the server runs");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .expect("the kernel tells");
        let kibibytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kibibytes * 1024
    }

    /// Processor time used so far, user and system.
    pub fn cpu(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(path).expect("the server runs");
        // The name in parentheses may hold spaces; fields are counted from behind it.
        let (_, fields) = stat.rsplit_once(')').expect("the kernel writes a name");
        let ticks = fields.split_ascii_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(|field| field.parse::<u64>().expect("a number")).sum();
        // Linux counts 100 ticks per second on every architecture it reports them for.
        Duration::from_millis(ticks * 10)
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(status.is_ok_and(|status| status.success()));
    }

    /// Waits for the process to end, at most so long as a broken server would hang a test run.
    pub fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
                return status;
            }
            assert!(Instant::now() < end, "the server does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("the child can be waited for")
            .is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn config_file(text: &str) -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "strowger-test-{}-{}.toml",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, text).expect("the target directory can be written");
    file
}

/// Connects a user.
pub async fn connect(server: &Server, user: &str) -> Client {
    match server.connect(&format!("userid={user}")).await {
        Ok(Handshake::Open(client)) => *client,
        other => panic!("{user}: {other:?}"),
    }
}

/// The next message, as a tree.
pub async fn receive(client: &mut Client) -> serde_json::Value {
    let received = tokio::time::timeout(Duration::from_secs(30), client.receive()).await;
    match received.expect("a message comes") {
        Received::Text(text) => serde_json::from_str(&text).expect("the server sends JSON"),
        Received::Closed(code) => panic!("closed: {code:?}"),
    }
}
