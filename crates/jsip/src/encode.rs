//! Writing a message as JSON.

use std::ops::Range;

use crate::Header;
use crate::headers::{Headers, Span};

/// Copies stretches of the source, and of what was set since, in as few pieces as it can: what stands as it does on the wire
/// leaves in one go, with the separators it came with.
struct Writer<'a> {
    headers: &'a Headers,
    out: &'a mut String,
    /// The stretch that is still to be copied.
    pending: (usize, usize),
}

impl Writer<'_> {
    /// How long what was appended is once what is pending is there too.
    fn len(&self) -> usize {
        self.out.len() + (self.pending.1 - self.pending.0)
    }

    fn flush(&mut self) {
        let (start, end) = std::mem::take(&mut self.pending);
        if start < end {
            self.out.push_str(self.headers.resolve(Span::new(start, end)));
        }
    }

    /// Appends a stretch, which a separator divides from what came before. `adjoins` tells that, in the source, nothing
    /// but that separator and blanks would lie between the two.
    #[inline]
    fn stretch(&mut self, separator: &str, span: Span, adjoins: impl Fn(usize) -> bool) {
        let base = self.headers.source.len();
        let (start, end) = self.pending;
        let goes_on = if start >= end || span.start() <= end {
            false
        } else if span.start() < base {
            adjoins(span.start() - end)
        } else {
            start >= base
                && span.start() == end + 1
                && self.headers.side.as_bytes().get(end - base) == separator.as_bytes().first()
        };
        if goes_on {
            self.pending.1 = span.end();
        } else {
            self.flush();
            self.out.push_str(separator);
            self.pending = (span.start(), span.end());
        }
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

    /// Appends the message as one JSON object. Returns where in `out` the value of the body stands; empty if there is none.
    pub fn encode_into(&self, out: &mut String) -> Range<usize> {
        self.write_into(out, true)
    }

    /// The text of a message that was decoded and not changed, with the blanks around it, and where in it the value of the
    /// body stands; empty if there is none. `None`: it was changed, or never decoded.
    pub fn as_decoded(&self) -> Option<(&str, Range<usize>)> {
        if self.changed {
            return None;
        }
        let body = self.field(Header::Body);
        let place = body.map_or(0..0, |body| body.raw.start()..body.raw.end());
        Some((&self.source, place))
    }

    /// The same as [`encode_into`](Self::encode_into) without what is in the body: its length in bytes stands in its place.
    pub fn encode_without_body_into(&self, out: &mut String) {
        let _ = self.write_into(out, false);
    }

    fn write_into(&self, out: &mut String, with_body: bool) -> Range<usize> {
        let body = if with_body {
            0
        } else {
            self.body().map_or(0, str::len)
        };
        let length = self.source.len() + self.side.len() + self.fields.len() * 2 + 2;
        out.reserve(length.saturating_sub(body));
        let mut writer = Writer {
            headers: self,
            out,
            pending: (0, 0),
        };
        let (mut separator, mut place) = ("{", 0..0);
        for field in &self.fields {
            writer.stretch(separator, field.key, |gap| gap < SHORTEST_GAP_WITH_A_MEMBER);
            if field.header != Some(Header::Body) {
                writer.stretch(":", field.raw, |_| true);
            } else if with_body {
                writer.stretch(":", field.raw, |_| true);
                place = writer.len() - field.raw.len()..writer.len();
            } else {
                writer.flush();
                writer.out.push(':');
                writer.out.push_str(itoa::Buffer::new().format(field.raw.len()));
            }
            separator = ",";
        }
        writer.flush();
        if self.fields.is_empty() {
            out.push('{');
        }
        out.push('}');
        place
    }
}
