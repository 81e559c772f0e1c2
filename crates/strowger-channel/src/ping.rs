//! The payload of our Pings: the sequence number of the last frame before them.

/// The payload of a Ping that this crate made.
pub type PingPayload = [u8; PING_BYTES];

/// The length of a [`PingPayload`].
pub const PING_BYTES: usize = MARK.len() + size_of::<u64>();

/// Begins every payload, so that a Pong that answers somebody else's Ping, or none, is not taken for an answer.
const MARK: [u8; 4] = *b"swgr";

pub(crate) fn payload(sequence: u64) -> PingPayload {
    let mut payload = [0; PING_BYTES];
    let (mark, number) = payload.split_at_mut(MARK.len());
    mark.copy_from_slice(&MARK);
    number.copy_from_slice(&sequence.to_be_bytes());
    payload
}

/// The sequence number in the payload of a Pong; `None` for payloads that are not ours.
pub(crate) fn sequence(payload: &[u8]) -> Option<u64> {
    let number = payload.strip_prefix(&MARK)?;
    Some(u64::from_be_bytes(number.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_gives_its_sequence_back() {
        for number in [0, 1, 0x0102_0304_0506_0708, u64::MAX] {
            assert_eq!(sequence(&payload(number)), Some(number));
        }
    }

    #[test]
    fn other_payloads_have_no_sequence() {
        for other in [
            &b""[..],
            b"swgr",
            b"swgr1234567",
            b"swgr123456789",
            b"SWGR12345678",
        ] {
            assert_eq!(sequence(other), None);
        }
    }
}
