//! The bodies of fuzz targets: what must hold for any bytes of a socket, and any request for one. Panics where it does not.

use http::{HeaderName, HeaderValue, Request, Uri};

use super::Network;
use super::deflate;
use super::frames::{Decoder, Event, Fault, Role};
use super::handshake::check_request;
use super::proxies::client;

/// The longest message in the target for frames.
const MOST: usize = 4096;

/// Any bytes as what a peer sends: the first chooses the end, whether messages may be compressed, and how the others come.
/// However they are cut, the same messages come out, none longer than it may be.
pub fn frames(data: &[u8]) {
    let Some((&choice, bytes)) = data.split_first() else {
        return;
    };
    let role = if choice & 1 == 0 {
        Role::Server
    } else {
        Role::Client
    };
    let deflates = choice & 2 != 0;
    let piece = usize::from(choice >> 2) + 1;
    let whole = decoded(bytes, bytes.len().max(1), Decoder::new(role, MOST, deflates));
    let pieces = decoded(bytes, piece, Decoder::new(role, MOST, deflates));
    assert_eq!(whole, pieces);
}

/// A message as it came out.
#[derive(Debug, PartialEq, Eq)]
enum Decoded {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16),
    Fault(Fault),
}

/// What comes out of bytes that come in pieces of this length, up to a fault.
fn decoded(bytes: &[u8], piece: usize, mut decoder: Decoder) -> Vec<Decoded> {
    let mut out = Vec::new();
    for piece in bytes.chunks(piece) {
        let mut piece = piece.to_vec();
        let mut input = piece.as_mut_slice();
        loop {
            out.push(match decoder.next(&mut input) {
                Ok(None) => break,
                Ok(Some(Event::Fragment)) => continue,
                Ok(Some(Event::Text(text))) => Decoded::Text(text.into_owned()),
                Ok(Some(Event::Binary(bytes))) => Decoded::Binary(bytes.into_owned()),
                Ok(Some(Event::Ping(bytes))) => Decoded::Ping(bytes.into_owned()),
                Ok(Some(Event::Pong(bytes))) => Decoded::Pong(bytes.into_owned()),
                Ok(Some(Event::Close(code))) => Decoded::Close(code),
                Err(fault) => {
                    out.push(Decoded::Fault(fault));
                    return out;
                }
            });
            let length = match out.last() {
                Some(Decoded::Text(text)) => text.len(),
                Some(Decoded::Binary(bytes) | Decoded::Ping(bytes) | Decoded::Pong(bytes)) => bytes.len(),
                Some(Decoded::Close(_) | Decoded::Fault(_)) | None => 0,
            };
            assert!(length <= MOST, "{length}");
        }
    }
    out
}

/// Any bytes as a request: the target in the first line, a header in each other. What is admitted has a name; who comes from a
/// page of another origin is admitted nowhere; who is no proxy is whoever he is.
pub fn handshake(data: &[u8]) {
    let Some(request) = request(data) else { return };
    let headers = request.headers();
    let _ = deflate::agree(headers);
    let peer = [192, 0, 2, 1].into();
    let proxies: Vec<Network> = ["192.0.2.0/24", "fd00::/8"]
        .iter()
        .filter_map(|one| one.parse().ok())
        .collect();
    assert_eq!(client(peer, headers, &[]), Some(peer));
    let behind = client(peer, headers, &proxies);
    assert!(behind.is_none_or(|address| !proxies.iter().any(|proxy| proxy.contains(address))));
    let anywhere = check_request(&request, None);
    let own = check_request(&request, Some(&[]));
    if let Ok(name) = &own {
        assert_eq!(anywhere.as_ref(), Ok(name));
        assert!(!name.as_str().contains(|letter: char| letter.is_control()));
        let foreign = |origin: &HeaderValue| origin.as_bytes().ends_with(b".invalid");
        let host = headers
            .get("host")
            .is_some_and(|host| !host.as_bytes().ends_with(b".invalid"));
        assert!(!host || !headers.get_all("origin").iter().any(foreign));
    }
}

fn request(data: &[u8]) -> Option<Request<()>> {
    let mut lines = data.split(|byte| *byte == b'\n');
    let uri = Uri::try_from(lines.next()?).ok()?;
    let mut request = Request::get(uri).body(()).ok()?;
    for line in lines.take(100) {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':')?);
        let (name, value) = (
            HeaderName::from_bytes(name),
            HeaderValue::from_bytes(value.get(1..)?.trim_ascii()),
        );
        request.headers_mut().append(name.ok()?, value.ok()?);
    }
    Some(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::frames::{Opcode, encode, encode_compressed};

    /// What a fuzzer would try first: every cut, and every byte as another one.
    fn around(input: &[u8], run: fn(&[u8])) {
        for at in 0..input.len() {
            run(&input[..at]);
            let mut other = input.to_vec();
            for byte in [0, 0x7f, 0x81, 0xff, b':', b'\n'] {
                other[at] = byte;
                run(&other);
            }
        }
        run(input);
    }

    #[test]
    fn frames_come_out_the_same_however_they_are_cut() {
        let mut out = Vec::new();
        for mask in [Some([1, 2, 3, 4]), None] {
            let mut stream = Vec::new();
            encode(&mut stream, Opcode::Text, "a text, and é".as_bytes(), mask);
            encode(&mut stream, Opcode::Ping, b"ping", mask);
            encode(&mut stream, Opcode::Binary, &[7; 20], mask);
            deflate::deflate(&b"a text that repeats itself, ".repeat(20), |deflated| {
                encode_compressed(&mut stream, Opcode::Text, deflated, mask);
            });
            encode(&mut stream, Opcode::Close, &[3, 0xe8], mask);
            out.push((mask.is_none(), stream));
        }
        for (is_client, stream) in out {
            for piece in [0, 5] {
                let choice = (piece << 2) | 2 | u8::from(is_client);
                let input = [&[choice], stream.as_slice()].concat();
                around(&input, frames);
            }
        }
    }

    #[test]
    fn requests_hold_the_properties() {
        let upgrade = "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        for more in [
            "Host: localhost:8080\nOrigin: http://127.0.0.1:3000",
            "Host: calls.example.com\nOrigin: https://evil.invalid",
            "Host: a\nX-Forwarded-For: 198.51.100.7, [fd00::1]:80, 192.0.2.7",
            "Host: a\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=15, x; y=\"z\"",
            "Host: a\nSec-WebSocket-Protocol: jsip, bearer.abc",
        ] {
            let text = format!("/rtc?userid=alice%40example.com&x=1\n{upgrade}\n{more}");
            assert!(request(text.as_bytes()).is_some(), "{text}");
            around(text.as_bytes(), handshake);
        }
    }
}
