//! What is written down.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Blob, Said, Settings, whole};

/// Names a dialog or an instance of a shard: its place, and the count that tells it from earlier ones there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The place.
    pub index: u32,
    /// The count.
    pub count: u32,
}

impl Place {
    /// How it stands in the compact form.
    #[inline]
    pub(crate) const fn to_bytes(self) -> [u8; 8] {
        (self.index as u64 | (self.count as u64) << 32).to_le_bytes()
    }

    #[inline]
    pub(crate) const fn from_bytes(bytes: [u8; 8]) -> Self {
        let both = u64::from_le_bytes(bytes);
        Self {
            index: both as u32,
            count: (both >> 32) as u32,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.count)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (index, count) = text.split_once('.').ok_or(())?;
        Ok(Self {
            index: index.parse().map_err(|_| ())?,
            count: count.parse().map_err(|_| ())?,
        })
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.to_bytes().serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = Cow::<'_, str>::deserialize(deserializer)?;
            let wrong = |()| serde::de::Error::custom("a place is two numbers with a dot between them");
            text.parse().map_err(wrong)
        } else {
            Deserialize::deserialize(deserializer).map(Self::from_bytes)
        }
    }
}

/// An entry, and when it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Microseconds on the time line of the node.
    pub at: u64,
    /// What.
    pub entry: Entry<'a>,
}

/// One thing that a shard was told, drew, or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry<'a> {
    /// Drawn: an instance began, with what chance gave it.
    Started {
        /// The instance.
        instance: Place,
        /// Its service.
        service: Cow<'a, str>,
        /// The version of that.
        version: Cow<'a, str>,
        /// By which key requests reach it.
        key: Option<Cow<'a, str>>,
        /// What its relation ids begin with.
        prefix: Cow<'a, str>,
        /// Its chance.
        #[serde(with = "whole")]
        seeds: [u64; 2],
        /// Its settings.
        settings: Cow<'a, str>,
    },
    /// Drawn: an instance opened a leg.
    Opened {
        /// The instance.
        instance: Place,
        /// The dialog.
        dialog: Place,
        /// The `DialogueID` that it got.
        id: Cow<'a, str>,
    },
    /// Done: a dialog that a peer began became a leg of an instance.
    Served {
        /// The instance.
        instance: Place,
        /// The dialog.
        dialog: Place,
        /// The number of our first request in it, where that is not 1: the record absorbed what was before.
        next_cseq: u64,
    },
    /// Drawn: what the store of the service answered an instance.
    Read {
        /// The instance.
        instance: Place,
        /// What it asked.
        asked: Reading<'a>,
        /// The answer.
        answer: Read<'a>,
    },
    /// Told: a message came in on a channel.
    Received {
        /// The dialog, if it was known before.
        dialog: Option<Place>,
        /// The channel.
        #[serde(with = "whole")]
        channel: u64,
        /// The message.
        message: Said<'a>,
    },
    /// Told: where the first request of a dialog went, and whether there was a socket.
    Bound {
        /// The dialog.
        dialog: Place,
        /// Its channel; `None`: nobody is there.
        #[serde(default, with = "whole")]
        channel: Option<(u64, bool)>,
    },
    /// Told: a final response was released by the peer's acknowledgement.
    Released {
        /// The dialog.
        dialog: Place,
        /// Names the message.
        #[serde(with = "whole")]
        tag: u64,
    },
    /// Told: the outbox forgot a request that was never written.
    Withdrawn {
        /// The dialog.
        dialog: Place,
        /// Names the message.
        #[serde(with = "whole")]
        tag: u64,
    },
    /// Told: the outbox had no room for a request.
    NoRoom {
        /// The dialog.
        dialog: Place,
        /// Names the message.
        #[serde(with = "whole")]
        tag: u64,
    },
    /// Told: something became of a channel.
    Channel {
        /// The channel.
        #[serde(with = "whole")]
        channel: u64,
        /// What.
        news: ChannelNews,
    },
    /// Told: a timer of a dialog was due.
    Due {
        /// The dialog.
        dialog: Place,
    },
    /// Told: a time of an instance has come.
    Elapsed {
        /// The instance.
        instance: Place,
        /// Which.
        waited: Waited,
    },
    /// Told: something for an instance that is no matter of its legs.
    Told {
        /// The instance.
        instance: Place,
        /// What.
        told: Told<'a>,
    },
    /// Told: an operator ended a dialog.
    Ended {
        /// The dialog.
        dialog: Place,
        /// The reason that was given.
        reason: Cow<'a, str>,
    },
    /// Told: an instance was ended from outside.
    Stopped {
        /// The instance.
        instance: Place,
        /// Why, where it failed; it is as if it had finished otherwise.
        failure: Option<Cow<'a, str>>,
    },
    /// Told: an instance went over to another version of its service.
    Moved {
        /// The instance.
        instance: Place,
        /// The version.
        version: Cow<'a, str>,
    },
    /// Done: an instance handled an event.
    Handled {
        /// The instance.
        instance: Place,
        /// What it was told.
        event: Cow<'a, str>,
        /// The leg, where it was about one.
        leg: u32,
        /// What it asked for.
        did: Vec<Did<'a>>,
        /// Why it failed at it.
        failure: Option<Cow<'a, str>>,
    },
    /// Done: a message went out.
    Sent {
        /// The dialog.
        dialog: Option<Place>,
        /// The channel; `None` where the message is the first of a dialog.
        #[serde(default, with = "whole")]
        channel: Option<u64>,
        /// Who it was for, where it was the first of a dialog.
        to: Option<Cow<'a, str>>,
        /// Names it for what becomes of it.
        #[serde(with = "whole")]
        tag: u64,
        /// The message.
        message: Said<'a>,
    },
    /// Done: an instance ended.
    Over {
        /// The instance.
        instance: Place,
    },
    /// Told: other timers and limits hold from here on.
    Reconfigured {
        /// The new ones.
        settings: Box<Settings>,
    },
    /// Records of this shard are missing here: so many.
    Gap {
        /// How many.
        records: u64,
    },
}

