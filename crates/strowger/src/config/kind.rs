//! The kinds of values a key can have: how each is read, written and described.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::Secret;
use super::units::{parse_duration, parse_size, show_duration, show_size};

/// How values of type `T` stand in a file.
pub(super) trait Kind<T>: Sync {
    /// Reads a value, or gives back where the refused part of it stands.
    fn read(&self, value: &Spanned<DeValue<'_>>) -> Result<T, Range<usize>>;
    /// The value as TOML; `None` if there is none.
    fn write(&self, value: &T) -> Option<String>;
    /// What is allowed, to be read after "it must be".
    fn allowed(&self) -> String;
    /// A value worth showing where there is no default.
    fn example(&self) -> &'static str {
        ""
    }
    /// Whether a refused value may be repeated in an error.
    fn is_secret(&self) -> bool {
        false
    }
}

/// A duration between two bounds, both allowed.
pub(super) struct Durations(pub(super) Duration, pub(super) Duration);

impl Kind<Duration> for Durations {
    fn read(&self, value: &Spanned<DeValue<'_>>) -> Result<Duration, Range<usize>> {
        let duration = value.get_ref().as_str().and_then(parse_duration);
        duration
            .filter(|duration| (self.0..=self.1).contains(duration))
            .ok_or_else(|| value.span())
    }

    fn write(&self, value: &Duration) -> Option<String> {
        Some(quoted(&show_duration(*value)))
    }

    fn allowed(&self) -> String {
        format!(
            "a duration from \"{}\" to \"{}\"",
            show_duration(self.0),
            show_duration(self.1)
        )
    }
}

/// A number of bytes between two bounds, both allowed.
pub(super) struct Sizes(pub(super) usize, pub(super) usize);

impl Kind<usize> for Sizes {
    fn read(&self, value: &Spanned<DeValue<'_>>) -> Result<usize, Range<usize>> {
        let size = value
            .get_ref()
            .as_str()
            .map_or_else(|| integer(value), parse_size);
        size.filter(|size| (self.0..=self.1).contains(size))
            .ok_or_else(|| value.span())
    }

    fn write(&self, value: &usize) -> Option<String> {
        Some(quoted(&show_size(*value)))
    }

    fn allowed(&self) -> String {
        format!(
            "a size from \"{}\" to \"{}\", or a number of bytes",
            show_size(self.0),
            show_size(self.1)
        )
    }
}

/// A whole number between two bounds, both allowed.
pub(super) struct Counts(pub(super) usize, pub(super) usize);

impl Kind<usize> for Counts {
    fn read(&self, value: &Spanned<DeValue<'_>>) -> Result<usize, Range<usize>> {
        integer(value)
            .filter(|count| (self.0..=self.1).contains(count))
            .ok_or_else(|| value.span())
    }

    fn write(&self, value: &usize) -> Option<String> {
        Some(value.to_string())
    }

    fn allowed(&self) -> String {
        format!("a whole number from {} to {}", self.0, self.1)
    }
}

