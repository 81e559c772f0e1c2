//! permessage-deflate (RFC 7692) without context takeover: each message is compressed on its own.
//!
//! So no socket has a state of its own; those of a thread share one compressor and one decompressor, made when first
//! needed. What a message inflates to is bounded like what comes plain.

use std::cell::RefCell;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use http::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_EXTENSIONS};

use super::frames::Fault;

/// Messages shorter than this are sent as they are: compressed they would save less than they cost.
pub(super) const MIN_BYTES: usize = 256;
/// What both ends leave out behind each message. RFC 7692 §7.2.1.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// The least room that is made for what comes out.
const ROOM: usize = 1024;
/// More room than this is not kept for the next message.
const KEPT_BYTES: usize = 256 * 1024;
/// Offers beyond these are not looked at.
const MOST_OFFERS: usize = 16;

/// What is answered to an offer that is taken.
const AGREED: HeaderValue =
    HeaderValue::from_static("permessage-deflate; server_no_context_takeover; client_no_context_takeover");
/// The same, where the offer names the window that we have anyway.
const AGREED_WINDOW: HeaderValue = HeaderValue::from_static(
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15",
);

thread_local! {
    static INFLATE: RefCell<Option<Decompress>> = const { RefCell::new(None) };
    static DEFLATE: RefCell<Option<(Compress, Vec<u8>)>> = const { RefCell::new(None) };
}

/// The answer to the first of the peer's offers that can be taken. RFC 7692 §5 and §7.1.
pub(super) fn agree(headers: &HeaderMap) -> Option<HeaderValue> {
    let offers = headers
        .get_all(SEC_WEBSOCKET_EXTENSIONS)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    offers.take(MOST_OFFERS).find_map(answer)
}

fn answer(offer: &str) -> Option<HeaderValue> {
    let mut parts = offer.split(';').map(str::trim);
    if parts.next() != Some("permessage-deflate") {
        return None;
    }
    let mut seen = [false; 4];
    let mut agreed = AGREED;
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(unquoted(value.trim()))),
            None => (part, None),
        };
        let at = match (name, value) {
            ("server_no_context_takeover", None) => 0,
            ("client_no_context_takeover", None) => 1,
            // A smaller window than the compressor's cannot be promised.
            ("server_max_window_bits", Some("15")) => {
                agreed = AGREED_WINDOW;
                2
            }
            ("client_max_window_bits", None | Some("8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")) => 3,
            _ => return None,
        };
        if std::mem::replace(&mut seen[at], true) {
            return None;
        }
    }
    Some(agreed)
}

fn unquoted(value: &str) -> &str {
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    inner.unwrap_or(value)
}

/// What a message was before it was compressed, at most `most` bytes.
pub(super) fn inflate(message: &[u8], most: usize) -> Result<Vec<u8>, Fault> {
    INFLATE.with_borrow_mut(|inflater| {
        let inflater = inflater.get_or_insert_with(|| Decompress::new(false));
        inflater.reset(false);
        let mut out = Vec::new();
        for part in [message, &TAIL] {
            inflate_part(inflater, part, most, &mut out)?;
        }
        Ok(out)
    })
}

fn inflate_part(
    inflater: &mut Decompress,
    mut part: &[u8],
    most: usize,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    loop {
        if out.len() == out.capacity() {
            // One byte more than is allowed tells that there are more.
            out.reserve_exact(out.len().max(ROOM).min((most + 1).saturating_sub(out.len())));
        }
        let (taken, made) = (inflater.total_in(), out.len());
        let status = inflater
            .decompress_vec(part, out, FlushDecompress::Sync)
            .map_err(|_| Fault::Protocol)?;
        let taken = (inflater.total_in() - taken) as usize;
        part = &part[taken.min(part.len())..];
        if out.len() > most {
            return Err(Fault::TooLong);
        }
        match status {
            // A sender may end a stream within a message; what follows is another. RFC 7692 §7.2.3.5.
            Status::StreamEnd => inflater.reset(false),
            Status::Ok | Status::BufError if taken == 0 && out.len() == made => {
                return if part.is_empty() {
                    Ok(())
                } else {
                    Err(Fault::Protocol)
                };
            }
            Status::Ok | Status::BufError => {}
        }
        if part.is_empty() && out.len() < out.capacity() {
            return Ok(());
        }
    }
}

