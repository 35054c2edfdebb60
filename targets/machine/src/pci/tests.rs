use super::functions::CLASS_HOST_BRIDGE;
use super::structures::STATUS_CAPABILITIES;
use super::*;
use crate::memory::Window;
use std::collections::BTreeMap;
use std::vec::Vec;

const CONSOLE: DeviceFunction = DeviceFunction { bus: 0, device: 3, function: 0 };

/// Configuration space: words by bus, device, function and register.
#[derive(Clone, Default)]
struct Space(BTreeMap<(u8, u8, u8, u8), u32>);

impl Space {
    fn put(&mut self, at: DeviceFunction, register: u8, value: u32) {
        self.0.insert((at.bus, at.device, at.function, register), value);
    }

    /// A modern console as QEMU shows it to a guest of SeaBIOS: four structures in BAR 4.
    fn with_console() -> Self {
        let mut space = Self::default();
        space.put(CONSOLE, 0, 0x1003_1af4);
        space.put(CONSOLE, 4, STATUS_CAPABILITIES | 0x103);
        space.put(CONSOLE, 0x20, 0xfe00_000c);
        space.put(CONSOLE, 0x24, 0);
        space.put(CONSOLE, 0x34, 0x40);
        space.put(CONSOLE, 0x3c, 0x010b);
        for (i, kind) in [1u32, 3, 4, 2].into_iter().enumerate() {
            let pointer = 0x40 + 0x14 * i as u8;
            let next = if i == 3 { 0 } else { u32::from(pointer) + 0x14 };
            space.put(CONSOLE, pointer, kind << 24 | 0x14 << 16 | next << 8 | 9);
            space.put(CONSOLE, pointer + 4, 4);
            space.put(CONSOLE, pointer + 8, 0x1000 * i as u32);
            space.put(CONSOLE, pointer + 12, 0x1000);
        }
        space.put(CONSOLE, 0x40 + 3 * 0x14 + 16, 4);
        space
    }
}

impl ConfigurationAccess for Space {
    fn read_word(&self, at: DeviceFunction, register: u8) -> u32 {
        let absent = if self.0.contains_key(&(at.bus, at.device, at.function, 0)) { 0 } else { u32::MAX };
        *self.0.get(&(at.bus, at.device, at.function, register)).unwrap_or(&absent)
    }

    fn write_word(&mut self, at: DeviceFunction, register: u8, value: u32) {
        // The lowest bits of an address register are fixed: BAR 4 has four pages.
        let fixed = if register == 0x20 { 0x3fff } else { 0 };
        let value = value & !fixed | self.read_word(at, register) & fixed;
        self.put(at, register, value);
    }

    unsafe fn unsafe_clone(&self) -> Self {
        self.clone()
    }
}

#[test]
fn a_console_is_switched_on() {
    let mut space = Space::with_console();
    let window = |page: u64| Window { address: 0xfe00_0000 + 0x1000 * page, length: 0x1000 };
    let structures =
        Structures { common: window(0), isr: window(1), device: window(2), notify: window(3), notify_multiplier: 4 };
    assert_eq!(enable(&mut space, CONSOLE, is_low), Ok((structures, Some(11))));
    assert_eq!(space.read_word(CONSOLE, 0x20), 0xfe00_000c, "the address is as it was");
    assert_eq!(space.read_word(CONSOLE, 4), 0x107, "memory and bus master");
}

#[test]
fn functions_and_bridges_are_followed() {
    let mut space = Space::with_console();
    let at = |bus, device, function| DeviceFunction { bus, device, function };
    space.put(at(0, 5, 0), 0, 0x1111_8086);
    space.put(at(0, 5, 0), 0x0c, 0x80 << 16);
    space.put(at(0, 5, 6), 0, 0x2222_8086);
    space.put(at(0, 5, 6), 0x0c, 1 << 16);
    space.put(at(0, 5, 6), 0x18, 0x0007_0700);
    space.put(at(7, 0, 0), 0, 0x1043_1af4);
    space.put(at(7, 1, 0), 0, 0x3333_8086);
    space.put(at(7, 1, 0), 0x0c, 1 << 16);
    space.put(at(7, 1, 0), 0x18, 0x0007_0700);
    let mut found = Vec::new();
    scan(&space, &mut |at, id| found.push((at.bus, at.device, at.function, id >> 16)));
    assert_eq!(found, [(0, 3, 0, 0x1003), (0, 5, 0, 0x1111), (0, 5, 6, 0x2222), (7, 0, 0, 0x1043), (7, 1, 0, 0x3333)]);
}

