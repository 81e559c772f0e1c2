//! What a channel may cost, and how long it waits (protocol section 9).

use std::time::Duration;

/// The settings of all channels of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a channel without a socket waits for the next one, and the greatest age of an entry that the peer
    /// has not acknowledged. Default 120 s. A retained channel costs what is in its outbox.
    pub retention: Duration,
    /// How long a socket may be silent before it gets a Ping; after two of these it is dead. Default 25 s. Costs one
    /// timer per socket.
    pub ping_interval: Duration,
    /// How long a batch may wait for its Ping where the socket had one lately: so long there is one Ping for all of them.
    /// Default 20 ms; zero: one behind every batch. Longer means fewer small frames, and more that is written again when
    /// a socket is lost. An outbox that is an eighth full waits no longer.
    pub ack_interval: Duration,
    /// The most messages in the outbox of one channel; requests get half of the room. Default 4,096. Each costs 64 bytes
    /// beside its text.
    pub outbox_messages: usize,
    /// The most bytes of text in the outbox of one channel; requests get half of the room. Default 4 MiB; the worst case
    /// of memory per channel.
    pub outbox_bytes: usize,
    /// Above so many bytes in all outboxes of the shard together, a request gets in only where nothing else waits.
    /// Default 512 MiB.
    pub outbox_bytes_in_all: usize,
    /// At how many malformed messages of one connection it is closed with 1008. Default 10.
    pub malformed: usize,
    /// How many messages per second a user's channel may send on average. Default 200.
    pub messages_per_second: usize,
    /// How many messages a user's channel may send at once after a quiet time. Default 400.
    pub burst: usize,
    /// How many frames that are no message of their own a user's socket may send per second on average, and twice as
    /// many at once: Pings, Pongs that nobody asked for, fragments beyond a message's first. Default 2,000.
    pub frames_per_second: usize,
    /// The bounds of one message.
    pub limits: jsip::Limits,
    /// What applies to links only.
    pub link: LinkSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(120),
            ping_interval: Duration::from_secs(25),
            ack_interval: Duration::from_millis(20),
            outbox_messages: 4096,
            outbox_bytes: 4 << 20,
            outbox_bytes_in_all: 512 << 20,
            malformed: 10,
            messages_per_second: 200,
            burst: 400,
            frames_per_second: 2000,
            limits: jsip::Limits::default(),
            link: LinkSettings::default(),
        }
    }
}

/// The settings of links. All but the last two are about those that this node dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSettings {
    /// How long the driver gives one attempt to connect. Default 3 s. Kept by the driver, which then reports the
    /// attempt as failed.
    pub connect_timeout: Duration,
    /// How often a failed attempt is made again before the link is lost. Default 10: about 50 s in all.
    pub retries: usize,
    /// The pause before the first retry; it doubles with each. Default 200 ms. Up to half of a pause is taken off at
    /// random, so that nodes which lost the same peer do not come back in step.
    pub first_pause: Duration,
    /// The longest pause between two retries. Default 10 s.
    pub longest_pause: Duration,
    /// How many messages per second the other node may send on average, and as many other frames. Default 20,000: a link carries the dialogs of
    /// many users.
    pub messages_per_second: usize,
    /// How many messages the other node may send at once after a quiet time. Default 40,000.
    pub burst: usize,
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            retries: 10,
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(10),
            messages_per_second: 20_000,
            burst: 40_000,
        }
    }
}