impl Entry<'_> {
    /// Whether the shard was told it: such entries lead to others.
    pub const fn is_input(&self) -> bool {
        match self {
            Self::Told { told, .. } => !told.is_at_once(),
            Self::Received { .. }
            | Self::Bound { .. }
            | Self::Released { .. }
            | Self::Withdrawn { .. }
            | Self::NoRoom { .. }
            | Self::Channel { .. }
            | Self::Due { .. }
            | Self::Elapsed { .. }
            | Self::Ended { .. }
            | Self::Stopped { .. }
            | Self::Moved { .. }
            | Self::Reconfigured { .. } => true,
            Self::Started { .. }
            | Self::Opened { .. }
            | Self::Served { .. }
            | Self::Read { .. }
            | Self::Handled { .. }
            | Self::Sent { .. }
            | Self::Over { .. }
            | Self::Gap { .. } => false,
        }
    }

    /// The same, borrowed from nobody.
    pub fn to_owned_entry(&self) -> Entry<'static> {
        let written = postcard::to_allocvec(self).unwrap_or_default();
        postcard::from_bytes(&written).unwrap_or(Entry::Gap { records: 1 })
    }

    /// Whether the shard did it: what a replay must do again.
    pub const fn is_output(&self) -> bool {
        matches!(
            self,
            Self::Served { .. } | Self::Handled { .. } | Self::Sent { .. } | Self::Over { .. }
        )
    }
}

/// What becomes of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelNews {
    /// It has a socket again.
    Up,
    /// It has none.
    Down,
    /// It is lost.
    Lost,
    /// It was a link, and failed for good.
    Failed,
}

/// What an instance waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waited {
    /// A timer of its own.
    Timer(u32),
    /// The time in which it had to answer an HTTP request.
    Http(u32),
}

/// What an instance is told beside what happens on its legs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Told<'a> {
    /// An HTTP request came for it.
    Http {
        /// The request.
        request: Exchange<'a>,
    },
    /// A request of it over HTTP has its response, or none.
    Fetched {
        /// The number of the request.
        id: u32,
        /// Whether the node refused it at once, without asking anybody.
        at_once: bool,
        /// The response.
        result: Result<Exchange<'a>, Failed<'a>>,
    },
    /// The store is on disk, or could not be written.
    Stored {
        /// The number of the wish.
        id: u32,
        /// Whether the node answered it at once, without a disk.
        at_once: bool,
        /// Why it could not be written.
        fault: Option<Cow<'a, str>>,
    },
    /// A sibling has said something.
    Published {
        /// The topic.
        topic: Cow<'a, str>,
        /// What.
        text: Blob<'a>,
    },
    /// A key of the store has changed.
    StoreChanged {
        /// The key.
        key: Cow<'a, str>,
        /// The version that is there.
        version: Option<u64>,
    },
    /// Its settings are others.
    Settings {
        /// The new ones.
        settings: Cow<'a, str>,
    },
    /// The node ends.
    Shutdown {
        /// In so many microseconds.
        within: u64,
    },
}

