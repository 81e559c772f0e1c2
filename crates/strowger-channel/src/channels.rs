//! All channels whose home is one shard.

use std::collections::VecDeque;

use jsip::UserId;
use strowger_time::{Deadlines, Histogram, Instant, Scale};

use crate::channel::{Channel, Connection, Life, LinkName, Name};
use crate::jitter::Jitter;
use crate::registry::Registry;
use crate::{ChannelEvent, ChannelId, ConnId, Counters, LostCause, Settings, close, outbox};

mod health;
mod holder;
mod link;
mod listing;
mod receive;
mod send;
#[cfg(test)]
mod tests;
mod timeout;

use health::LinkBook;
pub use health::{DialFailure, LinkChange, LinkInfo, LinkNews, LinkState};
pub use holder::NameTaken;
pub use listing::{ChannelFilter, ChannelInfo, ChannelKind, ChannelState, Oldest};
use timeout::Due;

/// Room for more events than this is given back when there are none.
const KEPT_EVENTS: usize = 256;

/// The channels of one shard: a pure state machine. See the [crate] for how to drive it.
///
/// Idle channels take no memory beyond a record of some 250 bytes, their name, and one or two timers.
#[derive(Debug)]
pub struct Channels {
    settings: Settings,
    registry: Registry,
    deadlines: Deadlines<Due>,
    events: VecDeque<ChannelEvent>,
    jitter: Jitter,
    /// The bytes of all outboxes together.
    waiting_bytes: usize,
    links: LinkBook,
    counters: Counters,
    absences: Histogram,
    draining: bool,
    /// Whether somebody looks closely.
    watched: bool,
}

impl Channels {
    /// No channels yet. `shard` becomes part of every [`ChannelId`]; `seed` should be random, so that peers cannot guess
    /// where names collide, and differ between shards, so that they do not keep step.
    pub fn new(settings: Settings, shard: u16, seed: u64) -> Self {
        let mut jitter = Jitter::new(seed);
        let registry = Registry::new(shard, jitter.draw());
        Self {
            settings,
            registry,
            deadlines: Deadlines::new(),
            events: VecDeque::new(),
            jitter,
            waiting_bytes: 0,
            links: LinkBook::default(),
            counters: Counters::default(),
            absences: Histogram::new(&Scale::ABSENCE),
            draining: false,
            watched: false,
        }
    }

    /// Says whether somebody looks closely: then [`ChannelEvent::Acknowledged`] and [`ChannelEvent::Repeated`] are told.
    pub const fn set_watched(&mut self, watched: bool) {
        self.watched = watched;
    }

    /// Changes the settings. Timers that run already run on.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// A socket was accepted and admitted under this name, whose home this shard is.
    ///
    /// A channel of that name that is retained or has another socket is taken over; the other socket is closed with
    /// 4001. What the channel still owes its user is sent first.
    ///
    /// For where nothing is to be proven: a channel that somebody has proven to be theirs does not take the socket, and
    /// what comes on it changes nothing.
    pub fn connect(&mut self, now: Instant, name: UserId, conn: ConnId) -> ChannelId {
        self.connect_as(now, name, conn, false)
    }

    fn connect_as(&mut self, now: Instant, name: UserId, conn: ConnId, is_node: bool) -> ChannelId {
        let id = match self.registry.by_user(&name) {
            Some(id) if self.identity(id).is_some() => return id,
            Some(id) => id,
            None => self.registry.insert(Name::User(name), Life::Retained, is_node),
        };
        self.attach(now, id, Connection::new(now, conn));
        id
    }

    /// The channel of this name, made if there is none, if it is this identity's.
    fn channel_for(&mut self, name: UserId, identity: &UserId) -> Result<ChannelId, NameTaken> {
        match self.registry.by_user(&name) {
            Some(id) if self.identity(id) == Some(identity) => Ok(id),
            Some(_) => Err(NameTaken),
            None => Ok(self.registry.insert(Name::User(name), Life::Retained, false)),
        }
    }

    /// A socket was accepted and admitted under the name of another node. As [`Channels::connect`], but the limits on what
    /// the channel sends us are those of links.
    pub fn connect_node(&mut self, now: Instant, name: UserId, conn: ConnId) -> ChannelId {
        let id = self.connect_as(now, name, conn, true);
        if let Some(channel) = self.registry.get_mut(id) {
            channel.is_node = true;
        }
        id
    }

