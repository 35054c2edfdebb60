//! The functions on a bus.

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

const HEADER_BRIDGE: u8 = 1;
const HEADER_MULTIFUNCTION: u8 = 0x80;
/// Class and subclass of a bridge from the CPU to a root bus.
pub(super) const CLASS_HOST_BRIDGE: u32 = 0x0600;

/// A function that is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Function {
    pub(super) at: DeviceFunction,
    /// Its first word: vendor and device.
    pub(super) id: u32,
    /// Whether a bus lies behind it.
    pub(super) is_bridge: bool,
    /// Whether it leads to a root bus other than bus 0.
    pub(super) is_further_host_bridge: bool,
}

/// The functions on a bus that are there, in rising order.
#[derive(Debug)]
pub(super) struct Functions {
    bus: u8,
    /// Device and function to look at next, as the three bits of the latter follow those of the former.
    next: u16,
    has_more_functions: bool,
}

impl Functions {
    pub(super) const fn on(bus: u8) -> Self {
        Self { bus, next: 0, has_more_functions: false }
    }

    /// The next one. It is no iterator, so that configuration space can be written to between two.
    pub(super) fn next<C: ConfigurationAccess>(&mut self, access: &C) -> Option<Function> {
        while self.next < 256 {
            let at = DeviceFunction { bus: self.bus, device: (self.next >> 3) as u8, function: self.next as u8 & 7 };
            let id = access.read_word(at, 0);
            let is_there = id as u16 != 0xffff;
            let header = if is_there { (access.read_word(at, 0x0c) >> 16) as u8 } else { 0 };
            if at.function == 0 {
                self.has_more_functions = header & HEADER_MULTIFUNCTION != 0;
            }
            self.next = if self.has_more_functions { self.next + 1 } else { (self.next | 7) + 1 };
            if is_there {
                let is_further_host_bridge =
                    at.bus == 0 && at.device != 0 && access.read_word(at, 8) >> 16 == CLASS_HOST_BRIDGE;
                return Some(Function { at, id, is_bridge: header & 0x7f == HEADER_BRIDGE, is_further_host_bridge });
            }
        }
        None
    }
}
