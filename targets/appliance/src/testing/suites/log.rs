//! The log.

use machine::log::{Line, RECORDS};
use machine::{console, log};
use nanoqga::commands::testing::{Output, Verdict};
use nanoqga::{check, check_eq, register_tests};

use crate::testing::kernel::Kernel;

// Not in the list of all: a kernel may have its tests beside the code.
register_tests!(Kernel, "log": keeps_its_newest_lines);

/// More lines than there are records.
const LINES: usize = 35;
const _: () = assert!(LINES > RECORDS, "no line would be overwritten");

fn keeps_its_newest_lines(_: &mut Kernel, _: &mut Output<'_>) -> Verdict {
    for number in 1..=LINES {
        log!("line {} of a test", number);
    }
    let (mut next, mut lines, mut last) = (0, 0, Line::new());
    loop {
        let mut line = Line::new();
        if !console::read(&mut next, &mut line) {
            break;
        }
        (lines, last) = (lines + 1, line);
    }
    // The place of the next record has none.
    check_eq!(lines, RECORDS - 1);
    check!(last.text().ends_with("line 35 of a test"), "the last line is {}", last.text());
    Ok(())
}
