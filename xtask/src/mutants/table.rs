//! docs/mutants.md: how many mutants of each package the tests notice.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use nanoqga_testkit::deadline::SOON;
use nanoqga_testkit::process::output;

use super::outcomes::Outcomes;
use crate::workspace::{in_workspace, path};

const PAGE: &str = "docs/mutants.md";

/// What stands above the first row.
const HEADING: &str =
    "| package | caught | timed out | missed | do not compile | tested | commit |\n|---|---|---|---|---|---|---|\n";

/// Writes the row of a package anew; the others stay.
///
/// # Errors
/// When the page cannot be read or written, or has no table, or git does not work.
pub(super) fn write(package: &str, outcomes: &Outcomes) -> Result<()> {
    let mut commit = Command::new("git");
    let commit = output(in_workspace(&mut commit).args(["log", "-1", "--format=%cs | %h"]), SOON)?;
    let page = fs::read_to_string(path(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    let row = row(package, outcomes, commit.trim());
    Ok(fs::write(path(PAGE), with_row(&page, package, &row).with_context(|| format!("{PAGE} has no table"))?)?)
}

fn row(package: &str, outcomes: &Outcomes, commit: &str) -> String {
    let Outcomes { caught, missed, timeout, unviable } = outcomes;
    let [caught, timeout, missed, unviable] = [caught, timeout, missed, unviable].map(Vec::len);
    format!("| {package} | {caught} | {timeout} | {missed} | {unviable} | {commit} |")
}

/// The page with one row more, or another one in its place.
fn with_row(page: &str, package: &str, row: &str) -> Option<String> {
    let (before, rows) = page.split_once(HEADING)?;
    let (rows, after) = rows.split_once("\n\n").unwrap_or((rows.trim_end(), ""));
    let of_package = |row: &str| row.trim_matches('|').split('|').next().unwrap_or("").trim().to_owned();
    let mut rows: BTreeMap<_, _> =
        rows.lines().filter(|line| !line.is_empty()).map(|row| (of_package(row), row.to_owned())).collect();
    rows.insert(package.into(), row.into());
    let rows: Vec<_> = rows.into_values().collect();
    let after = if after.is_empty() { String::new() } else { format!("\n{after}") };
    Some(format!("{before}{HEADING}{}\n{after}", rows.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_the_place_of_the_packages_last_one() {
        let names = |count| vec![String::new(); count];
        let outcomes = Outcomes { caught: names(7), missed: names(0), timeout: names(1), unviable: names(3) };
        let row = row("b", &outcomes, "2026-11-30 | abcdef0");
        assert_eq!(row, "| b | 7 | 1 | 0 | 3 | 2026-11-30 | abcdef0 |");
        let page = format!("text\n\n{HEADING}| a | 1 |\n| b | 2 |\n\nmore\n");
        assert_eq!(with_row(&page, "b", &row).unwrap(), format!("text\n\n{HEADING}| a | 1 |\n{row}\n\nmore\n"));
        let page = format!("text\n\n{HEADING}");
        assert_eq!(with_row(&page, "b", &row).unwrap(), format!("text\n\n{HEADING}{row}\n"));
        assert_eq!(with_row("text", "b", &row), None);
    }
}
