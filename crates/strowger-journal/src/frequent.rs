//! The entries that messages and calls consist of: borrowed, and written by hand, in a fraction of the instructions that
//! serde takes, which writes the rest. A test holds the two together.

use std::borrow::Cow;

use crate::{Did, Entry, Place, Said};

/// An [`Entry`] of a kind that is written often; its fields are that one's.
#[allow(missing_docs, reason = "the fields are those of `Entry`")]
#[derive(Clone, Copy, Debug)]
pub enum Frequent<'a> {
    /// [`Entry::Started`].
    Started {
        instance: Place,
        service: &'a str,
        version: &'a str,
        key: Option<&'a str>,
        prefix: &'a str,
        seeds: [u64; 2],
        settings: &'a str,
    },
    /// [`Entry::Opened`].
    Opened {
        instance: Place,
        dialog: Place,
        id: &'a str,
    },
    /// [`Entry::Served`].
    Served {
        instance: Place,
        dialog: Place,
        next_cseq: u64,
    },
    /// [`Entry::Received`].
    Received {
        dialog: Option<Place>,
        channel: u64,
        message: &'a str,
    },
    /// [`Entry::Bound`].
    Bound {
        dialog: Place,
        channel: Option<(u64, bool)>,
    },
    /// [`Entry::Released`].
    Released { dialog: Place, tag: u64 },
    /// [`Entry::Due`].
    Due { dialog: Place },
    /// [`Entry::Handled`].
    Handled {
        instance: Place,
        event: &'a str,
        leg: u32,
        did: &'a [Did<'a>],
        failure: Option<&'a str>,
    },
    /// [`Entry::Sent`].
    Sent {
        dialog: Option<Place>,
        channel: Option<u64>,
        to: Option<&'a str>,
        tag: u64,
        message: &'a str,
    },
    /// [`Entry::Over`].
    Over { instance: Place },
}

impl<'a> From<Frequent<'a>> for Entry<'a> {
    fn from(frequent: Frequent<'a>) -> Self {
        let said = |message| Said(Cow::Borrowed(message));
        match frequent {
            Frequent::Started {
                instance,
                service,
                version,
                key,
                prefix,
                seeds,
                settings,
            } => Self::Started {
                instance,
                service: service.into(),
                version: version.into(),
                key: key.map(Cow::Borrowed),
                prefix: prefix.into(),
                seeds,
                settings: settings.into(),
            },
            Frequent::Opened { instance, dialog, id } => Self::Opened {
                instance,
                dialog,
                id: id.into(),
            },
            Frequent::Served {
                instance,
                dialog,
                next_cseq,
            } => Self::Served {
                instance,
                dialog,
                next_cseq,
            },
            Frequent::Received {
                dialog,
                channel,
                message,
            } => Self::Received {
                dialog,
                channel,
                message: said(message),
            },
            Frequent::Bound { dialog, channel } => Self::Bound { dialog, channel },
            Frequent::Released { dialog, tag } => Self::Released { dialog, tag },
            Frequent::Due { dialog } => Self::Due { dialog },
            Frequent::Handled {
                instance,
                event,
                leg,
                did,
                failure,
            } => Self::Handled {
                instance,
                event: event.into(),
                leg,
                did: did.to_vec(),
                failure: failure.map(Cow::Borrowed),
            },
            Frequent::Sent {
                dialog,
                channel,
                to,
                tag,
                message,
            } => Self::Sent {
                dialog,
                channel,
                to: to.map(Cow::Borrowed),
                tag,
                message: said(message),
            },
            Frequent::Over { instance } => Self::Over { instance },
        }
    }
}

/// The most bytes of a number.
pub(crate) const MOST_NUMBER: usize = 10;

