//! Reading a message.
//!
//! One pass of the scanner finds the members and proves the text JSON; the rules of the known headers are checked
//! afterwards, since which of them apply depends on `Type`, and keys come in any order.

use std::sync::Arc;

use crate::header::{HeaderSet, RESPONSE};
use crate::headers::{Field, Headers, Places, Span};
use crate::scan::Scanner;
use crate::{
    CSeq, DecodeError, Fault, Header, Limits, Message, Method, Request, Response, StatusCode, escape, rules,
    salvage,
};

/// A fault and the header it is in, by its decoded name.
type Refusal = (Fault, Option<String>);

impl Message {
    /// Reads a message.
    ///
    /// Copies the text once; keeps it for as long as the message lives.
    ///
    /// # Errors
    /// The first fault of the text, or of a header that applies to this kind of message (spec section 2).
    pub fn decode(text: &str, limits: &Limits) -> Result<Self, DecodeError> {
        let limits = limits.effective();
        if text.len() > limits.message_bytes {
            return Err(DecodeError::new(Fault::TooLarge, None));
        }
        read(text, limits).map_err(|(fault, name)| {
            let error = DecodeError::new(fault, name.as_deref());
            let rejection = salvage::rejection(text, &error);
            error.with_rejection(rejection)
        })
    }
}

fn read(text: &str, limits: Limits) -> Result<Message, Refusal> {
    let mut headers = Headers {
        source: Arc::default(),
        side: String::new(),
        fields: Vec::with_capacity(16),
        places: Places::default(),
        applicable: HeaderSet::EMPTY,
        cseq: CSeq::FIRST,
        changed: false,
    };
    let present = members(text, limits, &mut headers)?;
    headers.source = text.into();
    interpret(headers, present)
}

/// Finds the members of the object. Returns which known headers there are.
fn members(text: &str, limits: Limits, headers: &mut Headers) -> Result<HeaderSet, Refusal> {
    let unnamed = |fault| (fault, None);
    let mut present = HeaderSet::EMPTY;
    let mut scanner = Scanner::new(text);
    scanner.skip_whitespace();
    match scanner.peek() {
        Some(b'{') if limits.depth > 0 => scanner.advance(),
        Some(b'{') => return Err(unnamed(Fault::TooDeep)),
        Some(_) => return Err(unnamed(Fault::NotAnObject)),
        None => return Err(unnamed(Fault::Truncated)),
    }
    scanner.skip_whitespace();
    if scanner.peek() == Some(b'}') {
        scanner.advance();
    } else {
        loop {
            let key_start = scanner.position();
            let (key_escaped, key_end) = scanner.key().map_err(unnamed)?;
            let key = Span::within(key_start, key_end);
            let (header, name) = identify(text, key, key_escaped, headers);
            let named = |fault, headers: &Headers| (fault, Some(name_of(text, headers, header, name)));

            let duplicate = match header {
                Some(header) => present.contains(header),
                None => headers.fields.iter().any(|other| {
                    other.header.is_none() && other.text.len() == name.len() && {
                        look(text, headers, other.text) == look(text, headers, name)
                    }
                }),
            };
            if duplicate {
                return Err(named(Fault::Duplicate, headers));
            }
            if headers.fields.len() == limits.headers {
                return Err(named(Fault::TooManyHeaders, headers));
            }

            scanner.skip_whitespace();
            let value_start = scanner.position();
            let escaped = scanner
                .value(limits.depth - 1)
                .map_err(|fault| named(fault, headers))?;
            let raw = Span::within(value_start, scanner.position());
            let field_text = match header {
                Some(header) => {
                    present = present.with(header);
                    value_text(text, header, raw, escaped, headers)
                }
                None => name,
            };
            headers.push(Field {
                header,
                key,
                raw,
                text: field_text,
            });

            scanner.skip_whitespace();
            match scanner.peek() {
                Some(b',') => scanner.advance(),
                Some(b'}') => {
                    scanner.advance();
                    break;
                }
                Some(_) => return Err(named(Fault::Syntax, headers)),
                None => return Err(named(Fault::Truncated, headers)),
            }
            scanner.skip_whitespace();
        }
    }
    scanner.skip_whitespace();
    if scanner.peek().is_some() {
        Err(unnamed(Fault::TrailingData))
    } else {
        Ok(present)
    }
}

