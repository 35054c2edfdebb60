//! What devices need that come while the machine runs. Their slots speak for themselves.

use core::ops::Range;

use super::Machine;
use super::pci::{interrupts, memory};
use crate::pci::MappedEcam;

/// There are none that firmware speaks for.
#[derive(Debug)]
pub(crate) enum FirmwareSlots {}

impl FirmwareSlots {
    pub(crate) const fn find(_: &Machine, _: MappedEcam, _: u32) -> Option<Self> {
        None
    }

    pub(crate) const fn arm(&self, _: &Machine) {
        match *self {}
    }

    pub(crate) const fn take_changes(&self) -> bool {
        match *self {}
    }

    pub(crate) const fn let_go(&self) {
        match *self {}
    }
}

impl Machine {
    /// PCI's configuration space, and the addresses below 4 GiB that devices on its root buses can be given later.
    pub(crate) fn pci(&self) -> Option<(MappedEcam, Range<u64>)> {
        Some((self.pci_space()?, memory(self.tree())?))
    }

    /// Lets all interrupts of PCI devices wake the guest.
    pub(crate) fn unmask_pci(&self) {
        interrupts(self.tree()).for_each(|number| self.unmask(number));
    }
}
