//! What goes out.

use bytes::Bytes;
use strowger_time::Instant;

use super::{Channels, timeout::Due};
use crate::channel::Writer;
use crate::outbox::{Admission, Effect, Fill, admission};
use crate::{ChannelEvent, ChannelId, ConnId, Frame, Kind, LostCause, Outgoing, Tag, Unreachable, ping};

/// Above this part of the outbox's room a Ping is not put off any more.
const FILLING: usize = 8;

impl Channels {
    /// Sends a message on a channel, open or not: it waits in the outbox until the peer has it.
    ///
    /// A request that finds the outbox more than half full is not taken, and [`ChannelEvent::NoRoom`] says so.
    ///
    /// # Errors
    /// The channel is gone, or the message hit a bound of its outbox: then the channel is lost, and says so.
    pub fn send(&mut self, now: Instant, channel: ChannelId, outgoing: Outgoing) -> Result<(), Unreachable> {
        if self.registry.get(channel).is_none() {
            return Err(Unreachable);
        }
        let Outgoing { text, tag, kind } = outgoing;
        self.enqueue(now, channel, text, tag, kind)
    }

    /// The request with this tag timed out: it is forgotten if no socket ever had it, and awaits no response any more.
    pub fn withdraw(&mut self, channel: ChannelId, tag: Tag) {
        let Some(channel) = self.registry.get_mut(channel) else {
            return;
        };
        let (counters, before) = (&mut self.counters, channel.outbox.bytes());
        channel.outbox.withdraw(tag, |effect| {
            counters.withdrawn += u64::from(effect == Effect::Withdrawn(tag))
        });
        self.waiting_bytes -= before - channel.outbox.bytes();
    }

    /// Sends the CANCEL of an INVITE; if no socket ever had the INVITE, both are forgotten and
    /// [`ChannelEvent::Withdrawn`] says so.
    pub fn cancel(&mut self, now: Instant, channel: ChannelId, invite: Tag, cancel: Outgoing) {
        let Some(record) = self.registry.get_mut(channel) else {
            return;
        };
        let (events, counters) = (&mut self.events, &mut self.counters);
        let before = record.outbox.bytes();
        let is_known = record.outbox.cancel(invite, |effect| {
            Self::on_effect(events, counters, channel, &effect)
        });
        self.waiting_bytes -= before - record.outbox.bytes();
        if is_known {
            // If this hits a bound, the channel's loss says so.
            let _ = self.send(now, channel, cancel);
        }
    }

    /// A response to the request with this tag came: it is done for good.
    pub fn done(&mut self, channel: ChannelId, tag: Tag) {
        if let Some(channel) = self.registry.get_mut(channel) {
            let before = channel.outbox.bytes();
            channel.outbox.done(tag);
            self.waiting_bytes -= before - channel.outbox.bytes();
        }
    }

    /// Adds to `frames` what the socket is to write next, in order: messages of about `max_bytes`, at least one if there
    /// is any, and a Ping behind them unless [`ack_interval`](crate::Settings::ack_interval) puts it off. Adds nothing if
    /// there is nothing to write.
    ///
    /// Whoever gets frames must write and flush them and then call [`Channels::written`].
    pub fn take_batch(&mut self, now: Instant, conn: ConnId, max_bytes: usize, frames: &mut Vec<Frame>) {
        let Some(channel) = self.registry.by_socket(conn) else {
            return;
        };
        let (id, counters, settings) = (channel.id, &mut self.counters, &self.settings);
        let (events, watched) = (&mut self.events, self.watched);
        let took = channel.outbox.take(max_bytes, |effect| match effect {
            Effect::Write(text) => frames.push(Frame::Text(text)),
            Effect::Repeated(tag) => {
                counters.repeated += 1;
                if watched {
                    events.push_back(ChannelEvent::Repeated { channel: id, tag });
                }
            }
            Effect::Released(_) | Effect::Withdrawn(_) | Effect::QueueCancel => {}
        });
        let sequence = channel.outbox.taken();
        let is_filling = channel.outbox.len() > settings.outbox_messages / FILLING
            || channel.outbox.bytes() > settings.outbox_bytes / FILLING;
        let Some(connection) = channel.connection_mut() else {
            return;
        };
        if !took && !connection.ping_due {
            connection.writer = Writer::Idle;
            return;
        }
        connection.writer = Writer::Writing;
        let due_at = connection.pinged_at.map_or(now, |at| at + settings.ack_interval);
        if due_at > now && !connection.ping_due && !is_filling {
            if channel.ping_timer.is_none() {
                channel.ping_timer = Some(self.deadlines.set(due_at, Due::Ping(id)));
            }
            return;
        }
        connection.ping_due = false;
        (connection.pinged, connection.pinged_at) = (Some(sequence), Some(now));
        frames.push(Frame::Ping(ping::payload(sequence)));
    }

