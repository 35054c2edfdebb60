//! Suspending by `/sys/power/state`, which does not return before the machine is awake again.

use nanoqga::Failure;
use nanoqga::commands::suspend::NOT_SUPPORTED;

use super::errno::failed;
use super::files::{read_text, write_attribute};

const STATE: &str = "/sys/power/state";
/// What a suspend to disk ends with: that the machine goes off, or that it sleeps.
const DISK: &str = "/sys/power/disk";

/// Enters a state that the attribute offers.
pub fn enter(state: &str) -> Result<(), Failure> {
    if !offers(STATE, state) {
        return Err(NOT_SUPPORTED);
    }
    write_attribute(STATE, state.as_bytes())
        .map_err(|error| failed("suspend: cannot write to '/sys/power/state'", error))
}

/// Suspends to RAM after everything was written to the disk.
pub fn hybrid() -> Result<(), Failure> {
    let modes = read_text(DISK).unwrap_or_default();
    if !offers(STATE, "disk") || !words(&modes).any(|mode| mode == "suspend") {
        return Err(NOT_SUPPORTED);
    }
    let set = |mode: &str| {
        write_attribute(DISK, mode.as_bytes())
            .map_err(|error| failed("suspend: cannot write to '/sys/power/disk'", error))
    };
    set("suspend")?;
    let outcome = enter("disk");
    // What others suspend to disk later ends as it did before.
    chosen(&modes).map_or(Ok(()), set).and(outcome)
}

fn offers(attribute: &str, state: &str) -> bool {
    read_text(attribute).is_ok_and(|states| words(&states).any(|word| word == state))
}

/// The choices of an attribute, of which one stands in brackets.
fn words(choices: &str) -> impl Iterator<Item = &str> {
    choices.split_ascii_whitespace().map(|word| word.trim_matches(['[', ']']))
}

fn chosen(choices: &str) -> Option<&str> {
    choices.split_ascii_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_lists_its_choices_and_marks_one() {
        let modes = "[platform] shutdown reboot suspend test_resume\n";
        assert_eq!(words(modes).nth(3), Some("suspend"));
        assert_eq!((words(modes).next(), chosen(modes)), (Some("platform"), Some("platform")));
        assert_eq!((chosen("shutdown ["), chosen(""), chosen("]a[")), (None, None, None));
    }
}
