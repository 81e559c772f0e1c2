//! What the entries of a journal say, in words.

use std::collections::BTreeMap;
use std::fmt;

use crate::{ChannelNews, Did, Entry, Journal, Place, Read, Reading, Told, Waited};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a message in their order, each value as it is written.
#[derive(Debug, Default)]
pub struct Members(
    /// Names and values.
    pub Vec<(String, Box<RawValue>)>,
);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl Members {
    /// Those of a message; none, where it is no JSON object.
    pub fn of(message: &str) -> Self {
        // What shards write down are messages.
        serde_json::from_str(message).unwrap_or_default()
    }

    /// A value as it is written.
    pub fn get(&self, name: &str) -> Option<&str> {
        let member = self.0.iter().find(|(key, _)| key == name);
        member.map(|(_, value)| value.get())
    }

    /// A value that is a string.
    pub fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?).ok()
    }

    /// A value that is a whole number from 0.
    pub fn number(&self, name: &str) -> Option<u64> {
        serde_json::from_str(self.get(name)?).ok()
    }
}

/// Who is who in the journal of a call.
#[derive(Debug, Default)]
pub struct Words {
    service: String,
    /// The userid at the other end of a dialog.
    users: BTreeMap<Place, String>,
    by_id: BTreeMap<(u64, String), String>,
    /// What a dialog is opened with may be told before its channel is known.
    ids: BTreeMap<Place, String>,
    /// What a message was that an acknowledgement names.
    tags: BTreeMap<u64, String>,
    /// What open requests are, by the dialog's id, whether we sent them, and the number.
    methods: BTreeMap<(String, bool, u64), String>,
}

impl Words {
    /// Learns who is who.
    pub fn of(journal: &Journal) -> Self {
        let mut words = Self {
            service: journal.header.service.clone().unwrap_or_default(),
            ..Self::default()
        };
        let mut first: Option<(u64, String, String)> = None;
        for record in &journal.records {
            match &record.entry {
                Entry::Received { channel, message, .. } => {
                    let members = Members::of(&message.0);
                    words.note_method(&members, false);
                    let id = members.text("DialogueID").unwrap_or_default();
                    let from = members.text("From").unwrap_or_default();
                    first = Some((*channel, id, from));
                }
                Entry::Served { dialog, .. } => {
                    if let Some((channel, id, from)) = first.take() {
                        words.users.insert(*dialog, from.clone());
                        words.by_id.insert((channel, id), from);
                    }
                }
                Entry::Opened { dialog, id, .. } => {
                    words.ids.insert(*dialog, id.to_string());
                }
                Entry::Bound {
                    dialog,
                    channel: Some((channel, _)),
                } => {
                    if let (Some(id), Some(user)) = (words.ids.get(dialog), words.users.get(dialog)) {
                        words.by_id.insert((*channel, id.clone()), user.clone());
                    }
                }
                Entry::Sent {
                    dialog: Some(dialog),
                    to,
                    tag,
                    message,
                    ..
                } => {
                    if let Some(to) = to {
                        words.users.insert(*dialog, to.to_string());
                    }
                    let members = Members::of(&message.0);
                    words.note_method(&members, true);
                    let label = words.label(&members, true);
                    words.tags.insert(*tag, label);
                }
                _ => {}
            }
        }
        words
    }

    /// Learns whom a leg is for that was not opened when it was recorded.
    pub fn meet(&mut self, dialog: Place, user: &str, message: &Members) {
        self.users.entry(dialog).or_insert_with(|| user.to_owned());
        self.note_method(message, true);
    }

    fn note_method(&mut self, members: &Members, by_us: bool) {
        if let (Some(method), Some(cseq)) = (members.text("Type"), members.number("CSeq"))
            && method != "RESPONSE"
        {
            let id = members.text("DialogueID").unwrap_or_default();
            self.methods.insert((id, by_us, cseq), method);
        }
    }

    /// `INVITE 1`, or `180 INVITE 1`.
    pub fn label(&self, members: &Members, by_us: bool) -> String {
        let cseq = members.number("CSeq").unwrap_or_default();
        let method = members.text("Type").unwrap_or_default();
        if method != "RESPONSE" {
            return format!("{method} {cseq}");
        }
        let id = members.text("DialogueID").unwrap_or_default();
        let method = self.methods.get(&(id, !by_us, cseq));
        let code = members.number("Code").unwrap_or_default();
        match method {
            Some(method) => format!("{code} {method} {cseq}"),
            None => format!("{code} {cseq}"),
        }
    }

