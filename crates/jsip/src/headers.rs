//! The headers of a message as they are kept: the text they came in, and what was set since.

use std::fmt;
use std::sync::Arc;

use crate::header::HeaderSet;
use crate::{CSeq, Header, escape, rules};

mod accessors;

/// A stretch of a message's text: of the source, or, from the source's length on, of what was set since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// # Panics
    /// Beyond 4 GiB. Decoded text is bounded by [`Limits::MAX_MESSAGE_BYTES`](crate::Limits::MAX_MESSAGE_BYTES); only values set locally get there.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let offset = |offset| u32::try_from(offset).expect("a message stays below 4 GiB");
        Self {
            start: offset(start),
            end: offset(end),
        }
    }

    /// Makes the span of a text below [`Limits::MAX_MESSAGE_BYTES`](crate::Limits::MAX_MESSAGE_BYTES).
    #[inline]
    pub(crate) fn within(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    pub(crate) fn start(self) -> usize {
        self.start as usize
    }

    pub(crate) fn end(self) -> usize {
        self.end as usize
    }

    pub(crate) fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Returns the span without `lead`, with which it begins.
    fn behind(self, lead: &str) -> Self {
        Self {
            start: self.start + lead.len() as u32,
            end: self.end,
        }
    }

    /// Returns the span without its first and last byte: a string's inside.
    pub(crate) fn inside_quotes(self) -> Self {
        Self {
            start: self.start + 1,
            end: self.end - 1,
        }
    }
}

/// One member of the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// Which header it is; `None` for one we do not know.
    pub(crate) header: Option<Header>,
    /// The key with its quotes, as it came or was set here.
    pub(crate) key: Span,
    /// The value as it is on the wire.
    pub(crate) raw: Span,
    /// What accessors return. A known header: the text of a string, otherwise the raw value. An unknown header: its
    /// name.
    pub(crate) text: Span,
}

/// Where each known header stands among the members of a message: with dozens of looks at each message, a search for each is
/// dear.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Places([u8; Header::ALL.len()]);

impl Places {
    /// For what stands too far behind to be told.
    const FAR: u8 = u8::MAX;

    #[inline]
    fn of(self, header: Header, fields: &[Field]) -> Option<usize> {
        match self.0[header as usize] {
            0 => None,
            Self::FAR => fields.iter().position(|field| field.header == Some(header)),
            place => Some(usize::from(place) - 1),
        }
    }

    #[inline]
    fn set(&mut self, header: Header, index: usize) {
        self.0[header as usize] = u8::try_from(index + 1).unwrap_or(Self::FAR);
    }
}

/// The headers of a [`Request`](crate::Request) or [`Response`](crate::Response), in their order.
///
/// Headers that were not changed are written as they came, byte for byte. Setting a header that is there leaves it in
/// its place; a new one goes to the end. Accessors of strings give the text, without JSON's escapes.
///
/// A message holds its source text for as long as it lives (shared by its clones), and 28 bytes per header.
#[derive(Clone)]
pub struct Headers {
    pub(crate) source: Arc<str>,
    /// Values that were set, and the texts of strings that came with escapes.
    pub(crate) side: String,
    pub(crate) fields: Vec<Field>,
    /// Where in `fields` each known header is.
    pub(crate) places: Places,
    /// The headers that have a meaning in this kind of message.
    pub(crate) applicable: HeaderSet,
    pub(crate) cseq: CSeq,
    /// Whether it says something else than the source.
    pub(crate) changed: bool,
}

impl Headers {
    pub(crate) fn empty(applicable: HeaderSet) -> Self {
        Self {
            source: Arc::default(),
            side: String::with_capacity(256),
            fields: Vec::with_capacity(12),
            places: Places::default(),
            applicable,
            cseq: CSeq::FIRST,
            changed: true,
        }
    }