#[test]
fn a_root_bus_that_another_host_bridge_announces_is_searched() {
    let mut space = Space::with_console();
    let at = |bus, device| DeviceFunction { bus, device, function: 0 };
    space.put(at(0, 0), 0, 0x29c0_8086);
    space.put(at(0, 0), 8, CLASS_HOST_BRIDGE << 16);
    space.put(at(8, 0), 0, 0x1043_1af4);
    let found = |space: &Space| {
        let mut found = Vec::new();
        scan(space, &mut |at, _| found.push((at.bus, at.device)));
        found
    };
    assert_eq!(found(&space), [(0, 0), (0, 3)], "the first host bridge leads to bus 0");
    space.put(at(0, 4), 0, 0x000b_1b36);
    space.put(at(0, 4), 8, CLASS_HOST_BRIDGE << 16);
    assert_eq!(found(&space), [(0, 0), (0, 3), (0, 4), (8, 0)]);
}

#[test]
fn the_first_usable_structure_of_a_kind_counts() {
    // QEMU's modern-pio-notify lists notifications by I/O ports first; a reserved BAR is ignored (virtio 1.2, 4.1.4).
    for bar in [2, 6, 0xff] {
        let mut space = Space::with_console();
        let usual = enable(&mut space.clone(), CONSOLE, is_low);
        space.put(CONSOLE, 0x18, 0xc041);
        space.put(CONSOLE, 0x34, 0xc0);
        for (word, value) in [0x0214_4009, bar, 0, 4, 0].into_iter().enumerate() {
            space.put(CONSOLE, 0xc0 + 4 * word as u8, value);
        }
        assert_eq!(enable(&mut space, CONSOLE, is_low), usual, "{bar}");
    }
}

#[test]
fn only_virtio_is_virtio() {
    assert_eq!(virtio_device(0x1003_1af4), Some(DeviceType::Console));
    assert_eq!(virtio_device(0x1043_1af4), Some(DeviceType::Console));
    assert_eq!(virtio_device(0x1003_8086), None);
    assert_eq!(virtio_device(0x1110_1af4), None);
}

#[test]
fn what_cannot_be_driven_says_why() {
    let damaged = |register: u8, value: u32| {
        let mut space = Space::with_console();
        space.put(CONSOLE, register, value);
        enable(&mut space, CONSOLE, is_low).unwrap_err()
    };
    assert_eq!(damaged(0x04, 0x103), Unusable::LegacyOnly, "no capabilities");
    assert_eq!(damaged(0x34, 0), Unusable::LegacyOnly);
    assert_eq!(damaged(0x20, 0xc), Unusable::Unassigned);
    assert_eq!(damaged(0x24, 1), Unusable::OutOfReach);
    assert_eq!(damaged(0x20, 0xffff_f00c), Unusable::OutOfReach);
    assert_eq!(damaged(0x20, 0x1), Unusable::Malformed, "an I/O port");
    assert_eq!(damaged(0x44, 6), Unusable::Malformed, "no such BAR");
    assert_eq!(damaged(0x4c, 0x4001), Unusable::Malformed, "more than the BAR has");
    assert_eq!(damaged(0x4c, 55), Unusable::Malformed, "less than a common configuration");
    assert_eq!(damaged(0x48, 4), Unusable::Malformed, "not aligned");
    assert_eq!(damaged(0x8c, 1), Unusable::Malformed, "an odd notification multiplier");
    assert_eq!(damaged(0x40, 5 << 24 | 0x14 << 16 | 0x54 << 8 | 9), Unusable::Malformed, "no common configuration");
    assert_eq!(damaged(0x48, u32::MAX), Unusable::Malformed, "offset and length overflow");
    assert_eq!(damaged(0x54, 3 << 24 | 0x14 << 16 | 0x40 << 8 | 9), Unusable::Malformed, "a list without an end");
}

