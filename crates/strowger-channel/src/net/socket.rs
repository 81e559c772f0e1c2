//! The task of one socket: reads what is there, writes what its home has for it.
//!
//! One poll is one turn. A turn reads a bounded number of frames, lets the [`Home`] settle, then writes
//! batches, each with one flush. Reading never waits for writing: a peer that does not read is still read.
//!
//! Two things to mind: a Ping costs a Pong, so there is a bound to those unwritten (see [`MAX_UNSENT_PONGS`]); and a
//! connection dropped right behind a Close loses the Close if the peer is still sending, so the rest is read away.

use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tracing::{debug, trace};

use super::frames::{self, Decoder, Event, Fault, MAX_CONTROL, Opcode, Role};
use super::handle::Order;
use super::wire::{ReadBuffer, Wire};
use super::{Home, SocketHandle};
use crate::{ConnId, Frame};

/// How many Pongs may wait to be written before reading waits for them: each costs memory.
const MAX_UNSENT_PONGS: usize = 64;
/// The longest reason of a Close: a control frame's payload less the code. RFC 6455 §5.5.
const MAX_REASON_BYTES: usize = MAX_CONTROL - size_of::<u16>();
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

/// Why a socket is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The peer sent a Close, with this code or 1005.
    ByPeer(u16),
    /// The owner wants it closed.
    Ordered(u16, &'static str),
    /// The peer broke the protocol.
    Fault(u16, &'static str),
    /// There is no connection any more, or the owner wants none.
    Gone,
}

/// A socket in its task.
pub(super) struct Socket<S> {
    wire: Wire<S>,
    decoder: Decoder,
    /// What was read and not looked at, since others should have their turn.
    unread: Vec<u8>,
    conn: ConnId,
    home: Rc<dyn Home>,
    handle: SocketHandle,
    settings: SocketSettings,
    /// Empty between batches.
    batch: Vec<Frame>,
    /// A batch is queued and not flushed.
    writing: bool,
    /// Pongs queued since the last complete flush.
    unsent_pongs: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(super) fn new(
        stream: S,
        role: Role,
        conn: ConnId,
        home: Rc<dyn Home>,
        handle: SocketHandle,
        settings: SocketSettings,
        deflate: bool,
    ) -> Self {
        Self {
            wire: Wire::new(stream, role, deflate),
            decoder: Decoder::new(role, settings.message_bytes, deflate),
            unread: Vec::new(),
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
    ///
    /// Boxed, since a future holds what it is given twice: as it came, and where it is used.
    pub(super) async fn run(mut self: Box<Self>) {
        let end = std::future::poll_fn(|cx| self.poll_turn(cx)).await;
        trace!(conn = ?self.conn, ?end, "socket over");
        let code = match end {
            End::ByPeer(code) => Some(code),
            End::Ordered(..) => {
                // What was queued before the order (an answer to what caused it, say) goes out before the
                // Close.
                self.fill();
                None
            }
            End::Fault(..) => {
                // So do the answers to what came before the fault.
                self.home.settle();
                self.fill();
                None
            }
            End::Gone => None,
        };
        self.home.closed(self.conn, code);
        self.home.settle();
        // Boxed, so that an open socket does not carry the room its closing takes.
        let finish = Box::pin(timeout(
            self.settings.close_timeout,
            finish(self.wire, self.decoder, end),
        ));
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
        let (frames, read_more) = self.read(cx)?;
        if frames > 0 {
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
        let mut buffer = ReadBuffer::take();
        let mut frames = 0;
        loop {
            let mut unread = std::mem::take(&mut self.unread);
            let mut input = if unread.is_empty() {
                let buffer = buffer.bytes();
                match self.wire.poll_read(cx, buffer) {
                    Poll::Pending => return Ok((frames, false)),
                    Poll::Ready(Ok(0)) => return Err(End::Gone),
                    Poll::Ready(Ok(bytes)) => &mut buffer[..bytes],
                    Poll::Ready(Err(error)) => return Err(self.gone(&error)),
                }
            } else {
                unread.as_mut_slice()
            };
            while !input.is_empty() {
                let is_enough = frames >= self.settings.frames_per_turn.max(1);
                if is_enough || self.unsent_pongs >= MAX_UNSENT_PONGS && !self.flush(cx)? {
                    self.unread = input.to_vec();
                    return Ok((frames, is_enough));
                }
                match self.decoder.next(&mut input) {
                    Ok(Some(event)) => {
                        frames += 1;
                        self.pass_on(&event)?;
                        // A home that had enough need not be fed the rest.
                        self.follow_order()?;
                    }
                    Ok(None) => {}
                    Err(fault) => return Err(self.fault(fault)),
                }
            }
        }
    }

    fn pass_on(&mut self, event: &Event<'_>) -> Result<(), End> {
        match event {
            Event::Text(text) => self.home.text(self.conn, text),
            Event::Binary(payload) => self.home.binary(self.conn, payload),
            Event::Pong(payload) => self.home.pong(self.conn, payload),
            Event::Ping(payload) => {
                self.unsent_pongs += 1;
                self.wire.queue(Opcode::Pong, payload);
                self.home.ping(self.conn);
            }
            Event::Close(code) => return Err(End::ByPeer(*code)),
            Event::Fragment => self.home.fragments(self.conn, 1),
        }
        Ok(())
    }

    fn fault(&self, fault: Fault) -> End {
        debug!(conn = ?self.conn, ?fault, "protocol broken");
        match fault {
            Fault::TooLong => {
                self.home.oversize(self.conn);
                End::Fault(1009, "message too big")
            }
            Fault::Protocol => End::Fault(1002, "protocol error"),
            Fault::Utf8 => End::Fault(1007, "invalid utf-8"),
        }
    }

    fn gone(&self, error: &std::io::Error) -> End {
        debug!(conn = ?self.conn, %error, "socket failed");
        End::Gone
    }

    /// Writes batches until there is nothing left, or the stream takes no more, or others should have their
    /// turn. Returns how many were written whole, and whether there may be more.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<(usize, bool), End> {
        for batches in 0..BATCHES_PER_TURN {
            if !self.writing && !self.fill() {
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

    /// Queues the next batch; tells whether there was one.
    fn fill(&mut self) -> bool {
        self.home
            .take_batch(self.conn, self.settings.batch_bytes, &mut self.batch);
        self.writing = !self.batch.is_empty();
        for frame in self.batch.drain(..) {
            match frame {
                Frame::Text(text) => self.wire.queue(Opcode::Text, &text),
                Frame::Binary(bytes) => self.wire.queue(Opcode::Binary, &bytes),
                Frame::Ping(payload) => self.wire.queue(Opcode::Ping, &payload),
            }
        }
        if self.batch.capacity() > KEPT_FRAMES {
            self.batch = Vec::new();
        }
        self.writing
    }

    /// Flushes; tells whether all is out.
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        match self.wire.poll_flush(cx) {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(())) => {
                self.unsent_pongs = 0;
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(self.gone(&error)),
        }
    }
}

/// Ends the connection in form. May take for ever, if the peer does.
async fn finish<S: AsyncRead + AsyncWrite + Unpin>(mut wire: Wire<S>, mut decoder: Decoder, end: End) {
    match end {
        End::Gone => return,
        // The answer carries the peer's code, or none as well.
        End::ByPeer(1005) => wire.queue(Opcode::Close, &[]),
        End::ByPeer(code) => wire.queue(Opcode::Close, &code.to_be_bytes()),
        End::Ordered(code, reason) | End::Fault(code, reason) => {
            wire.queue(Opcode::Close, &close_payload(code, reason));
        }
    }
    let flushed = if matches!(end, End::Ordered(..)) {
        await_close(&mut wire, &mut decoder).await
    } else {
        std::future::poll_fn(|cx| wire.poll_flush(cx)).await.is_ok()
    };
    if flushed {
        linger(wire.into_stream()).await;
    }
}

/// Writes what is queued while reading to the peer's Close. Tells whether the connection still stands.
async fn await_close<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, decoder: &mut Decoder) -> bool {
    let mut left = MAX_LINGER_BYTES;
    let mut has_come = false;
    std::future::poll_fn(|cx| {
        let is_out = match wire.poll_flush(cx) {
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(_)) => return Poll::Ready(false),
            Poll::Pending => false,
        };
        let mut buffer = ReadBuffer::take();
        while !has_come && left > 0 {
            let buffer = buffer.bytes();
            let bytes = match wire.poll_read(cx, buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(false),
                Poll::Ready(Ok(bytes)) => bytes,
            };
            left = left.saturating_sub(bytes);
            has_come = comes_to_close(decoder, &mut buffer[..bytes]);
        }
        if is_out { Poll::Ready(true) } else { Poll::Pending }
    })
    .await
}

/// Looks for the peer's Close; what breaks the protocol ends the waiting just so.
fn comes_to_close(decoder: &mut Decoder, mut input: &mut [u8]) -> bool {
    while !input.is_empty() {
        if matches!(decoder.next(&mut input), Ok(Some(Event::Close(_))) | Err(_)) {
            return true;
        }
    }
    false
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

/// Makes the payload of a Close; a code that may not be sent becomes 1011, a reason that is too long is cut.
fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    let code = if frames::may_be_sent(code) { code } else { 1011 };
    let mut end = reason.len().min(MAX_REASON_BYTES);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    payload
}

#[cfg(test)]
mod tests;
