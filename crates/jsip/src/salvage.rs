//! Reading what is left of a message that could not be decoded, to answer it.
//!
//! This pass is lenient and only about structure: it counts brackets of any kind, steps over strings, and so gets past
//! whatever is wrong within a value to the headers behind it. What it returns as a header's value is checked in full.

use crate::scan;
use crate::{
    CSeq, DecodeError, DialogId, Fault, Header, Method, Response, StatusCode, escape, header::RESPONSE, rules,
};

/// Returns the response to a message that is refused for `error`, where it is a request that can be answered.
pub(crate) fn rejection(text: &str, error: &DecodeError) -> Option<Response> {
    let found = Found::search(text);
    let word = string(found.method?)?;
    let code = match Method::from_wire(&word) {
        // Nobody answers an ACK (spec section 4).
        Some(Method::Ack) => return None,
        Some(_) => StatusCode::BAD_REQUEST,
        None if word.is_empty() || word == RESPONSE => return None,
        None if error.kind() == Fault::UnknownMethod => StatusCode::NOT_IMPLEMENTED,
        None => StatusCode::BAD_REQUEST,
    };
    let dialog_id = string(found.dialog_id?)?;
    DialogId::check(&dialog_id).ok()?;
    let cseq = cseq(found.cseq?)?;
    let name = |raw: Option<&str>| {
        raw.and_then(string)
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "unknown".to_owned())
    };
    let mut response = Response::rejecting(code, &name(found.from), &name(found.to), &dialog_id, cseq);
    response.set_reason(&error.to_string());
    Some(response)
}

fn string(raw: &str) -> Option<String> {
    let value = scan::whole_value(raw, 0).ok()?;
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::with_capacity(inner.len());
    escape::push_unescaped(&mut text, inner);
    Some(text)
}

fn cseq(raw: &str) -> Option<CSeq> {
    rules::sequence(scan::whole_value(raw, 0).ok()?).ok()
}

/// The values of the headers a rejection needs, not yet checked. Where one is there twice, the first counts.
#[derive(Default)]
struct Found<'a> {
    method: Option<&'a str>,
    dialog_id: Option<&'a str>,
    cseq: Option<&'a str>,
    from: Option<&'a str>,
    to: Option<&'a str>,
}

impl<'a> Found<'a> {
    fn search(text: &'a str) -> Self {
        let mut found = Self::default();
        let Some(start) = text.find('{') else { return found };
        let mut position = start + 1;
        // Each round is one member, whatever it looks like: up to a comma of the outermost level, or the end.
        loop {
            let member = text.get(position..).unwrap_or_default();
            let (colon, end) = extent(member.as_bytes());
            if let Some(colon) = colon {
                let (key, value) = (member.get(..colon), member.get(colon + 1..end));
                if let (Some(key), Some(value)) = (key.and_then(string), value) {
                    found.take(&key, value);
                }
            }
            if member.as_bytes().get(end) != Some(&b',') {
                return found;
            }
            position += end + 1;
        }
    }

    fn take(&mut self, key: &str, value: &'a str) {
        let slot = match Header::from_wire(key) {
            Some(Header::Type) => &mut self.method,
            Some(Header::DialogId) => &mut self.dialog_id,
            Some(Header::CSeq) => &mut self.cseq,
            Some(Header::From) => &mut self.from,
            Some(Header::To) => &mut self.to,
            _ => return,
        };
        slot.get_or_insert(value);
    }
}

/// Returns where the first colon and the end of a member are: its comma, the bracket that closes the message, or the
/// end of the text.
fn extent(bytes: &[u8]) -> (Option<usize>, usize) {
    let (mut colon, mut depth, mut position) = (None, 0_usize, 0);
    while let Some(&byte) = bytes.get(position) {
        match byte {
            b'"' => {
                position = string_end(bytes, position);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b',' | b'}' | b']' if depth == 0 => break,
            b'}' | b']' => depth -= 1,
            b':' if colon.is_none() => colon = Some(position),
            _ => {}
        }
        position += 1;
    }
    (colon, position.min(bytes.len()))
}

/// Returns the offset behind a string, whatever it holds.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut position = start + 1;
    while let Some(&byte) = bytes.get(position) {
        match byte {
            b'"' => return position + 1,
            b'\\' => position += 2,
            _ => position += 1,
        }
    }
    bytes.len()
}
