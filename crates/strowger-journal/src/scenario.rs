//! A recorded call as a scenario file: what its users sent, and what each of them must get.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::{ChannelNews, Entry, Journal, Place, Settings, Told};

use crate::words::{Members, Words};

/// Gaps shorter than this are no waiting.
const SHORTEST_WAIT_US: u64 = 100_000;

/// Why a call cannot be written as a scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioFault {
    /// Its beginning is missing, or something between.
    #[error("the journal is not whole")]
    NotWhole,
    /// Something happened that scenarios have no step for.
    #[error("at {at} s: {what}, for which scenarios have no step")]
    NoStep {
        /// When.
        at: String,
        /// What.
        what: String,
    },
}

/// Writes the call of a journal as a scenario.
///
/// # Errors
///
/// See [`ScenarioFault`].
pub fn to_scenario(journal: &Journal) -> Result<String, ScenarioFault> {
    if !journal.is_whole() {
        return Err(ScenarioFault::NotWhole);
    }
    let mut writer = Writer::new(journal);
    for record in &journal.records {
        writer.now = record.at;
        writer.write(&record.entry)?;
    }
    Ok(writer.finish(journal))
}

/// A step as it is written, and what was said of it last.
struct Writer<'a> {
    words: Words,
    bodies: bool,
    now: u64,
    last: u64,
    start: u64,
    /// What users are called in the file, by their userids.
    names: BTreeMap<String, String>,
    /// Who is connected.
    connected: BTreeSet<String>,
    /// What an id is called that the server chose.
    ids: BTreeMap<String, String>,
    /// Ids of which the capture is yet to come.
    to_capture: BTreeSet<String>,
    /// Whether time alone had something done; then the timers are named.
    uses_timers: bool,
    /// Whether spans stand in messages of users, so that nothing can be scaled.
    unscaled: bool,
    steps: Vec<String>,
    settings: &'a Settings,
}

impl<'a> Writer<'a> {
    fn new(journal: &'a Journal) -> Self {
        let words = Words::of(journal);
        let mut writer = Self {
            words,
            bodies: journal.header.bodies,
            now: journal.start(),
            last: journal.start(),
            start: journal.start(),
            names: BTreeMap::new(),
            connected: BTreeSet::new(),
            ids: BTreeMap::new(),
            to_capture: BTreeSet::new(),
            uses_timers: false,
            unscaled: false,
            steps: Vec::new(),
            settings: &journal.header.settings,
        };
        writer.meet(journal);
        writer
    }

    /// Finds out who takes part, and connects those who were there from the beginning.
    fn meet(&mut self, journal: &Journal) {
        let mut there = Vec::new();
        for record in &journal.records {
            match &record.entry {
                Entry::Due { .. } | Entry::Elapsed { .. } => self.uses_timers = true,
                Entry::Received { channel, message, .. } => {
                    let members = Members::of(&message.0);
                    self.unscaled |= members.get("Expire").is_some();
                    there.push(self.words.sender(*channel, &members));
                }
                Entry::Bound {
                    dialog,
                    channel: Some(_),
                } => there.push(self.words.user(*dialog).to_owned()),
                Entry::Sent {
                    dialog: Some(dialog), ..
                } => {
                    let user = self.words.user(*dialog).to_owned();
                    self.name(&user);
                }
                Entry::Opened { id, .. } => {
                    let name = format!("leg{}", self.ids.len() + 1);
                    self.ids.insert(id.to_string(), name);
                    self.to_capture.insert(id.to_string());
                }
                _ => {}
            }
        }
        for user in there {
            self.name(&user);
            if self.connected.insert(user.clone()) {
                let step = format!("{{\"connect\": {}}}", quoted(&self.names[&user]));
                self.steps.push(step);
            }
        }
    }

