//! What was dropped, and why.

/// Counts of messages that had no effect. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Responses for which there was no transaction.
    pub stray_responses: u64,
    /// Provisional responses after a final one, second final responses.
    pub late_responses: u64,
    /// ACKs that acknowledged nothing.
    pub stray_acks: u64,
    /// Requests that came again and were absorbed.
    pub retransmissions: u64,
    /// Requests refused by the session layer (400, 481, 491).
    pub illegal_requests: u64,
    /// Finished transactions forgotten early because too many lingered.
    pub linger_overflows: u64,
    /// New dialogs refused because their channel had too many.
    pub dialog_overflows: u64,
    /// Dialogs that nobody saw begin, since who looks on was behind.
    pub unobserved: u64,
    /// Messages and transactions of observed dialogs that were not noted, since too much waited to be taken.
    pub unnoted: u64,
}

impl Counters {
    /// Adds the counts of another stack.
    pub const fn add(&mut self, other: &Self) {
        self.stray_responses += other.stray_responses;
        self.late_responses += other.late_responses;
        self.stray_acks += other.stray_acks;
        self.retransmissions += other.retransmissions;
        self.illegal_requests += other.illegal_requests;
        self.linger_overflows += other.linger_overflows;
        self.dialog_overflows += other.dialog_overflows;
        self.unobserved += other.unobserved;
        self.unnoted += other.unnoted;
    }
}
