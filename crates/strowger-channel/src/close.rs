//! Close codes that the channels use (protocol section 1; RFC 6455 §7.4).

/// The peer closes because it is done: the channel ends at once.
pub const NORMAL: u16 = 1000;
/// A socket that gave no sign of life, or that belongs to nothing.
pub const GOING_AWAY: u16 = 1001;
/// A binary frame.
pub const UNSUPPORTED: u16 = 1003;
/// Too many malformed messages, too high a rate, or the channel is lost.
pub const POLICY: u16 = 1008;
/// A message over `limits.message_bytes`.
pub const TOO_BIG: u16 = 1009;
/// The server restarts: come again.
pub const SERVICE_RESTART: u16 = 1012;
/// The credential is over: come back with another one.
pub const EXPIRED: u16 = 4003;
/// Another socket took the channel over: do not come back by yourself.
pub const REPLACED: u16 = 4001;
