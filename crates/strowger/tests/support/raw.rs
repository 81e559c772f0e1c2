//! A peer that sends whatever bytes it likes.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longer than any answer takes, so that a server which says nothing fails a test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(30);

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// A TCP connection.
pub struct Raw {
    stream: TcpStream,
}

impl Raw {
    pub async fn connect(authority: &str) -> Self {
        Self {
            stream: TcpStream::connect(authority).await.expect("the server listens"),
        }
    }

    /// Shakes hands under this name.
    pub async fn upgrade(authority: &str, user: &str) -> Self {
        let mut raw = Self::connect(authority).await;
        raw.write(handshake(&format!("/rtc?userid={user}"), authority).as_bytes())
            .await;
        let head = raw.read_head().await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        raw
    }

    /// Sends bytes; a server that has hung up meanwhile is no fault.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// The head of an HTTP answer; empty if the server hangs up instead.
    pub async fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match tokio::time::timeout(PATIENCE, self.stream.read_u8())
                .await
                .expect("the server answers")
            {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        String::from_utf8_lossy(&head).into_owned()
    }

    /// Whether the server has not hung up, as far as can be seen without waiting; takes a byte if there is one.
    pub async fn is_open(&mut self) -> bool {
        let read = tokio::time::timeout(Duration::from_millis(1), self.stream.read_u8()).await;
        read.is_err()
    }

    /// Passes over everything up to this text.
    pub async fn read_until(&mut self, text: &str) {
        let mut bytes: Vec<u8> = Vec::new();
        let mut part = [0; 4096];
        while !bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
            // What has been looked at is kept only as far as the text may begin in it.
            let kept = bytes.len().min(text.len());
            bytes.drain(..bytes.len() - kept);
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut part))
                .await
                .expect("the server answers");
            match read {
                Ok(count @ 1..) => bytes.extend(&part[..count]),
                other => panic!("{other:?} before {text}"),
            }
        }
    }

    /// Everything until the server hangs up.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset is an end as well.
        let _ = tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut bytes))
            .await
            .expect("the server hangs up");
        bytes
    }

    /// The code of the Close frame with which the server ends; other frames are passed over.
    pub async fn read_close(&mut self) -> Option<u16> {
        let bytes = self.read_to_end().await;
        let mut rest = &bytes[..];
        while let [first, second, tail @ ..] = rest {
            let (length, tail) = match second & 0x7f {
                126 => (
                    usize::from(u16::from_be_bytes([*tail.first()?, *tail.get(1)?])),
                    tail.get(2..)?,
                ),
                length => (usize::from(length), tail),
            };
            let payload = tail.get(..length)?;
            if first & 0x0f == CLOSE {
                return Some(u16::from_be_bytes([*payload.first()?, *payload.get(1)?]));
            }
            rest = &tail[length..];
        }
        None
    }
}

/// A good request to open a WebSocket.
pub fn handshake(target: &str, authority: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A masked frame, the last of its message.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    frame_with(0x80 | opcode, 0x80, payload)
}

/// A frame with these bits in its first byte, and `0x80` or not for the mask.
pub fn frame_with(first: u8, mask: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ ..126 => frame.push(mask | short as u8),
        medium @ ..0x1_0000 => {
            frame.push(mask | 126);
            frame.extend((medium as u16).to_be_bytes());
        }
        long => {
            frame.push(mask | 127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    if mask != 0 {
        frame.extend([0; 4]);
    }
    frame.extend(payload);
    frame
}
