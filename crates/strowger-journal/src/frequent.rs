//! The entries that messages and calls consist of: borrowed, each of a type of its own, and written by hand, in a fraction of
//! the instructions that serde takes, which writes the rest. A test holds the two together.
//!
//! ```
//! use strowger_journal::{Entry, Place, binary::Records, frequent::Over};
//!
//! let instance = Place { index: 1, count: 2 };
//! let (mut by_hand, mut by_serde) = (Records::with_room(100), Records::with_room(100));
//! by_hand.push_frequent(0, &Over { instance });
//! by_serde.push(0, &Entry::Over { instance });
//! assert_eq!(by_hand.as_bytes(), by_serde.as_bytes());
//! ```

use std::borrow::Cow;

pub use crate::pen::Pen;
use crate::{Did, Entry, Excerpt, Place, Said};

/// An [`Entry`] of a kind that is written often.
pub trait Frequent {
    /// The entry.
    fn to_entry(&self) -> Entry<'_>;

    /// Writes it: the number of a kind is its place in [`Entry`]. `false`: something in it is rare, and what was written is of
    /// no use.
    #[doc(hidden)]
    fn write(&self, pen: &mut Pen<'_>) -> bool;
}

/// [`Entry::Started`].
#[allow(missing_docs, reason = "the fields are those of `Entry`")]
#[derive(Clone, Copy, Debug)]
pub struct Started<'a> {
    pub instance: Place,
    pub service: &'a str,
    pub version: &'a str,
    pub key: Option<&'a str>,
    pub prefix: &'a str,
    pub seeds: [u64; 2],
    pub settings: &'a str,
}

impl Frequent for Started<'_> {
    fn to_entry(&self) -> Entry<'_> {
        Entry::Started {
            instance: self.instance,
            service: self.service.into(),
            version: self.version.into(),
            key: self.key.map(Cow::Borrowed),
            prefix: self.prefix.into(),
            seeds: self.seeds,
            settings: self.settings.into(),
        }
    }

    #[inline]
    fn write(&self, pen: &mut Pen<'_>) -> bool {
        pen.byte(0);
        pen.place(self.instance);
        pen.text(self.service);
        pen.text(self.version);
        pen.option(self.key, Pen::text);
        pen.text(self.prefix);
        pen.whole(self.seeds[0]);
        pen.whole(self.seeds[1]);
        pen.text(self.settings);
        true
    }
}

/// [`Entry::Opened`].
#[allow(missing_docs, reason = "the fields are those of `Entry`")]
#[derive(Clone, Copy, Debug)]
pub struct Opened<'a> {
    pub instance: Place,
    pub dialog: Place,
    pub id: &'a str,
}

impl Frequent for Opened<'_> {
    fn to_entry(&self) -> Entry<'_> {
        Entry::Opened {
            instance: self.instance,
            dialog: self.dialog,
            id: self.id.into(),
        }
    }

    #[inline]
    fn write(&self, pen: &mut Pen<'_>) -> bool {
        pen.byte(1);
        pen.place(self.instance);
        pen.place(self.dialog);
        pen.text(self.id);
        true
    }
}

/// [`Entry::Served`].
#[allow(missing_docs, reason = "the fields are those of `Entry`")]
#[derive(Clone, Copy, Debug)]
pub struct Served {
    pub instance: Place,
    pub dialog: Place,
    pub next_cseq: u64,
}

impl Frequent for Served {
    fn to_entry(&self) -> Entry<'_> {
        Entry::Served {
            instance: self.instance,
            dialog: self.dialog,
            next_cseq: self.next_cseq,
        }
    }

    #[inline]
    fn write(&self, pen: &mut Pen<'_>) -> bool {
        pen.byte(2);
        pen.place(self.instance);
        pen.place(self.dialog);
        pen.number(self.next_cseq);
        true
    }
}

/// [`Entry::Received`].
#[allow(missing_docs, reason = "the fields are those of `Entry`")]
#[derive(Clone, Debug)]
pub struct Received<'a> {
    pub dialog: Option<Place>,
    pub channel: u64,
    pub message: Excerpt<'a>,
}

impl Frequent for Received<'_> {
    fn to_entry(&self) -> Entry<'_> {
        Entry::Received {
            dialog: self.dialog,
            channel: self.channel,
            message: Said(self.message.to_text()),
        }
    }

    #[inline]
    fn write(&self, pen: &mut Pen<'_>) -> bool {
        pen.byte(4);
        pen.option(self.dialog, Pen::place);
        pen.whole(self.channel);
        self.message.write(pen);
        true
    }
}

