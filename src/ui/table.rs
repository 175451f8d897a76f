//! Rows in columns: for programs, for people, and for people whose lines are too short for them.

use std::fmt::Write as _;

use super::{Screen, escaped};

/// What a table gives up where the lines of a terminal are too short for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concession {
    /// The cells of a column are cut as far as it takes.
    Shorten {
        /// What stands above it.
        title: &'static str,
        /// How many letters are left of them at least; the title is never cut.
        least: usize,
    },
    /// A column is left out, and the others get its room.
    Omit {
        /// What stands above it.
        title: &'static str,
    },
}

/// Rows below their titles, two blanks between columns. Widths are counted in characters.
#[must_use]
pub fn aligned<const COLUMNS: usize>(titles: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let rows: Vec<Vec<String>> =
        with_titles(titles, rows).map(|row| row.iter().map(|text| escaped(text)).collect()).collect();
    laid_out(&rows)
}

/// The same for the lines of `screen`: `concessions` are made one after the other until it fits. When all of them are
/// made it stays as wide as it is.
#[must_use]
pub fn fitted<const COLUMNS: usize>(
    titles: [&'static str; COLUMNS],
    rows: &[[String; COLUMNS]],
    concessions: &[Concession],
    screen: Screen,
) -> String {
    let rows: Vec<[String; COLUMNS]> =
        with_titles(titles, rows).map(|row| row.map(|text| escaped(&text))).collect();
    let cell = |text: &str, most| screen.shortened(text, most).into_owned();
    let natural = std::array::from_fn(|column| {
        rows.iter().map(|row| cell(&row[column], usize::MAX).chars().count()).max().unwrap_or_default()
    });
    let widths = Widths { titles, natural }.conceded(concessions, screen.width);
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().zip(widths).filter_map(|(text, width)| Some(cell(text, width?))).collect())
        .collect();
    laid_out(&rows)
}

/// A line for each row; nothing in a cell can look like the end of one.
pub(super) fn tabbed<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let line = |row: &[String; COLUMNS]| row.each_ref().map(|cell| escaped(cell)).join("\t");
    rows.iter().map(|row| line(row) + "\n").collect()
}

fn with_titles<const COLUMNS: usize>(
    titles: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
) -> impl Iterator<Item = [String; COLUMNS]> {
    std::iter::once(titles.map(str::to_owned)).chain(rows.iter().cloned())
}

/// What stands between two columns.
const GAP: &str = "  ";

fn laid_out(rows: &[Vec<String>]) -> String {
    let count = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let padded = row.iter().zip(&widths).map(|(text, width)| format!("{text:width$}"));
        let _ = writeln!(out, "{}", padded.collect::<Vec<_>>().join(GAP).trim_end());
    }
    out
}

/// How wide the columns of a table are that nobody has cut, in letters.
struct Widths<const COLUMNS: usize> {
    titles: [&'static str; COLUMNS],
    natural: [usize; COLUMNS],
}

impl<const COLUMNS: usize> Widths<COLUMNS> {
    /// How wide each column may be in a line of `room` letters; `None` for one that is left out.
    fn conceded(&self, concessions: &[Concession], room: usize) -> [Option<usize>; COLUMNS] {
        let mut widths = self.natural.map(Some);
        for (number, concession) in concessions.iter().enumerate() {
            if excess(&widths, room) == 0 {
                break;
            }
            match *concession {
                Concession::Shorten { title, least } => self.shorten(&mut widths, title, least, room),
                Concession::Omit { title } => {
                    // The others were cut for its sake as well: they begin anew.
                    let is_left = |column: usize| widths[column].is_some() && self.titles[column] != title;
                    widths = std::array::from_fn(|column| is_left(column).then_some(self.natural[column]));
                    for earlier in &concessions[..number] {
                        if let Concession::Shorten { title, least } = *earlier {
                            self.shorten(&mut widths, title, least, room);
                        }
                    }
                }
            }
        }
        widths
    }

    fn shorten(&self, widths: &mut [Option<usize>; COLUMNS], title: &str, least: usize, room: usize) {
        let excess = excess(widths, room);
        for (width, name) in widths.iter_mut().zip(self.titles).filter(|(_, name)| *name == title) {
            let least = least.max(name.chars().count());
            *width = width.map(|width| width.saturating_sub(excess).max(least.min(width)));
        }
    }
}

/// How many letters do not go into a line of `room`.
fn excess(widths: &[Option<usize>], room: usize) -> usize {
    let taken: usize = widths.iter().flatten().map(|width| width + GAP.len()).sum();
    taken.saturating_sub(GAP.len()).saturating_sub(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows<const ROWS: usize, const COLUMNS: usize>(
        rows: [[&str; COLUMNS]; ROWS],
    ) -> [[String; COLUMNS]; ROWS] {
        rows.map(|row| row.map(str::to_owned))
    }

    #[test]
    fn rows_for_people_and_for_programs() {
        let rows = rows([["::1", "one", ""], ["Grün", "a\tb\x1b", "c"]]);
        assert_eq!(
            aligned(["ENTRY", "B", "NOTE"], &rows),
            "ENTRY  B          NOTE\n::1    one\nGrün   a b\\u001b  c\n"
        );
        assert_eq!(tabbed(&rows), "::1\tone\t\nGrün\ta b\\u001b\tc\n");
    }

    const CONCESSIONS: &[Concession] = &[
        Concession::Shorten { title: "LONG", least: 6 },
        Concession::Shorten { title: "NAME", least: 2 },
        Concession::Omit { title: "LONG" },
    ];

    /// Each width at which something else gives way, and those just beside it.
    #[test]
    fn concessions_are_made_in_their_order_and_no_further_than_needed() {
        let rows = rows([["10.0.0.9", "abcdefgh", "0123456789", "x"], ["::1", "ab", "01", "y"]]);
        let told = |width, unicode| {
            let told =
                fitted(["CLIENT", "NAME", "LONG", "END"], &rows, CONCESSIONS, Screen { width, unicode });
            let lines: Vec<String> = told.lines().map(str::to_owned).collect();
            let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
            assert_eq!(longest <= width, width >= 19, "{told}");
            lines[1].clone()
        };
        for (width, expected) in [
            (200, "10.0.0.9  abcdefgh  0123456789  x"),
            (35, "10.0.0.9  abcdefgh  0123456789  x"),
            (34, "10.0.0.9  abcdefgh  01234567…  x"),
            (31, "10.0.0.9  abcdefgh  01234…  x"),
            (30, "10.0.0.9  abcdef…  01234…  x"),
            (27, "10.0.0.9  abc…  01234…  x"),
            // The title NAME is never cut. Without LONG there is room for the names again.
            (26, "10.0.0.9  abcdefgh  x"),
            (23, "10.0.0.9  abcdefgh  x"),
            (22, "10.0.0.9  abcdef…  x"),
            (19, "10.0.0.9  abc…  x"),
            (18, "10.0.0.9  abc…  x"),
            (0, "10.0.0.9  abc…  x"),
        ] {
            assert_eq!(told(width, true), expected, "{width}");
        }
        assert_eq!(told(31, false), "10.0.0.9  abcdefgh  012...  x");
        assert_eq!(told(27, false), "10.0.0.9  a...  012...  x");
    }
}
