//! From what shards tell to events of calls.

use std::collections::HashMap;
use std::sync::Arc;

use strowger_node::driver::Batch;
use strowger_node::{
    Begun, Channel, ChannelWhat, Detail, DialogRef, DialogWhat, EndCause, InstanceId, InstanceWhat,
    Line as FirstLine, Named, Passed, Refusal, Transaction, What, cause_name, lost_name,
};

use super::{Feed, Leg, Line};
use crate::call::{CallId, Party, event};
use crate::event::{Kind, Message, millis};

/// With more channels than this, those without dialogs are forgotten.
pub(super) const LINES: usize = 65_536;
/// The most bytes of a body that are kept; more is cut.
const BODY: usize = 16 << 10;

impl Feed {
    /// Takes in what happened on a shard.
    pub fn take_in(&mut self, mut batch: Batch) {
        if batch.broken {
            self.forget_live(batch.shard);
        }
        let happenings = std::mem::take(&mut batch.happenings);
        // A dialog is given to its instance after it has begun: the call is that of the instance from the start.
        let served: HashMap<DialogRef, InstanceId> = happenings
            .iter()
            .filter_map(|happening| match &happening.what {
                What::Served { dialog, instance, .. } => Some((*dialog, *instance)),
                _ => None,
            })
            .collect();
        for happening in happenings {
            let at = millis(batch.time_of(happening.at));
            match happening.what {
                What::Dialog(dialog, DialogWhat::Begun(begun)) => {
                    let id = served
                        .get(&dialog)
                        .map_or(CallId::Dialog(dialog), |instance| CallId::Instance(*instance));
                    self.begun(at, id, dialog, *begun);
                }
                What::Dialog(dialog, what) => self.in_dialog(at, dialog, what),
                What::Served {
                    dialog,
                    service,
                    version,
                    instance,
                } => self.served(at, dialog, instance, service, version.label.as_str().into()),
                What::Instance(instance, what) => self.of_instance(at, instance, what),
                What::Channel(channel, what) => self.of_channel(at, channel, what),
                // Told of the instance as well.
                What::Called { .. } => {}
                _ => {}
            }
        }
        self.make_room();
    }

    fn begun(&mut self, at: f64, id: CallId, dialog: DialogRef, begun: Begun) {
        let place = match self.places.get(&id) {
            Some(place) => *place,
            None => self.insert(id, at),
        };
        let known = begun.channel.and_then(|channel| self.lines.get(&channel));
        let name: Arc<str> = match (known, begun.by_peer) {
            (Some(line), _) => Arc::clone(&line.name),
            (None, true) => (*begun.identity.unwrap_or_else(|| begun.from.clone())).into(),
            (None, false) => (*begun.target.unwrap_or_else(|| begun.to.clone())).into(),
        };
        let text: Arc<str> = dialog.to_string().into();
        let method = begun.method.as_str();
        let mut left = None;
        self.change(place, |call| {
            left = call.add(Party {
                dialog,
                text: Arc::clone(&text),
                name: Arc::clone(&name),
                by_peer: begun.by_peer,
                method,
                state: None,
                cause: None,
            });
        });
        for name in left.iter().chain([&name]) {
            self.index(place, name);
        }
        let leg = Leg {
            place,
            text,
            name,
            channel: begun.channel,
        };
        self.legs.insert(dialog, leg);
        if let Some(line) = begun.channel.and_then(|channel| self.lines.get_mut(&channel)) {
            line.dialogs.push(dialog);
        }
        let kind = Kind::Began {
            method,
            from: begun.from,
            to: begun.to,
            by_peer: begun.by_peer,
        };
        self.tell_call(place);
        self.push_on(at, dialog, kind);
    }

    /// Changes a call, whose weight may be another then.
    fn change(&mut self, place: u64, change: impl FnOnce(&mut crate::call::Call)) {
        if let Some(call) = self.calls.get_mut(&place) {
            let before = call.bytes;
            change(call);
            self.bytes = self.bytes + call.bytes - before;
        }
    }

    /// Sees to it that a user finds a call while he takes part in it.
    fn index(&mut self, place: u64, name: &Arc<str>) {
        let call = self.calls.get(&place);
        let takes_part = call.is_some_and(|call| call.parties.iter().any(|party| party.name == *name));
        self.users.set(name, place, takes_part);
    }

    /// Something happened in a dialog that lives.
    fn push_on(&mut self, at: f64, dialog: DialogRef, kind: Kind) {
        if let Some(leg) = self.legs.get(&dialog) {
            let (text, name) = (Arc::clone(&leg.text), Arc::clone(&leg.name));
            self.push(leg.place, event(at, Some(text), Some(name), kind));
        }
    }

