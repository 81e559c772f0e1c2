//! The compact form: records one behind the other, each with its length and the time since the one before.

use crate::frequent::{self, Frequent, Written};
use crate::pen::{self, MOST_NUMBER};
use crate::{Entry, Header, Journal, Place, ReadError, Record};

/// What a journal in this form begins with.
pub const MAGIC: &[u8] = b"SWJ";
/// The version of this form. In the first, names of dialogs, instances, channels and messages were of any length.
const VERSION: u32 = 2;

/// The longest record that is read.
const MOST_RECORD: usize = 16 << 20;

/// Bytes of the length of a record that is shorter than [`LONG`].
const LENGTH: usize = 2;
/// What no longer fits in two bytes of a number.
const LONG: usize = 1 << 14;
/// How much room there is at least when there has to be more.
const FIRST_ROOM: usize = 4 << 10;

/// Records that are written one behind the other, and room for the next.
#[derive(Debug, Default)]
pub struct Records {
    /// What was written, and zeros or what was here before.
    bytes: Vec<u8>,
    used: usize,
}

impl Records {
    /// None yet, with room for so many bytes.
    pub fn with_room(bytes: usize) -> Self {
        Self {
            bytes: vec![0; bytes],
            used: 0,
        }
    }

    /// How many bytes there is room for.
    pub const fn room(&self) -> usize {
        self.bytes.len()
    }

    /// Appends a record that was written so long after the one before. `false`: it is longer than what is read, and was not
    /// appended.
    pub fn push(&mut self, after: u64, entry: &Entry<'_>) -> bool {
        loop {
            let room = self.bytes.get_mut(self.used + LENGTH..).unwrap_or_default();
            let space = room.len();
            match put(room, after, entry) {
                Ok(Written { entry, .. }) if entry > MOST_RECORD => return false,
                Ok(Written { time, entry }) => {
                    self.finish(time, entry);
                    return true;
                }
                Err(postcard::Error::SerializeBufferFull) if space <= MOST_RECORD + MOST_NUMBER => {
                    self.grow()
                }
                Err(_) => return false,
            }
        }
    }

    /// The same for an entry of a kind that is frequent, in a fraction of the time.
    #[inline]
    pub fn push_frequent(&mut self, after: u64, entry: &impl Frequent) -> bool {
        if let Some(room) = self.bytes.get_mut(self.used + LENGTH..)
            && let Some(Written { time, entry }) = frequent::put(room, after, entry)
            && entry < LONG
            && time + entry <= room.len()
        {
            self.finish_short(time, entry);
            return true;
        }
        self.push_rare(after, entry)
    }

    /// What is frequent, but does something rare, or is long, or has no room.
    #[cold]
    fn push_rare(&mut self, after: u64, entry: &impl Frequent) -> bool {
        self.push(after, &entry.to_entry())
    }

    /// Writes before a record that stands at the end, and is shorter than [`LONG`], how long it is.
    fn finish_short(&mut self, time: usize, length: usize) {
        if let Some([low, high]) = self.bytes.get_mut(self.used..self.used + LENGTH) {
            (*low, *high) = (length as u8 | 0x80, (length >> 7) as u8);
        }
        self.used += LENGTH + time + length;
    }

    /// Writes before the record that stands at the end how long it is.
    fn finish(&mut self, time: usize, length: usize) {
        if length < LONG {
            return self.finish_short(time, length);
        }
        let start = self.used;
        let (digits, count) = pen::number(length as u64);
        let end = start + LENGTH + time + length;
        let written = digits[..count].iter().copied();
        self.bytes.truncate(end);
        self.bytes.splice(start..start + LENGTH, written);
        self.used = self.bytes.len();
    }

    fn grow(&mut self) {
        let more = (self.bytes.len() * 2).max(self.used + FIRST_ROOM);
        self.bytes.resize(more, 0);
    }

    /// How many bytes they take.
    pub const fn len(&self) -> usize {
        self.used
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// The records, for [`records`] and [`each`].
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// Copies them to where `copy` is, in the place of what is in it, and begins anew in the same memory.
    pub fn drain(&mut self, mut copy: Vec<u8>) -> Vec<u8> {
        copy.clear();
        copy.reserve_exact(self.used);
        copy.extend_from_slice(self.as_bytes());
        self.used = 0;
        copy
    }
}

/// Writes how long after the one before an entry was, and the entry, at the beginning of `room`.
fn put(room: &mut [u8], after: u64, entry: &Entry<'_>) -> Result<Written, postcard::Error> {
    let time = postcard::to_slice(&after, room)?.len();
    let room = room.get_mut(time..).unwrap_or_default();
    let entry = postcard::to_slice(entry, room)?.len();
    Ok(Written { time, entry })
}

/// The records of a stretch that begins at this time.
///
/// # Errors
///
/// See [`ReadError`].
pub fn records(bytes: &[u8], base: u64) -> Result<Vec<Record<'static>>, ReadError> {
    records_from(bytes, 0, base)
}

fn records_from(bytes: &[u8], start: usize, base: u64) -> Result<Vec<Record<'static>>, ReadError> {
    let mut records = Vec::new();
    each(bytes, start, base, |at, body| {
        records.push(read_record(at, body)?);
        Ok(())
    })?;
    Ok(records)
}

