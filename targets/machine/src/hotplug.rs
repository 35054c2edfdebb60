//! Devices on PCI that come and leave while the machine runs.

use core::ops::Range;

use heapless::Vec;
use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::DeviceFunction;

use crate::board::{FirmwareSlots, Machine, PciSpace, reach};
use crate::log;
use crate::pci::{self, Slots, assign_free, open_window, virtio_device};
use crate::transport::{Device, log_without_driver, open_on_pci};

/// How many devices are looked at that came at once. Others wait until the next change.
const MAX_NEW: usize = 16;

/// The slots of the machine.
///
/// Drivers must be stopped, and their memory free for other uses, in two steps. Before [`let_go`](Self::let_go) stop the devices
/// that [leave](Self::is_leaving); what they have must be saved for every device, because not all slots say which it is. After
/// it drop the drivers of those that are [gone](Self::has).
#[derive(Debug)]
pub struct Hotplug {
    space: PciSpace,
    /// The addresses that devices on root buses can be given.
    memory: Range<u64>,
    slots: Slots,
    firmware: Option<FirmwareSlots>,
}

impl Hotplug {
    /// Finds the slots, and has them wake the guest when a device comes or shall leave. `None` without PCI.
    pub fn find(machine: &Machine) -> Option<Self> {
        let (space, memory) = machine.pci()?;
        let mut bridges = 0;
        pci::scan(&space, &mut |at, _| bridges += u32::from(pci::is_bridge(&space, at)));
        let (slots, firmware) = (Slots::find(&space), FirmwareSlots::find(machine, space, bridges + 1));
        if slots.left_out() > 0 {
            log!("{} slots are not served: there are too many", slots.left_out());
        }
        slots.ports().for_each(|port| open_window(space, port, &memory));
        let hotplug = Self { space, memory, slots, firmware };
        hotplug.arm(machine);
        Some(hotplug)
    }

    /// Does the latter again, after a reset.
    pub fn arm(&self, machine: &Machine) {
        if !self.slots.is_empty() {
            self.slots.arm(&mut { self.space });
            machine.unmask_pci();
        }
        self.firmware.iter().for_each(|slots| slots.arm(machine));
    }

    /// Whether devices came or shall leave since this was last asked. Whatever writes to a slot's configuration space may lose its
    /// interrupt, because QEMU's root ports then set their line by their errors alone. So ask until there are none.
    pub fn take_changes(&mut self) -> bool {
        let firmware = self.firmware.as_ref().is_some_and(FirmwareSlots::take_changes);
        self.slots.take_changes(&mut self.space) || firmware
    }

    /// Whether a device shall leave, as far as slots say which one.
    pub fn is_leaving(&self, at: DeviceFunction) -> bool {
        self.slots.is_leaving(&self.space, at)
    }

    /// Lets all devices go that shall leave.
    pub fn let_go(&mut self) {
        self.slots.let_go(&mut self.space);
        self.firmware.iter().for_each(FirmwareSlots::let_go);
    }

    /// Whether a device that a driver uses is still there.
    pub fn has(&self, at: DeviceFunction) -> bool {
        pci::is_on(&self.space, at)
    }

    /// Switches the virtio devices of types on that came, and hands each to `take`. Other new devices are logged.
    pub fn new_devices(&mut self, machine: &Machine, types: &[DeviceType], take: &mut dyn FnMut(DeviceType, Device)) {
        let Self { space, memory, .. } = self;
        let mut new = Vec::<_, MAX_NEW>::new();
        pci::scan(space, &mut |at, id| {
            // What does not fit is still new the next time.
            if pci::is_new(space, at) && !pci::is_bridge(space, at) {
                _ = new.push((at, id));
            }
        });
        for (at, id) in new {
            let kind = virtio_device(id).filter(|kind| types.contains(kind));
            let device = kind.and_then(|kind| {
                assign_free(*space, at, memory);
                // SAFETY: What can be reached is mapped for ever, and nothing else lies where a device's registers do. Nobody uses a
                // device that is new.
                // Nobody gives a new device I/O ports, so one with the legacy interface alone is left out.
                unsafe { open_on_pci(*space, at, id, kind, reach, |_| None, |line| machine.unmask(line)) }
            });
            match (kind, device) {
                (Some(kind), Some(device)) => {
                    machine.unmask_pci();
                    take(kind, device);
                }
                (kind, _) => {
                    if kind.is_none() {
                        log_without_driver(space, at, id);
                    }
                    pci::set_unused(space, at);
                }
            }
        }
    }
}
