//! SECURITY.md names tests; here they are looked up, so that it cannot name what is no more.

use std::fs;
use std::path::{Path, PathBuf};

const SECURITY: &str = include_str!("../../SECURITY.md");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The table rows' last cells, which say what shows that a threat is met.
fn evidence() -> impl Iterator<Item = &'static str> {
    let rows = SECURITY.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    rows.filter_map(|row| row.trim_end_matches([' ', '|']).rsplit(" | ").next())
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Why a cell's words name nothing that there is.
fn missing(cell: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut file = String::new();
    for word in quoted(cell) {
        let there = if let Some(part) = word.strip_prefix("cargo xtask test ") {
            let parts = fs::read_to_string(root().join("xtask/src/test/parts.rs")).unwrap_or_default();
            parts.contains(&format!("Part {{ name: \"{part}\""))
        } else if word.contains('/') {
            file = fs::read_to_string(root().join(word)).unwrap_or_default();
            !file.is_empty()
        } else if word.contains('_') {
            file.contains(&format!("fn {word}("))
        } else {
            // A value or an option that is talked about.
            continue;
        };
        if !there {
            complaints.push(format!("`{word}` in: {cell}"));
        }
    }
    complaints
}

#[test]
fn every_test_that_security_md_names_exists() {
    let complaints: Vec<_> = evidence().flat_map(missing).collect();
    assert!(complaints.is_empty(), "SECURITY.md names what is not there:\n{}", complaints.join("\n"));
    let named = evidence().flat_map(quoted).filter(|word| word.contains('_') && !word.contains('/')).count();
    assert!(named > 40, "only {named} tests were found in SECURITY.md");
}

#[test]
fn what_is_not_there_is_found_out() {
    for cell in [
        "`tests/src/no_such_file.rs`",
        "`tests/src/security.rs`: `no_such_test`",
        "`fn_without_a_file`",
        "`cargo xtask test nothing`",
    ] {
        assert_eq!(missing(cell).len(), 1, "{cell}");
    }
    assert!(missing("`tests/src/security.rs`: `what_is_not_there_is_found_out`; `cargo xtask test lint`").is_empty());
}
