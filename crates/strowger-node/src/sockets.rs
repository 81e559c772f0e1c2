//! What the driver tells a shard of its sockets.

use jsip::UserId;
use strowger_channel::{ChannelId, ConnId, DialFailure, Frame};
use strowger_time::Instant;

use crate::Shard;

impl Shard {
    /// A socket was accepted for this name, whose home this shard is.
    pub fn connect(&mut self, now: Instant, name: UserId, conn: ConnId) -> ChannelId {
        if self.config.links.is_node(&name) {
            return self.channels.connect_node(now, name, conn);
        }
        self.channels.connect(now, name, conn)
    }

    /// A link was dialled.
    pub fn dialled(&mut self, now: Instant, channel: ChannelId, conn: ConnId) {
        self.channels.dialled(now, channel, conn);
    }

    /// A link could not be dialled.
    pub fn dial_failed(&mut self, now: Instant, channel: ChannelId, failure: DialFailure) {
        self.channels.dial_failed(now, channel, failure);
    }

    /// A text frame came in.
    pub fn receive_text(&mut self, now: Instant, conn: ConnId, text: &str) {
        self.channels.receive_text(now, conn, text);
    }

    /// A binary frame came in.
    pub fn receive_binary(&mut self, now: Instant, conn: ConnId) {
        self.channels.receive_binary(now, conn);
    }

    /// A message larger than allowed came in.
    pub fn receive_oversize(&mut self, now: Instant, conn: ConnId) {
        self.channels.receive_oversize(now, conn);
    }

    /// A Pong came in.
    pub fn receive_pong(&mut self, now: Instant, conn: ConnId, payload: &[u8]) {
        self.channels.receive_pong(now, conn, payload);
    }

    /// A Ping came in, and the driver answered it.
    pub fn receive_ping(&mut self, now: Instant, conn: ConnId) {
        self.channels.receive_ping(now, conn);
    }

    /// Fragments came in, beyond the first of their message.
    pub fn receive_fragments(&mut self, now: Instant, conn: ConnId, count: usize) {
        self.channels.receive_fragments(now, conn, count);
    }

    /// A socket ended, with the peer's close code if it sent one.
    pub fn closed(&mut self, now: Instant, conn: ConnId, code: Option<u16>) {
        self.channels.closed(now, conn, code);
    }

    /// What a socket is to write next, in order.
    pub fn take_batch(&mut self, now: Instant, conn: ConnId, max_bytes: usize, frames: &mut Vec<Frame>) {
        self.channels.take_batch(now, conn, max_bytes, frames);
    }

    /// The batch taken last was written.
    pub fn written(&mut self, now: Instant, conn: ConnId) {
        self.channels.written(now, conn);
    }
}
