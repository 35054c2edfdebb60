//! The speed of the real-time counter, and the timer that belongs to it.

use super::cpu::wake_by_timer;
use crate::device_tree::cells;
use crate::tree::tree;

/// How often per second the counter counts, if the tree says so.
pub(crate) fn counter_hz() -> Option<u64> {
    cells(tree()?.property("timebase-frequency")?).next().map(u64::from)
}

/// Has the timer interrupt when the counter shows so much; `None`: no more.
pub(crate) fn set_timer(at: Option<u64>) {
    // The timer's interrupt goes when it is set to a time that never comes.
    sbi_rt::set_timer(at.unwrap_or(u64::MAX));
    if at.is_some() {
        wake_by_timer();
    }
}
