//! The key that proves the other side of a handshake speaks WebSocket. RFC 6455 §4.2.2.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1_smol::Sha1;

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const NONCE_BYTES: usize = 16;

/// Returns the `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key`.
pub(super) fn accept_key(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(GUID);
    STANDARD.encode(hash.digest().bytes())
}

/// Tells whether a `Sec-WebSocket-Key` is what it has to be: 16 bytes in base64.
pub(super) fn is_key(key: &[u8]) -> bool {
    // The exact length of the encoding first, so that nothing long is ever decoded.
    key.len() == NONCE_BYTES.div_ceil(3) * 4
        && STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == NONCE_BYTES)
}

/// Makes a fresh `Sec-WebSocket-Key`.
pub(super) fn new_key() -> String {
    STANDARD.encode(rand::random::<[u8; NONCE_BYTES]>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_is_answered_as_the_rfc_says() {
        assert_eq!(
            accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn a_key_is_sixteen_bytes_in_base64() {
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        assert!(is_key(new_key().as_bytes()));
        assert!(!is_key(b""));
        assert!(!is_key(b"dGhlIHNhbXBsZSBub25jZQ"));
        assert!(!is_key(b"dGhlIHNhbXBsZSBub25jZTEy"));
        assert!(!is_key(b"????????????????????????"));
    }
}
