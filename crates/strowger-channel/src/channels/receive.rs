//! What sockets bring in.

use jsip::{DecodeError, Message, Method, Request, Response, StatusCode};
use strowger_time::Instant;

use super::Channels;
use crate::rate::{Rate, Verdict};
use crate::{ChannelEvent, ChannelId, ConnId, Kind, close, ping};

/// The tag of messages that nobody asks about.
const NO_TAG: u64 = 0;

impl Channels {
    /// A text frame came in.
    ///
    /// A valid message becomes [`ChannelEvent::Message`]. Anything else is answered or dropped as the protocol says
    /// (sections 2 and 6), and counted.
    pub fn receive_text(&mut self, now: Instant, conn: ConnId, text: &str) {
        let Some(id) = self.hear(now, conn) else { return };
        let above = match self.charge(now, id) {
            Verdict::Within => false,
            Verdict::Above => true,
            Verdict::AboveForLong => {
                self.counters.closed_rate += 1;
                return self.hang_up(now, id, close::POLICY, "too many messages");
            }
        };
        match Message::decode(text, &self.settings.limits) {
            Ok(Message::Request(request)) if above && request.method() != Method::Ack => {
                self.counters.rate_limited += 1;
                self.reply(now, id, too_fast(&request));
            }
            Ok(message) => self
                .events
                .push_back(ChannelEvent::Message { channel: id, message }),
            Err(error) => self.on_malformed(now, id, &error),
        }
    }

    /// A binary frame came in: the socket is closed with 1003.
    pub fn receive_binary(&mut self, now: Instant, conn: ConnId) {
        if let Some(id) = self.hear(now, conn) {
            self.counters.binary += 1;
            self.hang_up(now, id, close::UNSUPPORTED, "binary frame");
        }
    }

    /// A message over `limits.message_bytes` is coming in: the socket is closed with 1009.
    pub fn receive_oversize(&mut self, now: Instant, conn: ConnId) {
        if let Some(id) = self.hear(now, conn) {
            self.counters.oversize += 1;
            self.hang_up(now, id, close::TOO_BIG, "message too big");
        }
    }

    /// A Pong came in: it releases what was written before its Ping.
    pub fn receive_pong(&mut self, now: Instant, conn: ConnId, payload: &[u8]) {
        let Some(id) = self.hear(now, conn) else { return };
        let Some(channel) = self.registry.get_mut(id) else {
            return;
        };
        let pinged = channel.connection().and_then(|connection| connection.pinged);
        let Some(sequence) = ping::sequence(payload).filter(|&sequence| Some(sequence) <= pinged) else {
            self.counters.foreign_pongs += 1;
            return self.charge_frames(now, id, 1);
        };
        if let Some(connection) = channel.connection_mut() {
            connection.release_on_write = false;
            if connection.answered.is_some_and(|answered| sequence <= answered) {
                return self.charge_frames(now, id, 1);
            }
            connection.answered = Some(sequence);
            // While later Pings are open, their time counts from here: Pongs do come.
            let open = Some(sequence) < pinged && connection.unanswered_since.is_some();
            connection.unanswered_since = open.then_some(now);
        }
        self.release(id, sequence);
        self.close_if_drained(now, id);
    }

    /// A Ping came in, which the WebSocket layer answers: a sign of life and no more.
    pub fn receive_ping(&mut self, now: Instant, conn: ConnId) {
        if let Some(id) = self.hear(now, conn) {
            self.charge_frames(now, id, 1);
        }
    }

    /// So many fragments beyond the first of their message came in: signs of life, and no more until the message is
    /// whole.
    pub fn receive_fragments(&mut self, now: Instant, conn: ConnId, count: usize) {
        if let Some(id) = self.hear(now, conn) {
            self.charge_frames(now, id, count);
        }
    }

    /// Frames that are no message have no sender to be told 503, and no peer that means well sends many: too many close
    /// the socket at once.
    fn charge_frames(&mut self, now: Instant, id: ChannelId, count: usize) {
        let Some(channel) = self.registry.get_mut(id) else {
            return;
        };
        let (link, per_second) = (&self.settings.link, self.settings.frames_per_second);
        let rate = if channel.is_node {
            Rate::new(link.messages_per_second, link.burst)
        } else {
            Rate::new(per_second, per_second.saturating_mul(2))
        };
        if !channel.frames.take(now, rate, count) {
            self.counters.closed_frames += 1;
            self.hang_up(now, id, close::POLICY, "too many frames");
        }
    }

    /// Notes a sign of life; `None` if the socket is no channel's any more.
    fn hear(&mut self, now: Instant, conn: ConnId) -> Option<ChannelId> {
        let Some(channel) = self.registry.by_socket(conn) else {
            self.counters.stale_frames += 1;
            return None;
        };
        let id = channel.id;
        if let Some(connection) = channel.connection_mut() {
            connection.last_heard = now;
            connection.probed = false;
            connection.failed = 0;
        }
        Some(id)
    }

    fn charge(&mut self, now: Instant, id: ChannelId) -> Verdict {
        let Some(channel) = self.registry.get_mut(id) else {
            return Verdict::Above;
        };
        let rate = if channel.is_node {
            Rate::new(self.settings.link.messages_per_second, self.settings.link.burst)
        } else {
            Rate::new(self.settings.messages_per_second, self.settings.burst)
        };
        channel.bucket.take(now, rate)
    }

    fn on_malformed(&mut self, now: Instant, id: ChannelId, error: &DecodeError) {
        let rejection = error.rejection();
        // A method that only we do not know is no fault of the peer's syntax: it is answered, not held against it.
        let unknown = rejection
            .as_ref()
            .is_some_and(|response| response.code() == StatusCode::NOT_IMPLEMENTED);
        if let Some(response) = rejection {
            self.reply(now, id, response);
        }
        if unknown {
            self.counters.unknown_methods += 1;
            return;
        }
        self.counters.malformed += 1;
        let Some(connection) = self
            .registry
            .get_mut(id)
            .and_then(|channel| channel.connection_mut())
        else {
            return;
        };
        connection.malformed += 1;
        if connection.malformed >= self.settings.malformed {
            self.counters.closed_malformed += 1;
            self.hang_up(now, id, close::POLICY, "too many malformed messages");
        }
    }

    /// Sends a response of the channel's own; if that hits a bound of the outbox, the channel is lost.
    fn reply(&mut self, now: Instant, id: ChannelId, response: Response) {
        let text = Message::Response(response).encode();
        let _ = self.enqueue(now, id, text.into(), NO_TAG, Kind::Other);
    }
}

fn too_fast(request: &Request) -> Response {
    let mut response = Response::to(request, StatusCode::SERVICE_UNAVAILABLE);
    response.set_reason("too many messages per second");
    // It fails only for a name or a value that is no header, and these are.
    let _ = response.set_extension("Retry-After", "1");
    response
}
