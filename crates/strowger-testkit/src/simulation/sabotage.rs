//! Drivers that do their work wrong.

/// One way to break the simulated driver: the product code stays as it is, and the invariants must notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sabotage {
    /// At a drop, what was written and not acknowledged is taken for acknowledged.
    ForgetsBatch,
    /// A batch is acknowledged as soon as it is taken, before anything is written.
    AcknowledgesUnwritten,
    /// The Pong of a replaced socket is given to the new one.
    HearsStalePongs,
    /// Other shards are not told that a channel has no socket.
    WithholdsDropped,
    /// Other shards are not told that a channel is lost.
    WithholdsLost,
    /// Mail between two shards may overtake.
    ReordersMail,
    /// The frames of a batch are written in the wrong order.
    SwapsFrames,
    /// Now and then a frame goes to another user's socket.
    MixesUpSockets,
    /// Now and then a frame is not written.
    LosesFrames,
    /// Now and then the release of a final response is not passed on.
    LosesReleases,
    /// A shard that has been idle is not called when its time comes.
    OversleepsTimers,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::ForgetsBatch,
        Self::AcknowledgesUnwritten,
        Self::HearsStalePongs,
        Self::WithholdsDropped,
        Self::WithholdsLost,
        Self::ReordersMail,
        Self::SwapsFrames,
        Self::MixesUpSockets,
        Self::LosesFrames,
        Self::LosesReleases,
        Self::OversleepsTimers,
    ];
}
