//! Links: channels that this node dials (protocol section 6).

use strowger_time::Instant;

use super::Channels;
use crate::channel::{Connection, Life, Name};
use crate::{ChannelEvent, ChannelId, ConnId, LostCause, close};

/// More doublings of a pause than this make no difference.
const MOST_DOUBLINGS: u32 = 16;

impl Channels {
    /// The link to a node; dialled if there is none. What is sent meanwhile waits in its outbox.
    ///
    /// The caller has asked whether links to that node are allowed.
    pub fn link(&mut self, _now: Instant, host: &str, port: u16) -> ChannelId {
        let name = Self::link_name(host, port);
        if let Some(id) = self.registry.by_link(&name) {
            return id;
        }
        let id = self.registry.insert(Name::Link(Box::new(name)), Life::Retained);
        self.dial(id, 0);
        id
    }

    /// The driver has connected a link, with this socket.
    ///
    /// The link may be lost meanwhile: then the socket is closed again.
    pub fn dialled(&mut self, now: Instant, channel: ChannelId, conn: ConnId) {
        let failed = match self.registry.get(channel).map(|channel| &channel.life) {
            Some(Life::Dialling { failed } | Life::BackingOff { failed }) => *failed,
            Some(Life::Open(_) | Life::Retained) => 0,
            None => return self.close(conn, close::GOING_AWAY, "link is not wanted any more"),
        };
        // An answered Ping is what shows that the attempt was good: until then a failure counts on from here.
        let connection = Connection {
            failed,
            ping_due: true,
            ..Connection::new(now, conn)
        };
        self.attach(now, channel, connection);
    }

    /// The driver could not connect a link, or not within `link.connect_timeout`.
    pub fn dial_failed(&mut self, now: Instant, channel: ChannelId) {
        let Some(Life::Dialling { failed }) = self.registry.get(channel).map(|channel| &channel.life) else {
            return;
        };
        let failed = *failed;
        self.back_off(now, channel, failed);
    }

    /// Asks the driver to connect a link.
    pub(super) fn dial(&mut self, id: ChannelId, failed: usize) {
        let Some(channel) = self.registry.get_mut(id) else {
            return;
        };
        let Name::Link(name) = &channel.name else { return };
        channel.life = Life::Dialling { failed };
        self.counters.dials += 1;
        self.events.push_back(ChannelEvent::Dial {
            channel: id,
            host: name.host.clone(),
            port: name.port,
        });
    }

    /// A link failed; before that, `failed` attempts had. It is dialled again after a pause, or lost.
    pub(super) fn back_off(&mut self, now: Instant, id: ChannelId, failed: usize) {
        if failed >= self.settings.link.retries || self.draining {
            return self.lose(id, LostCause::LinkFailed);
        }
        let doublings = u32::try_from(failed).unwrap_or(u32::MAX).min(MOST_DOUBLINGS);
        let link = &self.settings.link;
        let pause = link
            .first_pause
            .saturating_mul(1 << doublings)
            .min(link.longest_pause);
        let pause = self.jitter.shorten(pause, 50);
        let Some(channel) = self.registry.get_mut(id) else {
            return;
        };
        channel.life = Life::BackingOff { failed: failed + 1 };
        self.set_life_timer(id, Some(now + pause));
    }
}