/// Reads one record of a stretch.
///
/// # Errors
///
/// What is wrong with it.
pub fn read_record(at: u64, body: &[u8]) -> Result<Record<'static>, String> {
    let (entry, left) =
        postcard::take_from_bytes::<Entry<'static>>(body).map_err(|error| error.to_string())?;
    if left.is_empty() {
        Ok(Record { at, entry })
    } else {
        Err("it has something behind it".to_owned())
    }
}

/// What is seen of a record in its first bytes: which kind it is of, and whom it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glance {
    /// A message came in, on this dialog if it was known.
    Received(Option<Place>),
    /// A dialog is a leg of an instance from here on.
    Joined(Place, Place),
    /// An instance ended.
    Over(Place),
    /// Something else about an instance.
    Instance(Place),
    /// Something else about a dialog.
    Dialog(Place),
}

impl Glance {
    /// `None`: it must be read to be known.
    pub fn of(body: &[u8]) -> Option<Self> {
        let (kind, mut rest) = body.split_first()?;
        let rest = &mut rest;
        // The numbers are the places of the kinds in `Entry`; a test holds them together.
        Some(match kind {
            1 | 2 => {
                let instance = place(rest)?;
                Self::Joined(instance, place(rest)?)
            }
            4 | 17 => {
                let (is_known, after) = rest.split_first()?;
                *rest = after;
                let dialog = if *is_known == 1 { Some(place(rest)?) } else { None };
                match (kind, dialog) {
                    (4, dialog) => Self::Received(dialog),
                    (_, dialog) => Self::Dialog(dialog?),
                }
            }
            3 | 11 | 12 | 14 | 15 | 16 => Self::Instance(place(rest)?),
            5..=8 | 10 | 13 => Self::Dialog(place(rest)?),
            18 => Self::Over(place(rest)?),
            _ => return None,
        })
    }
}

fn place(rest: &mut &[u8]) -> Option<Place> {
    let (place, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(Place::from_bytes(*place))
}

/// Gives each record of a stretch that begins somewhere in the bytes: its time, and what [`read_record`] reads.
///
/// # Errors
///
/// See [`ReadError`], and what `take` says.
pub fn each(
    bytes: &[u8],
    start: usize,
    base: u64,
    mut take: impl FnMut(u64, &[u8]) -> Result<(), String>,
) -> Result<(), ReadError> {
    let (mut offset, mut at, mut number) = (start, base, 0);
    while offset < bytes.len() {
        number += 1;
        let truncated = ReadError::Truncated { number, offset };
        let wrong = |why: &str| ReadError::Record {
            number,
            offset,
            why: why.to_owned(),
        };
        let mut rest = &bytes[offset..];
        let length = take_number(&mut rest).ok_or_else(|| truncated.clone())?;
        let after = take_number(&mut rest).ok_or_else(|| truncated.clone())?;
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= MOST_RECORD)
            .ok_or_else(|| wrong("it is too long"))?;
        let body = rest.get(..length).ok_or(truncated)?;
        at = at
            .checked_add(after)
            .ok_or_else(|| wrong("it is later than everything"))?;
        take(at, body).map_err(|why| wrong(&why))?;
        offset = bytes.len() - rest.len() + length;
    }
    Ok(())
}

pub(crate) fn write(journal: &Journal) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    number(&mut out, u64::from(VERSION));
    // A header is made of texts and numbers only.
    let header = serde_json::to_vec(&journal.header).unwrap_or_default();
    number(&mut out, header.len() as u64);
    out.extend_from_slice(&header);
    let (mut last, mut records) = (0, Records::default());
    for record in &journal.records {
        records.push(record.at.saturating_sub(last), &record.entry);
        last = record.at;
    }
    out.extend_from_slice(records.as_bytes());
    out
}

pub(crate) fn read(bytes: &[u8]) -> Result<Journal, ReadError> {
    let mut rest = bytes.strip_prefix(MAGIC).ok_or(ReadError::NoJournal)?;
    let header = |why: &str| ReadError::Header(why.to_owned());
    let version = take_number(&mut rest).ok_or(ReadError::NoJournal)?;
    if version != u64::from(VERSION) {
        return Err(ReadError::Version {
            found: u32::try_from(version).unwrap_or(u32::MAX),
            known: VERSION,
        });
    }
    let length = take_number(&mut rest).and_then(|length| usize::try_from(length).ok());
    let length = length.ok_or_else(|| header("it has no length"))?;
    let text = rest
        .get(..length)
        .ok_or_else(|| header("the journal ends within it"))?;
    let read: Header = serde_json::from_slice(text).map_err(|error| header(&error.to_string()))?;
    let start = bytes.len() - rest.len() + length;
    let records = records_from(bytes, start, 0)?;
    Ok(Journal {
        header: read,
        records,
    })
}

fn number(out: &mut Vec<u8>, value: u64) {
    let (digits, length) = pen::number(value);
    out.extend_from_slice(&digits[..length]);
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for place in 0..10 {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f).checked_shl(place * 7)?;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
