//! Writing a message as JSON.

use crate::Header;
use crate::headers::{Headers, Span};

/// Copies stretches of the source in as few pieces as it can: what was not changed leaves in one go, with the
/// separators it came with.
struct Writer<'a> {
    source: &'a str,
    out: &'a mut String,
    /// The stretch of the source that is still to be copied.
    pending: (usize, usize),
}

impl Writer<'_> {
    fn flush(&mut self) {
        let (start, end) = self.pending;
        if start < end {
            self.out.push_str(self.source.get(start..end).unwrap_or_default());
        }
        self.pending = (0, 0);
    }

    /// Appends a stretch of the source, which a separator divides from what came before. `adjoins` tells that, in the
    /// source, nothing but that separator and blanks would lie between the two.
    fn source(&mut self, separator: &str, span: Span, adjoins: impl Fn(usize) -> bool) {
        let (start, end) = self.pending;
        if start < end && span.start() > end && adjoins(span.start() - end) {
            self.pending.1 = span.end();
        } else {
            self.flush();
            self.out.push_str(separator);
            self.pending = (span.start(), span.end());
        }
    }

    fn other(&mut self, separator: &str, text: &str) {
        self.flush();
        self.out.push_str(separator);
        self.out.push_str(text);
    }
}

/// The shortest text between two members that holds another one is `,"":0,`; a shorter one is a comma and blanks.
const SHORTEST_GAP_WITH_A_MEMBER: usize = 6;

impl Headers {
    /// Writes the message as one JSON object.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut out = String::new();
        self.encode_into(&mut out);
        out
    }

    /// Appends the message as one JSON object.
    pub fn encode_into(&self, out: &mut String) {
        self.write_into(out, true);
    }

    /// The same without what is in the body: its length in bytes stands in its place.
    pub fn encode_without_body_into(&self, out: &mut String) {
        self.write_into(out, false);
    }

    fn write_into(&self, out: &mut String, with_body: bool) {
        // Enough for known headers that were set: a name is at most 19 bytes long.
        let names: usize = self
            .fields
            .iter()
            .filter(|field| field.key == Span::EMPTY)
            .count()
            * 24;
        let body = if with_body {
            0
        } else {
            self.body().map_or(0, str::len)
        };
        let length = self.source.len() + self.side.len() + self.fields.len() * 2 + names + 2;
        out.reserve(length.saturating_sub(body));
        let mut writer = Writer {
            source: &self.source,
            out,
            pending: (0, 0),
        };
        let mut separator = "{";
        for field in &self.fields {
            let mut colon = ":";
            if field.key == Span::EMPTY {
                writer.other(
                    separator,
                    field.header.map_or("\"\":", |header| header.member_start()),
                );
                colon = "";
            } else if field.key.start() < self.source.len() {
                writer.source(separator, field.key, |gap| gap < SHORTEST_GAP_WITH_A_MEMBER);
            } else {
                writer.other(separator, self.resolve(field.key));
            }
            if !with_body && field.header == Some(Header::Body) {
                writer.other(colon, &field.raw.len().to_string());
            } else if field.raw.start() < self.source.len() {
                writer.source(colon, field.raw, |_| true);
            } else {
                writer.other(colon, self.resolve(field.raw));
            }
            separator = ",";
        }
        writer.flush();
        if self.fields.is_empty() {
            out.push('{');
        }
        out.push('}');
    }
}
