//! `power`: taking the machine down.

use nanoqga::Failure;
use nanoqga::commands::power::{Power, Shutdown};

use super::Guest;
use crate::log::audit;
use crate::system::errno::failed;
use crate::system::shutdown::ask_init;

impl Power for Guest {
    fn shutdown(&mut self, how: Shutdown) -> Result<(), Failure> {
        audit("guest-shutdown", &format_args!("{how:?}"));
        if self.options.init {
            self.shutdown = Some(how);
            return Ok(());
        }
        ask_init(how).map_err(|error| failed("failed to shut down", error))
    }
}
