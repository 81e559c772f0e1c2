//! The task of one socket: reads what is there, writes what its home has for it.
//!
//! One poll is one turn. A turn reads a bounded number of frames, lets the [`Home`] settle, then writes
//! batches, each with one flush. Reading never waits for writing: a peer that does not read is still read.
//!
//! What the WebSocket library leaves to its user, and this file does: it queues a Pong for each Ping without
//! bound (see [`MAX_UNSENT_PONGS`]); it reports text as valid UTF-8 although an empty last fragment skipped
//! the check (so the text is checked here); it does not close when the fragments of a message are too long
//! together (so it is closed here); and it drops the connection right behind a Close, which loses the Close
//! if the peer is still sending (so the rest is read away).

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_websockets::{CloseCode, Config, Error, Limits, Message, WebSocketStream};
use tracing::{debug, trace};

use super::frames::Counted;
use super::handle::Order;
use super::{Home, SocketHandle};
use crate::{ConnId, Frame};

/// How many Pongs may wait to be written before reading waits for them: each costs memory, and can hold the
/// buffer its Ping was read into.
const MAX_UNSENT_PONGS: usize = 64;
/// The longest reason of a Close: a control frame's payload less the code. RFC 6455 §5.5.
const MAX_REASON_BYTES: usize = 125 - size_of::<u16>();
/// How much is read away behind a Close before the connection is dropped all the same.
const MAX_LINGER_BYTES: usize = 8 * 1024 * 1024;
/// How many batches one turn writes before it lets other sockets run.
const BATCHES_PER_TURN: usize = 4;
/// A batch's list longer than this is not kept for the next one.
const KEPT_FRAMES: usize = 32;

/// Settings of a socket, accepted or dialled.
#[derive(Clone, Copy, Debug)]
pub struct SocketSettings {
    /// The longest message read, fragments put together, in bytes. Default 64 KiB.
    pub message_bytes: usize,
    /// About how many bytes go out with one flush. Default 64 KiB.
    pub batch_bytes: usize,
    /// How many frames are read before other sockets of the thread have their turn. Default 64.
    pub frames_per_turn: usize,
    /// How long a close waits for the peer's part of it. Default 2 s.
    pub close_timeout: Duration,
}

impl Default for SocketSettings {
    fn default() -> Self {
        Self {
            message_bytes: 64 * 1024,
            batch_bytes: 64 * 1024,
            frames_per_turn: 64,
            close_timeout: Duration::from_secs(2),
        }
    }
}

impl SocketSettings {
    pub(super) fn limits(&self) -> Limits {
        Limits::default().max_payload_len(Some(self.message_bytes))
    }

    /// The library never flushes of its own accord: flushing is one call per batch.
    pub(super) fn config(&self) -> Config {
        Config::default().flush_threshold(usize::MAX)
    }
}