    /// A socket ended, with the code of the peer's Close frame if there was one.
    ///
    /// With 1000 the channel ends at once. Otherwise it is retained, and a link dialled again.
    pub fn closed(&mut self, now: Instant, conn: ConnId, code: Option<u16>) {
        let Some(channel) = self.registry.by_socket(conn) else {
            return;
        };
        let (id, is_link) = (channel.id, channel.is_link());
        match code {
            Some(close::NORMAL) => {
                self.detach(id);
                self.lose(id, LostCause::EndedByUser);
            }
            // The other node has another link from us; coming back would only take it away again.
            Some(close::REPLACED) if is_link => {
                self.detach(id);
                self.lose(id, LostCause::LinkFailed);
            }
            Some(code) => self.drop_socket(now, id, &format!("closed there with {code}")),
            None => self.drop_socket(now, id, "the connection broke"),
        }
    }

    /// The operator ends a channel: it is lost at once, and its socket closed with 1008. The user may come back as anybody
    /// may come. `false`: there is no such channel.
    pub fn end(&mut self, channel: ChannelId) -> bool {
        let is_there = self.registry.get(channel).is_some();
        if is_there {
            self.lose(channel, LostCause::EndedByOperator);
        }
        is_there
    }

    /// The channel of a user, open or retained.
    pub fn lookup(&self, name: &UserId) -> Option<ChannelId> {
        self.registry.by_user(name)
    }

    /// The user a channel belongs to; `None` for links and for channels that are gone.
    pub fn user(&self, channel: ChannelId) -> Option<&UserId> {
        match &self.registry.get(channel)?.name {
            Name::User(user) => Some(user),
            Name::Link(_) => None,
        }
    }

    /// Whether the channel has a socket.
    pub fn is_up(&self, channel: ChannelId) -> bool {
        self.registry
            .get(channel)
            .is_some_and(|channel| channel.connection().is_some())
    }

    /// How many channels there are: open, retained, and links.
    pub const fn len(&self) -> usize {
        self.registry.len()
    }

    /// Whether there are no channels.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All channels, in no order that means anything, but the same in every run. Costs a pass over all of them.
    pub fn iter(&self) -> impl Iterator<Item = ChannelInfo> {
        self.registry.iter().map(ChannelInfo::of)
    }

    /// How many bytes of text are in all outboxes together.
    pub const fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// The links of this shard: those it has, and up to 256 that failed for good and were not dialled since. Sorted by
    /// host and port.
    pub fn links(&self) -> impl Iterator<Item = LinkInfo> {
        self.links.iter()
    }

    /// How many bytes its tables take, used or not; what the channels themselves own is not in it. Follows what is in the
    /// tables, down as well as up, but for 20 bytes for each channel of the busiest moment.
    pub fn footprint(&self) -> usize {
        self.registry.footprint() + self.events.capacity() * size_of::<ChannelEvent>()
    }

    /// What was counted.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How long users were away whose channels waited for them.
    pub const fn absences(&self) -> &Histogram {
        &self.absences
    }

    /// Closes every socket with 1012 as soon as its outbox is flushed, and all that are left after two seconds.
    ///
    /// Links are not dialled again from here on. Whether users may still come is for the caller to decide; their
    /// sockets are closed in the same way.
    pub fn drain(&mut self, now: Instant) {
        if !self.draining {
            self.draining = true;
            self.deadlines.set(now + timeout::DRAIN_GRACE, Due::DrainOver);
        }
        for id in self.open_channels() {
            self.close_if_drained(now, id);
        }
    }

    /// Whether the peers of all sockets have everything that was sent to them. Costs a pass over all channels.
    pub fn is_flushed(&self) -> bool {
        self.registry
            .iter()
            .all(|channel| channel.connection().is_none() || channel.is_flushed())
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<ChannelEvent> {
        let event = self.events.pop_front();
        if event.is_none() && self.events.capacity() > KEPT_EVENTS {
            self.events = VecDeque::new();
        }
        event
    }

    /// When [`Channels::handle_timeout`] must be called at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.earliest()
    }

    fn open_channels(&self) -> Vec<ChannelId> {
        self.registry
            .iter()
            .filter(|channel| channel.connection().is_some())
            .map(|channel| channel.id)
            .collect()
    }

    /// Gives the channel a socket, in place of the one it may have.
    fn attach(&mut self, now: Instant, id: ChannelId, connection: Connection) {
        let old = self.detach(id);
        let was_away = old.is_none();
        if let Some(old) = old {
            self.counters.takeovers += 1;
            self.close(old.conn, close::REPLACED, "replaced");
        }
        let Some(channel) = self.registry.get_mut(id) else {
            return;
        };
        let conn = connection.conn;
        if channel.opened {
            if was_away && !channel.is_link() {
                self.absences.observe(now.since(channel.since));
            }
            self.counters.resumed += 1;
            self.events.push_back(ChannelEvent::Resumed { channel: id });
        } else {
            self.counters.opened += 1;
            self.events.push_back(ChannelEvent::Opened { channel: id });
        }
        channel.opened = true;
        channel.life = Life::Open(connection);
        channel.since = now;
        // A random part of the first interval keeps channels that came together from pinging together.
        let first_look = self.jitter.shorten(self.settings.ping_interval, 50);
        self.registry.bind(conn, id);
        self.set_life_timer(id, Some(now + first_look));
        self.wake(id);
        self.close_if_drained(now, id);
    }

