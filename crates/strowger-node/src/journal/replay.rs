//! Playing a recorded call again, in virtual time, on a shard like any other.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use jsip::{Limits, Message};
use jsip_stack::{Channel, Release, Tag};
use strowger_journal::{ChannelNews, Entry, Journal, Told};
use strowger_service::{Event, FetchId, Service, SyncId};
use strowger_time::Instant;

use super::player::{Player, same};
use super::{Desk, convert};
use crate::moves::Outcome;
use crate::{
    Config, DialogFilter, DialogLook, Happening, HttpTicket, InstanceFilter, InstanceId, InstanceInfo,
    Registry, RegistryError, Shard, Watch,
};

/// A timer of the recording that was no later than this after its time is the one that is due.
const LATENESS: Duration = Duration::from_secs(1);

/// One thing that the shard was told, and what it did then and does now.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Counts what was told, from 0.
    pub number: usize,
    /// When.
    pub at: Instant,
    /// What; `None`: something that was not recorded, a timer of another version say.
    pub input: Option<Entry<'static>>,
    /// What it did when it was recorded.
    pub expected: Vec<Entry<'static>>,
    /// What it did now, in the names of the recording.
    pub actual: Vec<Entry<'static>>,
    /// What else is to be said of it.
    pub remarks: Vec<String>,
}

impl Step {
    /// Whether it did the same now as far as it has got.
    pub(super) fn is_same(&self) -> bool {
        let pairs = self.expected.iter().zip(&self.actual);
        self.actual.len() <= self.expected.len()
            && self.remarks.is_empty()
            && pairs.into_iter().all(|(then, now)| same(then, now))
    }

    /// Whether it did anything else now than when it was recorded.
    pub fn differs(&self) -> bool {
        !self.is_same() || self.actual.len() != self.expected.len()
    }
}

/// Why a journal cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// It is not that of one call.
    #[error("the journal is not that of one call")]
    NotOne,
    /// Its beginning is missing, or something between.
    #[error("the journal is not whole: what is missing cannot be played")]
    NotWhole,
    /// Nothing is in it.
    #[error("nothing is in the journal")]
    Empty,
    /// The service is not there.
    #[error("there is no service `{0}` here")]
    NoService(String),
    /// A version of it cannot be used.
    #[error(transparent)]
    Version(#[from] RegistryError),
}

/// A call that is played again.
#[derive(Debug)]
pub struct Replay {
    shard: Shard,
    /// Whether it has done something else than when it was recorded.
    diverged: bool,
    /// When the shard was told something last.
    now: Instant,
}

impl Replay {
    /// Plays the call of a journal with these services, which need not be those of the recording.
    ///
    /// # Errors
    ///
    /// See [`ReplayError`].
    pub fn new(journal: &Journal, registry: &Registry) -> Result<Self, ReplayError> {
        let header = &journal.header;
        let call = header.call.as_deref().ok_or(ReplayError::NotOne)?;
        let call: InstanceId = call.parse().map_err(|_| ReplayError::NotOne)?;
        if !journal.is_whole() {
            return Err(ReplayError::NotWhole);
        }
        let started = journal.records.iter().find_map(|record| match &record.entry {
            Entry::Started {
                service,
                version,
                settings,
                ..
            } => Some((service, version, settings)),
            _ => None,
        });
        let (service, version, settings) = started.ok_or(ReplayError::Empty)?;
        let no_service = |_| ReplayError::NoService(service.to_string());
        // A first request that names no service went to the default one, which may be another here.
        let registry = registry
            .with_default(&header.default_service)
            .or_else(|_| registry.with_default(service))
            .map_err(no_service)?;
        if registry.find(service).is_none() {
            return Err(ReplayError::NoService(service.to_string()));
        }
        let mut config = convert::config(&header.settings);
        config
            .settings
            .insert(service.to_ascii_lowercase(), Arc::from(&**settings));
        let seed = journal.start();
        let registry = Arc::new(registry);
        let mut shard = Shard::new(
            Arc::new(config),
            Arc::clone(&registry),
            header.node,
            header.shard,
            1,
            seed,
        );
        shard.stack.note_dues(true);
        shard.set_watch(Watch::On);
        let mut player = Player::new(journal, call.place());
        // After a roll-back it is again what it was at first.
        player.versions.insert(version.to_string(), registry);
        shard.desk = Desk::Playing(Box::new(player));
        Ok(Self {
            shard,
            diverged: false,
            now: Instant::ZERO,
        })
    }

