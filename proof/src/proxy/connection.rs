//! One connection through the proxy.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::fate::{End, Fate, Pieces, Side, Stretch, Then};
use super::{Mood, Tally};

/// How much is taken from a side before the other has it: what a cut can lose.
const BUFFER: usize = 16 * 1024;
/// A server that does not close a socket of a vanished client in this time never will.
const HALF_OPEN: Duration = Duration::from_secs(15);
/// A Close frame of the server with 4001, but for the length in its second byte.
const REPLACED: [u8; 3] = [0x88, 0x0f, 0xa1];

/// One direction.
#[derive(Debug)]
struct Way {
    buffer: Box<[u8]>,
    from: usize,
    to: usize,
    /// Its source has ended, and its target knows.
    over: bool,
}

impl Way {
    fn new(held: &[u8]) -> Self {
        let mut buffer = vec![0; BUFFER].into_boxed_slice();
        let to = held.len().min(BUFFER);
        buffer[..to].copy_from_slice(&held[..to]);
        Self {
            buffer,
            from: 0,
            to,
            over: false,
        }
    }

    /// Reads, or writes at most so many bytes of what was read; answers how many were written. Losing the future loses
    /// no byte.
    async fn step(
        &mut self,
        source: &mut ReadHalf<'_>,
        target: &mut WriteHalf<'_>,
        most: usize,
    ) -> io::Result<usize> {
        if self.from == self.to {
            self.to = source.read(&mut self.buffer).await?;
            self.from = 0;
            if self.to == 0 {
                self.over = true;
                target.shutdown().await?;
            }
            return Ok(0);
        }
        let end = self.to.min(self.from.saturating_add(most));
        let written = target.write(&self.buffer[self.from..end]).await?;
        self.from += written;
        Ok(written)
    }
}

/// A client's connection and the one to the server that belongs to it.
#[derive(Debug)]
pub(super) struct Connection<'a> {
    pub(super) client: TcpStream,
    pub(super) server: TcpStream,
    up: Way,
    down: Way,
    mood: watch::Receiver<Mood>,
    tally: &'a Tally,
}

/// Why a stretch was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// Its bytes or its time are over.
    Passed,
    /// The connection is.
    Ended,
}

impl<'a> Connection<'a> {
    /// `held` was read from the client already.
    pub(super) fn new(
        client: TcpStream,
        server: TcpStream,
        held: &[u8],
        mood: watch::Receiver<Mood>,
        tally: &'a Tally,
    ) -> Self {
        Self {
            client,
            server,
            up: Way::new(held),
            down: Way::new(&[]),
            mood,
            tally,
        }
    }

