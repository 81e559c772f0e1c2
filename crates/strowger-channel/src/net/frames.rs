//! Counts the fragments in a stream of WebSocket frames.
//!
//! The WebSocket library hands up whole messages and says nothing of the fragments they came in, so a peer could keep
//! a thread busy with fragments that hold nothing. This reads the heads of the frames beside it (RFC 6455 §5.2) and
//! passes over what they frame. It checks nothing: whatever is against the rules the library refuses.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const OPCODE: u8 = 0x0f;
const CONTINUATION: u8 = 0;
const LENGTH: u8 = 0x7f;
const LENGTH_IN_2_BYTES: u8 = 126;
const LENGTH_IN_8_BYTES: u8 = 127;
const MASKED: u8 = 0x80;
const MASK_BYTES: u64 = 4;

/// Which byte of a frame comes next.
#[derive(Clone, Copy, Debug)]
enum Next {
    Opcode,
    Length,
    /// One of so many bytes that continue the length; the bytes of the mask, the length as far as it is known.
    More {
        bytes: u8,
        mask: u64,
        length: u64,
    },
}

/// Reads the heads of frames, however they are cut.
#[derive(Debug)]
struct Scanner {
    next: Next,
    /// How many bytes of mask and payload are still to be passed over.
    skip: u64,
    fragments: usize,
}

impl Scanner {
    const fn new() -> Self {
        Self {
            next: Next::Opcode,
            skip: 0,
            fragments: 0,
        }
    }

    fn scan(&mut self, mut bytes: &[u8]) {
        loop {
            let skipped = usize::try_from(self.skip).map_or(bytes.len(), |skip| skip.min(bytes.len()));
            self.skip -= skipped as u64;
            let Some((byte, rest)) = bytes[skipped..].split_first() else {
                return;
            };
            bytes = rest;
            self.step(*byte);
        }
    }

    fn step(&mut self, byte: u8) {
        match self.next {
            Next::Opcode => {
                self.fragments += usize::from(byte & OPCODE == CONTINUATION);
                self.next = Next::Length;
            }
            Next::Length => {
                let mask = if byte & MASKED == 0 { 0 } else { MASK_BYTES };
                let more = |bytes| Next::More {
                    bytes,
                    mask,
                    length: 0,
                };
                match byte & LENGTH {
                    LENGTH_IN_2_BYTES => self.next = more(2),
                    LENGTH_IN_8_BYTES => self.next = more(8),
                    short => self.pass_over(mask, u64::from(short)),
                }
            }
            Next::More { bytes, mask, length } => {
                let length = length << 8 | u64::from(byte);
                if bytes > 1 {
                    let bytes = bytes - 1;
                    self.next = Next::More { bytes, mask, length };
                } else {
                    self.pass_over(mask, length);
                }
            }
        }
    }

    const fn pass_over(&mut self, mask: u64, length: u64) {
        self.skip = length.saturating_add(mask);
        self.next = Next::Opcode;
    }
}

/// A stream that counts the fragments read from it.
#[derive(Debug)]
pub(super) struct Counted<S> {
    stream: S,
    scanner: Scanner,
}

impl<S> Counted<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self {
            stream,
            scanner: Scanner::new(),
        }
    }

    /// How many fragments beyond the first of their message came since this was asked last.
    pub(super) const fn take_fragments(&mut self) -> usize {
        std::mem::replace(&mut self.scanner.fragments, 0)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, into);
        this.scanner.scan(&into.filled()[before..]);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: u8, mask: bool, length: usize) -> Vec<u8> {
        let bit = if mask { MASKED } else { 0 };
        let mut frame = vec![opcode];
        match length {
            0..126 => frame.push(bit | length as u8),
            126..65_536 => {
                frame.push(bit | LENGTH_IN_2_BYTES);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(bit | LENGTH_IN_8_BYTES);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        // Nothing in a payload may be taken for a head.
        frame.resize(frame.len() + usize::from(mask) * 4 + length, CONTINUATION);
        frame
    }

    #[test]
    fn fragments_are_counted_however_the_stream_is_cut() {
        let mut stream = Vec::new();
        for mask in [false, true] {
            for length in [0, 1, 125, 126, 65_535, 65_536] {
                stream.extend(frame(0x01, mask, length));
                stream.extend(frame(0x89, mask, 10));
                stream.extend(frame(0x00, mask, length));
                stream.extend(frame(0x80, mask, length));
                stream.extend(frame(0x81, mask, length));
            }
        }
        for cut in [1, 2, 3, 7, 1000, stream.len()] {
            let mut scanner = Scanner::new();
            stream.chunks(cut).for_each(|part| scanner.scan(part));
            assert_eq!(scanner.fragments, 24, "in parts of {cut} bytes");
        }
    }

    #[test]
    fn a_length_that_no_message_has_is_passed_over_for_ever() {
        let mut scanner = Scanner::new();
        scanner.scan(&[0x81, 0xff, 255, 255, 255, 255, 255, 255, 255, 255]);
        scanner.scan(&[0; 1000]);
        assert_eq!(scanner.fragments, 0);
    }
}
