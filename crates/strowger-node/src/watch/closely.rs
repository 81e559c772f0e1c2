//! What only who looks closely is told of instances: what they handled, and what they decided.

use std::sync::Arc;
use std::time::Duration;

use jsip::{CSeq, Message, Method, Request, Response, StatusCode};
use jsip_stack::{Channel, Tag};
use strowger_service::{Command, Event, LegId, LogLevel, SendError, TimerId};
use strowger_time::Instant;

use super::{ChannelWhat, What};
use crate::instances::{InstanceKey, Running};
use crate::shard::channel_id;
use crate::timing::name;
use crate::{ChannelState, DialogRef, InstanceId, Mail, Shard, Version, Watch};

/// The most bytes of a text that is told; more is cut.
const TEXT_BYTES: usize = 512;

/// What may happen to an instance. [`InstanceWhat::Started`] comes first and [`InstanceWhat::Ended`] last.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InstanceWhat {
    /// It began.
    Started {
        /// Its service.
        service: Arc<str>,
        /// The version that it runs on.
        version: Arc<Version>,
    },
    /// One of its timers fired.
    Timer {
        /// The timer, as the instance numbers them.
        timer: u32,
    },
    /// It has handled an event.
    Handled {
        /// The dialog of the leg that it was on.
        dialog: Option<DialogRef>,
        /// The event: `incoming`, `request`, `response`, `timer` and so on.
        event: &'static str,
        /// How long that took, where there is a clock.
        took: Option<Duration>,
    },
    /// It wants something done.
    Decided {
        /// The dialog of the leg that it is about, where that is known.
        dialog: Option<DialogRef>,
        /// The command: `open`, `send`, `respond`, `set timer` and so on.
        command: &'static str,
        /// The command in words; cut.
        text: Box<str>,
        /// The event that it follows.
        on: &'static str,
    },
    /// It has written a log line.
    Logged {
        /// How serious it is.
        level: LogLevel,
        /// The line; cut.
        text: Box<str>,
    },
    /// A command could not be carried out.
    Refused {
        /// The dialog of the leg that it was about.
        dialog: Option<DialogRef>,
        /// Which one, and why.
        refusal: Box<Refusal>,
    },
    /// It failed, and ends.
    Failed {
        /// Why; cut.
        why: Box<str>,
    },
    /// It is over.
    Ended,
}

/// A command that could not be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The command: `open`, `send`, `respond` or `answer`.
    pub command: &'static str,
    /// The rest of it in words.
    pub text: Box<str>,
    /// Why.
    pub why: Box<str>,
}

/// An event of a closely observed instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Followed {
    dialog: Option<DialogRef>,
    event: &'static str,
}

/// A command that may be refused: as much of it as is told then, once the rest of it is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attempt {
    Open(Method),
    Forward(Method),
    Send(Method),
    Respond(StatusCode, CSeq),
    Answer(StatusCode, CSeq),
}

impl Attempt {
    /// Its name and the rest of it in words.
    fn told(self) -> (&'static str, String) {
        let response = |code: StatusCode, cseq: CSeq| format!("{} {}", code.as_u16(), cseq.get());
        match self {
            Self::Open(method) => ("open", method.to_string()),
            Self::Forward(method) => ("forward", method.to_string()),
            Self::Send(method) => ("send", method.to_string()),
            Self::Respond(code, cseq) => ("respond", response(code, cseq)),
            Self::Answer(code, cseq) => ("answer", response(code, cseq)),
        }
    }
}

impl Shard {
    /// Whether an instance that begins now is observed.
    pub(crate) const fn looks_closely(&self) -> bool {
        self.watch.is_close()
    }

    /// Something happens to an instance.
    #[inline]
    pub(crate) fn note_instance(
        &mut self,
        now: Instant,
        key: InstanceKey,
        what: impl FnOnce(&Self, &Running) -> InstanceWhat,
    ) {
        if self.watch.is_close()
            && let Some(running) = self.instances.get(key)
            && running.watched
        {
            let what = what(self, running);
            self.push_instance(now, self.id_of(key), what);
        }
    }