    fn in_dialog(&mut self, at: f64, dialog: DialogRef, what: DialogWhat) {
        let Some(place) = self.legs.get(&dialog).map(|leg| leg.place) else {
            return;
        };
        let kind = match what {
            DialogWhat::Begun(_) => return,
            DialogWhat::Bound(channel) => return self.bound(place, dialog, channel),
            DialogWhat::Received(passed) => Kind::Received(Box::new(message(passed))),
            DialogWhat::Sent(passed) => Kind::Sent(Box::new(message(passed))),
            DialogWhat::TransactionBegun(it) => {
                self.change(place, |call| {
                    call.first.get_or_insert((dialog, it));
                });
                transaction(it, None)
            }
            DialogWhat::TransactionEnded(it, code) => {
                let mut is_news = false;
                self.change(place, |call| {
                    is_news = call.first == Some((dialog, it)) && call.outcome.is_none();
                    if is_news {
                        call.outcome = Some(code.as_u16());
                    }
                });
                if is_news {
                    self.tell_call(place);
                }
                transaction(it, Some(code.as_u16()))
            }
            DialogWhat::State { from, to } => {
                self.change(place, |call| {
                    if let Some(party) = call.party(dialog) {
                        party.state = Some(to);
                    }
                });
                self.tell_call(place);
                Kind::State { from, to }
            }
            DialogWhat::Detail(detail) => match of_detail(&detail) {
                Some(kind) => kind,
                None => return,
            },
            DialogWhat::Ended(cause) => return self.ended(at, place, dialog, cause),
        };
        self.push_on(at, dialog, kind);
    }

    /// The channel of a dialog is known.
    fn bound(&mut self, place: u64, dialog: DialogRef, channel: Channel) {
        let Some(leg) = self.legs.get_mut(&dialog) else {
            return;
        };
        leg.channel = Some(channel);
        let Some(line) = self.lines.get_mut(&channel) else {
            return;
        };
        line.dialogs.push(dialog);
        if leg.name != line.name {
            let name = Arc::clone(&line.name);
            let before = std::mem::replace(&mut leg.name, Arc::clone(&name));
            if let Some(party) = self.calls.get_mut(&place).and_then(|call| call.party(dialog)) {
                // As long as the other or not, it is counted as it was.
                party.name = Arc::clone(&name);
            }
            for name in [&before, &name] {
                self.index(place, name);
            }
            self.tell_call(place);
        }
    }

    fn ended(&mut self, at: f64, place: u64, dialog: DialogRef, cause: EndCause) {
        let cause = cause_name(cause);
        self.push_on(at, dialog, Kind::Ended { cause });
        if let Some(leg) = self.legs.remove(&dialog)
            && let Some(line) = leg.channel.and_then(|channel| self.lines.get_mut(&channel))
        {
            line.dialogs.retain(|other| *other != dialog);
        }
        let mut is_over = false;
        self.change(place, |call| {
            call.live = call.live.saturating_sub(1);
            if let Some(party) = call.party(dialog) {
                party.cause = Some(cause);
            }
            is_over = matches!(call.id, CallId::Dialog(_));
        });
        if is_over {
            self.end(place, at);
        } else {
            self.tell_call(place);
        }
    }

    fn served(
        &mut self,
        at: f64,
        dialog: DialogRef,
        instance: InstanceId,
        service: Arc<str>,
        version: Arc<str>,
    ) {
        let Some(place) = self.legs.get(&dialog).map(|leg| leg.place) else {
            return;
        };
        let (of, label) = (Arc::clone(&service), Arc::clone(&version));
        self.change(place, |call| {
            if call.id == CallId::Instance(instance) {
                call.service.get_or_insert(of);
                call.version.get_or_insert(label);
            }
        });
        self.tell_call(place);
        self.push_on(at, dialog, Kind::Served { service, version });
    }

    fn of_instance(&mut self, at: f64, instance: InstanceId, what: InstanceWhat) {
        let id = CallId::Instance(instance);
        if let InstanceWhat::Started { service, version } = what {
            let place = match self.places.get(&id) {
                Some(place) => *place,
                None => self.insert(id, at),
            };
            self.change(place, |call| {
                call.is_whole = true;
                call.service = Some(service);
                call.version = Some(version.label.as_str().into());
            });
            return self.tell_call(place);
        }
        let Some(place) = self.places.get(&id).copied() else {
            return;
        };
        let (dialog, kind) = match what {
            InstanceWhat::Timer { timer } => {
                let text = format!("timer {timer} of the service").into();
                (
                    None,
                    Kind::Timer {
                        name: "service",
                        text,
                    },
                )
            }
            InstanceWhat::Handled { dialog, event, took } => {
                let took_us = took.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
                (dialog, Kind::Handled { event, took_us })
            }
            InstanceWhat::Decided {
                dialog,
                command,
                text,
                on,
            } => (dialog, Kind::Decided { command, text, on }),
            InstanceWhat::Logged { level, text } => {
                let level = level.as_str();
                (None, Kind::Logged { level, text })
            }
            InstanceWhat::Refused { dialog, refusal } => {
                let Refusal { command, text, why } = *refusal;
                (dialog, Kind::Refused { command, text, why })
            }
            InstanceWhat::Failed { why } => {
                let text = format!("the instance failed: {why}").into();
                (None, Kind::Logged { level: "error", text })
            }
            InstanceWhat::Ended => {
                self.push(
                    place,
                    event(
                        at,
                        None,
                        None,
                        Kind::Ended {
                            cause: "instance_over",
                        },
                    ),
                );
                return self.end(place, at);
            }
            _ => return,
        };
        // It may have ended while the event was handled, so it is looked up among all legs of the call.
        let call = self.calls.get_mut(&place);
        let party = call.and_then(|call| call.party(dialog?));
        let (text, name) = party
            .map(|party| (Arc::clone(&party.text), Arc::clone(&party.name)))
            .unzip();
        self.push(place, event(at, text, name, kind));
    }

