//! The streams below a WebSocket.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{client, server};

/// A stream that gives back what was read too far during the handshake, then reads on.
#[derive(Debug)]
pub(super) struct Resumed<S> {
    read: Bytes,
    stream: S,
}

impl<S> Resumed<S> {
    pub(super) const fn new(stream: S, read: Bytes) -> Self {
        Self { read, stream }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Resumed<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.read.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, into);
        }
        let taken = this.read.len().min(into.remaining());
        into.put_slice(&this.read[..taken]);
        this.read.advance(taken);
        if this.read.is_empty() {
            // Lets go of the handshake's buffer.
            this.read = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Resumed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A connection with TLS or without.
#[derive(Debug)]
pub(super) enum Stream<T> {
    Plain(TcpStream),
    /// Boxed: its state takes a kibibyte.
    Tls(Box<T>),
}

/// The connection of a link.
pub(super) type Linked = Stream<client::TlsStream<TcpStream>>;

/// A connection that was accepted.
pub(super) type Inbound = Stream<server::TlsStream<Movable>>;

impl<T: AsyncRead + Unpin> AsyncRead for Stream<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, into),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, into),
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Stream<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(tcp) => tcp.is_write_vectored(),
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

/// A TCP stream below TLS, which belongs to one runtime when it is accepted and to another when it is served.
#[derive(Debug)]
pub(super) enum Movable {
    /// A runtime watches it.
    Watched(TcpStream),
    /// It is on its way.
    Unwatched(std::net::TcpStream),
    /// It was lost on its way.
    Lost,
}

impl Movable {
    /// Lets the runtime go that watches it.
    pub(super) fn detach(&mut self) -> io::Result<()> {
        if let Self::Watched(tcp) = std::mem::replace(self, Self::Lost) {
            *self = Self::Unwatched(tcp.into_std()?);
        }
        Ok(())
    }

    /// Has the runtime watch it in which this is called.
    pub(super) fn attach(&mut self) -> io::Result<()> {
        if let Self::Unwatched(tcp) = std::mem::replace(self, Self::Lost) {
            *self = Self::Watched(TcpStream::from_std(tcp)?);
        }
        Ok(())
    }

    fn watched(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        match self {
            Self::Watched(tcp) => Ok(Pin::new(tcp)),
            Self::Unwatched(_) | Self::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl AsyncRead for Movable {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_mut().watched()?.poll_read(cx, into)
    }
}

impl AsyncWrite for Movable {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().watched()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().watched()?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        matches!(self, Self::Watched(tcp) if tcp.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().watched()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().watched()?.poll_shutdown(cx)
    }
}

/// An accepted connection on its way from the listener to the thread that owns its channel.
#[derive(Debug)]
pub(super) enum Carried {
    Plain(std::net::TcpStream),
    Tls(Box<server::TlsStream<Movable>>),
}

impl Carried {
    /// Takes a connection away from the runtime that accepted it.
    pub(super) fn new(stream: Inbound) -> io::Result<Self> {
        Ok(match stream {
            Stream::Plain(tcp) => Self::Plain(tcp.into_std()?),
            Stream::Tls(mut tls) => {
                tls.get_mut().0.detach()?;
                Self::Tls(tls)
            }
        })
    }

    /// Gives it to the runtime in which this is called.
    pub(super) fn arrive(self) -> io::Result<Inbound> {
        Ok(match self {
            Self::Plain(tcp) => Stream::Plain(TcpStream::from_std(tcp)?),
            Self::Tls(mut tls) => {
                tls.get_mut().0.attach()?;
                Stream::Tls(tls)
            }
        })
    }
}