    /// Gives a version of the service, by its label, that the instance went over to when it was recorded: it goes over to it
    /// again. Of one that is not given, the step says so, and the instance stays as it is. The version that it began with is
    /// the one of the registry, also where it went back to that.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Version`].
    pub fn with_version(mut self, label: &str, service: Arc<dyn Service>) -> Result<Self, ReplayError> {
        let name = self.shard.service_played();
        let registry = self.shard.registry.with(&name, label, service)?;
        let versions = &mut self.player().versions;
        versions.insert(label.to_owned(), Arc::new(registry));
        Ok(self)
    }

    /// The next thing that the shard was told, and what came of it; `None` at the end.
    pub fn step(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.player().done.pop_front() {
                self.diverged |= step.differs();
                self.now = step.at;
                return Some(step);
            }
            if !self.play_next() {
                return None;
            }
        }
    }

    /// What has happened since this was called last, for who draws it.
    pub fn happenings(&mut self) -> Vec<Happening> {
        let mut happenings = Vec::new();
        let now = self.now;
        self.shard.take_happenings(now, &mut happenings);
        happenings
    }

    /// The dialogs that are alive at a time.
    pub fn dialogs(&self, now: Instant) -> Vec<DialogLook> {
        let page = self
            .shard
            .dialog_page(now, &DialogFilter::default(), 0, usize::MAX);
        let full = page
            .items
            .iter()
            .filter_map(|look| self.shard.dialog(now, look.id));
        full.collect()
    }

    /// The instances that run at a time.
    pub fn instances(&self, now: Instant) -> Vec<InstanceInfo> {
        let page = self
            .shard
            .instance_page(now, &InstanceFilter::default(), 0, usize::MAX);
        page.items
    }

    fn player(&mut self) -> &mut Player {
        self.shard.player().expect("the shard of a replay plays")
    }

    /// Tells the shard the next thing; `false`: there is none, and all is done.
    fn play_next(&mut self) -> bool {
        let diverged = self.diverged;
        let next = self.player().inputs.front().map(|next| (next.at, next.is_time()));
        // What a shard does otherwise has other timers, which were due at no time of the recording.
        if diverged
            && let Some((at, is_time)) = next
            && let Some(due) = self.shard.poll_timeout()
            && (due + LATENESS < at || due < at && !is_time)
        {
            let stranger = Step {
                at: due,
                remarks: vec!["a timer was due that was not when it was recorded".to_owned()],
                ..Step::default()
            };
            self.player().begin(stranger);
            self.shard.handle_timeout(due);
            self.settle(due);
            self.player().end();
            return true;
        }
        let Some((at, input)) = self.player().advance() else {
            return false;
        };
        self.shard.feed(at, input);
        self.settle(at);
        self.player().end();
        true
    }

    /// Lets the shard do what follows: as much as it did when it was recorded, and everything where it does something else.
    fn settle(&mut self, now: Instant) {
        while !self.player().is_complete() || self.player().inputs.is_empty() {
            if !self.shard.settle_one(now) {
                return;
            }
            self.shard.play_pushed(now);
            self.shard.deliver_pending(now);
        }
    }
}

impl Step {
    pub(super) fn is_time(&self) -> bool {
        matches!(self.input, Some(Entry::Due { .. } | Entry::Elapsed { .. }))
    }
}