    /// An instance that was observed is over: told also while who looks on is behind, as his calls would never end.
    pub(crate) fn note_over(&mut self, now: Instant, key: InstanceKey, running: &Running) {
        if running.watched && self.watch != Watch::Off {
            self.push_instance(now, self.id_of(key), InstanceWhat::Ended);
        }
    }

    fn push_instance(&mut self, now: Instant, id: InstanceId, what: InstanceWhat) {
        let what = What::Instance(id, what);
        if self.happenings.len() < super::MOST || what.is_essential() {
            self.push(now, what);
        }
    }

    /// An instance is about to handle an event: what is to be known of it afterwards.
    #[inline]
    pub(crate) fn follow(&self, key: InstanceKey, event: &Event) -> Option<Followed> {
        if self.watch.is_close() {
            self.followed(key, event)
        } else {
            None
        }
    }

    fn followed(&self, key: InstanceKey, event: &Event) -> Option<Followed> {
        let running = self.instances.get(key).filter(|running| running.watched)?;
        let dialog = event.leg().and_then(|leg| running.dialog(leg));
        Some(Followed {
            dialog: dialog.map(|dialog| DialogRef::new(self, dialog)),
            event: name(event),
        })
    }

    /// It has handled it.
    pub(crate) fn note_handled(
        &mut self,
        now: Instant,
        key: InstanceKey,
        followed: Option<Followed>,
        took: Option<Duration>,
    ) {
        let Some(Followed { dialog, event }) = followed else {
            return;
        };
        self.note_instance(now, key, |_, _| InstanceWhat::Handled { dialog, event, took });
    }

    /// It wants something done.
    pub(crate) fn note_decided(
        &mut self,
        now: Instant,
        key: InstanceKey,
        followed: Option<Followed>,
        command: &Command,
    ) {
        let Some(Followed { event, .. }) = followed else {
            return;
        };
        self.note_instance(now, key, |shard, running| {
            if let Command::Log { level, text } = command {
                return InstanceWhat::Logged {
                    level: *level,
                    text: cut(text),
                };
            }
            let (leg, command, text) = told(command);
            let dialog = leg.and_then(|leg| running.dialog(leg));
            InstanceWhat::Decided {
                dialog: dialog.map(|dialog| DialogRef::new(shard, dialog)),
                command,
                text: cut(&text),
                on: event,
            }
        });
    }

    /// A command was refused.
    pub(crate) fn note_refused(
        &mut self,
        now: Instant,
        key: InstanceKey,
        leg: LegId,
        attempt: Attempt,
        error: &SendError,
    ) {
        self.note_instance(now, key, |shard, running| {
            let dialog = running.dialog(leg);
            let (command, text) = attempt.told();
            InstanceWhat::Refused {
                dialog: dialog.map(|dialog| DialogRef::new(shard, dialog)),
                refusal: Box::new(Refusal {
                    command,
                    text: text.into(),
                    why: cut(&error.to_string()),
                }),
            }
        });
    }

    /// A timer of an instance has fired.
    pub(crate) fn note_timer(&mut self, now: Instant, key: InstanceKey, timer: TimerId) {
        self.note_instance(now, key, |_, _| InstanceWhat::Timer {
            timer: timer.number(),
        });
    }

    /// An instance fails.
    pub(crate) fn note_failed(&mut self, now: Instant, key: InstanceKey, why: &str) {
        self.note_instance(now, key, |_, _| InstanceWhat::Failed { why: cut(why) });
    }

    /// A message has come in that may begin a dialog.
    #[inline]
    pub(crate) fn note_sender(&mut self, now: Instant, channel: Channel, message: &Message) {
        if self.watch.is_close()
            && let Message::Request(request) = message
            && matches!(
                request.method(),
                Method::Invite | Method::Register | Method::Options | Method::Message | Method::Subscribe
            )
        {
            self.note_name(now, channel);
        }
    }

