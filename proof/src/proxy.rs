//! A TCP proxy that breaks connections: it cuts, resets, half-closes, stalls, delays, and splits writes anywhere.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

mod connection;
mod fate;

use connection::Connection;
use fate::Fate;

/// The longest request line of our clients.
const REQUEST_LINE: usize = 4096;

/// What the proxy does with connections now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Breaks them, each when its fate says so.
    Rough,
    /// Passes everything.
    Calm,
    /// Ends them all at once.
    Over,
}

/// What was done to the connections.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) connections: AtomicUsize,
    pub(crate) cuts: AtomicUsize,
    pub(crate) resets: AtomicUsize,
    pub(crate) half_closes: AtomicUsize,
    pub(crate) half_opens: AtomicUsize,
    pub(crate) stalls: AtomicUsize,
    /// Stretches of delays or tiny pieces.
    pub(crate) disturbed: AtomicUsize,
    /// Half-open sockets that the server closed with 4001.
    pub(crate) taken_over: AtomicUsize,
    /// Half-open sockets that the server did not close.
    pub(crate) forgotten: AtomicUsize,
}

impl Tally {
    /// How many connections the proxy ended.
    pub(crate) fn ended(&self) -> usize {
        let ends = [&self.cuts, &self.resets, &self.half_closes, &self.half_opens];
        ends.iter().map(|end| end.load(Ordering::Relaxed)).sum()
    }
}

/// A running proxy; stopped when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    mood: watch::Sender<Mood>,
    tally: Arc<Tally>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port and passes connections on to the server. `mean_bytes` is how far a connection gets, on
    /// average, before something happens to it.
    pub(crate) async fn start(server: SocketAddr, seed: u64, mean_bytes: u64) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (mood, moods) = watch::channel(Mood::Rough);
        let tally = Arc::new(Tally::default());
        let port = Port {
            server,
            seed,
            mean_bytes,
            tally: Arc::clone(&tally),
            moods,
        };
        let task = tokio::spawn(port.run(listener));
        Ok(Self {
            address,
            mood,
            tally,
            task,
        })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Ends every connection, and leaves those in peace that come then.
    pub(crate) async fn cut_all_and_calm(&self) {
        self.mood.send_replace(Mood::Over);
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.mood.send_replace(Mood::Calm);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What all connections share.
struct Port {
    server: SocketAddr,
    seed: u64,
    mean_bytes: u64,
    tally: Arc<Tally>,
    moods: watch::Receiver<Mood>,
}

impl Port {
    async fn run(self, listener: TcpListener) {
        let port = Arc::new(self);
        let ordinals = Arc::new(std::sync::Mutex::new(HashMap::new()));
        let mut connections = JoinSet::new();
        loop {
            let Ok((client, _)) = listener.accept().await else {
                // Out of descriptors: some are free soon.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            while connections.try_join_next().is_some() {}
            let (port, ordinals) = (Arc::clone(&port), Arc::clone(&ordinals));
            connections.spawn(async move {
                port.tally.connections.fetch_add(1, Ordering::Relaxed);
                // A client that ends before it has said who it is, or a server that does not accept: nothing to carry.
                let _ = port.carry(client, &ordinals).await;
            });
        }
    }

    async fn carry(
        &self,
        mut client: TcpStream,
        ordinals: &std::sync::Mutex<HashMap<String, u64>>,
    ) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut head = Vec::new();
        let user = timeout(Duration::from_secs(5), user(&mut client, &mut head)).await??;
        let server = TcpStream::connect(self.server).await?;
        server.set_nodelay(true)?;
        let ordinal = {
            let mut ordinals = ordinals.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let ordinal: &mut u64 = ordinals.entry(user.clone()).or_default();
            *ordinal += 1;
            *ordinal
        };
        let fate = Fate::new(self.seed, &user, ordinal, self.mean_bytes);
        let connection = Connection::new(client, server, &head, self.moods.clone(), &self.tally);
        connection.run(fate).await;
        Ok(())
    }
}

/// Reads up to the end of the request line, in which the user's name is.
async fn user(client: &mut TcpStream, head: &mut Vec<u8>) -> io::Result<String> {
    while !head.contains(&b'\n') {
        let bytes = client.read_buf(head).await?;
        if bytes == 0 || head.len() > REQUEST_LINE {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let query = line.split_once("userid=").map(|(_, rest)| rest);
    let user = query.and_then(|rest| rest.split([' ', '&']).next());
    user.map(str::to_owned)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}
