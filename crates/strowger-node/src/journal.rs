//! The journal of a shard: what it is told, draws and does, written down while it works, or compared while it is played
//! again.
//!
//! Only the dialog half is in it: what the channels half tells it is input, what it tells the channels half is output.
//! Where nothing is written down, each of the hooks here costs one look at a tag.

use std::borrow::Cow;
use std::ops::Range;

use jsip::{DialogId, Message, Request};
use jsip_stack::{Channel, DialogKey, Found, Output, Tag};
use strowger_journal::frequent::{self, Frequent};
use strowger_journal::{ChannelNews, Entry, Excerpt, Waited};
use strowger_service::{Command, Event, Store as _};
use strowger_time::Instant;

use crate::dispatch::Wanted;
use crate::instances::InstanceKey;
use crate::stores::ShelfAt;
use crate::{Mail, Shard};

mod convert;
mod player;
mod recorder;
mod replay;
mod taking;
mod told;
mod witness;

pub use recorder::{JournalCounters, JournalSettings, Stretch};
pub use replay::{Replay, ReplayError, Step};
pub use taking::{Calls, IsWanted, Taken};

use convert::{instance_of, place_of};
use player::Player;
use recorder::Recorder;
pub(crate) use witness::Witness;

/// What becomes of what a shard is told and does.
#[derive(Debug, Default)]
pub(crate) enum Desk {
    /// Nothing.
    #[default]
    Off,
    /// It is written down.
    Writing(Box<Recorder>),
    /// It is compared with what was written down.
    Playing(Box<Player>),
}

impl Desk {
    #[inline]
    pub(crate) const fn is_on(&self) -> bool {
        !matches!(self, Self::Off)
    }

    #[inline]
    pub(crate) const fn is_playing(&self) -> bool {
        matches!(self, Self::Playing(_))
    }

    fn bodies(&self) -> bool {
        match self {
            Self::Off => false,
            Self::Writing(recorder) => recorder.settings.bodies,
            Self::Playing(player) => player.bodies,
        }
    }

    /// What stands before the store while an instance handles an event; `None`: nothing.
    #[inline]
    pub(crate) fn witness<'a>(&self, shelf: &ShelfAt<'a>) -> Option<Witness<'a>> {
        match self {
            Self::Off => None,
            Self::Writing(recorder) => Some(Witness::of(shelf.clone(), recorder.settings.bodies)),
            Self::Playing(player) => Some(player.witness()),
        }
    }

    /// What an event is called in the journal.
    #[inline]
    pub(crate) fn name_event(&self, told: &Event) -> Option<(&'static str, u32)> {
        self.is_on().then(|| convert::event(told))
    }

    fn note(&mut self, now: Instant, entry: &Entry<'_>) {
        match self {
            Self::Off => {}
            Self::Writing(recorder) => recorder.write(now, entry),
            Self::Playing(player) => player.note(now, entry),
        }
    }

    #[inline]
    fn note_frequent(&mut self, now: Instant, entry: &impl Frequent) {
        match self {
            Self::Off => {}
            Self::Writing(recorder) => recorder.write_frequent(now, entry),
            Self::Playing(player) => player.note(now, &entry.to_entry()),
        }
    }
}

impl Shard {
    /// Says what is written down from now on; `None`: nothing.
    pub fn set_journal(&mut self, settings: Option<JournalSettings>) {
        self.stack.note_dues(settings.is_some());
        let Some(settings) = settings else {
            self.flush_journal();
            self.desk = Desk::Off;
            return;
        };
        let header = self.journal_header(&settings);
        match &mut self.desk {
            Desk::Writing(recorder) => recorder.set(settings, header),
            desk => {
                let recorder = Recorder::new(settings, self.shard, header);
                *desk = Desk::Writing(Box::new(recorder));
            }
        }
    }

