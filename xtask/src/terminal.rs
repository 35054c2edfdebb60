//! Plain text that is a little easier to read on a terminal.

use std::env;
use std::io::{IsTerminal, stdout};

/// `text` made bold, where stdout is a terminal and colours are not refused.
pub(crate) fn bold(text: &str) -> String {
    styled("1", text)
}

/// `text` made faint, likewise.
pub(crate) fn faint(text: &str) -> String {
    styled("2", text)
}

fn styled(code: &str, text: &str) -> String {
    if stdout().is_terminal() && env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.into()
    }
}