/// A number as it is written, and how many bytes of that are meant: seven bits a byte, the lowest first, and a bit that
/// says whether more follow. All bytes are made at once.
#[inline]
pub(crate) fn number(value: u64) -> ([u8; MOST_NUMBER], usize) {
    // Each step parts what lies together: 56 bits, twice 28, four times 14, eight times 7.
    let low = (value & 0x0fff_ffff) | (value & 0x00ff_ffff_f000_0000) << 4;
    let low = (low & 0x0000_3fff_0000_3fff) | (low & 0x0fff_c000_0fff_c000) << 2;
    let low = (low & 0x007f_007f_007f_007f) | (low & 0x3f80_3f80_3f80_3f80) << 1;
    let (high, length) = (value >> 56, ((value | 1).ilog2() / 7 + 1) as usize);
    let mut digits = [0; MOST_NUMBER];
    digits[..8].copy_from_slice(&(low | 0x8080_8080_8080_8080).to_le_bytes());
    digits[8] = high as u8 | 0x80;
    digits[9] = (high >> 7) as u8;
    if let Some(last) = digits.get_mut(length - 1) {
        *last &= 0x7f;
    }
    (digits, length)
}

/// Where a record is written. What would be beyond the end is counted, and not written.
struct Pen<'a> {
    room: &'a mut [u8],
    at: usize,
}

impl Pen<'_> {
    #[inline]
    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.room.get_mut(self.at) {
            *place = byte;
        }
        self.at += 1;
    }

    #[inline]
    fn number(&mut self, value: u64) {
        match u32::try_from(value) {
            Ok(value) if value < 0x80 => self.byte(value as u8),
            Ok(value) if value < 1 << 28 => self.short_number(value),
            _ => self.long_number(value),
        }
    }

    /// What [`number`] makes, for those that fit in four bytes, which most do.
    #[inline]
    fn short_number(&mut self, value: u32) {
        let digits = (value & 0x3fff) | (value & 0x0fff_c000) << 2;
        let digits = (digits & 0x007f_007f) | (digits & 0x3f80_3f80) << 1;
        let length = ((value | 1).ilog2() / 7 + 1) as usize;
        let more = 0x8080_8080 & !(u32::MAX << (8 * (length - 1)));
        let digits = (digits | more).to_le_bytes();
        let room = self.room.get_mut(self.at..).unwrap_or_default();
        if let Some(place) = room.first_chunk_mut() {
            *place = digits;
        } else if let Some(place) = room.get_mut(..length) {
            place.copy_from_slice(&digits[..length]);
        }
        self.at += length;
    }

    fn long_number(&mut self, value: u64) {
        let (digits, length) = number(value);
        // All of them, where there is room: a length that is known is copied at once.
        if let Some(place) = self.room.get_mut(self.at..self.at + MOST_NUMBER) {
            place.copy_from_slice(&digits);
        } else if let Some(place) = self.room.get_mut(self.at..self.at + length) {
            place.copy_from_slice(&digits[..length]);
        }
        self.at += length;
    }

    #[inline]
    fn place(&mut self, place: Place) {
        self.number(u64::from(place.index));
        self.number(u64::from(place.count));
    }

    #[inline]
    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        let end = self.at + text.len();
        if let Some(place) = self.room.get_mut(self.at..end) {
            place.copy_from_slice(text.as_bytes());
        }
        self.at = end;
    }

    #[inline]
    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.byte(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// `false`: what was done is none of the frequent.
    fn did(&mut self, did: &Did<'_>) -> bool {
        match did {
            Did::Open { leg, method, uri } => {
                self.byte(0);
                self.number(u64::from(*leg));
                self.text(method);
                self.text(uri);
            }
            Did::Send { leg, method } => {
                self.byte(1);
                self.number(u64::from(*leg));
                self.text(method);
            }
            Did::Respond { leg, cseq, code } => {
                self.byte(2);
                self.number(u64::from(*leg));
                self.number(*cseq);
                self.number(u64::from(*code));
            }
            _ => return false,
        }
        true
    }

    /// The number of a kind is its place in [`Entry`]. `false`: it is none of the frequent.
    #[inline]
    fn entry(&mut self, entry: &Frequent<'_>) -> bool {
        match *entry {
            Frequent::Started {
                instance,
                service,
                version,
                key,
                prefix,
                seeds,
                settings,
            } => {
                self.byte(0);
                self.place(instance);
                self.text(service);
                self.text(version);
                self.option(key, Self::text);
                self.text(prefix);
                self.number(seeds[0]);
                self.number(seeds[1]);
                self.text(settings);
            }
            Frequent::Opened { instance, dialog, id } => {
                self.byte(1);
                self.place(instance);
                self.place(dialog);
                self.text(id);
            }
            Frequent::Served {
                instance,
                dialog,
                next_cseq,
            } => {
                self.byte(2);
                self.place(instance);
                self.place(dialog);
                self.number(next_cseq);
            }
            Frequent::Received {
                dialog,
                channel,
                message,
            } => {
                self.byte(4);
                self.option(dialog, Self::place);
                self.number(channel);
                self.text(message);
            }
            Frequent::Bound { dialog, channel } => {
                self.byte(5);
                self.place(dialog);
                self.option(channel, |pen, (channel, up)| {
                    pen.number(channel);
                    pen.byte(u8::from(up));
                });
            }
            Frequent::Released { dialog, tag } => {
                self.byte(6);
                self.place(dialog);
                self.number(tag);
            }
            Frequent::Due { dialog } => {
                self.byte(10);
                self.place(dialog);
            }
            Frequent::Handled {
                instance,
                event,
                leg,
                did,
                failure,
            } => {
                self.byte(16);
                self.place(instance);
                self.text(event);
                self.number(u64::from(leg));
                self.number(did.len() as u64);
                if !did.iter().all(|did| self.did(did)) {
                    return false;
                }
                self.option(failure, Self::text);
            }
            Frequent::Sent {
                dialog,
                channel,
                to,
                tag,
                message,
            } => {
                self.byte(17);
                self.option(dialog, Self::place);
                self.option(channel, Self::number);
                self.option(to, Self::text);
                self.number(tag);
                self.text(message);
            }
            Frequent::Over { instance } => {
                self.byte(18);
                self.place(instance);
            }
        }
        true
    }
}