    /// Sends on what was written down and waits.
    pub fn flush_journal(&mut self) {
        if let Desk::Writing(recorder) = &mut self.desk {
            recorder.end_stretch();
        }
    }

    /// How much was written down.
    pub fn journal_counters(&self) -> JournalCounters {
        match &self.desk {
            Desk::Writing(recorder) => recorder.counters(),
            Desk::Off | Desk::Playing(_) => JournalCounters::default(),
        }
    }

    /// When what was written down is to be sent on.
    pub(crate) fn journal_due(&self) -> Option<Instant> {
        match &self.desk {
            Desk::Writing(recorder) => recorder.due(),
            Desk::Off | Desk::Playing(_) => None,
        }
    }

    /// Sends it on, if it is time.
    pub(crate) fn send_journal(&mut self, now: Instant) {
        if self.journal_due().is_some_and(|due| due <= now) {
            self.flush_journal();
        }
    }

    /// Other settings hold.
    pub(crate) fn write_settings(&mut self, now: Instant) {
        let Desk::Writing(recorder) = &self.desk else {
            return;
        };
        let header = self.journal_header(&recorder.settings);
        if let Desk::Writing(recorder) = &mut self.desk {
            recorder.reconfigure(now, header);
        }
    }

    /// Other services are there: which is the default one stands with what is written down.
    pub(crate) fn write_services(&mut self) {
        let Desk::Writing(recorder) = &self.desk else {
            return;
        };
        let header = self.journal_header(&recorder.settings);
        if let Desk::Writing(recorder) = &mut self.desk {
            recorder.go_on_under(header);
        }
    }

    /// A message is about to be given to the stack.
    pub(crate) fn write_received(&mut self, now: Instant, channel: Channel, message: &Message, found: Found) {
        if let Desk::Writing(recorder) = &mut self.desk {
            let changed;
            let (text, body) = if let Some(decoded) = message.headers().as_decoded() {
                decoded
            } else {
                let mut text = String::new();
                let body = message.headers().encode_into(&mut text);
                changed = text;
                (&*changed, body)
            };
            let entry = frequent::Received {
                dialog: self.stack.dialog_of(found).map(place_of),
                channel: channel.number(),
                message: excerpt(text, body, recorder.settings.bodies),
            };
            recorder.write_frequent(now, &entry);
        }
    }

    /// Mail is about to be taken.
    pub(crate) fn write_mail(&mut self, now: Instant, mail: &Mail) {
        let of_channel = |channel: &Channel, news| Entry::Channel {
            channel: channel.number(),
            news,
        };
        let of = |tag: &Tag| self.stack.dialog_of_tag(*tag).map(place_of);
        let entry = match mail {
            Mail::Bound { dialog, channel } => {
                let entry = frequent::Bound {
                    dialog: place_of(*dialog),
                    channel: channel.map(|(channel, up)| (channel.number(), up)),
                };
                return self.desk.note_frequent(now, &entry);
            }
            Mail::Released(tag) => {
                let (Some(dialog), tag) = (of(tag), tag.number()) else {
                    return;
                };
                let entry = frequent::Released { dialog, tag };
                return self.desk.note_frequent(now, &entry);
            }
            Mail::Withdrawn(tag) => {
                let (Some(dialog), tag) = (of(tag), tag.number()) else {
                    return;
                };
                Entry::Withdrawn { dialog, tag }
            }
            Mail::NoRoom(tag) => {
                let (Some(dialog), tag) = (of(tag), tag.number()) else {
                    return;
                };
                Entry::NoRoom { dialog, tag }
            }
            Mail::ChannelUp(channel) => of_channel(channel, ChannelNews::Up),
            Mail::ChannelDown(channel) => of_channel(channel, ChannelNews::Down),
            Mail::ChannelLost(channel) => of_channel(channel, ChannelNews::Lost),
            Mail::LinkFailed(channel) => of_channel(channel, ChannelNews::Failed),
            _ => return,
        };
        self.desk.note(now, &entry);
    }