    /// The userid at the other end of a dialog.
    pub fn user(&self, dialog: Place) -> &str {
        self.users.get(&dialog).map_or("somebody", String::as_str)
    }

    /// Who sent a message that came in.
    pub fn sender(&self, channel: u64, members: &Members) -> String {
        let id = members.text("DialogueID").unwrap_or_default();
        let known = self.by_id.get(&(channel, id)).cloned();
        known.or_else(|| members.text("From")).unwrap_or_default()
    }

    /// The users with dialogs on a channel.
    pub fn on_channel(&self, channel: u64) -> Vec<String> {
        let from = (channel, String::new());
        let there = self.by_id.range(from..).take_while(|((of, _), _)| *of == channel);
        let mut users: Vec<String> = there.map(|(_, user)| user.clone()).collect();
        users.sort();
        users.dedup();
        users
    }

    /// One line for an entry.
    pub fn tell(&self, entry: &Entry<'_>) -> String {
        let service = &self.service;
        match entry {
            Entry::Started { version, key, .. } => match key {
                Some(key) => format!("an instance of {service} ({version}) begins for {key:?}"),
                None => format!("an instance of {service} ({version}) begins"),
            },
            Entry::Opened { dialog, .. } => format!("a leg to {} is opened", self.user(*dialog)),
            Entry::Served { dialog, .. } => format!("{} is a leg of {service}", self.user(*dialog)),
            Entry::Read { asked, answer, .. } => format!("the store: {}", read(asked, answer)),
            Entry::Received { channel, message, .. } => {
                let members = Members::of(&message.0);
                let label = self.label(&members, false);
                format!("{} sends {label}", self.sender(*channel, &members))
            }
            Entry::Bound { dialog, channel } => {
                let user = self.user(*dialog);
                match channel {
                    Some((_, true)) => format!("{user} is there"),
                    Some((_, false)) => format!("{user} is known, and has no socket"),
                    None => format!("{user} is not there"),
                }
            }
            Entry::Released { dialog, tag } => {
                format!("{} acknowledges {}", self.user(*dialog), self.sent(*tag))
            }
            Entry::Withdrawn { dialog, tag } => format!(
                "{} never got {}, which is forgotten",
                self.user(*dialog),
                self.sent(*tag)
            ),
            Entry::NoRoom { dialog, tag } => {
                format!(
                    "there is no room for {} to {}",
                    self.sent(*tag),
                    self.user(*dialog)
                )
            }
            Entry::Channel { channel, news } => {
                let users = self.on_channel(*channel).join(", ");
                match news {
                    ChannelNews::Up => format!("{users}: there is a socket again"),
                    ChannelNews::Down => format!("{users}: the socket is gone"),
                    ChannelNews::Lost => format!("{users}: the channel is lost"),
                    ChannelNews::Failed => format!("{users}: the link failed for good"),
                }
            }
            Entry::Due { dialog } => format!("a timer of the dialog with {} is due", self.user(*dialog)),
            Entry::Elapsed { waited, .. } => match waited {
                Waited::Timer(timer) => format!("timer {timer} of {service} is due"),
                Waited::Http(request) => format!("HTTP request {request} should have been answered"),
            },
            Entry::Told { told, .. } => told_in_words(told),
            Entry::Ended { dialog, reason } => {
                format!(
                    "an operator ends the dialog with {}: {reason}",
                    self.user(*dialog)
                )
            }
            Entry::Stopped { failure: None, .. } => "the instance is ended from outside".to_owned(),
            Entry::Stopped {
                failure: Some(why), ..
            } => format!("the instance fails: {why}"),
            Entry::Moved { version, .. } => format!("the instance goes over to version {version}"),
            Entry::Handled {
                event,
                leg,
                did,
                failure,
                ..
            } => self.handled(event, *leg, did, failure.as_deref()),
            Entry::Sent { dialog, message, .. } => {
                let label = self.label(&Members::of(&message.0), true);
                let user = dialog.map_or("somebody", |dialog| self.user(dialog));
                format!("{label} goes to {user}")
            }
            Entry::Over { .. } => format!("the instance of {service} ends"),
            Entry::Reconfigured { .. } => "other timers and limits hold".to_owned(),
            Entry::Gap { records } => format!("{records} records are missing"),
        }
    }

