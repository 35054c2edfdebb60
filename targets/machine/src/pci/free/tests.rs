use std::cell::RefCell;
use std::collections::BTreeMap;

use super::*;

const BRIDGE: DeviceFunction = DeviceFunction { bus: 0, device: 1, function: 0 };
const OTHER: DeviceFunction = DeviceFunction { bus: 0, device: 2, function: 0 };
const NEW: DeviceFunction = DeviceFunction { bus: 1, device: 0, function: 0 };
const ROOT: Range<u64> = 0xf000_0000..0xfec0_0000;

/// Registers of functions, with the bits of each that are fixed.
#[derive(Clone, Copy)]
struct Space<'a>(&'a RefCell<Registers>);

type Registers = BTreeMap<(u8, u8, u8), (u32, u32)>;

impl Space<'_> {
    fn put(self, at: DeviceFunction, register: u8, value: u32, fixed: u32) {
        self.0.borrow_mut().insert((at.bus, at.device, register), (value, fixed));
    }

    /// A function with a range of `size` bytes behind its first 64-bit address register.
    fn function(self, at: DeviceFunction, register: u8, address: u32, size: u32) {
        self.put(at, 0, 0x1042_1af4, u32::MAX);
        self.put(at, register, address | 0xc, size - 1);
    }

    fn bridge(self, window: u32) {
        self.put(BRIDGE, 0, 0x000c_1b36, u32::MAX);
        self.put(BRIDGE, 0x0c, 1 << 16, u32::MAX);
        self.put(BRIDGE, 0x18, 0x0001_0100, 0);
        self.put(BRIDGE, 0x20, window, 0x000f_000f);
        self.put(BRIDGE, 0x24, 0xfff0, 0x000f_000f);
    }
}

impl ConfigurationAccess for Space<'_> {
    fn read_word(&self, at: DeviceFunction, register: u8) -> u32 {
        let space = self.0.borrow();
        let absent = if at.function == 0 && space.contains_key(&(at.bus, at.device, 0)) { 0 } else { u32::MAX };
        space.get(&(at.bus, at.device, register)).map_or(absent, |word| word.0)
    }

    fn write_word(&mut self, at: DeviceFunction, register: u8, value: u32) {
        if let Some((word, fixed)) = self.0.borrow_mut().get_mut(&(at.bus, at.device, register)) {
            *word = value & !*fixed | *word & *fixed;
        }
    }

    unsafe fn unsafe_clone(&self) -> Self {
        *self
    }
}

#[test]
fn a_closed_window_is_opened_clear_of_what_others_have() {
    let cell = RefCell::default();
    let space = Space(&cell);
    space.bridge(0x0000_fff0);
    // The largest range that is left lies behind it.
    space.function(OTHER, 0x20, 0xf100_0000, 0x1_0000);
    open_window(space, BRIDGE, &ROOT);
    assert_eq!(window(space.read_word(BRIDGE, 0x20)), 0xf110_0000..0xf130_0000);
    let before = cell.borrow().clone();
    open_window(space, BRIDGE, &ROOT);
    assert_eq!(*cell.borrow(), before, "an open one stays");
}

#[test]
fn a_device_that_comes_gets_addresses_in_its_bridges_window_and_its_neighbours_keep_theirs() {
    let cell = RefCell::default();
    let space = Space(&cell);
    space.bridge(0xf110_f110 & 0xfff0_fff0 | 0x0010_0000);
    let neighbour = DeviceFunction { device: 1, ..NEW };
    space.function(neighbour, 0x20, 0xf110_0000, 0x4000);
    space.function(NEW, 0x20, 0, 0x4000);
    space.put(neighbour, 4, 0x0006, 0);
    assign_free(space, NEW, &ROOT);
    let range = window(space.read_word(BRIDGE, 0x20));
    let address = space.read_word(NEW, 0x20) & !15;
    assert!(range.contains(&address.into()) && address >= 0xf110_4000, "{address:#x} in {range:x?}");
    assert_eq!((space.read_word(neighbour, 0x20), space.read_word(neighbour, 4)), (0xf110_000c, 6));
}

#[test]
fn a_device_behind_a_closed_window_or_in_a_full_one_gets_none() {
    for size in [0x4000, 0x20_0000] {
        let cell = RefCell::default();
        let space = Space(&cell);
        space.bridge(if size == 0x4000 { 0x0000_fff0 } else { 0xf110_f110 });
        space.function(NEW, 0x20, 0xf140_0000, size);
        assign_free(space, NEW, &ROOT);
        assert_eq!(space.read_word(NEW, 0x20) & !15, 0);
    }
}