/// [`Entry::Bound`].
#[allow(missing_docs, reason = "the fields are those of `Entry`")]
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    pub dialog: Place,
    pub channel: Option<(u64, bool)>,
}

impl Frequent for Bound {
    fn to_entry(&self) -> Entry<'_> {
        Entry::Bound {
            dialog: self.dialog,
            channel: self.channel,
        }
    }

    #[inline]
    fn write(&self, pen: &mut Pen<'_>) -> bool {
        pen.byte(5);
        pen.place(self.dialog);
        pen.option(self.channel, |pen, (channel, up)| {
            pen.whole(channel);
            pen.byte(u8::from(up));
        });
        true
    }
}

/// [`Entry::Released`].
#[allow(missing_docs, reason = "the fields are those of `Entry`")]
#[derive(Clone, Copy, Debug)]
pub struct Released {
    pub dialog: Place,
    pub tag: u64,
}

impl Frequent for Released {
    fn to_entry(&self) -> Entry<'_> {
        Entry::Released {
            dialog: self.dialog,
            tag: self.tag,
        }
    }

    #[inline]
    fn write(&self, pen: &mut Pen<'_>) -> bool {
        pen.byte(6);
        pen.place(self.dialog);
        pen.whole(self.tag);
        true
    }
}

/// [`Entry::Due`].
#[allow(missing_docs, reason = "the fields are those of `Entry`")]
#[derive(Clone, Copy, Debug)]
pub struct Due {
    pub dialog: Place,
}

impl Frequent for Due {
    fn to_entry(&self) -> Entry<'_> {
        Entry::Due { dialog: self.dialog }
    }

    #[inline]
    fn write(&self, pen: &mut Pen<'_>) -> bool {
        pen.byte(10);
        pen.place(self.dialog);
        true
    }
}

/// [`Entry::Handled`].
#[allow(missing_docs, reason = "the fields are those of `Entry`")]
#[derive(Clone, Copy, Debug)]
pub struct Handled<'a> {
    pub instance: Place,
    pub event: &'a str,
    pub leg: u32,
    pub did: &'a [Did<'a>],
    pub failure: Option<&'a str>,
}

impl Frequent for Handled<'_> {
    fn to_entry(&self) -> Entry<'_> {
        Entry::Handled {
            instance: self.instance,
            event: self.event.into(),
            leg: self.leg,
            did: self.did.to_vec(),
            failure: self.failure.map(Cow::Borrowed),
        }
    }

    #[inline]
    fn write(&self, pen: &mut Pen<'_>) -> bool {
        pen.byte(16);
        pen.place(self.instance);
        pen.text(self.event);
        pen.number(u64::from(self.leg));
        pen.number(self.did.len() as u64);
        if !self.did.iter().all(|did| pen.did(did)) {
            return false;
        }
        pen.option(self.failure, Pen::text);
        true
    }
}

/// [`Entry::Sent`].
#[allow(missing_docs, reason = "the fields are those of `Entry`")]
#[derive(Clone, Debug)]
pub struct Sent<'a> {
    pub dialog: Option<Place>,
    pub channel: Option<u64>,
    pub to: Option<&'a str>,
    pub tag: u64,
    pub message: Excerpt<'a>,
}

impl Frequent for Sent<'_> {
    fn to_entry(&self) -> Entry<'_> {
        Entry::Sent {
            dialog: self.dialog,
            channel: self.channel,
            to: self.to.map(Cow::Borrowed),
            tag: self.tag,
            message: Said(self.message.to_text()),
        }
    }

    #[inline]
    fn write(&self, pen: &mut Pen<'_>) -> bool {
        pen.byte(17);
        pen.option(self.dialog, Pen::place);
        pen.option(self.channel, Pen::whole);
        pen.option(self.to, Pen::text);
        pen.whole(self.tag);
        self.message.write(pen);
        true
    }
}

/// [`Entry::Over`].
#[allow(missing_docs, reason = "the fields are those of `Entry`")]
#[derive(Clone, Copy, Debug)]
pub struct Over {
    pub instance: Place,
}

impl Frequent for Over {
    fn to_entry(&self) -> Entry<'_> {
        Entry::Over {
            instance: self.instance,
        }
    }

    #[inline]
    fn write(&self, pen: &mut Pen<'_>) -> bool {
        pen.byte(18);
        pen.place(self.instance);
        true
    }
}