/// One of a few words.
pub(super) struct Choice<T: 'static>(pub(super) &'static [(&'static str, T)]);

impl<T: Copy + PartialEq + Sync> Kind<T> for Choice<T> {
    fn read(&self, value: &Spanned<DeValue<'_>>) -> Result<T, Range<usize>> {
        let choice = self
            .0
            .iter()
            .find(|(word, _)| value.get_ref().as_str() == Some(word));
        choice.map(|(_, choice)| *choice).ok_or_else(|| value.span())
    }

    fn write(&self, value: &T) -> Option<String> {
        self.0
            .iter()
            .find(|(_, choice)| choice == value)
            .map(|(word, _)| quoted(word))
    }

    fn allowed(&self) -> String {
        let words: Vec<_> = self.0.iter().map(|(word, _)| quoted(word)).collect();
        format!("one of {}", words.join(", "))
    }
}

/// A text of some form.
pub(super) struct Text<T> {
    pub(super) parse: fn(&str) -> Option<T>,
    pub(super) show: fn(&T) -> String,
    /// What is allowed, to be read after "it must be".
    pub(super) what: &'static str,
    /// The same for several of them, to be read after "a list of".
    pub(super) many: &'static str,
    /// As TOML.
    pub(super) example: &'static str,
}

impl<T> Text<T> {
    fn parse(&self, value: &Spanned<DeValue<'_>>) -> Result<T, Range<usize>> {
        value
            .get_ref()
            .as_str()
            .and_then(self.parse)
            .ok_or_else(|| value.span())
    }
}

impl<T> Kind<T> for Text<T> {
    fn read(&self, value: &Spanned<DeValue<'_>>) -> Result<T, Range<usize>> {
        self.parse(value)
    }

    fn write(&self, value: &T) -> Option<String> {
        Some(quoted(&(self.show)(value)))
    }

    fn allowed(&self) -> String {
        self.what.to_owned()
    }
}

/// A [`Text`] that need not be there.
pub(super) struct Optional<T: 'static>(pub(super) &'static Text<T>);

impl<T> Kind<Option<T>> for Optional<T> {
    fn read(&self, value: &Spanned<DeValue<'_>>) -> Result<Option<T>, Range<usize>> {
        self.0.parse(value).map(Some)
    }

    fn write(&self, value: &Option<T>) -> Option<String> {
        value.as_ref().map(|value| quoted(&(self.0.show)(value)))
    }

    fn allowed(&self) -> String {
        self.0.what.to_owned()
    }

    fn example(&self) -> &'static str {
        self.0.example
    }
}

/// A secret that need not be there, of at least so many bytes.
pub(super) struct OptionalSecret {
    pub(super) min_bytes: usize,
    pub(super) example: &'static str,
}

impl Kind<Option<Secret>> for OptionalSecret {
    fn read(&self, value: &Spanned<DeValue<'_>>) -> Result<Option<Secret>, Range<usize>> {
        let text = value
            .get_ref()
            .as_str()
            .filter(|text| text.len() >= self.min_bytes && text.bytes().all(|byte| byte.is_ascii_graphic()));
        text.map(|text| Some(Secret::new(text.to_owned())))
            .ok_or_else(|| value.span())
    }

    fn write(&self, value: &Option<Secret>) -> Option<String> {
        value.as_ref().map(|secret| quoted(secret.expose()))
    }

    fn allowed(&self) -> String {
        format!(
            "a text of at least {} printable ASCII characters without blanks",
            self.min_bytes
        )
    }

    fn example(&self) -> &'static str {
        self.example
    }

    fn is_secret(&self) -> bool {
        true
    }
}

/// Texts of one form: a list, or a single text for a list of one.
pub(super) struct List<T: 'static> {
    pub(super) of: &'static Text<T>,
    pub(super) may_be_empty: bool,
}

impl<T> Kind<Vec<T>> for List<T> {
    fn read(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<T>, Range<usize>> {
        let Some(items) = value.get_ref().as_array() else {
            return Ok(vec![self.of.parse(value)?]);
        };
        if items.is_empty() && !self.may_be_empty {
            return Err(value.span());
        }
        items.iter().map(|item| self.of.parse(item)).collect()
    }

    fn write(&self, value: &Vec<T>) -> Option<String> {
        let items: Vec<_> = value.iter().map(|item| quoted(&(self.of.show)(item))).collect();
        (self.may_be_empty || !items.is_empty()).then(|| format!("[{}]", items.join(", ")))
    }

    fn allowed(&self) -> String {
        let empty = if self.may_be_empty {
            ", which may be empty"
        } else {
            ""
        };
        format!("{}, or a list of {}{empty}", self.of.what, self.of.many)
    }

    fn example(&self) -> &'static str {
        self.of.example
    }
}

fn integer(value: &Spanned<DeValue<'_>>) -> Option<usize> {
    let integer = value.get_ref().as_integer()?;
    usize::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A TOML string. What is written was read or is a default, so nothing but these two can need an escape.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
