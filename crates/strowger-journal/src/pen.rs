//! Writing a record by hand, as postcard would: what [`Frequent`](crate::frequent::Frequent) entries are written with.

use crate::{Did, Place};

/// The most bytes of a number.
pub(crate) const MOST_NUMBER: usize = 10;

/// A number as it is written, and how many bytes of that are meant: seven bits a byte, the lowest first, and a bit that
/// says whether more follow. All bytes are made at once.
#[inline]
pub(crate) fn number(value: u64) -> ([u8; MOST_NUMBER], usize) {
    // Each step parts what lies together: 56 bits, twice 28, four times 14, eight times 7.
    let low = (value & 0x0fff_ffff) | (value & 0x00ff_ffff_f000_0000) << 4;
    let low = (low & 0x0000_3fff_0000_3fff) | (low & 0x0fff_c000_0fff_c000) << 2;
    let low = (low & 0x007f_007f_007f_007f) | (low & 0x3f80_3f80_3f80_3f80) << 1;
    let (high, length) = (value >> 56, ((value | 1).ilog2() / 7 + 1) as usize);
    let mut digits = [0; MOST_NUMBER];
    digits[..8].copy_from_slice(&(low | 0x8080_8080_8080_8080).to_le_bytes());
    digits[8] = high as u8 | 0x80;
    digits[9] = (high >> 7) as u8;
    if let Some(last) = digits.get_mut(length - 1) {
        *last &= 0x7f;
    }
    (digits, length)
}

/// Where a record is written, by this crate alone. What would be beyond the end is counted, and not written.
#[derive(Debug)]
pub struct Pen<'a> {
    room: &'a mut [u8],
    at: usize,
}

impl<'a> Pen<'a> {
    #[inline]
    pub(crate) fn new(room: &'a mut [u8]) -> Self {
        Self { room, at: 0 }
    }

    /// How much was written, or would have been.
    #[inline]
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    #[inline]
    fn bytes<const N: usize>(&mut self, bytes: [u8; N]) {
        let room = self.room.get_mut(self.at..).unwrap_or_default();
        if let Some(place) = room.first_chunk_mut() {
            *place = bytes;
        }
        self.at += N;
    }

    #[inline]
    pub(crate) fn byte(&mut self, byte: u8) {
        self.bytes([byte]);
    }

    /// A number that is small most of the time.
    #[inline]
    pub(crate) fn number(&mut self, value: u64) {
        if value < 0x80 {
            self.byte(value as u8);
        } else {
            self.long_number(value);
        }
    }

    #[inline(never)]
    fn long_number(&mut self, value: u64) {
        let (digits, length) = number(value);
        let room = self.room.get_mut(self.at..).unwrap_or_default();
        // All of them, where there is room: a length that is known is copied at once.
        if let Some(place) = room.first_chunk_mut() {
            *place = digits;
        } else if let Some(place) = room.get_mut(..length) {
            place.copy_from_slice(&digits[..length]);
        }
        self.at += length;
    }

    /// A number that is rarely small, as [`whole`](crate::whole) has it.
    #[inline]
    pub(crate) fn whole(&mut self, value: u64) {
        self.bytes(value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn place(&mut self, place: Place) {
        self.bytes(place.to_bytes());
    }

    #[inline]
    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.piece(text);
    }

    /// A text whose length was written before, or a part of it.
    #[inline]
    pub(crate) fn piece(&mut self, text: &str) {
        let end = self.at + text.len();
        if let Some(place) = self.room.get_mut(self.at..end) {
            place.copy_from_slice(text.as_bytes());
        }
        self.at = end;
    }

    #[inline]
    pub(crate) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.byte(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// `false`: what was done is rare.
    pub(crate) fn did(&mut self, did: &Did<'_>) -> bool {
        match did {
            Did::Open { leg, method, uri } => {
                self.byte(0);
                self.number(u64::from(*leg));
                self.text(method);
                self.text(uri);
            }
            Did::Send { leg, method } => {
                self.byte(1);
                self.number(u64::from(*leg));
                self.text(method);
            }
            Did::Respond { leg, cseq, code } => {
                self.byte(2);
                self.number(u64::from(*leg));
                self.number(*cseq);
                self.number(u64::from(*code));
            }
            Did::Forward { leg, method, uri } => {
                self.byte(16);
                self.number(u64::from(*leg));
                self.text(method);
                self.text(uri);
            }
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length_are_written_as_serde_would() {
        for bits in 0..64 {
            for value in [1 << bits, (1_u64 << bits) - 1, u64::MAX >> bits] {
                let expected = postcard::to_allocvec(&value).unwrap();
                for room in [MOST_NUMBER, expected.len()] {
                    let mut room = vec![0; room];
                    let mut pen = Pen::new(&mut room);
                    pen.number(value);
                    let written = pen.at();
                    assert_eq!(room[..written], expected, "{value}");
                }
            }
        }
    }
}