impl Told<'_> {
    /// Whether the node itself answered a command with it, while it carried that out.
    pub const fn is_at_once(&self) -> bool {
        matches!(
            self,
            Self::Fetched { at_once: true, .. } | Self::Stored { at_once: true, .. }
        )
    }
}

/// A request or a response over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange<'a> {
    /// Method and URL of a request, the status of a response.
    pub line: Cow<'a, str>,
    /// The headers.
    pub headers: Cow<'a, [(String, String)]>,
    /// The body.
    pub body: Blob<'a>,
}

/// Why there was no response over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failed<'a> {
    /// Which fault it was.
    pub kind: Cow<'a, str>,
    /// What is said of it.
    pub why: Cow<'a, str>,
}

/// What an instance asks the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reading<'a> {
    /// A key's value.
    Get {
        /// The key.
        key: Cow<'a, str>,
    },
    /// To set a key.
    Set {
        /// The key.
        key: Cow<'a, str>,
        /// The value.
        value: Blob<'a>,
    },
    /// To remove a key.
    Delete {
        /// The key.
        key: Cow<'a, str>,
    },
    /// Which keys there are.
    Keys {
        /// What they begin with.
        prefix: Cow<'a, str>,
    },
}

/// What the store answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Read<'a> {
    /// The value; `None`: there is none.
    Value(Option<(Blob<'a>, u64)>),
    /// What became of a change.
    Changed(Result<Option<u64>, Written>),
    /// The keys.
    Keys(Vec<Cow<'a, str>>),
}

/// Why the store was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Written {
    /// Something else was there: this version.
    Changed(Option<u64>),
    /// There was no room.
    Full,
    /// The key is too long.
    KeyTooLong,
    /// The value is too large.
    ValueTooLarge,
}

/// One command of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Did<'a> {
    /// It opens a leg.
    Open {
        /// The leg.
        leg: u32,
        /// The method of the request.
        method: Cow<'a, str>,
        /// The Request-URI.
        uri: Cow<'a, str>,
    },
    /// It sends a request.
    Send {
        /// The leg.
        leg: u32,
        /// The method.
        method: Cow<'a, str>,
    },
    /// It answers a request.
    Respond {
        /// The leg.
        leg: u32,
        /// The number of the request.
        cseq: u64,
        /// The status code.
        code: u16,
    },
    /// It sets a timer.
    SetTimer {
        /// The timer.
        timer: u32,
        /// For so many microseconds.
        after: u64,
    },
    /// It stops a timer.
    CancelTimer {
        /// The timer.
        timer: u32,
    },
    /// It takes a relation id.
    Relate {
        /// The id.
        relid: Cow<'a, str>,
    },
    /// It logs.
    Log {
        /// How serious it is.
        level: Cow<'a, str>,
        /// What it says.
        text: Cow<'a, str>,
    },
    /// It asks over HTTP.
    Fetch {
        /// The number of the request.
        id: u32,
        /// The request.
        request: Exchange<'a>,
    },
    /// It answers over HTTP.
    HttpRespond {
        /// The number of the request.
        id: u32,
        /// The response.
        response: Exchange<'a>,
    },
    /// It listens to a topic.
    Listen {
        /// The topic.
        topic: Cow<'a, str>,
    },
    /// It says something on a topic.
    Publish {
        /// The topic.
        topic: Cow<'a, str>,
        /// What.
        text: Blob<'a>,
    },
    /// It watches keys of the store.
    Watch {
        /// What they begin with.
        prefix: Cow<'a, str>,
    },
    /// It wants to know when the store is on disk.
    Sync {
        /// The number of the wish.
        id: u32,
    },
    /// It is done.
    Finish,
    /// It gives up.
    Fail {
        /// Why.
        reason: Cow<'a, str>,
    },
    /// Something that the node does not know.
    Unknown,
    /// It forwards a request on a new leg, and leaves the call to the node.
    Forward {
        /// The new leg.
        leg: u32,
        /// The method of the request.
        method: Cow<'a, str>,
        /// The Request-URI.
        uri: Cow<'a, str>,
    },
}
