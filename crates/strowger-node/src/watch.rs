//! What happens on a shard, for whoever looks on: the happenings of the stack, and what only the shard knows.

use std::sync::Arc;
use std::time::Duration;

use jsip_stack::{Channel, DialogKey};
use strowger_channel::{ChannelEvent, LostCause};
use strowger_time::Instant;

use crate::instances::InstanceKey;
use crate::shard::stack_channel;
use crate::timing::Call;
use crate::{DialogRef, InstanceId, Shard, Version, Watch};

mod closely;
mod names;

pub(crate) use closely::Attempt;
pub use closely::{InstanceWhat, Refusal};
pub use names::{cause_name, lost_name};

/// When so many happenings wait to be taken, calls into services are not noted.
const MOST: usize = 65_536;

/// Something that happened on a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// When; what one batch of inputs leads to happens at one time.
    pub at: Instant,
    /// What happened.
    pub what: What,
}

/// What may happen on a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// Something in a dialog.
    Dialog(DialogRef, jsip_stack::What),
    /// The dialog became a leg of an instance.
    Served {
        /// The dialog.
        dialog: DialogRef,
        /// The service.
        service: Arc<str>,
        /// The version of it.
        version: Arc<Version>,
        /// The instance.
        instance: InstanceId,
    },
    /// Something with an instance, for who looks closely.
    Instance(InstanceId, InstanceWhat),
    /// The instance handled an event of a leg.
    Called {
        /// The leg's dialog.
        dialog: DialogRef,
        /// The event: `incoming`, `request`, `response`, `expired` or `refused`.
        event: &'static str,
        /// When the call began, as the shard's [clock](Shard::set_clock) says.
        begun: Duration,
        /// How long it took.
        took: Duration,
    },
    /// Something with a channel.
    Channel(Channel, ChannelWhat),
}

impl What {
    /// Whether who looks on would be misled without it.
    pub const fn is_essential(&self) -> bool {
        match self {
            Self::Dialog(_, what) => what.is_essential(),
            Self::Served { .. } | Self::Channel(..) => true,
            Self::Instance(_, what) => matches!(what, InstanceWhat::Started { .. } | InstanceWhat::Ended),
            Self::Called { .. } => false,
        }
    }
}

impl What {
    /// Whether only who looks closely wants to know.
    pub(crate) const fn is_detail(&self) -> bool {
        matches!(
            self,
            Self::Dialog(_, jsip_stack::What::Detail(_))
                | Self::Instance(..)
                | Self::Channel(_, ChannelWhat::Named { .. })
        )
    }

    /// Whether something begins whose end is told, too.
    pub(crate) const fn is_begin(&self) -> bool {
        matches!(
            self,
            Self::Dialog(_, jsip_stack::What::Begun(_)) | Self::Instance(_, InstanceWhat::Started { .. })
        )
    }

    /// Takes out of a message what only another one who looks on wants to know: its body, or what a ladder shows.
    pub(crate) fn forget(&mut self, body: bool, detail: bool) {
        if let Self::Dialog(_, jsip_stack::What::Received(passed) | jsip_stack::What::Sent(passed)) = self {
            if body {
                passed.body = None;
            }
            if detail {
                passed.reason = None;
            }
        }
    }
}

/// What may happen with a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelWhat {
    /// It has its first socket. Its name is the userid, or host and port of a link.
    Opened(Box<str>),
    /// It becomes part of a dialog; for who looks closely, who may have come after it was opened.
    Named {
        /// Its name, as with `Opened`.
        name: Box<str>,
        /// Whether it has a socket.
        up: bool,
    },
    /// It has another socket.
    Resumed,
    /// It has none, and waits for the next one.
    Dropped,
    /// It is gone.
    Lost(LostCause),
}

impl Shard {
    /// Says whether somebody looks on from now on.
    pub const fn set_watch(&mut self, watch: Watch) {
        self.watch = watch;
        self.stack.set_watch(watch);
        self.channels.set_watched(watch.is_close());
        self.timing.watch(!matches!(watch, Watch::Off));
    }

    /// Adds what happened since this was called last, in order.
    pub fn take_happenings(&mut self, now: Instant, into: &mut Vec<Happening>) {
        self.note_stack(now);
        // The room goes with them.
        into.extend(std::mem::take(&mut self.happenings));
    }

    /// Keeps the order between what the stack noted and what the shard is about to note.
    fn note_stack(&mut self, at: Instant) {
        let (node, shard) = (self.node, self.shard);
        let noted = self.stack.take_happenings().into_iter().map(|happening| {
            let dialog = DialogRef::of(node, shard, happening.dialog);
            Happening {
                at,
                what: What::Dialog(dialog, happening.what),
            }
        });
        self.happenings.extend(noted);
    }

    /// A dialog is a leg from here on.
    #[inline]
    pub(crate) fn note_served(&mut self, now: Instant, dialog: DialogKey, key: InstanceKey) {
        if self.watch == Watch::Off {
            return;
        }
        let is_close = self.watch.is_close();
        let Some(running) = self.instances.get_mut(key) else {
            return;
        };
        running.watched |= is_close;
        let (service, version) = (Arc::clone(&running.kind.name), Arc::clone(&running.kind.version));
        let what = What::Served {
            dialog: DialogRef::new(self, dialog),
            service,
            version,
            instance: self.id_of(key),
        };
        self.push(now, what);
    }

    /// A call into a service is over.
    pub(crate) fn note_called(&mut self, now: Instant, call: &Call, took: Duration) {
        let (Some(dialog), true) = (call.dialog, self.watch != Watch::Off) else {
            return;
        };
        if self.happenings.len() >= MOST {
            return;
        }
        let what = What::Called {
            dialog: DialogRef::new(self, dialog),
            event: call.event,
            begun: call.begun,
            took,
        };
        self.push(now, what);
    }

    /// Something happened with a channel of this shard.
    #[inline]
    pub(crate) fn note_channel(&mut self, now: Instant, event: &ChannelEvent) {
        if self.watch != Watch::Off {
            self.note_news(now, event);
        }
    }

    fn note_news(&mut self, now: Instant, event: &ChannelEvent) {
        let (channel, what) = match event {
            ChannelEvent::Opened { channel } => {
                let info = self.channels.info(*channel);
                let name = info.map(|info| info.name.into_boxed_str());
                (channel, ChannelWhat::Opened(name.unwrap_or_default()))
            }
            ChannelEvent::Resumed { channel } => (channel, ChannelWhat::Resumed),
            ChannelEvent::Dropped { channel } => (channel, ChannelWhat::Dropped),
            ChannelEvent::Lost { channel, cause } => (channel, ChannelWhat::Lost(*cause)),
            _ => return,
        };
        self.push(now, What::Channel(stack_channel(*channel), what));
    }

    fn push(&mut self, at: Instant, what: What) {
        self.note_stack(at);
        self.happenings.push(Happening { at, what });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many may wait as the bounds say, and what is common must not pay for what is rare.
    #[test]
    fn a_happening_stays_small() {
        let size = size_of::<Happening>();
        println!("Happening: {size} bytes");
        assert!(size <= 88, "{size}");
    }
}
