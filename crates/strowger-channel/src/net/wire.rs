//! A stream and the frames on it: what is read through a buffer of the thread, what waits to be written.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::deflate::{self, deflate};
use super::frames::{Opcode, Role, encode, encode_compressed};

/// How much is read in one go.
const READ_BYTES: usize = 16 * 1024;
/// A buffer for writing larger than this is not kept for the next socket.
const KEPT_BYTES: usize = 256 * 1024;

thread_local! {
    /// Sockets have their turns one after the other, so those of a thread share one buffer for reading and one for
    /// writing. Empty while in use.
    static READ: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static WRITE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The buffer to read into, this thread's; goes back when dropped.
pub(super) struct ReadBuffer(Vec<u8>);

impl ReadBuffer {
    pub(super) fn take() -> Self {
        let mut bytes = READ.take();
        bytes.resize(READ_BYTES, 0);
        Self(bytes)
    }

    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        READ.set(std::mem::take(&mut self.0));
    }
}

/// A stream, and the frames that wait to be written on it.
pub(super) struct Wire<S> {
    stream: S,
    role: Role,
    /// Whether messages may be compressed.
    deflate: bool,
    /// Frames as bytes; without capacity while there are none.
    out: Vec<u8>,
    /// So many of them are written.
    written: usize,
    /// A Close was queued; nothing may follow it.
    is_closing: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) const fn new(stream: S, role: Role, deflate: bool) -> Self {
        Self {
            stream,
            role,
            deflate,
            out: Vec::new(),
            written: 0,
            is_closing: false,
        }
    }

    /// Queues a frame to be flushed; behind a Close it is dropped.
    pub(super) fn queue(&mut self, opcode: Opcode, payload: &[u8]) {
        if self.is_closing {
            return;
        }
        self.is_closing = opcode == Opcode::Close;
        if self.out.capacity() == 0 {
            self.out = WRITE.take();
        }
        let mask = match self.role {
            Role::Server => None,
            Role::Client => Some(rand::random()),
        };
        let is_message = matches!(opcode, Opcode::Text | Opcode::Binary);
        let out = &mut self.out;
        if self.deflate
            && is_message
            && payload.len() >= deflate::MIN_BYTES
            && deflate(payload, |payload| encode_compressed(out, opcode, payload, mask))
        {
            return;
        }
        encode(&mut self.out, opcode, payload, mask);
    }

    /// Reads what is there, up to the length of the buffer; 0 is the end of the stream.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut into = ReadBuf::new(into);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut into))?;
        Poll::Ready(Ok(into.filled().len()))
    }

    /// Writes all that is queued. What the stream does not take is kept, in as much memory as it needs.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.out.len() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.out[self.written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(bytes)) => self.written += bytes,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.out.drain(..self.written);
                    self.out.shrink_to_fit();
                    self.written = 0;
                    return Poll::Pending;
                }
            }
        }
        self.written = 0;
        if self.out.capacity() > 0 {
            self.out.clear();
            let out = std::mem::take(&mut self.out);
            if out.capacity() <= KEPT_BYTES {
                WRITE.set(out);
            }
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    pub(super) fn into_stream(self) -> S {
        self.stream
    }
}
