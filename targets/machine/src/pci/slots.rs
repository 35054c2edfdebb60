//! Slots of PCI Express, to which devices come and which they leave while the machine runs (PCI Express Base 6.0, 6.7.1, 7.5.3).

use heapless::Vec;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::scan;
use super::structures::STATUS_CAPABILITIES;

/// More slots than hosts give a machine.
const MAX_SLOTS: usize = 64;

const CAPABILITY_EXPRESS: u8 = 0x10;
// In the capability's first word, and in that of the slot's capabilities.
const HAS_SLOT: u32 = 1 << 24;
const SLOT_CAPABILITIES: u8 = 0x14;
const HOT_PLUG: u32 = 1 << 6;

/// The word whose lower half is control, and whose upper half is status.
const CONTROL: u8 = 0x18;
/// Interrupts for presses of the attention button and for changes of presence.
const NOTIFY: u32 = 1 << 0 | 1 << 3 | 1 << 5;
const INDICATOR_ON: u32 = 1 << 8;
const INDICATOR_OFF: u32 = 3 << 8;
const POWER_OFF: u32 = 1 << 10;
/// Written as one, it would open or close a lock.
const INTERLOCK: u32 = 1 << 11;
/// QEMU presses the button when a device shall leave.
const PRESSED: u32 = 1 << 16;
const PRESENCE_CHANGED: u32 = 1 << 19;
const IS_PRESENT: u32 = 1 << 22;

/// A port with a slot behind it.
#[derive(Clone, Copy, Debug)]
struct Slot {
    port: DeviceFunction,
    /// The place of its control and status registers.
    register: u8,
    /// Whether its device shall leave.
    is_leaving: bool,
}

impl Slot {
    /// Writes the control register, which has the interrupts on.
    fn control<C: ConfigurationAccess>(&self, access: &mut C, control: u32) {
        access.write_word(self.port, self.register, control & 0xffff & !INTERLOCK | NOTIFY);
    }

    /// Clears events, and switches the interrupts off. QEMU takes the bits that enable events, which lie in the same word, for more
    /// events to be cleared, and clears none if one of those has not come.
    fn clear<C: ConfigurationAccess>(&self, access: &mut C, word: u32, events: u32) {
        access.write_word(self.port, self.register, word & 0xffff & !(INTERLOCK | NOTIFY) | events);
    }
}

/// All slots of the machine.
#[derive(Debug)]
pub struct Slots {
    slots: Vec<Slot, MAX_SLOTS>,
    left_out: usize,
}

impl Slots {
    /// Finds them.
    pub fn find<C: ConfigurationAccess>(access: &C) -> Self {
        let (mut slots, mut left_out) = (Vec::new(), 0);
        scan(access, &mut |port, _| {
            if let Some(capability) = express_slot(access, port) {
                let slot = Slot { port, register: capability + CONTROL, is_leaving: false };
                left_out += usize::from(slots.push(slot).is_err());
            }
        });
        Self { slots, left_out }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many there are that are not served.
    pub const fn left_out(&self) -> usize {
        self.left_out
    }

    /// The ports.
    pub fn ports(&self) -> impl Iterator<Item = DeviceFunction> {
        self.slots.iter().map(|slot| slot.port)
    }

    /// Has the slots interrupt for devices that come or shall leave.
    pub fn arm<C: ConfigurationAccess>(&self, access: &mut C) {
        for slot in &self.slots {
            let control = access.read_word(slot.port, slot.register);
            slot.control(access, control);
        }
    }

    /// Switches slots with new devices on, and notes the devices that shall leave. Returns whether there were any of either.
    pub fn take_changes<C: ConfigurationAccess>(&mut self, access: &mut C) -> bool {
        let mut changed = false;
        for slot in &mut self.slots {
            let word = access.read_word(slot.port, slot.register);
            // Only events that are set are cleared: others may come meanwhile.
            let events = word & (PRESSED | PRESENCE_CHANGED);
            // A port that was taken out answers with ones.
            if events == 0 || word == u32::MAX {
                continue;
            }
            changed = true;
            let is_new = word & PRESENCE_CHANGED != 0 || word & POWER_OFF != 0;
            let is_present = word & IS_PRESENT != 0;
            slot.is_leaving = is_present && !is_new;
            let control = match is_present && is_new {
                true => word & !(POWER_OFF | INDICATOR_OFF) | INDICATOR_ON,
                false => word,
            };
            slot.clear(access, word, events);
            slot.control(access, control);
        }
        changed
    }

    /// Whether a device shall leave with a slot.
    pub fn is_leaving<C: ConfigurationAccess>(&self, access: &C, at: DeviceFunction) -> bool {
        self.slots.iter().filter(|slot| slot.is_leaving).any(|slot| {
            let [_, first, last, _] = access.read_word(slot.port, 0x18).to_le_bytes();
            (first..=last).contains(&at.bus)
        })
    }

    /// Switches the slots off whose devices shall leave, upon which they do.
    pub fn let_go<C: ConfigurationAccess>(&mut self, access: &mut C) {
        for slot in self.slots.iter_mut().filter(|slot| slot.is_leaving) {
            slot.is_leaving = false;
            let control = access.read_word(slot.port, slot.register);
            slot.control(access, control | POWER_OFF | INDICATOR_OFF);
        }
    }
}

/// The place of a function's PCI Express capability, if it is a port with a slot for devices that come and leave.
fn express_slot<C: ConfigurationAccess>(access: &C, at: DeviceFunction) -> Option<u8> {
    if access.read_word(at, 4) & STATUS_CAPABILITIES == 0 {
        return None;
    }
    let mut pointer = access.read_word(at, 0x34) as u8 & 0xfc;
    // Configuration space has room for 48 capabilities; the limit ends a list that loops.
    for _ in 0..48 {
        // All of the capability must lie in the 256 bytes.
        if !(0x40..=0xe4).contains(&pointer) {
            return None;
        }
        let header = access.read_word(at, pointer);
        if header as u8 == CAPABILITY_EXPRESS {
            let is_slot = header & HAS_SLOT != 0 && access.read_word(at, pointer + SLOT_CAPABILITIES) & HOT_PLUG != 0;
            return is_slot.then_some(pointer);
        }
        pointer = (header >> 8) as u8 & 0xfc;
    }
    None
}

#[cfg(test)]
mod tests;