    #[inline]
    pub(crate) fn resolve(&self, span: Span) -> &str {
        let (text, base) = if span.start() < self.source.len() {
            (&*self.source, 0)
        } else {
            (&*self.side, self.source.len())
        };
        text.get(span.start().wrapping_sub(base)..span.end().wrapping_sub(base))
            .unwrap_or_default()
    }

    #[inline]
    pub(crate) fn field(&self, header: Header) -> Option<&Field> {
        self.fields.get(self.places.of(header, &self.fields)?)
    }

    /// Adds a member; a known one must not be there yet.
    #[inline]
    pub(crate) fn push(&mut self, field: Field) {
        if let Some(header) = field.header {
            self.places.set(header, self.fields.len());
        }
        self.fields.push(field);
    }

    /// Drops the members that do not satisfy `stays`.
    pub(crate) fn retain(&mut self, mut stays: impl FnMut(&Self, &Field) -> bool) {
        self.changed = true;
        let mut fields = std::mem::take(&mut self.fields);
        fields.retain(|field| stays(self, field));
        self.fields = fields;
        self.places = Places::default();
        for (index, field) in self.fields.iter().enumerate() {
            if let Some(header) = field.header {
                self.places.set(header, index);
            }
        }
    }

    /// Returns the text of a header that is a string.
    pub(crate) fn text(&self, header: Header) -> Option<&str> {
        // A string's text is not its raw value: it has no quotes.
        let field = self.field(header).filter(|field| field.text != field.raw)?;
        Some(self.resolve(field.text))
    }

    /// Returns the value of a header that is an integer from 0; one beyond `u64` reads as the largest.
    pub(crate) fn integer(&self, header: Header) -> Option<u64> {
        rules::integer(self.resolve(self.field(header)?.raw)).ok()
    }

    /// Drops replaced values before a value of about `bytes` is stored, where that is cheaper than growing for it. So
    /// the side text stays within a few times of what it holds, however often a header is set.
    ///
    /// Spans held outside `fields` do not survive this: it is for the beginning of an operation.
    fn tidy(&mut self, bytes: usize) {
        const WORTHWHILE: usize = 1024;
        if self.side.len() < WORTHWHILE || self.side.capacity() - self.side.len() > bytes {
            return;
        }
        let base = self.source.len();
        let spans = |field: &Field| {
            [field.key, field.raw, field.text].map(|span| if span.start() < base { 0 } else { span.len() })
        };
        // Raw value and text may share bytes and then count twice: that only puts the clearing off.
        let live: usize = self.fields.iter().flat_map(spans).sum();
        if live >= self.side.len() / 2 {
            return;
        }
        let mut fields = std::mem::take(&mut self.fields);
        let mut side = String::with_capacity(live + fields.len() * 2 + bytes);
        for field in &mut fields {
            // With what divides them on the wire: `encode` copies in one go what stands as it does there.
            for (before, span) in [
                (",", &mut field.key),
                (":", &mut field.raw),
                ("", &mut field.text),
            ] {
                if span.start() >= base {
                    side.push_str(before);
                    let start = base + side.len();
                    side.push_str(self.resolve(*span));
                    *span = Span::new(start, base + side.len());
                }
            }
        }
        self.side = side;
        self.fields = fields;
    }

    /// Appends to the side text and returns where it stands.
    fn store(&mut self, parts: &[&str]) -> Span {
        const FIRST: usize = 128;
        let length: usize = parts.iter().map(|part| part.len()).sum();
        self.side.reserve(if self.side.is_empty() {
            length.max(FIRST)
        } else {
            length
        });
        self.changed = true;
        let start = self.source.len() + self.side.len();
        for part in parts {
            self.side.push_str(part);
        }
        Span::new(start, self.source.len() + self.side.len())
    }