    /// Takes the socket from the channel; what it did not acknowledge is owed again. The caller says what the channel
    /// is from here on, and until then it is retained.
    fn detach(&mut self, id: ChannelId) -> Option<Connection> {
        let channel = self.registry.get_mut(id)?;
        let Life::Open(connection) = std::mem::replace(&mut channel.life, Life::Retained) else {
            return None;
        };
        channel.outbox.drop_socket();
        channel.outbox.trim();
        channel.bucket.pardon();
        self.registry.unbind(connection.conn);
        self.set_life_timer(id, None);
        self.stop_expiry(id);
        Some(connection)
    }

    /// The socket is gone, for this reason; the channel goes on.
    fn drop_socket(&mut self, now: Instant, id: ChannelId, reason: &str) {
        let Some(connection) = self.detach(id) else { return };
        self.counters.dropped += 1;
        self.events.push_back(ChannelEvent::Dropped { channel: id });
        if let Some(channel) = self.registry.get_mut(id) {
            channel.since = now;
        }
        let is_link = self.registry.get(id).is_some_and(Channel::is_link);
        if is_link && !self.draining {
            self.back_off(now, id, connection.failed, reason);
        } else {
            self.set_life_timer(id, Some(now + self.settings.retention));
        }
    }

    /// Closes the socket; the channel goes on.
    fn hang_up(&mut self, now: Instant, id: ChannelId, code: u16, reason: &'static str) {
        let Some(conn) = self
            .registry
            .get(id)
            .and_then(Channel::connection)
            .map(|connection| connection.conn)
        else {
            return;
        };
        self.close(conn, code, reason);
        self.drop_socket(now, id, reason);
    }

    /// The channel is lost, with everything in its outbox.
    fn lose(&mut self, id: ChannelId, cause: LostCause) {
        if let Some(connection) = self.detach(id) {
            self.close(connection.conn, close::POLICY, cause.as_str());
        }
        let Some(channel) = self.registry.remove(id) else {
            return;
        };
        self.waiting_bytes -= channel.outbox.bytes();
        let timers = [channel.life_timer, channel.age_timer, channel.ping_timer];
        for timer in timers.into_iter().flatten() {
            self.deadlines.cancel(timer);
        }
        let counter = match cause {
            LostCause::RetentionOver => &mut self.counters.lost_retention_over,
            LostCause::OutboxFull => &mut self.counters.lost_outbox_full,
            LostCause::EndedByUser => &mut self.counters.lost_ended_by_user,
            LostCause::EndedByOperator => &mut self.counters.lost_ended_by_operator,
            LostCause::LinkFailed => &mut self.counters.lost_link_failed,
        };
        *counter += 1;
        if let Name::Link(name) = &channel.name {
            let news = self.links.failed(name, cause.as_str(), Instant::ZERO);
            self.tell(news);
        }
        self.events.push_back(ChannelEvent::Lost { channel: id, cause });
    }

    fn close(&mut self, conn: ConnId, code: u16, reason: &'static str) {
        self.events.push_back(ChannelEvent::Close { conn, code, reason });
    }

    fn close_if_drained(&mut self, now: Instant, id: ChannelId) {
        if self.draining && self.registry.get(id).is_some_and(Channel::is_flushed) {
            self.hang_up(now, id, close::SERVICE_RESTART, "server restarts");
        }
    }

    fn set_life_timer(&mut self, id: ChannelId, at: Option<Instant>) {
        let Some(channel) = self.registry.get_mut(id) else {
            return;
        };
        if let Some(timer) = channel.life_timer.take() {
            self.deadlines.cancel(timer);
        }
        channel.life_timer = at.map(|at| self.deadlines.set(at, Due::Life(id)));
    }

    /// Carries out what the outbox said, where its channel has no say in it.
    fn on_effect(
        events: &mut VecDeque<ChannelEvent>,
        counters: &mut Counters,
        id: ChannelId,
        effect: &outbox::Effect,
    ) {
        match *effect {
            outbox::Effect::Released(tag) => events.push_back(ChannelEvent::Released { channel: id, tag }),
            outbox::Effect::Withdrawn(tag) => {
                counters.withdrawn += 1;
                events.push_back(ChannelEvent::Withdrawn { channel: id, tag });
            }
            outbox::Effect::Repeated(_) => counters.repeated += 1,
            // Only taking and cancelling lead to these, and both look after them.
            outbox::Effect::Write(_) | outbox::Effect::QueueCancel => {}
        }
    }

    fn link_name(host: &str, port: u16) -> LinkName {
        LinkName {
            host: host.to_ascii_lowercase(),
            port,
        }
    }
}
