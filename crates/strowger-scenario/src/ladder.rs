//! Who sent what to whom, drawn as a ladder.

use std::fmt;
use std::time::Duration;

use crate::json::{Json, Kind};

/// Narrowest distance between two columns.
const MIN_WIDTH: usize = 16;
/// Longer labels are cut.
const MAX_LABEL: usize = 40;

/// A drawing with one column for each user and one, the second, for the server.
///
/// ```
/// use std::time::Duration;
/// use strowger_scenario::Ladder;
///
/// let mut ladder = Ladder::new(["alice", "bob"]);
/// ladder.sent(Duration::ZERO, "alice", "INVITE 1");
/// ladder.received(Duration::from_millis(2), "bob", "INVITE 1");
/// ladder.note(Duration::from_secs(3), "bob", "drop");
/// assert_eq!(
///     ladder.to_string(),
///     concat!(
///         "            alice           server          bob\n",
///         "     0.000    |--INVITE 1---->|               |\n",
///         "     0.002    |               |--INVITE 1---->|\n",
///         "     3.000    |               |               * drop\n",
///     )
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Ladder {
    users: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    at: Duration,
    user: usize,
    event: Event,
    label: String,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Sent,
    Received,
    Note,
}

impl Ladder {
    /// A ladder without rows. Users that turn up later get a column at the right end.
    pub fn new<S: Into<String>>(users: impl IntoIterator<Item = S>) -> Self {
        Self {
            users: users.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Draws an arrow from a user to the server.
    pub fn sent(&mut self, at: Duration, user: &str, label: &str) {
        self.push(at, user, Event::Sent, label);
    }

    /// Draws an arrow from the server to a user.
    pub fn received(&mut self, at: Duration, user: &str, label: &str) {
        self.push(at, user, Event::Received, label);
    }

    /// Writes a remark at a user's line: a connection that ended, say.
    pub fn note(&mut self, at: Duration, user: &str, label: &str) {
        self.push(at, user, Event::Note, label);
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn push(&mut self, at: Duration, user: &str, event: Event, label: &str) {
        let user = self
            .users
            .iter()
            .position(|name| name == user)
            .unwrap_or_else(|| {
                self.users.push(user.to_owned());
                self.users.len() - 1
            });
        let label = if label.chars().count() > MAX_LABEL {
            label.chars().take(MAX_LABEL - 3).chain("...".chars()).collect()
        } else {
            label.to_owned()
        };
        self.rows.push(Row {
            at,
            user,
            event,
            label,
        });
    }

    /// The columns' names: the first user, the server, the others.
    fn columns(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.users.iter().map(String::as_str).collect();
        names.insert(names.len().min(1), "server");
        names
    }
}

/// The column of a user; the server's is 1, or 0 if there are no users.
const fn column(user: usize) -> usize {
    if user == 0 { 0 } else { user + 1 }
}

impl fmt::Display for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MARGIN: usize = 14;
        let columns = self.columns();
        let arrows = self.rows.iter().filter(|row| !matches!(row.event, Event::Note));
        let longest = arrows.map(|row| row.label.chars().count() + 5).max().unwrap_or(0);
        let names = columns
            .iter()
            .map(|name| name.chars().count() + 2)
            .max()
            .unwrap_or(0);
        let width = MIN_WIDTH.max(longest).max(names);
        let place = |column: usize| MARGIN + column * width;

        let mut header = Vec::new();
        for (at, name) in columns.iter().enumerate() {
            header.resize((place(at) - 2).max(header.len()), ' ');
            header.extend(name.chars());
        }
        writeln!(f, "{}", header.iter().collect::<String>())?;

        for row in &self.rows {
            let mut line: Vec<char> = format!("{:>10.3}", row.at.as_secs_f64()).chars().collect();
            line.resize(place(columns.len() - 1) + 1, ' ');
            for at in 0..columns.len() {
                line[place(at)] = '|';
            }
            let (user, server) = (place(column(row.user)), place(1.min(columns.len() - 1)));
            match row.event {
                Event::Sent => arrow(&mut line, user, server, &row.label),
                Event::Received => arrow(&mut line, server, user, &row.label),
                Event::Note => {
                    line[user] = '*';
                    write_over(&mut line, user + 2, &row.label);
                }
            }
            writeln!(f, "{}", line.iter().collect::<String>().trim_end())?;
        }
        Ok(())
    }
}

fn arrow(line: &mut [char], from: usize, to: usize, label: &str) {
    let (left, right) = (from.min(to), from.max(to));
    for place in &mut line[left + 1..right] {
        if *place == ' ' {
            *place = '-';
        }
    }
    let start = if from < to {
        line[to - 1] = '>';
        left + 3
    } else {
        line[to + 1] = '<';
        left + 4
    };
    for (place, c) in line[start..right].iter_mut().zip(label.chars()) {
        *place = c;
    }
}

fn write_over(line: &mut Vec<char>, start: usize, label: &str) {
    let end = start + label.chars().count();
    line.resize(line.len().max(end), ' ');
    for (place, c) in line[start..end].iter_mut().zip(label.chars()) {
        *place = c;
    }
}

/// A short label for a frame: `INVITE 1`, `200 OK 1`, or the beginning of what is no message.
pub fn label(frame: &str) -> String {
    let beginning = || format!("? {}", frame.chars().take(20).collect::<String>().escape_debug());
    let Ok(message) = Json::parse(frame) else {
        return beginning();
    };
    let text = |header: &str| {
        message
            .get(header)
            .map(|value| value.as_str().unwrap_or(&value.raw))
    };
    let Some(kind) = text("Type") else {
        return beginning();
    };
    let cseq = text("CSeq").unwrap_or("?");
    if kind == "RESPONSE" {
        return match text("Desc") {
            Some(desc) => format!("{} {desc} {cseq}", text("Code").unwrap_or("?")),
            None => format!("{} {cseq}", text("Code").unwrap_or("?")),
        };
    }
    format!("{kind} {cseq}")
}

/// What a JSON body says, in short: the texts and numbers at its top, and of lists of objects what each begins with.
pub(crate) fn brief(body: Option<&str>) -> String {
    let Some(Ok(body)) = body.map(Json::parse) else {
        return String::new();
    };
    let mut words = Vec::new();
    for (_, value) in body.entries().unwrap_or_default() {
        match &value.kind {
            Kind::String(text) => words.push(text.as_str()),
            Kind::Number => words.push(&value.raw),
            Kind::Array(items) => {
                let firsts = items.iter().filter_map(|item| item.entries()?.first());
                words.extend(firsts.map(|(key, _)| key.as_str()));
            }
            Kind::Null | Kind::Bool(_) | Kind::Object(_) => {}
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_to_a_far_column_crosses_the_lines_between() {
        let mut ladder = Ladder::new(["a", "b", "c"]);
        ladder.sent(Duration::ZERO, "c", "BYE 2");
        ladder.received(Duration::ZERO, "a", "BYE 9");
        let text = ladder.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[1],
            "     0.000    |               |<--BYE 2-------|---------------|"
        );
        assert_eq!(
            lines[2],
            "     0.000    |<--BYE 9-------|               |               |"
        );
    }

    #[test]
    fn a_user_who_turns_up_late_gets_a_column() {
        let mut ladder = Ladder::new(["a"]);
        ladder.note(Duration::ZERO, "b", "connect");
        assert!(
            ladder
                .to_string()
                .starts_with("            a               server          b\n")
        );
        assert_eq!(ladder.len(), 1);
    }

    #[test]
    fn an_empty_ladder_can_be_drawn() {
        assert!(Ladder::new(Vec::<String>::new()).to_string().contains("server"));
    }

    #[test]
    fn a_body_is_told_by_its_texts_and_the_beginnings_of_its_lists() {
        let told = |body: &str| brief(Some(body));
        assert_eq!(told(r#"{"from":"a@x","to":"b@x","ring":5}"#), "a@x b@x 5");
        assert_eq!(
            told(r#"{"actions":[{"dial":{"to":"a@x"}},{"bridge":{}}]}"#),
            "dial bridge"
        );
        assert_eq!(told(r#"{"event":"failed","result":{"code":486}}"#), "failed");
        assert_eq!((told("[]"), told("no JSON"), brief(None)), Default::default());
    }

    #[test]
    fn labels_are_short() {
        assert_eq!(label(r#"{"Type":"INVITE","CSeq":1}"#), "INVITE 1");
        assert_eq!(
            label(r#"{"Type":"RESPONSE","Code":200,"Desc":"OK","CSeq":1}"#),
            "200 OK 1"
        );
        assert_eq!(label(r#"{"Type":"RESPONSE","Code":200,"CSeq":1}"#), "200 1");
        assert_eq!(
            label("not JSON at all, and rather long"),
            "? not JSON at all, and"
        );
        assert_eq!(label("{}"), "? {}");
        assert_eq!(label(r#"{"Type":7}"#), "7 ?");
    }
}
