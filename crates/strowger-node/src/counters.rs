//! What a shard counted.

/// Counts of one shard. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages that came in on the channels of this shard.
    pub messages_received: u64,
    /// Messages handed to the outboxes of this shard.
    pub messages_sent: u64,
    /// Instances started.
    pub instances_started: u64,
    /// Instances that failed: a panic, an error of their own, a limit.
    pub instances_failed: u64,
    /// Instances that went over to another version of their service.
    pub instances_moved: u64,
    /// Instances that the new version did not take over: they went on with the old one.
    pub instances_not_moved: u64,
    /// Requests for which no service or instance was found (404).
    pub not_found: u64,
    /// Requests that the grants of their sender do not cover (403).
    pub forbidden: u64,
    /// Requests refused because too many instances ran or the node drained (503).
    pub unavailable: u64,
    /// First requests whose destination was nobody (480).
    pub unreachable: u64,
    /// Requests refused because too much waited for their recipient (503).
    pub no_room: u64,
    /// Requests refused because their Max-Forwards was used up (483).
    pub too_many_hops: u64,
    /// Commands that were not carried out.
    pub commands_refused: u64,
    /// HTTP requests of instances.
    pub fetches: u64,
    /// Those that got no response.
    pub fetches_failed: u64,
    /// HTTP requests for services.
    pub http_requests: u64,
    /// Those that no instance answered.
    pub http_refused: u64,
}

impl Counters {
    /// Adds the counts of another shard.
    pub const fn add(&mut self, other: &Self) {
        self.messages_received += other.messages_received;
        self.messages_sent += other.messages_sent;
        self.instances_started += other.instances_started;
        self.instances_failed += other.instances_failed;
        self.instances_moved += other.instances_moved;
        self.instances_not_moved += other.instances_not_moved;
        self.not_found += other.not_found;
        self.forbidden += other.forbidden;
        self.unavailable += other.unavailable;
        self.unreachable += other.unreachable;
        self.no_room += other.no_room;
        self.too_many_hops += other.too_many_hops;
        self.commands_refused += other.commands_refused;
        self.fetches += other.fetches;
        self.fetches_failed += other.fetches_failed;
        self.http_requests += other.http_requests;
        self.http_refused += other.http_refused;
    }
}
