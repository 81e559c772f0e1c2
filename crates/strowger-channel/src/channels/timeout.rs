//! What happens when nothing happens.

use std::time::Duration;

use strowger_time::Instant;

use super::Channels;
use crate::channel::{Channel, Life};
use crate::{ChannelId, LostCause, close};

/// How long draining waits for outboxes before it closes their sockets.
pub(super) const DRAIN_GRACE: Duration = Duration::from_secs(2);

/// Where a bound of the outbox is hit, a frame that comes this part of a ping interval after a Ping without its Pong is
/// proof enough that none comes. An earlier one may have crossed the Ping.
const HURRY: u32 = 5;

/// What is due. At most four of these per channel, however many messages it holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    /// Something in the life of a channel: a look at its socket, the end of its retention, the next attempt to dial.
    Life(ChannelId),
    /// The oldest entry of an outbox may be too old.
    Age(ChannelId),
    /// Frames went out, and their Ping was put off.
    Ping(ChannelId),
    /// The credential of a channel's socket is over.
    Expiry(ChannelId),
    /// Draining has waited long enough.
    DrainOver,
}

impl Channels {
    /// Does everything that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(due) = self.deadlines.pop_due(now) {
            match due {
                Due::Life(id) => self.on_life_timer(now, id),
                Due::Age(id) => self.on_age_timer(now, id),
                Due::Ping(id) => self.on_ping_timer(id),
                Due::Expiry(id) => self.on_expiry(now, id),
                Due::DrainOver => {
                    for id in self.open_channels() {
                        self.hang_up(now, id, close::SERVICE_RESTART, "server restarts");
                    }
                }
            }
        }
    }

    fn on_life_timer(&mut self, now: Instant, id: ChannelId) {
        let Some(channel) = self.registry.get_mut(id) else {
            return;
        };
        channel.life_timer = None;
        match &channel.life {
            Life::Open(_) => self.look_at_socket(now, id),
            Life::Retained => self.lose(id, LostCause::RetentionOver),
            Life::BackingOff { failed } => {
                let failed = *failed;
                if self.draining {
                    self.lose(id, LostCause::LinkFailed);
                } else {
                    self.dial(now, id, failed);
                }
            }
            Life::Dialling { .. } => {}
        }
    }

    /// Pings a socket that has been silent, gives up one that stays so for two intervals, and sees whether Pongs come at
    /// all.
    ///
    /// The first look comes after half an interval to a whole one, and every Ping is followed by a look of its own time,
    /// so that sockets which came together do not ping together, then or later.
    fn look_at_socket(&mut self, now: Instant, id: ChannelId) {
        let interval = self.settings.ping_interval;
        let jittered = self.jitter.shorten(interval, 90);
        let Some(channel) = self.registry.get_mut(id) else {
            return;
        };
        channel.outbox.trim();
        let Some(connection) = channel.connection_mut() else {
            return;
        };
        let heard = connection.last_heard;
        let dead_at = heard + interval * 2;
        let silent = now.since(heard) >= interval / 2;
        let next = if connection.probed {
            if dead_at <= now {
                self.counters.dead += 1;
                return self.hang_up(now, id, close::GOING_AWAY, "no sign of life");
            }
            dead_at
        } else if silent {
            // Late, because the whole process stood still, it is asked all the same before it is given up.
            (now + jittered).min(dead_at.max(now + interval / 2))
        } else {
            heard + jittered
        };
        // The time counts from one to the other: a peer that fell silent together with its Pongs proves nothing.
        let no_pongs = connection
            .unanswered_since
            .is_some_and(|since| heard.since(since) >= interval * 2);
        if silent && !connection.probed {
            (connection.probed, connection.ping_due) = (true, true);
        }
        if no_pongs {
            self.release_from_here_on(id);
        }
        self.set_life_timer(id, Some(next));
        self.wake(id);
        self.close_if_drained(now, id);
    }

    /// A bound of the outbox is hit. If frames come in but Pongs do not, what was written need not be kept.
    pub(super) fn release_at_bound(&mut self, id: ChannelId) {
        let patience = self.settings.ping_interval / HURRY;
        let Some(connection) = self.registry.get(id).and_then(Channel::connection) else {
            return;
        };
        let no_pongs = connection
            .unanswered_since
            .is_some_and(|since| connection.last_heard.since(since) >= patience);
        if no_pongs {
            self.release_from_here_on(id);
        }
    }

    /// Falls back to releasing entries when they are written, until a Pong comes.
    fn release_from_here_on(&mut self, id: ChannelId) {
        let Some(channel) = self.registry.get_mut(id) else {
            return;
        };
        let flushed = channel.outbox.flushed();
        let Some(connection) = channel.connection_mut() else {
            return;
        };
        if !connection.release_on_write {
            connection.release_on_write = true;
            self.counters.pong_fallback += 1;
        }
        self.release(id, flushed);
    }

    /// What went out without a Ping gets one, unless a later batch has brought it.
    fn on_ping_timer(&mut self, id: ChannelId) {
        let Some(channel) = self.registry.get_mut(id) else {
            return;
        };
        channel.ping_timer = None;
        let taken = channel.outbox.taken();
        let Some(connection) = channel.connection_mut() else {
            return;
        };
        if connection.pinged.unwrap_or(0) < taken {
            connection.ping_due = true;
            self.wake(id);
        }
    }

    fn on_age_timer(&mut self, now: Instant, id: ChannelId) {
        let retention = self.settings.retention;
        let Some(channel) = self.registry.get_mut(id) else {
            return;
        };
        channel.age_timer = None;
        let Some(queued_at) = channel.outbox.oldest_undelivered() else {
            return;
        };
        if queued_at + retention <= now {
            return self.lose(id, LostCause::OutboxFull);
        }
        channel.age_timer = Some(self.deadlines.set(queued_at + retention, Due::Age(id)));
    }
}