    /// Carries bytes until the fate or one of the ends ends it.
    pub(super) async fn run(mut self, mut fate: Fate) {
        loop {
            let stretch = fate.next();
            if self.pass(&mut fate, &stretch, None).await == Left::Ended {
                return;
            }
            match stretch.then {
                Then::End(end) => return self.end(fate, end).await,
                Then::Stall {
                    from_client,
                    from_server,
                    span,
                } => {
                    self.tally.stalls.fetch_add(1, Ordering::Relaxed);
                    if self.stall(from_client, from_server, span, &mut fate).await == Left::Ended {
                        return;
                    }
                }
                Then::GoOn => {
                    self.tally.disturbed.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// Passes the bytes of a stretch, or for so long.
    async fn pass(&mut self, fate: &mut Fate, stretch: &Stretch, until: Option<Instant>) -> Left {
        let mut left = stretch.bytes;
        let (mut from_client, mut to_client) = self.client.split();
        let (mut from_server, mut to_server) = self.server.split();
        while left > 0 {
            if self.up.over && self.down.over {
                return Left::Ended;
            }
            let calm = match *self.mood.borrow() {
                Mood::Rough => false,
                Mood::Calm => true,
                Mood::Over => return Left::Ended,
            };
            let piece = if calm {
                usize::MAX
            } else {
                fate.piece(stretch.pieces)
            };
            let most = piece.min(usize::try_from(left).unwrap_or(usize::MAX));
            let step = tokio::select! {
                step = self.up.step(&mut from_client, &mut to_server, most), if !self.up.over => step,
                step = self.down.step(&mut from_server, &mut to_client, most), if !self.down.over => step,
                _ = self.mood.changed() => Ok(0),
                () = at(until) => return Left::Passed,
            };
            match step {
                Ok(bytes) if !calm => {
                    left -= bytes as u64;
                    if let Some(delay) = stretch.delay.filter(|_| bytes > 0) {
                        sleep(delay).await;
                    }
                }
                Ok(_) => {}
                Err(_) => return Left::Ended,
            }
        }
        Left::Passed
    }

    /// Nothing passes in one direction or both, until the time or the rough mood is over.
    async fn stall(&mut self, from_client: bool, from_server: bool, span: Duration, fate: &mut Fate) -> Left {
        let until = Instant::now() + span;
        if !(from_client && from_server) {
            let (up, down) = (self.up.over, self.down.over);
            (self.up.over, self.down.over) = (up || from_client, down || from_server);
            self.pass(fate, &anything(), Some(until)).await;
            (self.up.over, self.down.over) = (
                (self.up.over && !from_client) || up,
                (self.down.over && !from_server) || down,
            );
        }
        // The direction that went on may have ended meanwhile, and then the rest of the time is silence.
        tokio::select! {
            () = sleep_until(until) => Left::Passed,
            // The proxy itself may have gone.
            mood = self.mood.wait_for(|mood| *mood != Mood::Rough) => match mood.as_deref() {
                Ok(Mood::Calm) => Left::Passed,
                _ => Left::Ended,
            }
        }
    }

    async fn end(mut self, mut fate: Fate, end: End) {
        match end {
            End::Cut => {
                self.tally.cuts.fetch_add(1, Ordering::Relaxed);
                // A socket with unread bytes would be reset instead: shut it down first.
                let _ = self.client.shutdown().await;
                let _ = self.server.shutdown().await;
                self.read_away().await;
            }
            End::Reset => {
                self.tally.resets.fetch_add(1, Ordering::Relaxed);
                reset(&self.client);
                reset(&self.server);
            }
            End::HalfClose(side, span) => {
                self.tally.half_closes.fetch_add(1, Ordering::Relaxed);
                // The peer may have gone by itself.
                let _ = match side {
                    Side::Client => self.client.shutdown().await,
                    Side::Server => self.server.shutdown().await,
                };
                match side {
                    Side::Client => self.down.over = true,
                    Side::Server => self.up.over = true,
                }
                self.pass(&mut fate, &anything(), Some(Instant::now() + span))
                    .await;
            }
            End::HalfOpen => {
                self.tally.half_opens.fetch_add(1, Ordering::Relaxed);
                reset(&self.client);
                drop(self.client);
                hold(self.server, self.tally).await;
            }
        }
    }

    /// Takes what is on its way, so that dropping the sockets sends no RST.
    async fn read_away(&mut self) {
        let read = async {
            let (mut client, mut server) = ([0; 4096], [0; 4096]);
            while tokio::select! {
                read = self.client.read(&mut client) => read,
                read = self.server.read(&mut server) => read,
            }
            .is_ok_and(|bytes| bytes > 0)
            {}
        };
        // A peer that goes on sending gets its RST.
        let _ = timeout(Duration::from_millis(100), read).await;
    }
}

/// Any number of bytes, in any pieces.
const fn anything() -> Stretch {
    Stretch {
        bytes: u64::MAX,
        pieces: Pieces::AsTheyCome,
        delay: None,
        then: Then::GoOn,
    }
}

async fn at(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// The next drop of this socket sends RST.
fn reset(tcp: &TcpStream) {
    // A socket that is gone needs no reset.
    let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
}

/// Keeps the server's side open and takes what it writes, until it gives up on the silent peer.
async fn hold(mut server: TcpStream, tally: &Tally) {
    let mut buffer = [0; 4096];
    let watch = async {
        loop {
            let Ok(bytes) = server.read(&mut buffer).await else {
                return;
            };
            let replaced = buffer[..bytes]
                .windows(4)
                .any(|frame| [frame[0], frame[2], frame[3]] == REPLACED);
            if replaced {
                tally.taken_over.fetch_add(1, Ordering::Relaxed);
            }
            if bytes == 0 {
                return;
            }
        }
    };
    if timeout(HALF_OPEN, watch).await.is_err() {
        tally.forgotten.fetch_add(1, Ordering::Relaxed);
    }
}
