//! Follows dialogs from what shards tell to what is told of them.

use std::collections::HashMap;
use std::time::SystemTime;

use strowger_node::driver::Batch;
use strowger_node::{Channel, ChannelWhat, DialogRef, DialogWhat, EndCause, Happening, What};

use crate::otlp::Span;
use crate::spans::Trace;
use crate::tracked::Tracked;
use crate::{Of, Record, states};

/// How many channels have their names kept; the dialogs of more have no userid in their records.
const MOST_NAMES: usize = 1_000_000;

/// What is to be told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wants {
    /// Records, and of which dialogs.
    pub records: Option<Of>,
    /// Log lines.
    pub states: bool,
    /// Traces of so many dialogs in a million.
    pub traces_per_million: u32,
    /// What tells the traces of this process from those of others.
    pub seed: u64,
}

/// All dialogs that have begun and not ended.
#[derive(Debug)]
pub struct Tracker {
    wants: Wants,
    /// As many as the node has that are observed.
    dialogs: HashMap<DialogRef, Tracked>,
    names: HashMap<Channel, Box<str>>,
    records: Vec<Record>,
    spans: Vec<Span>,
    lost_spans: u64,
}

impl Tracker {
    /// No dialogs yet.
    pub fn new(wants: Wants) -> Self {
        Self {
            wants,
            dialogs: HashMap::new(),
            names: HashMap::new(),
            records: Vec::new(),
            spans: Vec::new(),
            lost_spans: 0,
        }
    }

    /// How many dialogs are followed.
    pub fn len(&self) -> usize {
        self.dialogs.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.dialogs.is_empty()
    }

    /// Takes in what happened on a shard; the log says it at once.
    pub fn take_in(&mut self, mut batch: Batch) {
        if batch.broken {
            // Their ends may have been left out, and would be waited for without end.
            self.dialogs.retain(|dialog, _| dialog.shard() != batch.shard);
        }
        let happenings = std::mem::take(&mut batch.happenings);
        for Happening { at, what } in happenings {
            let at = batch.time_of(at);
            match what {
                What::Dialog(dialog, what) => self.in_dialog(dialog, at, what),
                What::Served {
                    dialog,
                    service,
                    instance,
                    ..
                } => {
                    if let Some(tracked) = self.dialogs.get_mut(&dialog) {
                        let instance = instance.to_string();
                        if self.wants.states {
                            states::dialog_served(dialog, &service, &instance);
                        }
                        tracked.service = Some(service);
                        tracked.instance = Some(instance);
                    }
                }
                What::Called {
                    dialog,
                    event,
                    begun,
                    took,
                } => {
                    let begun = batch.time_on_clock(begun);
                    if let Some(tracked) = self.dialogs.get_mut(&dialog)
                        && let (Some(trace), Some(service)) = (&mut tracked.trace, &tracked.service)
                    {
                        trace.call(service, event, begun, begun + took);
                    }
                }
                What::Channel(channel, what) => self.in_channel(channel, what),
                _ => {}
            }
        }
    }

    /// The records of dialogs that ended since this was called last.
    pub fn take_records(&mut self) -> std::vec::Drain<'_, Record> {
        self.records.drain(..)
    }

    /// The spans of such dialogs.
    pub(crate) fn take_spans(&mut self) -> std::vec::Drain<'_, Span> {
        self.spans.drain(..)
    }

    /// How many spans were too many for their dialogs since this was called last.
    pub(crate) const fn take_lost_spans(&mut self) -> u64 {
        std::mem::replace(&mut self.lost_spans, 0)
    }

    fn in_dialog(&mut self, dialog: DialogRef, at: SystemTime, what: DialogWhat) {
        if let DialogWhat::Begun(begun) = what {
            let name = begun.channel.and_then(|channel| self.names.get(&channel));
            let mut tracked = Tracked::new(begun, at, name.cloned());
            let Wants {
                seed,
                traces_per_million,
                ..
            } = self.wants;
            tracked.trace = Trace::of(dialog, seed, traces_per_million).map(Box::new);
            if self.wants.states {
                states::dialog_begun(dialog, &tracked);
            }
            self.dialogs.insert(dialog, tracked);
            return;
        }
        if let DialogWhat::Ended(cause) = what {
            if let Some(tracked) = self.dialogs.remove(&dialog) {
                self.ended(dialog, tracked, at, cause);
            }
            return;
        }
        let Some(tracked) = self.dialogs.get_mut(&dialog) else {
            return;
        };
        match what {
            // Details are for who looks closely.
            DialogWhat::Begun(_) | DialogWhat::Ended(_) | DialogWhat::Detail(_) => {}
            DialogWhat::Bound(channel) => {
                tracked.channel = Some(channel);
                tracked.userid = self.names.get(&channel).cloned();
            }
            DialogWhat::Received(passed) => {
                tracked.messages.received += 1;
                if self.wants.states {
                    states::body(dialog, "received", &passed);
                }
            }
            DialogWhat::Sent(passed) => {
                tracked.messages.sent += 1;
                if self.wants.states {
                    states::body(dialog, "sent", &passed);
                }
            }
            DialogWhat::TransactionBegun(transaction) => {
                tracked.begin(transaction, at);
                if self.wants.states {
                    states::transaction_begun(dialog, &transaction);
                }
            }
            DialogWhat::TransactionEnded(transaction, code) => {
                let Some(over) = tracked.end(transaction, at, code.as_u16()) else {
                    return;
                };
                if self.wants.states {
                    states::transaction_ended(dialog, &transaction, over.code);
                }
                if let Some(trace) = &mut tracked.trace {
                    trace.transaction(&over);
                }
            }
            DialogWhat::State { from, to } => {
                if self.wants.states {
                    states::session(dialog, from, to);
                }
                if let Some(trace) = &mut tracked.trace {
                    trace.state(from, to, at);
                }
            }
        }
    }

    fn ended(&mut self, dialog: DialogRef, mut tracked: Tracked, at: SystemTime, cause: EndCause) {
        if tracked.userid.is_none() {
            // A link has its name when it stands, which may be after it was first used.
            tracked.userid = tracked
                .channel
                .and_then(|channel| self.names.get(&channel).cloned());
        }
        for over in tracked.end_rest(at) {
            if self.wants.states {
                states::transaction_ended(dialog, &over.transaction, None);
            }
            if let Some(trace) = &mut tracked.trace {
                trace.transaction(&over);
            }
        }
        if self.wants.states {
            states::dialog_ended(dialog, &tracked, cause);
        }
        if let Some(mut trace) = tracked.trace.take() {
            let spans = trace.finish(dialog, &tracked, tracked.code(), (at, cause));
            self.spans.extend(spans);
            self.lost_spans += trace.lost_spans;
            tracked.trace = Some(trace);
        }
        let is_wanted = self.wants.records.is_some_and(|of| match of {
            Of::All => true,
            Of::Calls => tracked.is_call(),
        });
        if is_wanted {
            self.records.push(tracked.record(dialog, at, cause));
        }
    }

    fn in_channel(&mut self, channel: Channel, what: ChannelWhat) {
        if self.wants.states {
            let name = self.names.get(&channel).map(|name| &**name);
            states::channel(channel, name, &what);
        }
        match what {
            ChannelWhat::Opened(name) => {
                if self.names.len() < MOST_NAMES {
                    self.names.insert(channel, name);
                }
            }
            ChannelWhat::Lost(_) => {
                self.names.remove(&channel);
            }
            ChannelWhat::Named { .. } | ChannelWhat::Resumed | ChannelWhat::Dropped => {}
        }
    }
}
