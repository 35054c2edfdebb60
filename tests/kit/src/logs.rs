//! The ends of logs, for messages.

use std::fs;
use std::path::Path;

/// How much of a log a message quotes.
const TAIL_LINES: usize = 20;

/// The end of a console log as part of a message.
pub(crate) fn console_tail(log: &Path) -> String {
    match tail(&read_lossy(log)) {
        tail if tail.is_empty() => "\nThe guest's console is empty.".into(),
        tail => format!("\nThe guest's console ends with:\n{tail}"),
    }
}

/// The last lines of a text.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// What a log has so far.
pub(crate) fn read_lossy(path: &Path) -> String {
    // No file yet, or none at all on a guest without a console: nothing was said.
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