    /// Stores a text as a JSON string, behind `lead`. Returns the raw value and the text.
    fn store_text(&mut self, lead: &str, text: &str) -> (Span, Span) {
        if !escape::needs_escape(text) {
            let raw = self.store(&[lead, "\"", text, "\""]).behind(lead);
            return (raw, raw.inside_quotes());
        }
        let mut raw = String::with_capacity(text.len() * 2 + 2);
        raw.push('"');
        escape::push_escaped(&mut raw, text);
        raw.push('"');
        let length = raw.len();
        let both = self.store(&[lead, &raw, text]).behind(lead);
        let middle = both.start() + length;
        (Span::new(both.start(), middle), Span::new(middle, both.end()))
    }

    /// What stands before the value of a header on the wire, to be stored with it; nothing for one that is there.
    fn lead(&self, header: Header) -> &'static str {
        if self.has(header) {
            ""
        } else {
            header.member_lead()
        }
    }

    /// Stores the text of a string that stands with escapes in `inner`.
    pub(crate) fn store_unescaped(&mut self, inner: Span) -> Span {
        let mut text = String::with_capacity(inner.len());
        escape::push_unescaped(&mut text, self.resolve(inner));
        self.store(&[&text])
    }

    /// Returns the text span for a valid raw value of a known header.
    pub(crate) fn text_of(&mut self, header: Header, raw: Span) -> Span {
        let value = self.resolve(raw);
        if header == Header::Body || !value.starts_with('"') {
            raw
        } else if value.contains('\\') {
            self.store_unescaped(raw.inside_quotes())
        } else {
            raw.inside_quotes()
        }
    }

    /// Gives a header a value that was stored behind its [`lead`](Self::lead).
    fn put(&mut self, header: Header, raw: Span, text: Span) {
        let place = self.places.of(header, &self.fields);
        match place.and_then(|place| self.fields.get_mut(place)) {
            Some(field) => {
                field.raw = raw;
                field.text = text;
            }
            None => self.push(Field {
                header: Some(header),
                // Between the comma and the colon.
                key: Span::new(raw.start() + 1 - header.member_lead().len(), raw.start() - 1),
                raw,
                text,
            }),
        }
    }

    pub(crate) fn put_text(&mut self, header: Header, value: &str) {
        let lead = self.lead(header);
        self.tidy(lead.len() + value.len() + 2);
        let (raw, text) = self.store_text(lead, value);
        self.put(header, raw, text);
    }

    pub(crate) fn put_integer(&mut self, header: Header, value: u64) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(value);
        let lead = self.lead(header);
        self.tidy(lead.len() + digits.len());
        let raw = self.store(&[lead, digits]).behind(lead);
        self.put(header, raw, raw);
    }

    /// Takes a header over from another message as it is on the wire, or removes it where the other has none.
    pub(crate) fn copy(&mut self, other: &Self, header: Header) {
        let Some(field) = other.field(header) else {
            self.retain(|_, field| field.header != Some(header));
            return;
        };
        let lead = self.lead(header);
        self.tidy(lead.len() + field.raw.len() + field.text.len());
        let raw = self.store(&[lead, other.resolve(field.raw)]).behind(lead);
        let text = if field.text == field.raw {
            raw
        } else if field.text == field.raw.inside_quotes() {
            raw.inside_quotes()
        } else {
            self.store(&[other.resolve(field.text)])
        };
        self.put(header, raw, text);
    }

    fn is_extension(&self, field: &Field) -> bool {
        field
            .header
            .is_none_or(|header| !self.applicable.contains(header))
    }

    fn name(&self, field: &Field) -> &str {
        match field.header {
            Some(header) => header.as_str(),
            None => self.resolve(field.text),
        }
    }
}

impl PartialEq for Headers {
    /// Compares names and JSON values in their order; where they are kept makes no difference.
    fn eq(&self, other: &Self) -> bool {
        self.fields.len() == other.fields.len()
            && self.fields.iter().zip(&other.fields).all(|(mine, theirs)| {
                self.name(mine) == other.name(theirs) && self.resolve(mine.raw) == other.resolve(theirs.raw)
            })
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.encode())
    }
}
