//! Numbers that are rarely small: names of channels and messages, and seeds. They are eight bytes in the compact form, which
//! are written in one step, where a number that may be short takes several; people read them as numbers.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// For `#[serde(with = "whole")]`.
pub(crate) fn serialize<T: Wholes, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.to_wholes().serialize(serializer)
}

pub(crate) fn deserialize<'de, T: Wholes, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::Written::deserialize(deserializer).map(T::from_wholes)
}

/// What consists of such numbers.
pub(crate) trait Wholes: Copy {
    /// The same, of [`Whole`].
    type Written: Serialize + for<'de> Deserialize<'de>;

    fn to_wholes(self) -> Self::Written;
    fn from_wholes(written: Self::Written) -> Self;
}

/// One of them.
#[derive(Clone, Copy)]
pub(crate) struct Whole(u64);

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_u64(self.0)
        } else {
            self.0.to_le_bytes().serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            u64::deserialize(deserializer).map(Self)
        } else {
            <[u8; 8]>::deserialize(deserializer).map(|bytes| Self(u64::from_le_bytes(bytes)))
        }
    }
}

impl Wholes for u64 {
    type Written = Whole;

    fn to_wholes(self) -> Whole {
        Whole(self)
    }

    fn from_wholes(written: Whole) -> Self {
        written.0
    }
}

impl Wholes for [u64; 2] {
    type Written = [Whole; 2];

    fn to_wholes(self) -> [Whole; 2] {
        self.map(Whole)
    }

    fn from_wholes(written: [Whole; 2]) -> Self {
        written.map(|whole| whole.0)
    }
}

impl Wholes for Option<u64> {
    type Written = Option<Whole>;

    fn to_wholes(self) -> Option<Whole> {
        self.map(Whole)
    }

    fn from_wholes(written: Option<Whole>) -> Self {
        written.map(|whole| whole.0)
    }
}

impl Wholes for Option<(u64, bool)> {
    type Written = Option<(Whole, bool)>;

    fn to_wholes(self) -> Option<(Whole, bool)> {
        self.map(|(number, also)| (Whole(number), also))
    }

    fn from_wholes(written: Option<(Whole, bool)>) -> Self {
        written.map(|(whole, also)| (whole.0, also))
    }
}
