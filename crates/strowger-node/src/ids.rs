//! Ids that this node makes: they carry node and shard, so whoever holds one knows where to send.

use jsip::DialogId;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Makes ids for one shard from a seeded, cryptographically strong source.
#[derive(Debug)]
pub(crate) struct IdSource {
    node: u16,
    shard: u16,
    random: StdRng,
}

/// Characters before the random part: four for the node, two for the shard, a hyphen.
const HINT: usize = 7;
const LENGTH: usize = HINT + 24;

impl IdSource {
    pub(crate) fn new(node: u16, shard: u16, seed: u64) -> Self {
        Self {
            node,
            shard,
            random: StdRng::seed_from_u64(seed),
        }
    }

    fn mint(&mut self) -> [u8; LENGTH] {
        let random: u128 = self.random.random();
        let mut text = [b'-'; LENGTH];
        write_hex(&mut text[..4], self.node.into());
        write_hex(&mut text[4..HINT - 1], (self.shard & 0xff).into());
        write_hex(&mut text[HINT..], random >> 32);
        text
    }

    /// A `DialogueID` for a leg that this node opens.
    pub(crate) fn dialog(&mut self) -> DialogId {
        DialogId::new(text(&self.mint())).expect("a minted id has 31 bytes")
    }

    /// The prefix of the relation ids of one instance.
    pub(crate) fn relation_prefix(&mut self) -> String {
        ["rel-", text(&self.mint())].concat()
    }

    /// A number for seeding something else.
    pub(crate) fn seed(&mut self) -> u64 {
        self.random.random()
    }
}

/// Fills the digits with the lowest ones of a number. For each message ids are made: formatting would cost more than all that they
/// are made for.
fn write_hex(digits: &mut [u8], mut number: u128) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 0xf) as usize];
        number >>= 4;
    }
}

fn text(minted: &[u8]) -> &str {
    str::from_utf8(minted).expect("hex digits are ASCII")
}

/// The shard in an id that the node made; `None` for ids of others.
pub(crate) fn shard_of(node: u16, id: &str) -> Option<u16> {
    let id = id.strip_prefix("rel-").unwrap_or(id);
    if id.len() < LENGTH || id.as_bytes().get(HINT - 1) != Some(&b'-') {
        return None;
    }
    let (made_by, shard) = (id.get(..4)?, id.get(4..6)?);
    (u16::from_str_radix(made_by, 16).ok()? == node).then_some(())?;
    u16::from_str_radix(shard, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_node_and_shard_and_24_digits() {
        let id = IdSource::new(0xbeef, 7, 1).dialog();
        let (hint, random) = id.as_str().split_once('-').unwrap();
        assert_eq!((hint, random.len()), ("beef07", 24));
        assert!(u128::from_str_radix(random, 16).is_ok());
    }

    #[test]
    fn an_id_tells_its_shard_to_its_own_node_only() {
        let id = IdSource::new(0xbeef, 7, 1).dialog();
        assert_eq!(shard_of(0xbeef, id.as_str()), Some(7));
        assert_eq!(shard_of(0xbeee, id.as_str()), None);
    }

    #[test]
    fn a_relation_id_tells_its_shard_too() {
        let prefix = IdSource::new(1, 2, 3).relation_prefix();
        assert_eq!(shard_of(1, &format!("{prefix}.1")), Some(2));
    }

    #[test]
    fn ids_of_peers_tell_nothing() {
        for id in [
            "",
            "a",
            "a84b4c76e66710",
            "zzzzzz-000000000000000000000000",
            "é0000000000000000000000000000000",
        ] {
            assert_eq!(shard_of(0, id), None, "{id}");
        }
    }
}