/// A space that remembers what is written to it, in order.
struct Recorder(Space, Vec<(DeviceFunction, u8, u32)>);

impl ConfigurationAccess for Recorder {
    fn read_word(&self, at: DeviceFunction, register: u8) -> u32 {
        self.0.read_word(at, register)
    }

    fn write_word(&mut self, at: DeviceFunction, register: u8, value: u32) {
        self.1.push((at, register, value));
    }

    unsafe fn unsafe_clone(&self) -> Self {
        unreachable!("nobody copies it")
    }
}

#[test]
fn what_a_reset_takes_is_put_back_bridges_first_and_commands_last() {
    let device = |bus, device| DeviceFunction { bus, device, function: 0 };
    let (host, bridge, behind, isa) = (device(0, 0), device(0, 2), device(1, 0), device(0, 31));
    let (mut before, mut after) = (Space::default(), Space::default());
    for (at, id, header) in [
        (host, 0x29c0_8086, 0),
        (bridge, 0x000c_1b36, 1 << 16),
        (behind, 0x1043_1af4, 0),
        (isa, 0x2918_8086, 0x80 << 16),
    ] {
        for space in [&mut before, &mut after] {
            space.put(at, 0, id);
            space.put(at, 0x0c, header);
        }
    }
    // What the reset leaves: nothing, but for a status bit, and a register of the chipset that has its value already.
    after.put(host, 0x04, 0x0090_0000);
    after.put(isa, 0x40, 0x601);
    for (at, register, value) in [
        (host, 0x04, 0x0090_0103),
        (host, 0x60, 0xb000_0001),
        (host, 0x64, 0x1),
        (bridge, 0x04, 0x0010_0107),
        (bridge, 0x18, 0x0001_0100),
        (bridge, 0x1c, 0x2000_c1c1),
        (bridge, 0x20, 0xfe80_fe80),
        (bridge, 0x38, 0x1),
        (behind, 0x04, 0x0010_0406),
        (behind, 0x1c, 0xfe00_0000),
        (behind, 0x38, 0x1234),
        (behind, 0x3c, 0x010b),
        (isa, 0x40, 0x601),
        (isa, 0x60, 0x0b0b_0a0a),
        (isa, 0x80, 0x1234),
    ] {
        before.put(at, register, value);
    }
    let saved = SavedConfiguration::take(&before).unwrap();
    let mut reset = Recorder(after, Vec::new());
    saved.restore(&mut reset);
    assert_eq!(
        reset.1,
        [
            (host, 0x64, 0x1),
            (host, 0x60, 0xb000_0001),
            (host, 0x04, 0x0103),
            (bridge, 0x18, 0x0001_0100),
            (bridge, 0x1c, 0xc1c1),
            (bridge, 0x20, 0xfe80_fe80),
            (bridge, 0x38, 0x1),
            (bridge, 0x04, 0x0107),
            (isa, 0x60, 0x0b0b_0a0a),
            (behind, 0x1c, 0xfe00_0000),
            (behind, 0x3c, 0x010b),
            (behind, 0x04, 0x0406),
        ],
        "what is status is not written, nor what is the same, nor registers that nobody knows"
    );
}

#[test]
fn more_devices_than_can_be_kept_are_not_kept_in_part() {
    let mut space = Space::default();
    for device in 0..32 {
        for function in 0..8 {
            space.put(DeviceFunction { bus: 0, device, function }, 0, 0x1043_1af4);
            space.put(DeviceFunction { bus: 0, device, function }, 0x0c, 0x80 << 16);
        }
    }
    assert!(SavedConfiguration::take(&space).is_none());
}
