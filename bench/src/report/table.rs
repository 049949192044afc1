//! A table that is written as Markdown for people and as CSV with full precision.

use std::fmt::Write as _;

use crate::results::Spread;

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A number of things, or bytes.
    Count(u64),
    /// A time in seconds.
    Seconds(f64),
    /// Median and quartiles of a time; three columns in CSV.
    Spread(Spread),
    /// A plain number.
    Number(f64),
    /// Not measured.
    None,
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Name of its CSV file.
    pub name: String,
    /// Column heads.
    pub head: Vec<String>,
    /// Rows, as long as the head.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(name: &str, head: &[&str]) -> Self {
        let head = head.iter().map(|text| (*text).to_owned()).collect();
        Self { name: name.to_owned(), head, rows: Vec::new() }
    }

    /// The table in Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = format!("| {} |\n", self.head.join(" | "));
        let align = |column: usize| if self.is_text(column) { " --- |" } else { " ---: |" };
        out.push('|');
        (0..self.head.len()).for_each(|column| out.push_str(align(column)));
        out.push('\n');
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(Cell::markdown).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
        out
    }

    fn is_text(&self, column: usize) -> bool {
        self.rows.iter().all(|row| matches!(row.get(column), Some(Cell::Text(_)) | None))
    }

    /// The table in CSV.
    #[must_use]
    pub fn csv(&self) -> String {
        let spread =
            |column: usize| self.rows.iter().any(|row| matches!(row.get(column), Some(Cell::Spread(_))));
        let mut lines = vec![Vec::new()];
        for (column, head) in self.head.iter().enumerate() {
            let heads = if spread(column) {
                vec![format!("{head} median"), format!("{head} q1"), format!("{head} q3")]
            } else {
                vec![head.clone()]
            };
            lines.iter_mut().for_each(|line| line.extend(heads.iter().map(|head| quoted(head))));
        }
        for row in &self.rows {
            let cells = row.iter().enumerate().flat_map(|(column, cell)| cell.csv(spread(column)));
            lines.push(cells.collect());
        }
        lines.iter().map(|line| line.join(",") + "\n").collect()
    }
}

impl Cell {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A time that may be missing.
    #[must_use]
    pub fn spread(spread: Option<&Spread>) -> Self {
        spread.map_or(Self::None, |spread| Self::Spread(*spread))
    }

    fn markdown(&self) -> String {
        match self {
            Self::Text(text) => text.replace('|', "\\|"),
            Self::Count(count) => grouped(*count),
            Self::Seconds(seconds) => time(*seconds),
            Self::Spread(spread) if spread.runs == 1 => time(spread.median_s),
            Self::Spread(spread) => {
                format!("{} ({}–{})", time(spread.median_s), time(spread.q1_s), time(spread.q3_s))
            }
            Self::Number(number) => format!("{number:.3}"),
            Self::None => "–".to_owned(),
        }
    }

    fn csv(&self, spread: bool) -> Vec<String> {
        match self {
            Self::Text(text) => vec![quoted(text)],
            Self::Count(count) => vec![count.to_string()],
            Self::Seconds(number) | Self::Number(number) => vec![number.to_string()],
            Self::Spread(spread) => {
                [spread.median_s, spread.q1_s, spread.q3_s].map(|s| s.to_string()).to_vec()
            }
            Self::None if spread => vec![String::new(); 3],
            Self::None => vec![String::new()],
        }
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A count with its thousands set off.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A time with three significant digits, in the unit that suits it.
pub(super) fn time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s <= 0.0 => return "0".to_owned(),
        s if s < 1e-3 => (s * 1e6, "µs"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    let digits = match value {
        v if v < 10.0 => 2,
        v if v < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0.0, 4.2e-7, 0.0123, 0.14, 12.34].map(time),
            ["0", "0.42 µs", "12.3 ms", "140 ms", "12.3 s"]
        );
    }

    #[test]
    fn csv_has_three_columns_for_a_spread() {
        let mut table = Table::new("t", &["what", "time"]);
        let spread = Spread { median_s: 2.0, q1_s: 1.0, q3_s: 3.0, runs: 3 };
        table.rows.push(vec![Cell::text("a, b"), Cell::Spread(spread)]);
        table.rows.push(vec![Cell::text("c"), Cell::None]);
        assert_eq!(table.csv(), "what,time median,time q1,time q3\n\"a, b\",2,1,3\nc,,,\n");
    }
}
