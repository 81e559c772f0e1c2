//! Strings into JSON and back.

use crate::scan;

/// A text as a JSON string, quotes and all: for whoever writes a Body by hand.
///
/// ```
/// assert_eq!(jsip::json_string("say \"hi\""), r#""say \"hi\"""#);
/// ```
#[must_use]
pub fn json_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    push_escaped(&mut out, text);
    out.push('"');
    out
}

/// Tells whether a text must be escaped to stand in a JSON string.
pub(crate) fn needs_escape(text: &str) -> bool {
    scan::plain_end(text.as_bytes(), 0) < text.len()
}

/// Appends a text as it stands between the quotes of a JSON string.
pub(crate) fn push_escaped(out: &mut String, text: &str) {
    let mut plain = 0;
    for (index, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            0x08 => "\\b",
            0x09 => "\\t",
            0x0a => "\\n",
            0x0c => "\\f",
            0x0d => "\\r",
            0x00..0x20 => "",
            _ => continue,
        };
        out.push_str(text.get(plain..index).unwrap_or_default());
        plain = index + 1;
        if short.is_empty() {
            const HEX: [char; 16] = [
                '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
            ];
            out.push_str("\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 0xf)]);
        } else {
            out.push_str(short);
        }
    }
    out.push_str(text.get(plain..).unwrap_or_default());
}

/// Appends what stands between the quotes of a valid JSON string as the text it means.
///
/// The scanner has been over the input; what it would refuse becomes U+FFFD here.
pub(crate) fn push_unescaped(out: &mut String, inner: &str) {
    let mut rest = inner;
    while let Some(index) = rest.find('\\') {
        let (plain, escape) = rest.split_at(index);
        out.push_str(plain);
        let (character, length) = match escape.as_bytes().get(1) {
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'u') => unicode(escape),
            Some(&byte @ (b'"' | b'\\' | b'/')) => (char::from(byte), 2),
            Some(_) | None => (char::REPLACEMENT_CHARACTER, 1),
        };
        out.push(character);
        rest = escape.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
}

/// Reads the character of `\uXXXX` or of a surrogate pair, and how long that is.
fn unicode(escape: &str) -> (char, usize) {
    let unit = |start| {
        escape
            .get(start..start + 4)
            .and_then(|digits| u16::from_str_radix(digits, 16).ok())
    };
    let units = [unit(2), unit(8)].map(Option::unwrap_or_default);
    match char::decode_utf16(units).next() {
        Some(Ok(character)) => (character, character.len_utf16() * 6),
        Some(Err(_)) | None => (char::REPLACEMENT_CHARACTER, 6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn escaped(text: &str) -> String {
        let mut out = String::new();
        push_escaped(&mut out, text);
        assert_eq!(needs_escape(text), out != text);
        out
    }

    #[track_caller]
    fn unescaped(inner: &str) -> String {
        let mut out = String::new();
        push_unescaped(&mut out, inner);
        out
    }

    #[test]
    fn only_what_must_be_is_escaped() {
        assert_eq!(escaped("plain é😀/\u{7f}"), "plain é😀/\u{7f}");
        assert_eq!(
            escaped("\"\\\u{8}\t\n\u{c}\r\u{0}\u{1f}x"),
            r#"\"\\\b\t\n\f\r\u0000\u001fx"#
        );
    }

    #[test]
    fn every_escape_is_understood() {
        assert_eq!(unescaped(r#"a\"\\\/\b\f\n\r\tz"#), "a\"\\/\u{8}\u{c}\n\r\tz");
        assert_eq!(unescaped(r"\u0041\u00e9\uD83D\ude00\u0000!"), "Aé😀\0!");
        assert_eq!(unescaped(r"\\u0041"), r"\u0041");
    }

    #[test]
    fn invalid_input_does_no_harm() {
        for inner in [
            "\\",
            "\\u",
            "\\u12",
            "\\ud800",
            "\\ud800\\",
            "\\udc00x",
            "\\é",
            "\\u12é",
        ] {
            unescaped(inner);
        }
    }
}
