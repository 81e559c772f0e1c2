//! What the channels of a shard have seen.

/// Running totals since the shard began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Channels made, links included.
    pub opened: u64,
    /// Sockets that found their channel waiting for them.
    pub resumed: u64,
    /// Sockets that took a channel over from another socket.
    pub takeovers: u64,
    /// Sockets that ended while their channel went on.
    pub dropped: u64,
    /// Sockets closed because their credential was over.
    pub expired: u64,
    /// Sockets given up because they gave no sign of life.
    pub dead: u64,
    /// Channels lost because nobody came back in time.
    pub lost_retention_over: u64,
    /// Channels lost at a bound of their outbox.
    pub lost_outbox_full: u64,
    /// Requests refused because the outbox of their channel was more than half full.
    pub refused_outbox_full: u64,
    /// Channels ended by their user.
    pub lost_ended_by_user: u64,
    /// Channels that the operator ended.
    pub lost_ended_by_operator: u64,
    /// Links lost because the other node could not be reached.
    pub lost_link_failed: u64,
    /// Messages received that were no valid JSIP.
    pub malformed: u64,
    /// Requests received whose method is unknown.
    pub unknown_methods: u64,
    /// Sockets closed because they sent too many malformed messages.
    pub closed_malformed: u64,
    /// Requests answered 503 because their channel sent too many.
    pub rate_limited: u64,
    /// Sockets closed because they stayed above the rate limit.
    pub closed_rate: u64,
    /// Sockets closed because they sent too many frames that are no message.
    pub closed_frames: u64,
    /// Binary frames.
    pub binary: u64,
    /// Messages larger than allowed.
    pub oversize: u64,
    /// Frames and Pongs of sockets that no channel has any more.
    pub stale_frames: u64,
    /// Pongs that answer no Ping of ours.
    pub foreign_pongs: u64,
    /// Connections that fell back to releasing on write because their Pongs do not come.
    pub pong_fallback: u64,
    /// Entries written a second time because their socket went.
    pub repeated: u64,
    /// Requests forgotten because they were cancelled or timed out before they were written.
    pub withdrawn: u64,
    /// Attempts to connect to another node.
    pub dials: u64,
}

impl Counters {
    /// Adds the counts of another shard.
    pub const fn add(&mut self, other: &Self) {
        self.opened += other.opened;
        self.resumed += other.resumed;
        self.takeovers += other.takeovers;
        self.dropped += other.dropped;
        self.expired += other.expired;
        self.dead += other.dead;
        self.lost_retention_over += other.lost_retention_over;
        self.lost_outbox_full += other.lost_outbox_full;
        self.refused_outbox_full += other.refused_outbox_full;
        self.lost_ended_by_user += other.lost_ended_by_user;
        self.lost_ended_by_operator += other.lost_ended_by_operator;
        self.lost_link_failed += other.lost_link_failed;
        self.malformed += other.malformed;
        self.unknown_methods += other.unknown_methods;
        self.closed_malformed += other.closed_malformed;
        self.rate_limited += other.rate_limited;
        self.closed_rate += other.closed_rate;
        self.closed_frames += other.closed_frames;
        self.binary += other.binary;
        self.oversize += other.oversize;
        self.stale_frames += other.stale_frames;
        self.foreign_pongs += other.foreign_pongs;
        self.pong_fallback += other.pong_fallback;
        self.repeated += other.repeated;
        self.withdrawn += other.withdrawn;
        self.dials += other.dials;
    }
}
