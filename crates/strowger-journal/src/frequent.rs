//! The records that messages and calls consist of, written by hand, in a third fewer instructions than serde takes, which
//! writes the rest. A test holds the two together.

use crate::{Did, Entry, Place};

/// The most bytes of a number.
pub(crate) const MOST_NUMBER: usize = 10;

/// Writes a number at the beginning of `room`, which must be long enough. Returns how many bytes it takes.
pub(crate) fn put_number(room: &mut [u8], mut value: u64) -> usize {
    let mut length = 0;
    while value >= 0x80 {
        room[length] = value as u8 | 0x80;
        length += 1;
        value >>= 7;
    }
    room[length] = value as u8;
    length + 1
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
        if value < 0x80 {
            return self.byte(value as u8);
        }
        self.long_number(value);
    }

    fn long_number(&mut self, value: u64) {
        let mut digits = [0; MOST_NUMBER];
        let length = put_number(&mut digits, value);
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
    fn entry(&mut self, entry: &Entry<'_>) -> bool {
        match entry {
            Entry::Started {
                instance,
                service,
                version,
                key,
                prefix,
                seeds,
                settings,
            } => {
                self.byte(0);
                self.place(*instance);
                self.text(service);
                self.text(version);
                self.option(key.as_deref(), Self::text);
                self.text(prefix);
                self.number(seeds[0]);
                self.number(seeds[1]);
                self.text(settings);
            }
            Entry::Opened { instance, dialog, id } => {
                self.byte(1);
                self.place(*instance);
                self.place(*dialog);
                self.text(id);
            }
            Entry::Served {
                instance,
                dialog,
                next_cseq,
            } => {
                self.byte(2);
                self.place(*instance);
                self.place(*dialog);
                self.number(*next_cseq);
            }
            Entry::Received {
                dialog,
                channel,
                message,
            } => {
                self.byte(4);
                self.option(*dialog, Self::place);
                self.number(*channel);
                self.text(&message.0);
            }
            Entry::Bound { dialog, channel } => {
                self.byte(5);
                self.place(*dialog);
                self.option(*channel, |pen, (channel, up)| {
                    pen.number(channel);
                    pen.byte(u8::from(up));
                });
            }
            Entry::Released { dialog, tag } => {
                self.byte(6);
                self.place(*dialog);
                self.number(*tag);
            }
            Entry::Handled {
                instance,
                event,
                leg,
                did,
                failure,
            } => {
                self.byte(16);
                self.place(*instance);
                self.text(event);
                self.number(u64::from(*leg));
                self.number(did.len() as u64);
                if !did.iter().all(|did| self.did(did)) {
                    return false;
                }
                self.option(failure.as_deref(), Self::text);
            }
            Entry::Sent {
                dialog,
                channel,
                to,
                tag,
                message,
            } => {
                self.byte(17);
                self.option(*dialog, Self::place);
                self.option(*channel, Self::number);
                self.option(to.as_deref(), Self::text);
                self.number(*tag);
                self.text(&message.0);
            }
            Entry::Over { instance } => {
                self.byte(18);
                self.place(*instance);
            }
            _ => return false,
        }
        true
    }
}

/// Writes how long after the one before an entry was, and the entry, at the beginning of `room`. Returns how many bytes that
/// takes; where it is more than there are, what stands there is of no use. `None`: it is none of the frequent, and what stands
/// there is of no use either.
pub(crate) fn put(room: &mut [u8], after: u64, entry: &Entry<'_>) -> Option<Written> {
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
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;
    use crate::Said;

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

    fn entry() -> impl Strategy<Value = Entry<'static>> {
        let optional = || prop::option::of(text());
        prop_oneof![
            (place(), text(), optional(), any::<[u64; 2]>()).prop_map(|(instance, text, key, seeds)| {
                Entry::Started {
                    instance,
                    service: text.clone(),
                    version: text.clone(),
                    key,
                    prefix: text.clone(),
                    seeds,
                    settings: text,
                }
            }),
            (place(), place(), text()).prop_map(|(instance, dialog, id)| Entry::Opened {
                instance,
                dialog,
                id
            }),
            (place(), place(), any::<u64>()).prop_map(|(instance, dialog, next_cseq)| Entry::Served {
                instance,
                dialog,
                next_cseq
            }),
            (prop::option::of(place()), any::<u64>(), text()).prop_map(|(dialog, channel, text)| {
                Entry::Received {
                    dialog,
                    channel,
                    message: Said(text),
                }
            }),
            (place(), any::<Option<(u64, bool)>>())
                .prop_map(|(dialog, channel)| Entry::Bound { dialog, channel }),
            (place(), any::<u64>()).prop_map(|(dialog, tag)| Entry::Released { dialog, tag }),
            (
                place(),
                text(),
                any::<u32>(),
                prop::collection::vec(did(), 0..4),
                optional()
            )
                .prop_map(|(instance, event, leg, did, failure)| Entry::Handled {
                    instance,
                    event,
                    leg,
                    did,
                    failure
                }),
            (
                prop::option::of(place()),
                any::<Option<u64>>(),
                optional(),
                any::<u64>(),
                text()
            )
                .prop_map(|(dialog, channel, to, tag, text)| Entry::Sent {
                    dialog,
                    channel,
                    to,
                    tag,
                    message: Said(text)
                }),
            place().prop_map(|instance| Entry::Over { instance }),
        ]
    }

    proptest! {
        #[test]
        fn the_frequent_are_written_as_serde_would(
            (after, entry) in (any::<u64>(), entry()), room in 0_usize..4000
        ) {
            let expected = postcard::to_allocvec(&(after, &entry)).unwrap();
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
                let over = Entry::Released {
                    dialog: Place { index: 1, count: 2 },
                    tag: value,
                };
                let expected = postcard::to_allocvec(&(value, &over)).unwrap();
                let mut room = [0xaa; 100];
                let written = put(&mut room, value, &over).unwrap();
                assert_eq!(room[..written.time + written.entry], expected[..], "{value}");
            }
        }
    }

    #[test]
    fn what_is_done_now_and_then_is_left_to_serde() {
        let place = Place { index: 1, count: 2 };
        let rare = Entry::Handled {
            instance: place,
            event: "incoming".into(),
            leg: 1,
            did: vec![Did::Finish],
            failure: None,
        };
        let mut room = [0; 100];
        assert_eq!(put(&mut room, 0, &rare), None);
        assert_eq!(put(&mut room, 0, &Entry::Due { dialog: place }), None);
    }
}
