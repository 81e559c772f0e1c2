//! Bytes to and from the servers, counted where the clients read and write.

use std::io;
use std::ops::Sub;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Into the servers: what clients wrote.
static INTO: AtomicU64 = AtomicU64::new(0);
/// Out of the servers: what clients read.
static OUT: AtomicU64 = AtomicU64::new(0);

/// Bytes of all clients of this process, or of a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) into: u64,
    pub(crate) out: u64,
}

impl Traffic {
    /// Since this process began.
    pub(crate) fn now() -> Self {
        Self {
            into: INTO.load(Ordering::Relaxed),
            out: OUT.load(Ordering::Relaxed),
        }
    }
}

impl Sub for Traffic {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            into: self.into.saturating_sub(earlier.into),
            out: self.out.saturating_sub(earlier.out),
        }
    }
}

/// A connection whose bytes are counted.
#[derive(Debug)]
pub(crate) struct Counted(pub(crate) TcpStream);

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.0).poll_read(cx, buffer);
        OUT.fetch_add((buffer.filled().len() - before) as u64, Ordering::Relaxed);
        read
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        written(Pin::new(&mut self.0).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        written(Pin::new(&mut self.0).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

fn written(outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
    if let Poll::Ready(Ok(bytes)) = &outcome {
        INTO.fetch_add(*bytes as u64, Ordering::Relaxed);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_of_a_span_is_the_difference_of_two_readings() {
        let (earlier, later) = (Traffic { into: 10, out: 5 }, Traffic { into: 30, out: 6 });
        assert_eq!(later - earlier, Traffic { into: 20, out: 1 });
        assert_eq!(earlier - later, Traffic::default());
    }
}
