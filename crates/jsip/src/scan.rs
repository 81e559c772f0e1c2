//! A validating scanner over JSON text: where values begin and end, and whether they are JSON at all (RFC 8259).
//!
//! It builds nothing and does not recurse: which kind of bracket is open at each level is one bit of a word. Input is
//! UTF-8 already, so bytes from 0x80 on need no look. Keys within values are not compared; only the message's own
//! members are, by the decoder.

use crate::{Fault, Limits};

pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            position: 0,
        }
    }

    /// Returns the offset of the next byte.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    /// Steps over one byte that `peek` has shown.
    #[inline]
    pub(crate) fn advance(&mut self) {
        self.position += 1;
    }

    #[inline]
    pub(crate) fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.position += 1;
        }
    }

    /// Steps over a member's key and its colon. Returns whether the key holds escapes, and where it ends.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<(bool, usize), Fault> {
        match self.peek() {
            Some(b'"') => {}
            Some(_) => return Err(Fault::Syntax),
            None => return Err(Fault::Truncated),
        }
        let escaped = self.string()?;
        let end = self.position;
        self.skip_whitespace();
        match self.peek() {
            Some(b':') => {
                self.position += 1;
                Ok((escaped, end))
            }
            Some(_) => Err(Fault::Syntax),
            None => Err(Fault::Truncated),
        }
    }

    /// Steps over a string, whose opening quote is next. Returns whether it holds escapes.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<bool, Fault> {
        self.position = plain_end(self.bytes, self.position + 1);
        if self.peek() == Some(b'"') {
            self.position += 1;
            return Ok(false);
        }
        self.string_with_escapes()
    }

    /// Steps over the rest of a string from its first byte that is not plain.
    fn string_with_escapes(&mut self) -> Result<bool, Fault> {
        let bytes = self.bytes;
        let mut position = self.position;
        loop {
            match bytes.get(position) {
                Some(b'\\') => match bytes.get(position + 1) {
                    Some(&byte) if is_short_escape(byte) => position += 2,
                    Some(b'u') => {
                        self.position = position;
                        self.unicode_escape()?;
                        position = self.position;
                    }
                    Some(_) => return Err(Fault::InvalidEscape),
                    None => return Err(Fault::Truncated),
                },
                Some(b'"') => {
                    self.position = position + 1;
                    return Ok(true);
                }
                Some(0x20..) => position = plain_end(bytes, position + 1),
                Some(_) => return Err(Fault::ControlCharacter),
                None => return Err(Fault::Truncated),
            }
        }
    }

    /// Steps over `\uXXXX`, both halves of it where it is a surrogate pair.
    fn unicode_escape(&mut self) -> Result<(), Fault> {
        let unit = self.hex_unit()?;
        match unit {
            0xd800..=0xdbff => {
                for expected in [b'\\', b'u'] {
                    match self.bytes.get(self.position + usize::from(expected == b'u')) {
                        Some(&byte) if byte == expected => {}
                        Some(_) => return Err(Fault::LoneSurrogate),
                        None => return Err(Fault::Truncated),
                    }
                }
                match self.hex_unit()? {
                    0xdc00..=0xdfff => Ok(()),
                    _ => Err(Fault::LoneSurrogate),
                }
            }
            0xdc00..=0xdfff => Err(Fault::LoneSurrogate),
            _ => Ok(()),
        }
    }

    /// Steps over `\uXXXX`, whose backslash is next, and returns its value.
    fn hex_unit(&mut self) -> Result<u16, Fault> {
        let mut unit = 0_u16;
        for offset in 2..6 {
            let Some(&byte) = self.bytes.get(self.position + offset) else {
                return Err(Fault::Truncated);
            };
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                b'A'..=b'F' => byte - b'A' + 10,
                _ => return Err(Fault::InvalidEscape),
            };
            unit = unit << 4 | u16::from(digit);
        }
        self.position += 6;
        Ok(unit)
    }

    /// Steps over one value that nests at most `depth` deep; whitespace before it is skipped, after it is not. Returns
    /// whether it is a string that holds escapes.
    #[inline]
    pub(crate) fn value(&mut self, depth: usize) -> Result<bool, Fault> {
        self.skip_whitespace();
        match self.peek() {
            // What nearly every header holds.
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| false),
            Some(_) => self.any_value(depth.min(Limits::MAX_DEPTH)).map(|()| false),
            None => Err(Fault::Truncated),
        }
    }

    fn any_value(&mut self, max_depth: usize) -> Result<(), Fault> {
        // One bit per open bracket, the innermost lowest: set for an object.
        let mut objects = 0_u128;
        let mut depth = 0;
        loop {
            self.skip_whitespace();
            match self.peek() {
                Some(b'"') => self.string().map(drop)?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(open @ (b'{' | b'[')) => {
                    if depth == max_depth {
                        return Err(Fault::TooDeep);
                    }
                    self.position += 1;
                    self.skip_whitespace();
                    let object = open == b'{';
                    if self.peek() == Some(if object { b'}' } else { b']' }) {
                        self.position += 1;
                    } else {
                        depth += 1;
                        objects = objects << 1 | u128::from(object);
                        if object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                Some(b't') => self.word(b"true")?,
                Some(b'f') => self.word(b"false")?,
                Some(b'n') => self.word(b"null")?,
                Some(_) => return Err(Fault::Syntax),
                None => return Err(Fault::Truncated),
            }
            // A value has ended: close what it was the last of, up to the next value.
            loop {
                if depth == 0 {
                    return Ok(());
                }
                self.skip_whitespace();
                let object = objects & 1 == 1;
                match self.peek() {
                    Some(b',') => {
                        self.position += 1;
                        if object {
                            self.skip_whitespace();
                            self.key()?;
                        }
                        break;
                    }
                    Some(b'}') if object => {}
                    Some(b']') if !object => {}
                    Some(_) => return Err(Fault::Syntax),
                    None => return Err(Fault::Truncated),
                }
                self.position += 1;
                depth -= 1;
                objects >>= 1;
            }
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Fault> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        if rest.starts_with(word) {
            self.position += word.len();
            Ok(())
        } else if word.starts_with(rest) {
            Err(Fault::Truncated)
        } else {
            Err(Fault::Syntax)
        }
    }

    /// Steps over a number; its first byte, a minus or a digit, is next.
    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'-') {
            self.position += 1;
        }
        if self.peek() == Some(b'0') {
            self.position += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.position += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.position += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.position += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Steps over at least one digit.
    fn digits(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'0'..=b'9') => {}
            Some(_) => return Err(Fault::Syntax),
            None => return Err(Fault::Truncated),
        }
        while let Some(b'0'..=b'9') = self.peek() {
            self.position += 1;
        }
        Ok(())
    }
}