    /// A channel is about to be part of a dialog: who looks closely may have come after it was opened.
    #[inline]
    pub(crate) fn note_name(&mut self, now: Instant, channel: Channel) {
        if self.watch.is_close()
            && let Some(info) = self.channels.info(channel_id(channel))
        {
            let (name, up) = (info.name.into_boxed_str(), info.state == ChannelState::Open);
            self.push(now, What::Channel(channel, ChannelWhat::Named { name, up }));
        }
    }
}

impl Shard {
    /// Something is said of a message to the shard that has sent it, where it can be named.
    pub(crate) fn tell_of(&mut self, now: Instant, tag: u64, mail: fn(Tag) -> Mail) {
        let tag = Tag::from_number(tag);
        if tag != Tag::NONE {
            self.post(now, u16::from(tag.shard()), mail(tag));
        }
    }
}

/// The leg that a command is about, its name, and the rest of it in words.
fn told(command: &Command) -> (Option<LegId>, &'static str, String) {
    match command {
        Command::Open { leg, request, .. } => (Some(*leg), "open", opened(request)),
        Command::Forward { leg, request, .. } => (Some(*leg), "forward", opened(request)),
        Command::Send { leg, request, .. } => (Some(*leg), "send", request.method().to_string()),
        Command::Respond { leg, response } => (Some(*leg), "respond", answered(response)),
        Command::Answer {
            leg,
            cseq,
            code,
            reason,
        } => {
            let text = format!("{} {} {reason}", code.as_u16(), cseq.get());
            (Some(*leg), "answer", text.trim_end().to_owned())
        }
        Command::SetTimer { timer, after } => (None, "set timer", format!("{} in {after:?}", timer.number())),
        Command::CancelTimer { timer } => (None, "cancel timer", timer.number().to_string()),
        Command::Relate { relid } => (None, "relate", relid.clone()),
        Command::Log { text, .. } => (None, "log", text.clone()),
        // The rest of a URL, and headers, may hold secrets.
        Command::Fetch { request, .. } => {
            let url = request.url.split(['?', '#']).next().unwrap_or_default();
            (None, "fetch", format!("{} {url}", request.method))
        }
        Command::HttpRespond { response, .. } => (None, "answer http", response.status.to_string()),
        Command::Listen { topic } => (None, "listen", topic.clone()),
        Command::Publish { topic, .. } => (None, "publish", topic.clone()),
        Command::Watch { prefix } => (None, "watch", prefix.clone()),
        Command::Sync { .. } => (None, "sync", String::new()),
        Command::Finish => (None, "finish", String::new()),
        Command::Fail { reason } => (None, "fail", reason.clone()),
        _ => (None, "other", String::new()),
    }
}

fn opened(request: &Request) -> String {
    format!("{} {}", request.method(), request.request_uri())
}

fn answered(response: &Response) -> String {
    let text = format!(
        "{} {} {}",
        response.code().as_u16(),
        response.cseq().get(),
        response.reason().unwrap_or_default()
    );
    text.trim_end().to_owned()
}

fn cut(text: &str) -> Box<str> {
    let cut = &text[..text.floor_char_boundary(TEXT_BYTES)];
    if cut.len() < text.len() {
        format!("{cut}…").into()
    } else {
        cut.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_was_refused_is_named_like_one_that_was_decided() {
        let request = || Request::new(Method::Invite, "b@x.org", "a@x.org", "b@x.org");
        let (leg, id) = (LegId::new(1), strowger_service::RequestId::new(1));
        let send = Command::Send {
            leg,
            id,
            request: request(),
        };
        let (_, name, text) = told(&send);
        assert_eq!(Attempt::Send(Method::Invite).told(), (name, text));
        let response = Response::to(&request(), StatusCode::RINGING);
        let attempt = Attempt::Respond(response.code(), response.cseq());
        let (_, name, text) = told(&Command::Respond { leg, response });
        assert_eq!(attempt.told(), (name, text));
    }
}