/// Resolves a span while the source is not yet kept with the headers.
fn look<'a>(text: &'a str, headers: &'a Headers, span: Span) -> &'a str {
    if span.start() < text.len() {
        text.get(span.start()..span.end()).unwrap_or_default()
    } else {
        headers
            .side
            .get(span.start() - text.len()..span.end() - text.len())
            .unwrap_or_default()
    }
}

/// Appends the text that stands with escapes in `inner` and returns where it is.
fn unescape(text: &str, inner: Span, headers: &mut Headers) -> Span {
    let start = text.len() + headers.side.len();
    escape::push_unescaped(
        &mut headers.side,
        text.get(inner.start()..inner.end()).unwrap_or_default(),
    );
    Span::new(start, text.len() + headers.side.len())
}

/// Returns the header a key names, and where the name stands without escapes.
fn identify(text: &str, key: Span, escaped: bool, headers: &mut Headers) -> (Option<Header>, Span) {
    let inner = key.inside_quotes();
    let name = if escaped {
        unescape(text, inner, headers)
    } else {
        inner
    };
    (Header::from_wire(look(text, headers, name)), name)
}

fn name_of(text: &str, headers: &Headers, header: Option<Header>, name: Span) -> String {
    match header {
        Some(header) => header.as_str().to_owned(),
        None => look(text, headers, name).to_owned(),
    }
}

/// Returns where the text of a known header's value stands: see [`Field::text`].
fn value_text(text: &str, header: Header, raw: Span, escaped: bool, headers: &mut Headers) -> Span {
    if header == Header::Body || text.as_bytes().get(raw.start()) != Some(&b'"') {
        raw
    } else if escaped {
        unescape(text, raw.inside_quotes(), headers)
    } else {
        raw.inside_quotes()
    }
}

/// Finds out what kind of message the members make, and holds the headers to their rules.
fn interpret(mut headers: Headers, present: HeaderSet) -> Result<Message, Refusal> {
    let at = |header: Header, fault| (fault, Some(header.as_str().to_owned()));
    let Some(field) = headers.field(Header::Type) else {
        return Err(at(Header::Type, Fault::Missing));
    };
    let word = headers.resolve(field.text);
    rules::check(Header::Type, headers.resolve(field.raw), word).map_err(|fault| at(Header::Type, fault))?;
    let method = if word == RESPONSE {
        None
    } else {
        Some(Method::from_wire(word).ok_or_else(|| at(Header::Type, Fault::UnknownMethod))?)
    };
    headers.applicable = method.map_or(HeaderSet::RESPONSE, HeaderSet::of_request);

    let mut code = StatusCode::OK;
    for field in &headers.fields {
        let Some(header) = field.header.filter(|&header| headers.applicable.contains(header)) else {
            continue;
        };
        let raw = headers.resolve(field.raw);
        let checked = match header {
            Header::CSeq => rules::sequence(raw).map(|cseq| headers.cseq = cseq),
            Header::Code => rules::code(raw).map(|read| code = read),
            _ => rules::check(header, raw, headers.resolve(field.text)),
        };
        checked.map_err(|fault| at(header, fault))?;
    }
    if let Some(missing) = HeaderSet::REQUIRED.and(headers.applicable).first_not_in(present) {
        return Err(at(missing, Fault::Missing));
    }
    Ok(match method {
        Some(method) => Message::Request(Request::from_parts(headers, method)),
        None => Message::Response(Response::from_parts(headers, code)),
    })
}