    /// The name of a user in the file.
    fn name(&mut self, user: &str) -> String {
        if let Some(name) = self.names.get(user) {
            return name.clone();
        }
        let base: String = user
            .split(['@', '+'])
            .next()
            .unwrap_or_default()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        let base = if base.is_empty() { "user".to_owned() } else { base };
        let is_taken = |name: &String| self.names.values().any(|other| other == name);
        let mut names = (1..).map(|number| match number {
            1 => base.clone(),
            _ => format!("{base}{number}"),
        });
        let name = names.find(|name| !is_taken(name)).unwrap_or_default();
        self.names.insert(user.to_owned(), name.clone());
        name
    }

    fn fault(&self, entry: &Entry<'_>) -> ScenarioFault {
        let at = self.now.saturating_sub(self.start) as f64 / 1e6;
        ScenarioFault::NoStep {
            at: format!("{at:.3}"),
            what: self.words.tell(entry),
        }
    }

    fn write(&mut self, entry: &Entry<'static>) -> Result<(), ScenarioFault> {
        match entry {
            Entry::Received { channel, message, .. } => {
                let members = Members::of(&message.0);
                let user = self.words.sender(*channel, &members);
                self.wait();
                let name = self.name(&user);
                let message = self.message(&members, false);
                let step = format!("{{\"send\": {}, \"message\": {message}}}", quoted(&name));
                self.steps.push(step);
            }
            Entry::Sent {
                dialog: Some(dialog),
                message,
                ..
            } => self.expect(*dialog, &message.0),
            Entry::Channel { channel, news } => {
                for user in self.words.on_channel(*channel) {
                    self.channel(&user, *news, entry)?;
                }
            }
            Entry::Told {
                told: Told::Settings { .. } | Told::StoreChanged { .. } | Told::Stored { .. },
                ..
            } => {}
            Entry::Told { .. }
            | Entry::Ended { .. }
            | Entry::Stopped { .. }
            | Entry::Moved { .. }
            | Entry::Reconfigured { .. }
            | Entry::NoRoom { .. } => return Err(self.fault(entry)),
            Entry::Started { .. }
            | Entry::Opened { .. }
            | Entry::Served { .. }
            | Entry::Read { .. }
            | Entry::Bound { .. }
            | Entry::Due { .. }
            | Entry::Elapsed { .. }
            | Entry::Released { .. }
            | Entry::Withdrawn { .. }
            | Entry::Handled { .. }
            | Entry::Sent { .. }
            | Entry::Over { .. }
            | Entry::Gap { .. } => {}
        }
        Ok(())
    }

    /// Lets as much time pass as had passed since the step before.
    fn wait(&mut self) {
        let gap = self.now.saturating_sub(self.last);
        if gap >= SHORTEST_WAIT_US {
            self.steps.push(format!("{{\"wait\": \"{}ms\"}}", gap / 1000));
        }
        self.last = self.now;
    }

    fn expect(&mut self, dialog: Place, message: &str) {
        let members = Members::of(message);
        let user = self.words.user(dialog).to_owned();
        if !self.connected.contains(&user) {
            // It waits for him, or was for nobody.
            return;
        }
        let name = self.name(&user);
        let gap = self.now.saturating_sub(self.last);
        let id = members.text("DialogueID").unwrap_or_default();
        let pattern = self.message(&members, true);
        let mut step = format!("{{\"expect\": {}, \"message\": {pattern}", quoted(&name));
        if self.to_capture.remove(&id) {
            let _ = write!(
                step,
                ", \"capture\": {{{}: \"DialogueID\"}}",
                quoted(&self.ids[&id])
            );
        }
        if gap >= SHORTEST_WAIT_US {
            // It comes by a timer; on a busy machine the step before is reached late.
            let _ = write!(step, ", \"within\": \"{}ms\"", gap / 1000 + 1);
            self.last = self.now;
        }
        step.push('}');
        self.steps.push(step);
    }

