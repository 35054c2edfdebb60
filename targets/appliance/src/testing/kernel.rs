//! What all suites of tests are of.

use nanoqga::commands::testing::Test;

use crate::guest::Guest;
use crate::state::Appliance;

/// The guest of all tests.
pub(crate) type Kernel = Guest<Appliance>;
/// Tests of one part of it.
pub(crate) type Suite = &'static [Test<Kernel>];