/// Why a socket is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The peer sent a Close, with this code or 1005; the library has queued the answer.
    ByPeer(u16),
    /// The owner wants it closed.
    Ordered(u16, &'static str),
    /// The peer broke the protocol. Where the library saw it, it has queued its own Close, and this one is
    /// ignored.
    Fault(u16, &'static str),
    /// There is no connection any more, or the owner wants none.
    Gone,
}

/// A socket in its task.
pub(super) struct Socket<S> {
    stream: WebSocketStream<Counted<S>>,
    conn: ConnId,
    home: Rc<dyn Home>,
    handle: SocketHandle,
    settings: SocketSettings,
    /// Empty between batches.
    batch: Vec<Frame>,
    /// A batch went to the library and is not flushed.
    writing: bool,
    /// Pongs the library queued since the last complete flush.
    unsent_pongs: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(super) fn new(
        stream: WebSocketStream<Counted<S>>,
        conn: ConnId,
        home: Rc<dyn Home>,
        handle: SocketHandle,
        settings: SocketSettings,
    ) -> Self {
        Self {
            stream,
            conn,
            home,
            handle,
            settings,
            batch: Vec::new(),
            writing: false,
            unsent_pongs: 0,
        }
    }

    /// Runs the socket to its end. The home hears of the end before the closing is over.
    pub(super) async fn run(mut self) {
        let end = std::future::poll_fn(|cx| self.poll_turn(cx)).await;
        trace!(conn = ?self.conn, ?end, "socket over");
        let code = match end {
            End::ByPeer(code) => Some(code),
            End::Ordered(..) => {
                // What was queued before the order (an answer to what caused it, say) goes out before the
                // Close.
                let _ = self.fill();
                None
            }
            End::Fault(..) | End::Gone => None,
        };
        self.home.closed(self.conn, code);
        self.home.settle();
        // Boxed, so that an open socket does not carry the room its closing takes.
        let finish = Box::pin(timeout(self.settings.close_timeout, finish(self.stream, end)));
        if finish.await.is_err() {
            debug!(conn = ?self.conn, "peer did not close in time");
        }
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.handle.run();
        // Cleared before the order and the batch are looked at, so that what comes later is seen at the end.
        self.handle.take_woken();
        match self.turn(cx) {
            Ok(more) => {
                if more || self.handle.take_woken() {
                    cx.waker().wake_by_ref();
                }
                self.handle.sleep(cx.waker());
                Poll::Pending
            }
            Err(end) => Poll::Ready(end),
        }
    }

    /// Reads, settles, writes. Tells whether there is more to do at once.
    fn turn(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        self.follow_order()?;
        let read = self.read(cx);
        // Counted even where nothing else came, and before the end that may have come behind them.
        let fragments = self.stream.get_mut().take_fragments();
        if fragments > 0 {
            self.home.fragments(self.conn, fragments);
        }
        let (frames, read_more) = read?;
        if frames + fragments > 0 {
            self.home.settle();
            self.follow_order()?;
        }
        self.handle.take_woken();
        let (batches, write_more) = self.write(cx)?;
        if batches > 0 {
            self.home.settle();
            self.follow_order()?;
        }
        Ok(read_more || write_more)
    }

    fn follow_order(&self) -> Result<(), End> {
        match self.handle.order() {
            None => Ok(()),
            Some(Order::Close(code, reason)) => Err(End::Ordered(code, reason)),
            Some(Order::Abort) => Err(End::Gone),
        }
    }

    /// Passes on the frames that are there, up to the bound. Returns how many, and whether the bound was met.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<(usize, bool), End> {
        let bound = self.settings.frames_per_turn.max(1);
        for frames in 0..bound {
            if self.unsent_pongs >= MAX_UNSENT_PONGS && !self.flush(cx)? {
                return Ok((frames, false));
            }
            match Pin::new(&mut self.stream).poll_next(cx) {
                Poll::Pending => return Ok((frames, false)),
                Poll::Ready(None) => return Err(End::Gone),
                Poll::Ready(Some(Ok(message))) => self.pass_on(&message)?,
                Poll::Ready(Some(Err(error))) => return Err(self.fault(&error)),
            }
            // A home that had enough need not be fed the rest.
            self.follow_order()?;
        }
        Ok((bound, true))
    }

    fn pass_on(&mut self, message: &Message) -> Result<(), End> {
        let payload: &[u8] = message.as_payload();
        if message.is_text() {
            match str::from_utf8(payload) {
                Ok(text) => self.home.text(self.conn, text),
                Err(_) => return Err(End::Fault(1007, "invalid utf-8")),
            }
        } else if message.is_binary() {
            self.home.binary(self.conn, payload);
        } else if message.is_pong() {
            self.home.pong(self.conn, payload);
        } else if message.is_ping() {
            self.unsent_pongs += 1;
            self.home.ping(self.conn);
        } else if let Some((code, _)) = message.as_close() {
            return Err(End::ByPeer(code.into()));
        }
        Ok(())
    }

    fn fault(&self, error: &Error) -> End {
        debug!(conn = ?self.conn, %error, "socket failed");
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the library's error is open, and the rest is no protocol"
        )]
        match error {
            Error::PayloadTooLong { .. } => {
                self.home.oversize(self.conn);
                End::Fault(1009, "message too big")
            }
            Error::Protocol(_) => End::Fault(1002, "protocol error"),
            _ => End::Gone,
        }
    }

    /// Writes batches until there is nothing left, or the stream takes no more, or others should have their
    /// turn. Returns how many were written whole, and whether there may be more.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<(usize, bool), End> {
        for batches in 0..BATCHES_PER_TURN {
            if !self.writing && !self.fill()? {
                if self.unsent_pongs > 0 {
                    self.flush(cx)?;
                }
                return Ok((batches, false));
            }
            if !self.flush(cx)? {
                return Ok((batches, false));
            }
            self.writing = false;
            self.home.written(self.conn);
        }
        Ok((BATCHES_PER_TURN, true))
    }

    /// Moves the next batch into the library's queue; tells whether there was one.
    fn fill(&mut self) -> Result<bool, End> {
        self.home
            .take_batch(self.conn, self.settings.batch_bytes, &mut self.batch);
        self.writing = !self.batch.is_empty();
        for frame in self.batch.drain(..) {
            let message = match frame {
                Frame::Text(text) => Message::text(text),
                Frame::Binary(bytes) => Message::binary(bytes),
                Frame::Ping(payload) => Message::ping(payload.to_vec()),
            };
            Pin::new(&mut self.stream)
                .start_send(message)
                .map_err(|_| End::Gone)?;
        }
        if self.batch.capacity() > KEPT_FRAMES {
            self.batch = Vec::new();
        }
        Ok(self.writing)
    }

    /// Flushes; tells whether all is out.
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(())) => {
                self.unsent_pongs = 0;
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(self.fault(&error)),
        }
    }
}

