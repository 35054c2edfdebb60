//! Suspending to RAM. The appliance cannot suspend to a disk: it would have to restore itself from there when it boots.

use nanoqga::Failure;
use nanoqga::commands::suspend::{NOT_SUPPORTED, Sleep, Suspend};

use crate::channels::Channels;
use crate::guest::Guest;
use crate::state::Appliance;
use crate::state::hardware::Hardware;
use crate::state::links::Links;

impl Suspend for Guest<Appliance> {
    /// As in qemu-ga, all three commands are enabled, and those that the guest does not support fail with this text. It says more
    /// than a disabled command, which could also be policy.
    fn suspend(&mut self, how: Sleep) -> Result<(), Failure> {
        if how != Sleep::Ram || !Hardware::can_suspend(&self.machine) {
            return Err(NOT_SUPPORTED);
        }
        // Not here: the channel of this request is busy, and must be stopped first.
        self.state.to_suspend = true;
        Ok(())
    }
}

impl Guest<Appliance> {
    /// Suspends the machine if a host asked for it, and returns when it has woken. Returns whether it was suspended. Devices are as
    /// after a reset then, so each is stopped before and set up again afterwards.
    pub fn suspend_if_asked<const OUT: usize>(&mut self, channels: &mut Channels<Appliance, OUT>) -> bool {
        if !core::mem::take(&mut self.state.to_suspend) {
            return false;
        }
        self.spend(true);
        channels.suspend();
        self.state.storage.suspend();
        self.state.links.iter_mut().for_each(Links::suspend);
        self.state.hardware.suspend(&self.machine);
        self.machine.clock().wake();
        self.state.links.iter_mut().for_each(Links::resume);
        self.state.storage.resume();
        channels.resume();
        self.state.hotplug.iter().for_each(|hotplug| hotplug.arm(&self.machine));
        self.state.look_again();
        self.spend(false);
        true
    }
}
