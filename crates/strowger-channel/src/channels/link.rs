//! Links: channels that this node dials (protocol section 6).

use strowger_time::Instant;

use super::health::HOLD_OFF;
use super::{Channels, DialFailure, LinkNews};
use crate::channel::{Connection, Life, LinkName, Name};
use crate::{ChannelEvent, ChannelId, ConnId, LostCause, close};

/// More doublings of a pause than this make no difference.
const MOST_DOUBLINGS: u32 = 16;

impl Channels {
    /// The link to a node; dialled if there is none. What is sent meanwhile waits in its outbox.
    ///
    /// The caller has asked whether links to that node are allowed. A link that failed for good a moment ago is not
    /// dialled again yet: it is lost at once, and says so.
    pub fn link(&mut self, now: Instant, host: &str, port: u16) -> ChannelId {
        let name = Self::link_name(host, port);
        if let Some(id) = self.registry.by_link(&name) {
            return id;
        }
        let is_held = self.links.is_held(now, &name);
        let id = self
            .registry
            .insert(Name::Link(Box::new(name)), Life::Retained, true);
        if is_held {
            self.lose(id, LostCause::LinkFailed);
        } else {
            self.dial(now, id, 0);
        }
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
        let news = self.link_of(channel).and_then(|name| self.links.up(&name));
        self.tell(news);
        self.attach(now, channel, connection);
    }

    /// The driver could not connect a link, or not within `link.connect_timeout`. It is dialled again after a pause,
    /// but lost if that is of no use and it never stood.
    #[expect(clippy::needless_pass_by_value, reason = "the driver has no use for it")]
    pub fn dial_failed(&mut self, now: Instant, channel: ChannelId, failure: DialFailure) {
        let Some(record) = self.registry.get(channel) else {
            return;
        };
        let Life::Dialling { failed } = record.life else {
            return;
        };
        if failure.lasting && !record.opened {
            self.give_up(now, channel, &failure.reason);
        } else {
            self.back_off(now, channel, failed, &failure.reason);
        }
    }

    /// Asks the driver to connect a link.
    pub(super) fn dial(&mut self, now: Instant, id: ChannelId, failed: usize) {
        let Some(channel) = self.registry.get_mut(id) else {
            return;
        };
        let Name::Link(name) = &channel.name else { return };
        channel.life = Life::Dialling { failed };
        channel.since = now;
        self.links.connecting(name);
        self.counters.dials += 1;
        self.events.push_back(ChannelEvent::Dial {
            channel: id,
            host: name.host.clone(),
            port: name.port,
        });
    }

    /// A link failed, for this reason; before that, `failed` attempts had. It is dialled again after a pause, or lost.
    pub(super) fn back_off(&mut self, now: Instant, id: ChannelId, failed: usize, reason: &str) {
        if failed >= self.settings.link.retries || self.draining {
            return self.give_up(now, id, reason);
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
        channel.since = now;
        self.set_life_timer(id, Some(now + pause));
        let news = self
            .link_of(id)
            .and_then(|name| self.links.waiting(&name, failed + 1, reason));
        self.tell(news);
    }

    /// A link failed for good.
    fn give_up(&mut self, now: Instant, id: ChannelId, reason: &str) {
        let news = self
            .link_of(id)
            .and_then(|name| self.links.failed(&name, reason, now + HOLD_OFF));
        self.tell(news);
        self.lose(id, LostCause::LinkFailed);
    }

    fn link_of(&self, id: ChannelId) -> Option<LinkName> {
        match &self.registry.get(id)?.name {
            Name::Link(name) => Some(LinkName::clone(name)),
            Name::User(_) => None,
        }
    }

    /// Passes on what is new of a link. At the end of a drain the links go with everything else, which is no news.
    pub(super) fn tell(&mut self, news: Option<LinkNews>) {
        if let Some(news) = news.filter(|_| !self.draining) {
            self.events.push_back(ChannelEvent::Link(news));
        }
    }
}
