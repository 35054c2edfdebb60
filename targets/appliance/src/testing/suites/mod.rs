//! The tests, a file for each part of the machine or of the appliance.

mod clock;
mod files;
mod heap;
mod interrupts;
mod log;
mod panics;

use super::kernel::Suite;

/// All of them but those that register themselves.
pub(super) const ALL: &[Suite] = &[clock::ALL, interrupts::ALL, heap::ALL, files::ALL, panics::ALL];
