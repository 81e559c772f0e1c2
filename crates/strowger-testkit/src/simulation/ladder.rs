//! Several nodes and their users as a ladder.

use std::fmt::Write as _;
use std::time::Duration;

const MARGIN: usize = 14;
/// Narrowest distance between two columns.
const MIN_WIDTH: usize = 14;
const MAX_LABEL: usize = 34;

/// Whose line a row touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    User(usize),
    Node(usize),
}

impl Column {
    pub(super) const fn user(self) -> Option<usize> {
        match self {
            Self::User(user) => Some(user),
            Self::Node(_) => None,
        }
    }
}

/// An arrow from one line to another, or a remark at one.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) at: Duration,
    pub(super) from: Column,
    pub(super) to: Option<Column>,
    pub(super) label: String,
}

/// The lines from left to right: the users of each node around it, so that arrows are short.
#[derive(Debug)]
pub(super) struct Columns(Vec<(Column, String)>);

impl Columns {
    /// `homes` says which node each user is at.
    pub(super) fn new(homes: &[usize], nodes: usize) -> Self {
        let mut columns = Vec::new();
        for node in 0..nodes {
            let users: Vec<usize> = (0..homes.len()).filter(|user| homes[*user] == node).collect();
            let left = match node {
                0 => users.len().div_ceil(if nodes == 1 { 2 } else { 1 }),
                _ if node + 1 == nodes => 0,
                _ => users.len() / 2,
            };
            let user = |user: &usize| (Column::User(*user), format!("user{user}"));
            columns.extend(users[..left].iter().map(user));
            columns.push((Column::Node(node), format!("[node{node}]")));
            columns.extend(users[left..].iter().map(user));
        }
        Self(columns)
    }

    fn place(&self, column: Column) -> usize {
        self.0.iter().position(|(one, _)| *one == column).unwrap_or(0)
    }

    pub(super) fn draw(&self, rows: &[&Row]) -> String {
        let longest = rows
            .iter()
            .filter(|row| row.to.is_some())
            .map(|row| row.label.chars().count().min(MAX_LABEL) + 5)
            .max();
        let width = MIN_WIDTH.max(longest.unwrap_or(0));
        let mut text = String::new();
        let mut header = Vec::new();
        for (at, (_, name)) in self.0.iter().enumerate() {
            let start = (MARGIN + at * width).saturating_sub(2);
            header.resize(start.max(header.len()), ' ');
            header.extend(name.chars());
        }
        text.extend(header);
        for row in rows {
            let _ = write!(text, "\n{}", self.line(row, width).trim_end());
        }
        text
    }

    fn line(&self, row: &Row, width: usize) -> String {
        let place = |column: Column| MARGIN + self.place(column) * width;
        let mut line: Vec<char> = format!("{:>10.3}", row.at.as_secs_f64()).chars().collect();
        line.resize(MARGIN + self.0.len() * width, ' ');
        for at in 0..self.0.len() {
            line[MARGIN + at * width] = '|';
        }
        let mut label: Vec<char> = row.label.chars().collect();
        let from = place(row.from);
        let Some(to) = row.to.map(place) else {
            label.insert(0, ' ');
            line[from] = '*';
            line.truncate(from + 1);
            line.extend(label);
            return line.into_iter().collect();
        };
        label.truncate(MAX_LABEL);
        let (left, right) = (from.min(to), from.max(to));
        line[left + 1..right].fill('-');
        let head = if from < to { right - 1 } else { left + 1 };
        line[head] = if from < to { '>' } else { '<' };
        for (at, letter) in label.into_iter().enumerate() {
            if left + 3 + at < right - 1 {
                line[left + 3 + at] = letter;
            }
        }
        line.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_nodes_stand_between_their_users() {
        let columns = Columns::new(&[0, 1], 2);
        let row = |from, to, label: &str| Row {
            at: Duration::from_millis(1_500),
            from,
            to,
            label: label.to_owned(),
        };
        let rows = [
            row(Column::User(0), Some(Column::Node(0)), "INVITE 1"),
            row(Column::Node(1), Some(Column::Node(0)), "180 1"),
            row(Column::User(1), None, "drop"),
        ];
        let rows: Vec<&Row> = rows.iter().collect();
        assert_eq!(
            columns.draw(&rows),
            concat!(
                "            user0         [node0]       [node1]       user1\n",
                "     1.500    |--INVITE 1-->|             |             |\n",
                "     1.500    |             |<-180 1------|             |\n",
                "     1.500    |             |             |             * drop",
            )
        );
    }
}
