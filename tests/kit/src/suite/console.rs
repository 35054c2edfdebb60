//! What a guest printed while a test ran.

/// The lines by which a guest shows on its console where a test begins and ends, each with the mark behind it.
const BEGIN: &str = "nanoqga-test-begin ";
const END: &str = "nanoqga-test-end ";

/// What stands between a mark's lines; all from the first where the last is missing, and nothing where the guest prints none.
pub(super) fn between<'a>(console: &'a str, mark: &str) -> &'a str {
    let Some((_, after)) = cut(console, BEGIN, mark) else { return "" };
    cut(after, END, mark).map_or(after, |(before, _)| before)
}

/// What is before and behind a line. The guest may have been in the middle of another.
fn cut<'a>(text: &'a str, line: &str, mark: &str) -> Option<(&'a str, &'a str)> {
    let (before, after) = text.split_once(&format!("{line}{mark}"))?;
    Some((before, after.trim_start_matches('\r').strip_prefix('\n').unwrap_or(after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_is_cut_by_the_marks_of_one_test() {
        let console = "boot\r\nnanoqga-test-begin a1\r\nhello\r\nnanoqga-test-end a1\r\nnanoqga-test-begin a2\r\nbye";
        assert_eq!(between(console, "a1"), "hello\r\n");
        assert_eq!(between(console, "a2"), "bye");
        assert_eq!(between(console, "a3"), "");
    }
}
