//! What was measured: a table for people, or JSON for programs.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::bars::Verdict;
use crate::plot::Plot;

/// One column; its key names it in JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) key: &'static str,
    pub(crate) head: &'static str,
    pub(crate) decimals: usize,
}

/// Makes a column.
pub(crate) const fn column(key: &'static str, head: &'static str, decimals: usize) -> Column {
    Column { key, head, decimals }
}

#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Text(String),
    Number(f64),
    /// A number with decimals of its own, where the rows of a column are of different kinds.
    Exact(f64, usize),
    /// Not measured there.
    None,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Number(number as f64)
    }
}

/// The outcome of one command.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// What the figures are, their units, and with which settings they were made.
    pub(crate) about: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// What follows from the rows.
    pub(crate) notes: Vec<String>,
    /// What is to be reached, and whether it was.
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) plot: Option<Plot>,
}

impl Table {
    pub(crate) fn new(name: &'static str, about: String, columns: &[Column]) -> Self {
        Self {
            name,
            about,
            columns: columns.to_vec(),
            rows: Vec::new(),
            notes: Vec::new(),
            verdicts: Vec::new(),
            plot: None,
        }
    }

    pub(crate) fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(|row| self.object(row)).collect();
        let verdicts: Vec<Value> = self.verdicts.iter().map(Verdict::json).collect();
        json!({ "name": self.name, "about": self.about, "rows": rows, "notes": self.notes, "bars": verdicts })
    }

    fn object(&self, row: &[Cell]) -> Value {
        let value = |cell: &Cell| match cell {
            Cell::Text(text) => json!(text),
            Cell::Number(number) | Cell::Exact(number, _) => json!(number),
            Cell::None => Value::Null,
        };
        let fields = self.columns.iter().zip(row);
        Value::Object(
            fields
                .map(|(column, cell)| (column.key.to_owned(), value(cell)))
                .collect::<Map<_, _>>(),
        )
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.about)?;
        let shown = |column: &Column, cell: &Cell| match cell {
            Cell::Text(text) => text.clone(),
            Cell::Number(number) => format!("{number:.*}", column.decimals),
            Cell::Exact(number, decimals) => format!("{number:.decimals$}"),
            Cell::None => "-".to_owned(),
        };
        let width = |at: usize, column: &Column| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            let longest = cells.map(|cell| shown(column, cell).len()).max();
            longest.unwrap_or_default().max(column.head.len())
        };
        for (at, column) in self.columns.iter().enumerate() {
            let width = width(at, column);
            match at {
                0 => write!(f, "{:<width$}", column.head)?,
                _ => write!(f, "  {:>width$}", column.head)?,
            }
        }
        for row in &self.rows {
            writeln!(f)?;
            for (at, (column, cell)) in self.columns.iter().zip(row).enumerate() {
                let width = width(at, column);
                match at {
                    0 => write!(f, "{:<width$}", shown(column, cell))?,
                    _ => write!(f, "  {:>width$}", shown(column, cell))?,
                }
            }
        }
        for note in &self.notes {
            write!(f, "\n{note}")?;
        }
        for verdict in &self.verdicts {
            write!(f, "\n{verdict}")?;
        }
        Ok(())
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The difference between the greatest and the least.
pub(crate) fn spread(values: &[f64]) -> f64 {
    let greatest = values.iter().copied().reduce(f64::max);
    let least = values.iter().copied().reduce(f64::min);
    greatest.unwrap_or(0.0) - least.unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let columns = [column("server", "server", 0), column("cpu_us", "CPU us", 1)];
        let mut table = Table::new("message", "microseconds".to_owned(), &columns);
        table.rows.push(vec!["floor".into(), 14.56.into()]);
        table.rows.push(vec!["strowger".into(), Cell::None]);
        table
    }

    #[test]
    fn a_table_lines_its_columns_up() {
        let text = table().to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "microseconds",
                "server    CPU us",
                "floor       14.6",
                "strowger       -"
            ]
        );
    }

    #[test]
    fn json_has_a_field_per_column_and_null_for_what_was_not_measured() {
        let json = table().json();
        assert_eq!(json["rows"][0]["cpu_us"], 14.56);
        assert_eq!(json["rows"][1], json!({"server": "strowger", "cpu_us": null}));
    }

    #[test]
    fn median_and_spread_of_nothing_are_zero() {
        assert_eq!((median(Vec::new()), spread(&[])), (0.0, 0.0));
        assert_eq!(
            (median(vec![3.0, 1.0, 2.0]), spread(&[3.0, 1.0, 2.0])),
            (2.0, 2.0)
        );
    }
}