/// Compresses a message and hands it on; `false` where it is better sent as it is.
pub(super) fn deflate(message: &[u8], hand_on: impl FnOnce(&[u8])) -> bool {
    DEFLATE.with_borrow_mut(|deflater| {
        let (deflater, out) =
            deflater.get_or_insert_with(|| (Compress::new(Compression::fast(), false), Vec::new()));
        deflater.reset();
        out.clear();
        let is_smaller = deflate_into(deflater, message, out);
        if is_smaller {
            hand_on(out);
        }
        if out.capacity() > KEPT_BYTES {
            *out = Vec::new();
        }
        is_smaller
    })
}

/// Leaves the compressed message in `out`; `false` where it is no smaller.
fn deflate_into(deflater: &mut Compress, message: &[u8], out: &mut Vec<u8>) -> bool {
    out.reserve(message.len());
    let status = deflater.compress_vec(message, out, FlushCompress::Sync);
    // Whoever runs out of room here saves nothing; whoever does not has flushed.
    let is_whole = deflater.total_in() == message.len() as u64 && out.len() < out.capacity();
    if status.is_err() || !is_whole || !out.ends_with(&TAIL) {
        return false;
    }
    out.truncate(out.len() - TAIL.len());
    out.len() < message.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 64 * 1024;

    fn offered(offer: &'static str) -> Option<HeaderValue> {
        let mut headers = HeaderMap::new();
        headers.insert(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(offer));
        agree(&headers)
    }

    fn deflated(message: &[u8]) -> Option<Vec<u8>> {
        let mut compressed = None;
        deflate(message, |bytes| compressed = Some(bytes.to_vec()));
        compressed
    }

    #[test]
    fn the_first_offer_that_can_be_taken_is_taken() {
        for offer in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; server_no_context_takeover; client_max_window_bits=\"10\"",
            "permessage-bzip2, permessage-deflate; server_max_window_bits=9, permessage-deflate",
        ] {
            assert_eq!(offered(offer), Some(AGREED), "{offer}");
        }
        assert_eq!(
            offered("permessage-deflate; server_max_window_bits=15"),
            Some(AGREED_WINDOW)
        );
    }

    #[test]
    fn an_offer_with_what_is_unknown_or_said_twice_is_declined() {
        for offer in [
            "x-webkit-deflate-frame",
            "permessage-deflate; server_max_window_bits=8",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_max_window_bits; client_max_window_bits",
            "permessage-deflate; mux",
            "",
        ] {
            assert_eq!(offered(offer), None, "{offer}");
        }
    }

    #[test]
    fn messages_come_out_as_they_went_in_one_after_the_other() {
        for count in [1, 40, 1000, 5000] {
            let message = r#"{"Type":"#.repeat(count);
            if let Some(compressed) = deflated(message.as_bytes()) {
                assert!(compressed.len() < message.len());
                assert_eq!(inflate(&compressed, MOST).unwrap(), message.as_bytes());
            }
        }
        assert!(deflated(b"a").is_none(), "it would be longer");
        assert_eq!(
            inflate(&[0], MOST).unwrap(),
            b"",
            "an empty message, RFC 7692 section 7.2.3.6"
        );
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        // RFC 7692, section 7.2.3: "Hello" compressed, in a stored block, and in a block that ends its stream.
        let examples: [&[u8]; 3] = [
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        ];
        for example in examples {
            assert_eq!(inflate(example, MOST).unwrap(), b"Hello", "{example:02x?}");
        }
    }

    #[test]
    fn what_inflates_beyond_the_bound_is_refused_before_it_takes_more_memory() {
        let compressed = deflated(&vec![b'a'; 10 << 20]).unwrap();
        assert!(compressed.len() < MOST);
        assert_eq!(inflate(&compressed, MOST), Err(Fault::TooLong));
        let whole = deflated(&vec![b'a'; MOST]).unwrap();
        assert_eq!(inflate(&whole, MOST).map(|out| out.len()), Ok(MOST));
        assert_eq!(inflate(&whole, MOST - 1), Err(Fault::TooLong));
    }

    #[test]
    fn what_was_never_compressed_breaks_the_protocol_and_the_next_message_is_read() {
        assert_eq!(inflate(b"\xff\xff\xff\xff", MOST), Err(Fault::Protocol));
        let compressed = deflated(&[b'b'; 300]).unwrap();
        assert_eq!(inflate(&compressed, MOST).unwrap(), [b'b'; 300]);
    }
}
