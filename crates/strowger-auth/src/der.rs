//! As much of DER as a public key takes.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OBJECT: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;

/// Takes one value with this tag off the front.
pub(crate) fn take<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (&found, rest) = input.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 => {
            let (&length, rest) = rest.split_first()?;
            (usize::from(length), rest)
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        // No key is that long.
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    if found != tag {
        return None;
    }
    *input = rest;
    Some(value)
}

/// Takes a value that nothing follows.
pub(crate) fn only(mut input: &[u8], tag: u8) -> Option<&[u8]> {
    take(&mut input, tag).filter(|_| input.is_empty())
}

/// A positive integer without the zero in front that keeps it positive.
pub(crate) fn positive(value: &[u8]) -> Option<&[u8]> {
    match value {
        [0, rest @ ..] if !rest.is_empty() => Some(rest),
        [first, ..] if *first < 0x80 => Some(value),
        _ => None,
    }
}