    fn channel(
        &mut self,
        user: &str,
        news: ChannelNews,
        entry: &Entry<'static>,
    ) -> Result<(), ScenarioFault> {
        let name = quoted(&self.name(user));
        match news {
            ChannelNews::Down => {
                self.wait();
                if self.connected.remove(user) {
                    self.steps.push(format!("{{\"drop\": {name}}}"));
                }
            }
            ChannelNews::Up => {
                self.wait();
                if self.connected.insert(user.to_owned()) {
                    self.steps.push(format!("{{\"connect\": {name}}}"));
                }
            }
            ChannelNews::Lost if self.connected.remove(user) => {
                self.wait();
                self.steps.push(format!("{{\"disconnect\": {name}}}"));
            }
            // Time alone does it, but for how long is not in a journal; after the call it does not matter.
            ChannelNews::Lost | ChannelNews::Failed if self.steps.is_empty() => return Err(self.fault(entry)),
            ChannelNews::Lost | ChannelNews::Failed => {}
        }
        Ok(())
    }

    /// A message with the names of the file in it; as a pattern, without what another run need not have.
    fn message(&self, members: &Members, as_pattern: bool) -> String {
        let mut out = String::from("{");
        for (name, value) in &members.0 {
            // The server puts it on where users prove who they are.
            if name == "P-Asserted-Identity" || (as_pattern && name == "DialogueID") {
                continue;
            }
            let value = match name.as_str() {
                "Body" if !self.bodies && as_pattern => continue,
                "Body" if !self.bodies => quoted(&format!("{} bytes", value.get())),
                // Where timers are scaled, so is what the server says of them.
                "Expire" if as_pattern && self.uses_timers && !self.unscaled => {
                    "{\"number\": true}".to_owned()
                }
                "Body" if as_pattern => format!("{{\"exactly\": {}}}", self.replace(value.get())),
                _ => self.replace(value.get()),
            };
            if out.len() > 1 {
                out.push_str(", ");
            }
            let _ = write!(out, "{}: {value}", quoted(name));
        }
        out.push('}');
        out
    }

    /// Puts the names of the file in the place of userids and of ids that the server chose.
    fn replace(&self, value: &str) -> String {
        let mut value = value.replace("{{", "{ {");
        let mut users: Vec<_> = self.names.iter().collect();
        users.sort_by_key(|(user, _)| std::cmp::Reverse(user.len()));
        for (user, name) in users {
            value = value.replace(user.as_str(), &format!("{{{{{name}}}}}"));
        }
        for (id, name) in &self.ids {
            value = value.replace(id.as_str(), &format!("{{{{{name}}}}}"));
        }
        value
    }

    fn finish(self, journal: &Journal) -> String {
        let header = &journal.header;
        let about = format!(
            "A call of {} as it was recorded.",
            header.service.as_deref().unwrap_or("a service")
        );
        let users: Vec<String> = self
            .names
            .iter()
            .map(|(user, name)| format!("{}: {}", quoted(name), quoted(user)))
            .collect();
        let mut out = format!(
            "{{\n  \"about\": {},\n  \"spec\": [],\n  \"users\": {{{}}},\n",
            quoted(&about),
            users.join(", ")
        );
        if self.unscaled {
            out.push_str("  \"unscaled\": true,\n");
        }
        if self.uses_timers {
            let timers = [
                ("transaction", self.settings.transaction),
                ("provisional", self.settings.provisional),
                ("invite_max", self.settings.invite_max),
                ("session", self.settings.session),
                ("linger", self.settings.linger),
            ];
            let timers = timers.map(|(name, span)| format!("\"timers.{name}\": \"{}ms\"", span / 1000));
            let _ = writeln!(out, "  \"config\": {{{}}},", timers.join(", "));
        }
        out.push_str("  \"steps\": [\n    ");
        out.push_str(&self.steps.join(",\n    "));
        out.push_str("\n  ]\n}\n");
        out
    }
}

fn quoted(text: &str) -> String {
    // A text is always JSON.
    serde_json::to_string(text).unwrap_or_default()
}