    /// The stack wants something sent. Whether that goes to a channels half: not while it is played again.
    pub(crate) fn write_output(&mut self, now: Instant, output: &Output) -> bool {
        let (channel, to, transmit) = match output {
            Output::Send { channel, transmit }
            | Output::Cancel {
                channel, transmit, ..
            } => (Some(channel.number()), None, transmit),
            Output::SendTo { name, transmit, .. } => (None, Some(name.as_str()), transmit),
            Output::Withdraw { .. } | Output::Done { .. } => return !self.desk.is_playing(),
            Output::Incoming { .. } | Output::Deliver { .. } => return true,
        };
        let message = &transmit.message;
        let entry = frequent::Sent {
            dialog: transmit.dialog.map(place_of),
            channel,
            to,
            tag: transmit.tag.number(),
            message: excerpt(message.as_str(), message.body(), self.desk.bodies()),
        };
        self.desk.note_frequent(now, &entry);
        !self.desk.is_playing()
    }

    /// Timers of the stack were due.
    pub(crate) fn write_due(&mut self, now: Instant) {
        while let Some(dialog) = self.stack.pop_due() {
            let dialog = place_of(dialog);
            self.desk.note_frequent(now, &frequent::Due { dialog });
        }
    }

    /// A time of an instance has come.
    #[inline]
    pub(crate) fn write_elapsed(&mut self, now: Instant, key: InstanceKey, wanted: Wanted) {
        if self.desk.is_on() && self.instances.get(key).is_some() {
            let waited = match wanted {
                Wanted::Timer(timer) => Waited::Timer(timer.number()),
                Wanted::HttpAnswer(id) => Waited::Http(id.number()),
            };
            let instance = instance_of(key);
            self.desk.note(now, &Entry::Elapsed { instance, waited });
        }
    }

    /// A dialog that a peer began became a leg.
    #[inline]
    pub(crate) fn write_served(&mut self, now: Instant, dialog: DialogKey, key: InstanceKey) {
        if let Desk::Playing(player) = &self.desk
            && let Some(cseq) = player.served_from()
        {
            self.stack.go_on_from(dialog, cseq);
        }
        if self.desk.is_on() {
            let next_cseq = self.stack.next_cseq(dialog).get();
            let entry = frequent::Served {
                instance: instance_of(key),
                dialog: place_of(dialog),
                next_cseq,
            };
            self.desk.note_frequent(now, &entry);
        }
    }

    /// What chance gives an instance: what its relation ids begin with, and its seed.
    pub(crate) fn chance(&mut self) -> (String, [u64; 2]) {
        if let Desk::Playing(player) = &mut self.desk
            && let Some(start) = player.next_start()
        {
            return start;
        }
        let prefix = self.ids.relation_prefix();
        (prefix, [self.ids.seed(), self.ids.seed()])
    }

    /// An instance began with this chance.
    #[inline]
    pub(crate) fn write_started(&mut self, now: Instant, key: InstanceKey, seeds: [u64; 2]) {
        if !self.desk.is_on() {
            return;
        }
        let Some(running) = self.instances.get(key) else {
            return;
        };
        let entry = frequent::Started {
            instance: instance_of(key),
            service: &running.kind.name,
            version: &running.kind.version.label,
            key: running.key.as_deref(),
            prefix: running.ids.relation_prefix(),
            seeds,
            settings: &running.kind.settings,
        };
        self.desk.note_frequent(now, &entry);
    }

    /// The `DialogueID` of a leg that an instance opens.
    pub(crate) fn dialog_id_for(&mut self, request: &Request) -> DialogId {
        if let Desk::Playing(player) = &mut self.desk
            && let Some(id) = player.next_dialog_id(request)
        {
            return id;
        }
        self.ids.dialog()
    }

