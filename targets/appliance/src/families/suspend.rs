//! Suspending to RAM. To a disk, the appliance cannot: it would have to restore itself from there when it boots.

use nanoqga::Failure;
use nanoqga::commands::suspend::{NOT_SUPPORTED, Sleep, Suspend};

use crate::channels::Channels;
use crate::guest::Guest;
use crate::state::Appliance;
use crate::state::links::Links;

impl Suspend for Guest<Appliance> {
    /// As qemu-ga does, it lists all three ways as enabled and says what the guest does not support when it is asked to:
    /// whoever reads that text knows more than from a command that is disabled, which could be policy.
    fn suspend(&mut self, how: Sleep) -> Result<(), Failure> {
        if how != Sleep::Ram || self.state.hardware.suspend.is_none() {
            return Err(NOT_SUPPORTED);
        }
        // Not from here: the channel that asks is busy, and has to be put to rest before.
        self.state.to_suspend = true;
        Ok(())
    }
}

impl Guest<Appliance> {
    /// Suspends the machine, if that was asked for, and returns when it has woken; says whether it was. Devices are as after
    /// a reset then: each is put to rest before, and set up again afterwards.
    pub fn suspend_if_asked(&mut self, channels: &mut Channels<Appliance>) -> bool {
        if !core::mem::take(&mut self.state.to_suspend) {
            return false;
        }
        self.spend(true);
        channels.suspend();
        self.state.storage.suspend();
        self.state.links.iter_mut().for_each(Links::suspend);
        self.state.hardware.suspend(&self.machine);
        self.state.links.iter_mut().for_each(Links::resume);
        self.state.storage.resume();
        channels.resume();
        self.spend(false);
        true
    }
}
