//! The tests, a file for each part of the machine or of the appliance.

mod clock;
mod files;
mod heap;
mod interrupts;
mod log;
mod panics;

use nanoqga::commands::testing::Test;

use crate::guest::Guest;
use crate::state::Appliance;

/// The guest of all of them.
type Kernel = Guest<Appliance>;
/// Some of them.
type Suite = &'static [Test<Kernel>];

/// All of them.
pub(super) const ALL: &[Suite] = &[clock::ALL, interrupts::ALL, heap::ALL, files::ALL, log::ALL, panics::ALL];
