//! The logs in a guest's folder, and their ends for messages.

use std::fs;
use std::path::Path;

/// How much of a log a message quotes.
const TAIL_LINES: usize = 20;

/// In a guest's folder: what the guest and QEMU have printed.
pub(crate) const CONSOLE_LOG: &str = "console.log";
pub(crate) const QEMU_LOG: &str = "qemu.log";

/// The ends of the logs in a guest's folder as part of a message.
pub(crate) fn tails(folder: &Path) -> String {
    let console = match tail(&read_lossy(&folder.join(CONSOLE_LOG))) {
        tail if tail.is_empty() => "\nThe guest's console is empty.".into(),
        tail => format!("\nThe guest's console ends with:\n{tail}"),
    };
    match tail(&read_lossy(&folder.join(QEMU_LOG))) {
        tail if tail.is_empty() => console,
        tail => format!("{console}\nQEMU said:\n{tail}"),
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// What a log has so far.
pub(crate) fn read_lossy(path: &Path) -> String {
    // No file yet, or none at all on a guest without a console: nothing was said.
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
