//! Lists in parts, across the shards of a node.

use std::fmt;
use std::str::FromStr;

/// Where a list goes on. Its text form is hexadecimal: shard and place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The shard.
    pub shard: u16,
    /// The first place on it that was not looked at yet.
    pub index: u32,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{:x}", self.shard, self.index)
    }
}

/// A text that is no place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no place in a list")]
pub struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let read = || {
            let (shard, index) = text.split_once('.')?;
            let cursor = Self {
                shard: u16::from_str_radix(shard, 16).ok()?,
                index: u32::from_str_radix(index, 16).ok()?,
            };
            // One text for one place: no signs, no capitals, no zeros in front.
            (cursor.to_string() == text).then_some(cursor)
        };
        read().ok_or(CursorError)
    }
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is in it, in the order of places.
    pub items: Vec<T>,
    /// Where the list goes on; `None` behind its end. A page may have fewer items than asked for, even none, and go on.
    pub next: Option<Cursor>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            next: None,
        }
    }
}

impl<T> Page<T> {
    /// What a table of one shard gave, and the place in it to go on from.
    pub(super) fn of(shard: u16, (items, next): (Vec<T>, Option<usize>)) -> Self {
        let next = next.map(|index| Cursor {
            shard,
            index: index as u32,
        });
        Self { items, next }
    }

    /// The same with other items.
    pub(crate) fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(change).collect(),
            next: self.next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_has_one_form() {
        let cursor = Cursor {
            shard: 16,
            index: 255,
        };
        assert_eq!("10.ff".parse(), Ok(cursor));
        for bad in ["", "1", "1.", ".1", "1.1.1", "01.1", "1.-1"] {
            assert_eq!(bad.parse::<Cursor>(), Err(CursorError), "{bad}");
        }
    }
}