    fn of_channel(&mut self, at: f64, channel: Channel, what: ChannelWhat) {
        if let ChannelWhat::Named { name, up } = what {
            self.bound_lines();
            let line = self.lines.entry(channel).or_insert_with(|| Line {
                name: (*name).into(),
                up,
                dialogs: Vec::new(),
            });
            line.up = up;
            return;
        }
        let Some(line) = self.lines.get_mut(&channel) else {
            return;
        };
        let (state, cause) = match what {
            ChannelWhat::Named { .. } => return,
            ChannelWhat::Opened(name) => {
                line.name = (*name).into();
                ("opened", None)
            }
            ChannelWhat::Resumed if line.up => ("takeover", None),
            ChannelWhat::Resumed => ("resumed", None),
            ChannelWhat::Dropped => ("dropped", None),
            ChannelWhat::Lost(cause) => ("lost", Some(lost_name(cause))),
        };
        line.up = !matches!(state, "dropped" | "lost");
        let dialogs = line.dialogs.clone();
        if state == "lost" {
            self.lines.remove(&channel);
        }
        for dialog in dialogs {
            self.push_on(at, dialog, Kind::Channel { state, cause });
        }
    }

    /// Forgets channels without dialogs where there are too many.
    fn bound_lines(&mut self) {
        if self.lines.len() >= self.most_lines {
            self.lines.retain(|_, line| !line.dialogs.is_empty());
            // Not at each of the next ones again, where that was of no use.
            self.most_lines = LINES.max(2 * self.lines.len());
        }
    }
}

fn of_detail(detail: &Detail) -> Option<Kind> {
    Some(match *detail {
        Detail::Absorbed {
            message,
            answered_again,
        } => Kind::Absorbed {
            label: label(message),
            answered_again,
        },
        Detail::Dropped { message, why } => Kind::DroppedMessage {
            label: label(message),
            why,
        },
        Detail::Acknowledged(message) => Kind::Acknowledged {
            label: label(message),
        },
        Detail::Withdrawn(message) => Kind::Withdrawn {
            label: label(message),
        },
        Detail::Replayed(message) => Kind::Replayed {
            label: label(message),
        },
        Detail::Timer { guards, of, state } => {
            let of = of.map(label).unwrap_or_default();
            let text = match guards {
                "request" => format!("no final response to {of} in time"),
                "response" => format!("the service did not answer {of} in time"),
                "refresh" => "the session's refresh".to_owned(),
                _ => format!("too long in state {}", state.unwrap_or("Transaction")),
            };
            let text = text.into();
            Kind::Timer { name: guards, text }
        }
        _ => return None,
    })
}

fn label(message: Named) -> Box<str> {
    let cseq = message.cseq.get();
    match (message.line, message.of) {
        (FirstLine::Request(method), _) => format!("{method} {cseq}"),
        (FirstLine::Response(code), Some(method)) => format!("{} {method} {cseq}", code.as_u16()),
        (FirstLine::Response(code), None) => format!("{} {cseq}", code.as_u16()),
    }
    .into()
}

fn message(passed: Passed) -> Message {
    let Passed {
        line,
        cseq,
        of,
        reason,
        body,
    } = passed;
    let (method, code) = match line {
        FirstLine::Request(method) => (method.as_str(), None),
        FirstLine::Response(code) => (of.map_or("", |method| method.as_str()), Some(code.as_u16())),
    };
    Message {
        label: label(Named { line, of, cseq }),
        method,
        code,
        cseq: cseq.get(),
        reason,
        body: body.map(cut_body),
    }
}

fn cut_body(body: Box<str>) -> Box<str> {
    let kept = body.floor_char_boundary(BODY);
    if kept == body.len() {
        return body;
    }
    let more = body.len() - kept;
    format!("{}… ({more} bytes more)", &body[..kept]).into()
}

const fn transaction(it: Transaction, code: Option<u16>) -> Kind {
    Kind::Transaction {
        method: it.method.as_str(),
        cseq: it.cseq.get(),
        by_peer: it.by_peer,
        state: if code.is_some() { "ended" } else { "open" },
        code,
    }
}