/// Writes how long after the one before an entry was, and the entry, at the beginning of `room`. Returns how many bytes that
/// takes; where it is more than there are, what stands there is of no use. `None`: something in it is rare, and what stands
/// there is of no use either.
#[inline]
pub(crate) fn put(room: &mut [u8], after: u64, entry: &impl Frequent) -> Option<Written> {
    let mut pen = Pen::new(room);
    pen.number(after);
    let time = pen.at();
    entry.write(&mut pen).then(|| Written {
        time,
        entry: pen.at() - time,
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
            (any::<u32>(), text(), text()).prop_map(|(leg, method, uri)| Did::Forward { leg, method, uri }),
            (any::<u32>(), text()).prop_map(|(leg, method)| Did::Send { leg, method }),
            any::<(u32, u64, u16)>().prop_map(|(leg, cseq, code)| Did::Respond { leg, cseq, code }),
        ]
    }

    /// What entries are made of.
    #[derive(Clone, Debug)]
    struct Parts {
        places: [Place; 2],
        place: Option<Place>,
        numbers: [u64; 2],
        optional: Option<u64>,
        up: bool,
        leg: u32,
        texts: [Cow<'static, str>; 4],
        text: Option<Cow<'static, str>>,
        left_out: (usize, usize),
        did: Vec<Did<'static>>,
    }

    fn parts() -> impl Strategy<Value = Parts> {
        let numbers = (
            any::<[u64; 2]>(),
            any::<Option<u64>>(),
            any::<bool>(),
            any::<u32>(),
        );
        let left_out = (0..300_usize, 0..300_usize);
        let texts = (
            [text(), text(), text(), text()],
            prop::option::of(text()),
            left_out,
        );
        let places = ([place(), place()], prop::option::of(place()));
        let did = prop::collection::vec(did(), 0..4);
        (places, numbers, texts, did).prop_map(|(places, numbers, texts, did)| Parts {
            places: places.0,
            place: places.1,
            numbers: numbers.0,
            optional: numbers.1,
            up: numbers.2,
            leg: numbers.3,
            texts: texts.0,
            text: texts.1,
            left_out: texts.2,
            did,
        })
    }

    /// A frequent one is written as serde would write the same, as far as there is room.
    fn check(room: usize, after: u64, entry: &impl Frequent) {
        let expected = postcard::to_allocvec(&(after, entry.to_entry())).unwrap();
        let mut room = vec![0xaa; room];
        let written = put(&mut room, after, entry).unwrap();
        let length = written.time + written.entry;
        assert_eq!(length, expected.len());
        if length <= room.len() {
            assert_eq!(&room[..length], &expected[..]);
        }
    }

    proptest! {
        #[test]
        fn the_frequent_are_written_as_serde_would(
            (after, parts) in (any::<u64>(), parts()), room in 0_usize..4000
        ) {
            let [instance, dialog] = parts.places;
            let [one, two, three, four] = &parts.texts;
            let tag = parts.numbers[0];
            let message = Excerpt::without(one, parts.left_out.0..parts.left_out.1);
            check(room, after, &Started {
                instance,
                service: one,
                version: two,
                key: parts.text.as_deref(),
                prefix: three,
                seeds: parts.numbers,
                settings: four,
            });
            check(room, after, &Opened { instance, dialog, id: one });
            check(room, after, &Served { instance, dialog, next_cseq: tag });
            check(room, after, &Received { dialog: parts.place, channel: tag, message: message.clone() });
            let channel = parts.optional.map(|channel| (channel, parts.up));
            check(room, after, &Bound { dialog, channel });
            check(room, after, &Released { dialog, tag });
            check(room, after, &Due { dialog });
            check(room, after, &Handled {
                instance,
                event: one,
                leg: parts.leg,
                did: &parts.did,
                failure: parts.text.as_deref(),
            });
            check(room, after, &Sent {
                dialog: parts.place,
                channel: parts.optional,
                to: parts.text.as_deref(),
                tag,
                message,
            });
            check(room, after, &Over { instance });
        }
    }

    #[test]
    fn what_is_done_now_and_then_is_left_to_serde() {
        let place = Place { index: 1, count: 2 };
        let rare = Handled {
            instance: place,
            event: "incoming",
            leg: 1,
            did: &[Did::Finish],
            failure: None,
        };
        assert_eq!(put(&mut [0; 100], 0, &rare), None);
    }
}