/// Tells whether a byte makes an escape together with the backslash before it.
#[inline]
fn is_short_escape(byte: u8) -> bool {
    // One bit per letter, so that no branch depends on which it is.
    const LETTERS: u32 = 1 << (b'b' - b'`')
        | 1 << (b'f' - b'`')
        | 1 << (b'n' - b'`')
        | 1 << (b'r' - b'`')
        | 1 << (b't' - b'`');
    matches!(byte, b'`'..=b'\x7f') && LETTERS >> (byte - b'`') & 1 == 1 || matches!(byte, b'"' | b'\\' | b'/')
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);

/// Marks the bytes of a word that are a quote, a backslash or a control character, by their high bit.
///
/// A borrow may mark a byte above a true hit as well, never one below it, so that the lowest mark is exact.
#[inline]
fn hits(word: u64) -> u64 {
    // With this bit flipped, quotes and control characters are the bytes up to 0x20, and no others are.
    let flipped = word ^ (ONES * 0x02);
    let backslash = word ^ (ONES * b'\\' as u64);
    (flipped.wrapping_sub(ONES * 0x21) | backslash.wrapping_sub(ONES)) & !word & (ONES * 0x80)
}

/// Returns the offset of the first quote, backslash or control character from `start` on, or the end.
#[inline]
pub(crate) fn plain_end(bytes: &[u8], start: usize) -> usize {
    let Some(rest) = bytes.get(start..) else {
        return bytes.len();
    };
    // Two words at a time: most names and values end within the first pair, which costs one branch then.
    let (pairs, tail) = rest.as_chunks::<16>();
    let mut position = start;
    for pair in pairs {
        let both = u128::from_le_bytes(*pair);
        let (low, high) = (hits(both as u64), hits((both >> 64) as u64));
        if low | high != 0 {
            let first = if low != 0 {
                low.trailing_zeros()
            } else {
                64 + high.trailing_zeros()
            };
            return position + (first / 8) as usize;
        }
        position += 16;
    }
    let end = tail
        .iter()
        .position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20);
    position + end.unwrap_or(tail.len())
}

/// Checks that a text is one JSON value, blanks around it aside, and returns it without them.
pub(crate) fn whole_value(text: &str, depth: usize) -> Result<&str, Fault> {
    let mut scanner = Scanner::new(text);
    let _ = scanner.value(depth)?;
    let end = scanner.position();
    scanner.skip_whitespace();
    if scanner.peek().is_some() {
        return Err(Fault::TrailingData);
    }
    Ok(text
        .get(..end)
        .unwrap_or_default()
        .trim_start_matches([' ', '\n', '\r', '\t']))
}

#[cfg(test)]
mod tests;