    /// Everything taken so far was written and flushed.
    pub fn written(&mut self, now: Instant, conn: ConnId) {
        let Some(channel) = self.registry.by_socket(conn) else {
            return;
        };
        let id = channel.id;
        channel.outbox.note_flushed();
        let flushed = channel.outbox.flushed();
        let Some(connection) = channel.connection_mut() else {
            return;
        };
        connection.writer = Writer::Idle;
        // Only a Ping that went out can be answered, and its Pong may have been faster than this call.
        if connection.answered != connection.pinged {
            connection.unanswered_since.get_or_insert(now);
        }
        if connection.release_on_write {
            self.release(id, flushed);
        }
        self.wake(id);
        self.close_if_drained(now, id);
    }

    /// Puts an encoded message into the outbox of a channel that is there.
    pub(super) fn enqueue(
        &mut self,
        now: Instant,
        id: ChannelId,
        text: Bytes,
        tag: Tag,
        kind: Kind,
    ) -> Result<(), Unreachable> {
        if self.ask_for_room(id, text.len(), kind) != Admission::Queue {
            self.release_at_bound(id);
        }
        match self.ask_for_room(id, text.len(), kind) {
            Admission::Queue => {}
            Admission::Refuse => {
                self.counters.refused_outbox_full += 1;
                self.events.push_back(ChannelEvent::NoRoom { channel: id, tag });
                return Ok(());
            }
            Admission::Lose => {
                self.lose(id, LostCause::OutboxFull);
                return Err(Unreachable);
            }
        }
        let retention = self.settings.retention;
        let Some(channel) = self.registry.get_mut(id) else {
            return Err(Unreachable);
        };
        self.waiting_bytes += text.len();
        channel.outbox.push(now, text, tag, kind);
        if channel.age_timer.is_none() {
            channel.age_timer = Some(self.deadlines.set(now + retention, Due::Age(id)));
        }
        self.wake(id);
        Ok(())
    }

    fn ask_for_room(&self, id: ChannelId, text_bytes: usize, kind: Kind) -> Admission {
        let (messages, bytes) = (self.settings.outbox_messages, self.settings.outbox_bytes);
        let crowded = self.waiting_bytes >= self.settings.outbox_bytes_in_all;
        self.registry.get(id).map_or(Admission::Lose, |channel| {
            let fill = channel.outbox.fill(text_bytes, messages, bytes);
            // Whoever has nothing waiting is not who crowds the others out.
            if crowded && !channel.outbox.is_empty() {
                return admission(kind, fill.max(Fill::Full));
            }
            admission(kind, fill)
        })
    }

    /// The peer has everything up to this sequence number.
    pub(super) fn release(&mut self, id: ChannelId, sequence: u64) {
        let Some(channel) = self.registry.get_mut(id) else {
            return;
        };
        let (events, counters) = (&mut self.events, &mut self.counters);
        if self.watched {
            // Final responses are told of to everybody.
            let requests = channel.outbox.requests_up_to(sequence);
            events.extend(requests.map(|tag| ChannelEvent::Acknowledged { channel: id, tag }));
        }
        let before = channel.outbox.bytes();
        channel
            .outbox
            .acknowledge(sequence, |effect| Self::on_effect(events, counters, id, &effect));
        self.waiting_bytes -= before - channel.outbox.bytes();
    }

    /// Tells the driver that a socket has something to write, if it has and the driver does not know.
    pub(super) fn wake(&mut self, id: ChannelId) {
        let Some(channel) = self.registry.get_mut(id) else {
            return;
        };
        let unwritten = channel.outbox.has_unwritten();
        let Some(connection) = channel.connection_mut() else {
            return;
        };
        if connection.writer == Writer::Idle && (unwritten || connection.ping_due) {
            connection.writer = Writer::Woken;
            self.events.push_back(ChannelEvent::Wake {
                conn: connection.conn,
            });
        }
    }
}
