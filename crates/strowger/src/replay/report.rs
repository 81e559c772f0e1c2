//! What came of playing a call again: the ladder, the verdict, and where it did something else.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use strowger_journal::{ChannelNews, Entry, Journal};
use strowger_node::{ReplayError, Step};
use strowger_scenario::Ladder;

use strowger_journal::words::{Members, Words};

use super::Services;

/// A call that was played again to its end.
#[derive(Debug)]
pub struct Report {
    words: Words,
    /// What the shard was told, and what it did then and now.
    pub steps: Vec<Step>,
    /// The steps, by their places, whose event answers something that was not sent now.
    strays: BTreeSet<usize>,
    start: u64,
    call: String,
    notes: Vec<String>,
}

impl Report {
    /// Plays the call of a journal with these services.
    ///
    /// # Errors
    ///
    /// See [`ReplayError`].
    pub fn play(journal: &Journal, services: &Services) -> Result<Self, ReplayError> {
        let mut replay = services.replay(journal)?;
        let mut steps = Vec::new();
        let mut words = Words::of(journal);
        while let Some(step) = replay.step() {
            for done in &step.actual {
                if let Entry::Sent {
                    dialog: Some(dialog),
                    to: Some(to),
                    message,
                    ..
                } = done
                {
                    words.meet(*dialog, to, &Members::of(&message.0));
                }
            }
            steps.push(step);
        }
        let header = &journal.header;
        let mut notes = Vec::new();
        if !header.bodies {
            notes.push("bodies are not in it: a service that reads them may decide otherwise".to_owned());
        }
        let name = header.service.as_deref().unwrap_or("?");
        for version in services.missing(journal) {
            notes.push(format!(
                "the instance went over to version {version}: give it with --service {name}@{version}=FILE"
            ));
        }
        if !header.cuts.is_empty() {
            notes.push("its end is not in it".to_owned());
        }
        let call = format!(
            "call {} of {} ({})",
            header.call.as_deref().unwrap_or("?"),
            name,
            header.version.as_deref().unwrap_or("?")
        );
        Ok(Self {
            words,
            strays: strays(&steps),
            steps,
            start: journal.start(),
            call,
            notes,
        })
    }

    /// Whether it did anything else than when it was recorded.
    pub fn differs(&self) -> bool {
        self.steps.iter().any(Step::differs)
    }

    /// What it is about, in a line.
    pub fn title(&self) -> String {
        let outputs: usize = self.steps.iter().map(|step| step.expected.len()).sum();
        let last = self.steps.last().map_or(self.start, |step| step.at.as_micros());
        let span = last.saturating_sub(self.start) as f64 / 1e6;
        let mut title = format!(
            "{}: {} events and what they led to, {outputs} things in {span:.3} s",
            self.call,
            self.steps.len()
        );
        for note in &self.notes {
            let _ = write!(title, "\nnote: {note}");
        }
        title
    }

    /// Who sent what to whom, as it was played now.
    pub fn ladder(&self) -> Ladder {
        let mut ladder = Ladder::new(Vec::<String>::new());
        for step in &self.steps {
            let at = self.since(step);
            let is_quiet = step.actual.is_empty();
            match &step.input {
                // Most timers only forget what is over.
                Some(Entry::Due { .. }) if is_quiet => {}
                Some(input) => self.draw_input(&mut ladder, at, input),
                None => {}
            }
            for done in &step.actual {
                if let Entry::Sent {
                    dialog: Some(dialog),
                    message,
                    ..
                } = done
                {
                    let label = self.words.label(&Members::of(&message.0), true);
                    ladder.received(at, self.words.user(*dialog), &label);
                }
            }
        }
        ladder
    }

    fn draw_input(&self, ladder: &mut Ladder, at: Duration, input: &Entry<'static>) {
        match input {
            Entry::Received { channel, message, .. } => {
                let members = Members::of(&message.0);
                let label = self.words.label(&members, false);
                ladder.sent(at, &self.words.sender(*channel, &members), &label);
            }
            Entry::Bound {
                dialog,
                channel: None,
            } => ladder.note(at, self.words.user(*dialog), "is not there"),
            Entry::Bound {
                dialog,
                channel: Some((_, false)),
            } => ladder.note(at, self.words.user(*dialog), "has no socket"),
            Entry::Channel { channel, news } => {
                let text = match news {
                    ChannelNews::Up => "has a socket",
                    ChannelNews::Down => "has no socket",
                    ChannelNews::Lost => "channel lost",
                    ChannelNews::Failed => "link failed",
                };
                for user in self.words.on_channel(*channel) {
                    ladder.note(at, &user, text);
                }
            }
            Entry::Due { dialog } => ladder.note(at, self.words.user(*dialog), "timer"),
            _ => {}
        }
    }

    fn since(&self, step: &Step) -> Duration {
        Duration::from_micros(step.at.as_micros().saturating_sub(self.start))
    }

    /// Every event, what the service did about it, and what went out: a line each.
    pub fn events(&self) -> String {
        let mut out = String::new();
        for step in &self.steps {
            self.tell_event(&mut out, step);
            for done in &step.actual {
                let _ = writeln!(out, "             {}", self.words.tell(done));
            }
        }
        out
    }

    fn tell_event(&self, out: &mut String, step: &Step) {
        let at = self.since(step).as_secs_f64();
        let event = match &step.input {
            Some(input) => self.words.tell(input),
            None => "a timer is due that was not when it was recorded".to_owned(),
        };
        let _ = writeln!(out, "{at:>10.3}   {event}");
    }