/// Writes how long after the one before an entry was, and the entry, at the beginning of `room`. Returns how many bytes that
/// takes; where it is more than there are, what stands there is of no use. `None`: it is none of the frequent, and what stands
/// there is of no use either.
#[inline]
pub(crate) fn put(room: &mut [u8], after: u64, entry: &Frequent<'_>) -> Option<Written> {
    let mut pen = Pen { room, at: 0 };
    pen.number(after);
    let time = pen.at;
    pen.entry(entry).then(|| Written {
        time,
        entry: pen.at - time,
    })
}

/// How many bytes a record takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// When it was.
    pub(crate) time: usize,
    /// What it was.
    pub(crate) entry: usize,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place() -> impl Strategy<Value = Place> {
        any::<(u32, u32)>().prop_map(|(index, count)| Place { index, count })
    }

    fn text() -> impl Strategy<Value = Cow<'static, str>> {
        prop_oneof![".*", Just("é".repeat(100))].prop_map(Cow::Owned)
    }

    fn did() -> impl Strategy<Value = Did<'static>> {
        prop_oneof![
            (any::<u32>(), text(), text()).prop_map(|(leg, method, uri)| Did::Open { leg, method, uri }),
            (any::<u32>(), text()).prop_map(|(leg, method)| Did::Send { leg, method }),
            any::<(u32, u64, u16)>().prop_map(|(leg, cseq, code)| Did::Respond { leg, cseq, code }),
        ]
    }

    /// What entries are made of.
    #[derive(Clone, Debug)]
    struct Parts {
        kind: usize,
        places: [Place; 2],
        place: Option<Place>,
        numbers: [u64; 2],
        optional: Option<u64>,
        up: bool,
        leg: u32,
        texts: [Cow<'static, str>; 4],
        text: Option<Cow<'static, str>>,
        did: Vec<Did<'static>>,
    }

    impl Parts {
        fn entry(&self) -> Frequent<'_> {
            let Self {
                places: [instance, dialog],
                numbers,
                ..
            } = *self;
            let [one, two, three, four] = &self.texts;
            match self.kind {
                0 => Frequent::Started {
                    instance,
                    service: one,
                    version: two,
                    key: self.text.as_deref(),
                    prefix: three,
                    seeds: numbers,
                    settings: four,
                },
                1 => Frequent::Opened {
                    instance,
                    dialog,
                    id: one,
                },
                2 => Frequent::Served {
                    instance,
                    dialog,
                    next_cseq: numbers[0],
                },
                3 => Frequent::Received {
                    dialog: self.place,
                    channel: numbers[0],
                    message: one,
                },
                4 => {
                    let channel = self.optional.map(|channel| (channel, self.up));
                    Frequent::Bound { dialog, channel }
                }
                5 => Frequent::Released {
                    dialog,
                    tag: numbers[0],
                },
                6 => Frequent::Handled {
                    instance,
                    event: one,
                    leg: self.leg,
                    did: &self.did,
                    failure: self.text.as_deref(),
                },
                7 => Frequent::Sent {
                    dialog: self.place,
                    channel: self.optional,
                    to: self.text.as_deref(),
                    tag: numbers[0],
                    message: one,
                },
                8 => Frequent::Due { dialog },
                _ => Frequent::Over { instance },
            }
        }
    }

    fn parts() -> impl Strategy<Value = Parts> {
        let numbers = (
            any::<[u64; 2]>(),
            any::<Option<u64>>(),
            any::<bool>(),
            any::<u32>(),
        );
        let texts = ([text(), text(), text(), text()], prop::option::of(text()));
        let places = ([place(), place()], prop::option::of(place()));
        let did = prop::collection::vec(did(), 0..4);
        (0..10_usize, places, numbers, texts, did).prop_map(|(kind, places, numbers, texts, did)| Parts {
            kind,
            places: places.0,
            place: places.1,
            numbers: numbers.0,
            optional: numbers.1,
            up: numbers.2,
            leg: numbers.3,
            texts: texts.0,
            text: texts.1,
            did,
        })
    }

    proptest! {
        #[test]
        fn the_frequent_are_written_as_serde_would(
            (after, parts) in (any::<u64>(), parts()), room in 0_usize..4000
        ) {
            let entry = parts.entry();
            let expected = postcard::to_allocvec(&(after, Entry::from(entry))).unwrap();
            let mut room = vec![0xaa; room];
            let written = put(&mut room, after, &entry).unwrap();
            let length = written.time + written.entry;
            prop_assert_eq!(length, expected.len());
            if length <= room.len() {
                prop_assert_eq!(&room[..length], &expected[..]);
            }
        }
    }

    #[test]
    fn numbers_of_every_length_are_written_as_serde_would() {
        for bits in 0..64 {
            for value in [1 << bits, (1_u64 << bits) - 1, u64::MAX >> bits] {
                let mut room = [0; MOST_NUMBER];
                let mut pen = Pen {
                    room: &mut room,
                    at: 0,
                };
                pen.number(value);
                let written = pen.at;
                let (digits, length) = number(value);
                assert_eq!(room[..written], digits[..length], "{value}");
                assert_eq!(
                    digits[..length],
                    postcard::to_allocvec(&value).unwrap(),
                    "{value}"
                );
            }
        }
    }

    #[test]
    fn what_is_done_now_and_then_is_left_to_serde() {
        let place = Place { index: 1, count: 2 };
        let rare = Frequent::Handled {
            instance: place,
            event: "incoming",
            leg: 1,
            did: &[Did::Finish],
            failure: None,
        };
        assert_eq!(put(&mut [0; 100], 0, &rare), None);
    }
}
