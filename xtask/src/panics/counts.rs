//! How many places there are, by file, in the image of each target.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, ensure};

use crate::targets;

/// A row a file, a column a target, in the order of [`targets::targets`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Counts {
    columns: usize,
    rows: BTreeMap<String, Vec<usize>>,
}

impl Counts {
    /// None, of so many targets.
    pub(super) fn of(columns: usize) -> Self {
        Self { columns, rows: BTreeMap::new() }
    }

    /// Counts a place of a file on a target.
    pub(super) fn add(&mut self, file: &str, column: usize) {
        let columns = self.columns;
        let row = self.rows.entry(file.to_owned()).or_insert_with(|| vec![0; columns]);
        row[column] += 1;
    }

    /// Reads the list, as it is written.
    ///
    /// # Errors
    /// When a line is no file with a number for each target; the error has the line.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut counts = Self::of(targets::targets().len());
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split_whitespace();
            let file = words.next().with_context(|| format!("an empty line: '{line}'"))?;
            let row = words.map(str::parse).collect::<Result<Vec<_>, _>>().with_context(|| line.to_owned())?;
            ensure!(
                row.len() == counts.columns,
                "a line must have {} numbers behind the file's name: {line}",
                counts.columns
            );
            counts.rows.insert(file.to_owned(), row);
        }
        Ok(counts)
    }

    /// A line for each file that has more places than in `other` on some target.
    pub(super) fn beyond(&self, other: &Self) -> Vec<String> {
        let none = vec![0; self.columns];
        let more = |(file, row): (&String, &Vec<usize>)| {
            let allowed = other.rows.get(file).unwrap_or(&none);
            let beyond = row.iter().zip(allowed).any(|(count, allowed)| count > allowed);
            beyond.then(|| format!("  {file}: {} instead of {}", numbers(row), numbers(allowed)))
        };
        self.rows.iter().filter_map(more).collect()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# How many places in each file can panic in the appliance, by what the linker has kept:")?;
        writeln!(f, "# {}.", targets::targets().join(", "))?;
        writeln!(f, "# The list may only shrink: `cargo xtask test panics` sees to it.")?;
        self.rows.iter().try_for_each(|(file, row)| writeln!(f, "{file} {}", numbers(row)))
    }
}

fn numbers(row: &[usize]) -> String {
    row.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(files: &[(&str, usize)]) -> Counts {
        let mut counts = Counts::of(3);
        for (file, column) in files {
            counts.add(file, *column);
        }
        counts
    }

    #[test]
    fn a_list_is_read_as_it_is_written() {
        let counts = counts(&[("b.rs", 2), ("a.rs", 0), ("a.rs", 0), ("a.rs", 1)]);
        let text = counts.to_string();
        assert!(text.ends_with("a.rs 2 1 0\nb.rs 0 0 1\n"), "{text}");
        assert_eq!(Counts::parse(&text).unwrap(), counts);
    }

    #[test]
    fn one_place_more_on_one_target_is_seen() {
        let (less, more) = (counts(&[("a.rs", 0)]), counts(&[("a.rs", 0), ("a.rs", 2)]));
        assert_eq!(more.beyond(&less), ["  a.rs: 1 0 1 instead of 1 0 0"]);
        assert_eq!(less.beyond(&more), [""; 0]);
        assert_eq!(less.beyond(&counts(&[("b.rs", 0)])), ["  a.rs: 1 0 0 instead of 0 0 0"]);
    }

    #[test]
    fn a_line_that_is_no_row_is_named() {
        for line in ["a.rs 1 2", "a.rs 1 2 x", "a.rs 1 2 3 4", ""] {
            assert!(format!("{:#}", Counts::parse(&format!("{line}\n")).unwrap_err()).contains(line));
        }
    }
}