    fn sent(&self, tag: u64) -> &str {
        self.tags.get(&tag).map_or("a message", String::as_str)
    }

    fn handled(&self, event: &str, leg: u32, did: &[Did<'_>], failure: Option<&str>) -> String {
        let mut line = format!("{} handles {event}", self.service);
        if leg > 0 {
            line.push_str(&format!(" on leg {leg}"));
        }
        let did: Vec<String> = did.iter().map(did_in_words).collect();
        line.push_str(": ");
        line.push_str(if did.is_empty() { "nothing" } else { "" });
        line.push_str(&did.join(", "));
        if let Some(why) = failure {
            line.push_str(&format!(" - and fails: {why}"));
        }
        line
    }
}

fn span(micros: u64) -> String {
    let seconds = micros as f64 / 1e6;
    format!("{seconds} s")
}

fn did_in_words(did: &Did<'_>) -> String {
    match did {
        Did::Open { leg, method, uri } => format!("opens leg {leg} with {method} to {uri}"),
        Did::Forward { leg, method, uri } => format!("forwards {method} on leg {leg} to {uri}, and is done"),
        Did::Send { leg, method } => format!("sends {method} on leg {leg}"),
        Did::Respond { leg, cseq, code } => format!("answers {code} to {cseq} on leg {leg}"),
        Did::SetTimer { timer, after } => format!("sets timer {timer} for {}", span(*after)),
        Did::CancelTimer { timer } => format!("stops timer {timer}"),
        Did::Relate { relid } => format!("can be reached as {relid}"),
        Did::Log { level, text } => format!("logs {level} {text:?}"),
        Did::Fetch { id, request } => format!("asks {} (request {id})", request.line),
        Did::HttpRespond { id, response } => format!("answers {} to HTTP request {id}", response.line),
        Did::Listen { topic } => format!("listens to {topic:?}"),
        Did::Publish { topic, .. } => format!("says something on {topic:?}"),
        Did::Watch { prefix } => format!("watches {prefix:?}"),
        Did::Sync { id } => format!("wants the store on disk (wish {id})"),
        Did::Finish => "is done".to_owned(),
        Did::Fail { reason } => format!("gives up: {reason}"),
        Did::Unknown => "something that is not known here".to_owned(),
    }
}

fn told_in_words(told: &Told<'_>) -> String {
    match told {
        Told::Http { request } => format!("HTTP: {}", request.line),
        Told::Fetched { id, result, .. } => match result {
            Ok(response) => format!("request {id} is answered {}", response.line),
            Err(failed) => format!("request {id} has no answer: {} {}", failed.kind, failed.why),
        },
        Told::Stored { id, fault, .. } => match fault {
            Some(fault) => format!("the store is not on disk for wish {id}: {fault}"),
            None => format!("the store is on disk for wish {id}"),
        },
        Told::Published { topic, .. } => format!("a sibling says something on {topic:?}"),
        Told::StoreChanged { key, .. } => format!("{key:?} has changed in the store"),
        Told::Settings { .. } => "its settings are others".to_owned(),
        Told::Shutdown { within } => format!("the node ends within {}", span(*within)),
    }
}

fn read(asked: &Reading<'_>, answer: &Read<'_>) -> String {
    let asked = match asked {
        Reading::Get { key } => format!("get {key:?}"),
        Reading::Set { key, .. } => format!("set {key:?}"),
        Reading::Delete { key } => format!("delete {key:?}"),
        Reading::Keys { prefix } => format!("keys {prefix:?}"),
    };
    let answer = match answer {
        Read::Value(Some((_, version))) => format!("version {version}"),
        Read::Value(None) => "nothing".to_owned(),
        Read::Changed(Ok(_)) => "done".to_owned(),
        Read::Changed(Err(why)) => format!("refused ({why:?})"),
        Read::Keys(keys) => format!("{} keys", keys.len()),
    };
    format!("{asked}, {answer}")
}