impl Shard {
    fn player(&mut self) -> Option<&mut Player> {
        match &mut self.desk {
            Desk::Playing(player) => Some(player),
            Desk::Off | Desk::Writing(_) => None,
        }
    }

    /// Where a sibling said something while the instance was still busy, it hears it behind what came before.
    pub(crate) fn play_pushed(&mut self, now: Instant) {
        while let Some(player) = self.player()
            && player.is_complete()
            && player
                .inputs
                .front()
                .is_some_and(|next| next.at == now && next.is_pushed())
            && let Some((_, input)) = player.advance()
            && let Some(key) = player.instance()
            && let Some(event) = pushed(&input)
        {
            self.pending.push_back((key, event));
        }
    }

    /// Gives the shard an input that was written down.
    fn feed(&mut self, now: Instant, input: Entry<'static>) {
        match input {
            Entry::Received { channel, message, .. } => {
                let bodies = self.desk.bodies();
                if let Some(message) = decode(&message.0, bodies) {
                    self.stack.receive(now, Channel::new(channel), message);
                }
            }
            Entry::Bound { dialog, channel } => {
                let dialog = self.player().and_then(|player| player.dialog(dialog));
                if let Some(dialog) = dialog {
                    let channel = channel.map(|(channel, up)| (Channel::new(channel), up));
                    self.stack.bound(now, dialog, channel);
                }
            }
            Entry::Released { tag, .. } => {
                if let Some(tag) = self.tag(tag) {
                    self.stack.released(now, tag);
                }
            }
            Entry::Withdrawn { tag, .. } => {
                if let Some(tag) = self.tag(tag) {
                    self.stack.withdrawn(now, tag);
                }
            }
            Entry::NoRoom { tag, .. } => {
                if let Some(tag) = self.tag(tag) {
                    self.stack.no_room(now, tag, crate::dispatch::RETRY_AFTER);
                }
            }
            Entry::Channel { channel, news } => {
                let channel = Channel::new(channel);
                match news {
                    ChannelNews::Up => self.stack.channel_up(now, channel),
                    ChannelNews::Down => self.stack.channel_down(channel),
                    ChannelNews::Lost => self.stack.channel_lost(now, channel),
                    ChannelNews::Failed => self.stack.link_failed(now, channel),
                }
            }
            Entry::Due { .. } | Entry::Elapsed { .. } => self.handle_timeout(now),
            Entry::Told { told, .. } => self.feed_told(now, told),
            Entry::Ended { dialog, reason } => {
                let dialog = self.player().and_then(|player| player.dialog(dialog));
                if let Some(dialog) = dialog {
                    self.stack.end(now, dialog, &reason);
                }
            }
            Entry::Stopped { failure, .. } => {
                if let Some(key) = self.player().and_then(|player| player.instance()) {
                    match failure {
                        Some(why) => self.fail_alone(now, key, &why),
                        None => self.end(now, key, Release::Finished),
                    }
                }
            }
            Entry::Reconfigured { settings } => {
                let config = Config {
                    settings: self.config.settings.clone(),
                    ..convert::config(&settings)
                };
                self.reconfigure(now, Arc::new(config));
            }
            Entry::Moved { version, .. } => self.feed_moved(now, &version),
            Entry::Started { .. }
            | Entry::Opened { .. }
            | Entry::Served { .. }
            | Entry::Read { .. }
            | Entry::Handled { .. }
            | Entry::Sent { .. }
            | Entry::Over { .. }
            | Entry::Gap { .. } => {}
        }
    }

