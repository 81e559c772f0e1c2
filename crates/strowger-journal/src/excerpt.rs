//! A message that is written down without its body.

use std::borrow::Cow;
use std::ops::Range;

use crate::pen::Pen;

/// A message, and which bytes of it, its body, are left out: how many they are stands in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt<'a> {
    text: &'a str,
    left_out: Range<usize>,
}

impl<'a> Excerpt<'a> {
    /// All of a message.
    #[inline]
    pub const fn whole(text: &'a str) -> Self {
        Self::without(text, 0..0)
    }

    /// A message without these bytes; where there are none, or they are no part of the text, it is whole.
    #[inline]
    pub const fn without(text: &'a str, left_out: Range<usize>) -> Self {
        Self { text, left_out }
    }

    /// What stands before that which is left out, how many bytes that are, and what stands behind it.
    #[inline]
    fn parts(&self) -> Option<(&'a str, usize, &'a str)> {
        let Range { start, end } = self.left_out;
        let (before, behind) = (self.text.get(..start)?, self.text.get(end..)?);
        (start < end).then(|| (before, end - start, behind))
    }

    /// The text.
    pub fn to_text(&self) -> Cow<'a, str> {
        match self.parts() {
            Some((before, left_out, behind)) => Cow::Owned(format!("{before}{left_out}{behind}")),
            None => Cow::Borrowed(self.text),
        }
    }

    #[inline]
    pub(crate) fn write(&self, pen: &mut Pen<'_>) {
        let Some((before, left_out, behind)) = self.parts() else {
            return pen.text(self.text);
        };
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(left_out);
        pen.number((before.len() + digits.len() + behind.len()) as u64);
        pen.piece(before);
        pen.piece(digits);
        pen.piece(behind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_body_stands_in_its_place() {
        let text = r#"{"Body":"x","To":"é"}"#;
        assert_eq!(Excerpt::without(text, 8..11).to_text(), r#"{"Body":3,"To":"é"}"#);
        for whole in [Excerpt::whole(text), Excerpt::without(text, 8..8)] {
            assert_eq!(whole.to_text(), text);
        }
        // Beyond the end, and within a character.
        for left_out in [8..400, 400..401, 8..19] {
            assert_eq!(Excerpt::without(text, left_out).to_text(), text);
        }
    }
}