/// Ends the connection in form. May take for ever, if the peer does.
async fn finish<S: AsyncRead + AsyncWrite + Unpin>(mut stream: WebSocketStream<S>, end: End) {
    match end {
        End::Gone => {}
        End::ByPeer(_) => drain(&mut stream).await,
        End::Ordered(code, reason) => {
            let _ = Pin::new(&mut stream).start_send(close_message(code, reason));
            drain(&mut stream).await;
        }
        End::Fault(code, reason) => {
            // Fails where the library has queued a Close of its own.
            let _ = Pin::new(&mut stream).start_send(close_message(code, reason));
            if std::future::poll_fn(|cx| Pin::new(&mut stream).poll_flush(cx))
                .await
                .is_ok()
            {
                linger(stream.into_inner()).await;
            }
        }
    }
}

/// Writes what is queued and reads to the peer's Close, or to the end, or to an error.
async fn drain<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut WebSocketStream<S>) {
    while let Some(Ok(_)) = std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await {}
}

/// Says that nothing follows, and reads away what the peer still sends: dropped with bytes unread, the
/// connection would be reset, and the peer might not see our Close.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut away = [0; 4096];
    let mut left = MAX_LINGER_BYTES;
    while left > 0 {
        match stream.read(&mut away).await {
            Ok(0) | Err(_) => return,
            Ok(bytes) => left = left.saturating_sub(bytes),
        }
    }
}

/// Makes a Close; a code that may not be sent becomes 1011, a reason that is too long is cut.
fn close_message(code: u16, reason: &str) -> Message {
    let code = CloseCode::try_from(code).ok().filter(|code| !code.is_reserved());
    let code = code.unwrap_or(CloseCode::INTERNAL_SERVER_ERROR);
    let mut end = reason.len().min(MAX_REASON_BYTES);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    Message::close(Some(code), &reason[..end])
}

#[cfg(test)]
mod tests;