    /// An instance opened a leg.
    #[inline]
    pub(crate) fn write_opened(&mut self, now: Instant, key: InstanceKey, dialog: DialogKey, id: &DialogId) {
        if self.desk.is_on() {
            let entry = frequent::Opened {
                instance: instance_of(key),
                dialog: place_of(dialog),
                id: id.as_str(),
            };
            self.desk.note_frequent(now, &entry);
        }
    }

    /// What it saw.
    pub(crate) fn write_read(&mut self, now: Instant, key: InstanceKey, witness: Option<Witness<'_>>) {
        let Some(seen) = witness.and_then(|witness| witness.take()) else {
            return;
        };
        let instance = instance_of(key);
        for (asked, answer) in seen {
            let entry = Entry::Read {
                instance,
                asked,
                answer,
            };
            self.desk.note(now, &entry);
        }
    }

    /// The version of a key that an instance begins to watch.
    pub(crate) fn watched_version(&mut self, now: Instant, key: InstanceKey, prefix: &str) -> Option<u64> {
        let shelf = self.instances.get(key)?.kind.shelf.lent(now).kept();
        let Some(witness) = self.desk.witness(&shelf) else {
            return Some(shelf.get(prefix)?.version);
        };
        let version = witness.get(prefix).map(|entry| entry.version);
        self.write_read(now, key, Some(witness));
        version
    }

    /// An instance handled an event.
    pub(crate) fn write_handled(
        &mut self,
        now: Instant,
        key: InstanceKey,
        event: Option<(&'static str, u32)>,
        commands: &[Command],
        failure: Option<&String>,
    ) {
        let Some((event, leg)) = event else { return };
        let bodies = self.desk.bodies();
        let (one, many);
        // Most do one thing, and no memory is asked for that.
        let did = match commands {
            [] => &[][..],
            [command] => {
                one = convert::did(command, bodies);
                std::slice::from_ref(&one)
            }
            _ => {
                many = commands
                    .iter()
                    .map(|command| convert::did(command, bodies))
                    .collect::<Vec<_>>();
                &many
            }
        };
        let entry = frequent::Handled {
            instance: instance_of(key),
            event,
            leg,
            did,
            failure: failure.map(String::as_str),
        };
        self.desk.note_frequent(now, &entry);
    }

    /// An instance ends.
    #[inline]
    pub(crate) fn write_over(&mut self, now: Instant, key: InstanceKey) {
        if self.desk.is_on() {
            let instance = instance_of(key);
            self.desk.note_frequent(now, &frequent::Over { instance });
        }
    }

    /// Somebody outside ends an instance; with a reason, as failed.
    pub(crate) fn write_stopped(&mut self, now: Instant, key: InstanceKey, failure: Option<&str>) {
        if self.desk.is_on() && self.instances.get(key).is_some() {
            let entry = Entry::Stopped {
                instance: instance_of(key),
                failure: failure.map(Cow::Borrowed),
            };
            self.desk.note(now, &entry);
        }
    }

    /// An instance went over to another version.
    pub(crate) fn write_moved(&mut self, now: Instant, key: InstanceKey) {
        if self.desk.is_on()
            && let Some(running) = self.instances.get(key)
        {
            let entry = Entry::Moved {
                instance: instance_of(key),
                version: Cow::Borrowed(&running.kind.version.label),
            };
            self.desk.note(now, &entry);
        }
    }

    /// An operator ends a dialog.
    pub(crate) fn write_ended(&mut self, now: Instant, dialog: DialogKey, reason: &str) {
        if self.desk.is_on() {
            let entry = Entry::Ended {
                dialog: place_of(dialog),
                reason: Cow::Borrowed(reason),
            };
            self.desk.note(now, &entry);
        }
    }
}

/// What of a message is written down.
fn excerpt(text: &str, body: Range<usize>, bodies: bool) -> Excerpt<'_> {
    if bodies {
        Excerpt::whole(text)
    } else {
        Excerpt::without(text, body)
    }
}