    /// The instance goes over again, if there is something to go over to.
    fn feed_moved(&mut self, now: Instant, version: &str) {
        let Some(player) = self.player() else { return };
        let (instance, registry) = (player.instance(), player.versions.get(version).cloned());
        let why = match (registry, instance) {
            (None, _) => "which was not given".to_owned(),
            // It is over already, which shows elsewhere.
            (_, None) => return,
            (Some(registry), Some(key)) => {
                self.registry = registry;
                match self.move_over(now, key) {
                    Outcome::Moved => return,
                    Outcome::Left => "and does not now: there is nothing to save".to_owned(),
                    Outcome::Stayed(why) => format!("and does not now: {why}"),
                }
            }
        };
        if let Some(player) = self.player() {
            let remark = format!("the instance went over to version {version}, {why}");
            player.current.remarks.push(remark);
        }
    }

    fn tag(&mut self, recorded: u64) -> Option<Tag> {
        let tag = self.player()?.tags.get(&recorded)?;
        Some(Tag::from_number(*tag))
    }

    fn feed_told(&mut self, now: Instant, told: Told<'static>) {
        if let Told::Http { request } = &told {
            let service = self.service_played();
            return self.http(now, HttpTicket(0), &service, convert::to_request(request));
        }
        let Some(key) = self.player().and_then(|player| player.instance()) else {
            return;
        };
        let Some(service) = self.instances.get(key).map(|running| running.service) else {
            return;
        };
        match told {
            Told::Fetched { id, result, .. } => {
                let result = match result {
                    Ok(exchange) => Ok(convert::to_response(&exchange)),
                    Err(failed) => Err(convert::to_error(&failed)),
                };
                let ticket = crate::FetchTicket::of(key, service, FetchId::new(id));
                self.fetched(now, ticket, result);
            }
            Told::Stored { id, fault, .. } => {
                let ticket = crate::SyncTicket::of(key, SyncId::new(id));
                self.synced(now, ticket, fault.map(Cow::into_owned));
            }
            Told::Settings { settings } => {
                if let Some(running) = self.instances.get_mut(key) {
                    Arc::make_mut(&mut running.kind).settings = Arc::from(&*settings);
                }
                self.deliver(now, key, Event::ConfigChanged);
            }
            Told::Shutdown { within } => {
                let within = Duration::from_micros(within);
                self.deliver(now, key, Event::Shutdown { within });
            }
            told => {
                let instance = convert::instance_of(key);
                if let Some(event) = pushed(&Entry::Told { instance, told }) {
                    self.deliver(now, key, event);
                }
            }
        }
    }

    /// The name of the service whose call is played.
    fn service_played(&self) -> String {
        let settings = self.config.settings.keys().next();
        settings.cloned().unwrap_or_default()
    }
}

impl Step {
    fn is_pushed(&self) -> bool {
        self.input.as_ref().is_some_and(|input| pushed(input).is_some())
    }
}

/// What an instance hears of its siblings.
fn pushed(input: &Entry<'static>) -> Option<Event> {
    let Entry::Told { told, .. } = input else {
        return None;
    };
    match told {
        Told::Published { topic, text } => Some(Event::Published {
            topic: topic.to_string(),
            text: String::from_utf8_lossy(&text.fill(convert::MOST_FILLED)).into_owned(),
        }),
        Told::StoreChanged { key, version } => Some(Event::StoreChanged {
            key: key.to_string(),
            version: *version,
        }),
        _ => None,
    }
}

/// The message that was written down; a body that was left out is as long as it was.
fn decode(text: &str, bodies: bool) -> Option<Message> {
    let limits = Limits {
        message_bytes: usize::MAX,
        ..Limits::default()
    };
    let mut message = Message::decode(text, &limits).ok()?;
    if bodies {
        return Some(message);
    }
    let length = message
        .headers()
        .body()
        .and_then(|body| body.parse::<usize>().ok());
    if let Some(length) = length {
        let length = length.min(convert::MOST_FILLED);
        let body = match length {
            0 | 1 => "0".to_owned(),
            _ => format!("\"{}\"", "x".repeat(length - 2)),
        };
        // It is a JSON value.
        let _ = message.headers_mut().set_body(&body);
    }
    Some(message)
}
