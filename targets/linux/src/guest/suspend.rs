//! `suspend`: putting the machine to sleep.

use nanoqga::Failure;
use nanoqga::commands::suspend::{Sleep, Suspend};

use super::Guest;
use crate::log::audit;
use crate::system::sleep;

impl Suspend for Guest {
    fn suspend(&mut self, how: Sleep) -> Result<(), Failure> {
        audit("guest-suspend", &format_args!("{how:?}"));
        match how {
            Sleep::Ram => sleep::enter("mem"),
            Sleep::Disk => sleep::enter("disk"),
            Sleep::Hybrid => sleep::hybrid(),
        }
    }
}