    /// Where it did something else: each event that led to it, what followed then (`-`) and now (`+`).
    pub fn differences(&self) -> String {
        let mut out = String::new();
        for (place, step) in self.steps.iter().enumerate() {
            let is_stray = self.strays.contains(&place);
            if !step.differs() && !is_stray {
                continue;
            }
            self.tell_event(&mut out, step);
            if is_stray {
                out.push_str("             ! this was about something that was not sent now\n");
            }
            for remark in &step.remarks {
                let _ = writeln!(out, "             ! {remark}");
            }
            self.compare(&mut out, step);
        }
        out
    }

    /// The lines of a step that are not the same, and those around them that are.
    fn compare(&self, out: &mut String, step: &Step) {
        let (then, now) = (&step.expected, &step.actual);
        let mut pairs = Vec::new();
        let (mut i, mut j) = (0, 0);
        for (a, b) in common(then, now) {
            pairs.extend((i..a).map(|i| (Some(i), None)));
            pairs.extend((j..b).map(|j| (None, Some(j))));
            pairs.push((Some(a), Some(b)));
            (i, j) = (a + 1, b + 1);
        }
        pairs.extend((i..then.len()).map(|i| (Some(i), None)));
        pairs.extend((j..now.len()).map(|j| (None, Some(j))));
        for pair in pairs {
            let (sign, entry) = match pair {
                (Some(i), Some(_)) => (' ', &then[i]),
                (Some(i), None) => ('-', &then[i]),
                (None, Some(j)) => ('+', &now[j]),
                (None, None) => continue,
            };
            let _ = writeln!(out, "           {sign} {}", self.words.tell(entry));
            let twin = (sign == '+').then(|| self.twin(then, entry)).flatten();
            if let (Some(Entry::Sent { message: then, .. }), Entry::Sent { message: now, .. }) = (twin, entry)
            {
                headers(out, &then.0, &now.0);
            }
        }
    }

    /// What was sent then under the same name.
    fn twin<'a>(&self, then: &'a [Entry<'static>], now: &Entry<'static>) -> Option<&'a Entry<'static>> {
        let told = self.words.tell(now);
        then.iter()
            .find(|entry| matches!(entry, Entry::Sent { .. }) && self.words.tell(entry) == told)
    }
}

/// The steps whose event is about something that was not sent now: an answer to another version of the service.
fn strays(steps: &[Step]) -> BTreeSet<usize> {
    let (mut requests, mut finals) = (BTreeSet::new(), BTreeSet::new());
    let mut strays = BTreeSet::new();
    for (place, step) in steps.iter().enumerate() {
        if let Some(Entry::Received { message, .. }) = &step.input {
            let members = Members::of(&message.0);
            let id = members.text("DialogueID").unwrap_or_default();
            let cseq = members.number("CSeq").unwrap_or_default();
            let is_stray = match members.text("Type").as_deref() {
                Some("RESPONSE") => !requests.contains(&(id, cseq)),
                Some("ACK") => !finals.contains(&id),
                _ => false,
            };
            if is_stray {
                strays.insert(place);
            }
        }
        for done in &step.actual {
            let Entry::Sent { message, .. } = done else {
                continue;
            };
            let members = Members::of(&message.0);
            let id = members.text("DialogueID").unwrap_or_default();
            match members.number("Code") {
                Some(code) if code >= 200 => drop(finals.insert(id)),
                Some(_) => {}
                None => drop(requests.insert((id, members.number("CSeq").unwrap_or_default()))),
            }
        }
    }
    // What was about nothing then is about nothing now.
    if steps.iter().any(Step::differs) {
        strays
    } else {
        BTreeSet::new()
    }
}

/// The headers in which two messages differ.
fn headers(out: &mut String, then: &str, now: &str) {
    let (then, now) = (Members::of(then), Members::of(now));
    for (name, value) in &then.0 {
        match now.get(name) {
            Some(other) if other == value.get() => {}
            Some(other) => {
                let _ = writeln!(out, "               {name}: {} -> {other}", value.get());
            }
            None => {
                let _ = writeln!(out, "               {name}: {} -> (none)", value.get());
            }
        }
    }
    for (name, value) in now.0.iter().filter(|(name, _)| then.get(name).is_none()) {
        let _ = writeln!(out, "               {name}: (none) -> {}", value.get());
    }
}

/// The longest common part of two lists, as pairs of places. Long lists are compared from both ends only.
fn common(then: &[Entry<'static>], now: &[Entry<'static>]) -> Vec<(usize, usize)> {
    const MOST: usize = 200;
    let same = |i: usize, j: usize| is_same(&then[i], &now[j]);
    if then.len() > MOST || now.len() > MOST {
        let front = (0..then.len().min(now.len())).take_while(|i| same(*i, *i));
        return front.map(|i| (i, i)).collect();
    }
    let mut longest = vec![vec![0_u32; now.len() + 1]; then.len() + 1];
    for i in (0..then.len()).rev() {
        for j in (0..now.len()).rev() {
            longest[i][j] = if same(i, j) {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < then.len() && j < now.len() {
        if same(i, j) {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if longest[i + 1][j] >= longest[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

fn is_same(then: &Entry<'static>, now: &Entry<'static>) -> bool {
    let pair = Step {
        expected: vec![then.clone()],
        actual: vec![now.clone()],
        ..Step::default()
    };
    !pair.differs()
}
