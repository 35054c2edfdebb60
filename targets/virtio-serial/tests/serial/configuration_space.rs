//! Consoles in PCI's configuration space: found on all buses, and switched on only if what they say makes sense.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;

use proptest::prelude::*;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};
use virtio_serial::pci::{self, BarPart, OpenError, PciConsole, PciError, PciPort, PortAccess, consoles, enable};
use virtio_serial::transport::PciStructures;
use virtio_serial::{Error, Event};

use crate::bench::Host;
use crate::device::{AGENT, Device};
use crate::memory::TestHal;
use crate::registers::{self, Window};

const CONSOLE: DeviceFunction = at(0, 3, 0);
const MODERN: u32 = 0x1043_1af4;
const TRANSITIONAL: u32 = 0x1003_1af4;
const MULTIFUNCTION: u32 = 0x80 << 16;
/// The command register as firmware leaves it: I/O, memory, SERR. Above, the status bit of capabilities.
const STATUS_COMMAND: u32 = 0x0010_0103;

const fn at(bus: u8, device: u8, function: u8) -> DeviceFunction {
    DeviceFunction { bus, device, function }
}

/// Configuration space: words by function and register. BAR 4 is of four pages, BAR 0 of one, and BAR 2 is I/O ports.
#[derive(Clone, Default)]
struct Space {
    words: BTreeMap<(u8, u8, u8, u8), u32>,
    reads: RefCell<usize>,
}

impl Space {
    fn with(mut self, at: DeviceFunction, register: u8, value: u32) -> Self {
        self.put(at, register, value);
        self
    }

    fn put(&mut self, at: DeviceFunction, register: u8, value: u32) {
        self.words.insert((at.bus, at.device, at.function, register), value);
    }

    /// A console as QEMU shows it to a guest of SeaBIOS: MSI-X, and four structures in BAR 4.
    fn with_console(mut self, at: DeviceFunction) -> Self {
        self.put(at, 0x00, MODERN);
        self.put(at, 0x04, STATUS_COMMAND);
        self.put(at, 0x10, 0xfebf_0000);
        self.put(at, 0x18, 0xc001);
        self.put(at, 0x20, 0xfe00_000c);
        self.put(at, 0x24, 0);
        self.put(at, 0x34, 0x98);
        self.put(at, 0x3c, 0x010b);
        self.put(at, 0x98, 0x8001_4011);
        for (index, kind) in [1u32, 3, 4, 2].into_iter().enumerate() {
            let pointer = 0x40 + 0x14 * index as u8;
            let next = if index == 3 { 0 } else { u32::from(pointer) + 0x14 };
            self.put(at, pointer, kind << 24 | 0x14 << 16 | next << 8 | 9);
            self.put(at, pointer + 4, 4);
            self.put(at, pointer + 8, 0x1000 * index as u32);
            self.put(at, pointer + 12, 0x1000);
        }
        self.with(at, 0x40 + 3 * 0x14 + 16, 4)
    }
}

impl ConfigurationAccess for Space {
    fn read_word(&self, at: DeviceFunction, register: u8) -> u32 {
        assert!(register.is_multiple_of(4) && at.device < 32 && at.function < 8, "{register:#x} of {at}");
        *self.reads.borrow_mut() += 1;
        let is_there = self.words.contains_key(&(at.bus, at.device, at.function, 0));
        let absent = if is_there { 0 } else { u32::MAX };
        *self.words.get(&(at.bus, at.device, at.function, register)).unwrap_or(&absent)
    }

    fn write_word(&mut self, at: DeviceFunction, register: u8, value: u32) {
        let fixed = match register {
            0x04 => 0xffff_0000,
            0x10 => 0x0fff,
            0x18 => 0x3f,
            0x20 => 0x3fff,
            _ => 0,
        };
        if matches!(register, 0x10..0x28) {
            assert_eq!(self.read_word(at, 0x04) & 2, 0, "a device that answers at its addresses while they are sized");
        }
        let value = value & !fixed | self.read_word(at, register) & fixed;
        self.put(at, register, value);
    }

    unsafe fn unsafe_clone(&self) -> Self {
        unreachable!("the only access is a reference")
    }
}

fn structures(base: u64) -> PciStructures<Range<u64>> {
    let window = |page: u64| base + 0x1000 * page..base + 0x1000 * (page + 1);
    PciStructures { common: window(0), isr: window(1), device: window(2), notify: window(3), notify_multiplier: 4 }
}

#[test]
fn a_console_is_found_behind_a_root_port_and_on_a_bus_that_no_bridge_leads_to() {
    let space = Space::default()
        .with(at(0, 0, 0), 0, 0x29c0_8086)
        .with(at(0, 1, 0), 0, 0x000c_1b36)
        .with(at(0, 1, 0), 0x0c, 1 << 16)
        .with_console(at(3, 0, 0))
        .with(at(128, 31, 0), 0, 0x1234_8086)
        .with(at(128, 31, 0), 0x0c, MULTIFUNCTION)
        .with(at(128, 31, 7), 0, TRANSITIONAL)
        .with_console(at(255, 31, 0));
    let found: Vec<_> = consoles(&space).map(|at| (at.bus, at.device, at.function)).collect();
    assert_eq!(found, [(3, 0, 0), (128, 31, 7), (255, 31, 0)]);
}

#[test]
fn only_functions_that_exist_are_looked_at() {
    let space = Space::default()
        // No multifunction device, though there is something in a second function.
        .with(at(0, 1, 0), 0, 0x1111_8086)
        .with(at(0, 1, 1), 0, MODERN)
        // A second function without a first.
        .with(at(0, 2, 1), 0, MODERN)
        // Another vendor's, and another type.
        .with(at(0, 3, 0), 0, 0x1043_8086)
        .with(at(0, 4, 0), 0, 0x1041_1af4);
    assert_eq!(consoles(&space).next(), None);
    let reads = *space.reads.borrow();
    assert!((8192..8192 + 32).contains(&reads), "{reads} words were read");
}

#[test]
fn the_first_console_costs_no_look_at_later_buses() {
    let space = Space::default().with_console(CONSOLE);
    assert_eq!(consoles(&space).next(), Some(CONSOLE));
    assert!(*space.reads.borrow() < 10);
}

#[test]
fn a_console_is_switched_on() {
    let mut space = Space::default().with_console(CONSOLE);
    // Firmware has left its interrupts off.
    space.put(CONSOLE, 0x04, STATUS_COMMAND | 1 << 10);
    let console = PciConsole { structures: structures(0xfe00_0000), interrupt_line: Some(11) };
    assert_eq!(enable(&mut space, CONSOLE), Ok(console));
    assert_eq!(space.read_word(CONSOLE, 0x20), 0xfe00_000c, "the address is as it was");
    assert_eq!(space.read_word(CONSOLE, 0x04), STATUS_COMMAND | 0b110, "memory and bus master, and interrupts");
}

#[test]
fn a_console_may_be_above_4_gib() {
    let mut space = Space::default().with_console(CONSOLE).with(CONSOLE, 0x24, 0x38);
    assert_eq!(enable(&mut space, CONSOLE).map(|console| console.structures), Ok(structures(0x38_fe00_0000)));
    assert_eq!(space.read_word(CONSOLE, 0x24), 0x38);
}

#[test]
fn structures_come_in_any_order_and_notifications_with_their_multiplier() {
    let mut space = Space::default().with_console(CONSOLE).with(CONSOLE, 0x34, 0x7c).with(CONSOLE, 0x8c, 8);
    space.put(CONSOLE, 0x7c, 2 << 24 | 0x14 << 16 | 0x40 << 8 | 9);
    space.put(CONSOLE, 0x68, 4 << 24 | 0x14 << 16 | 9);
    let expected = PciStructures { notify_multiplier: 8, ..structures(0xfe00_0000) };
    assert_eq!(enable(&mut space, CONSOLE).map(|console| console.structures), Ok(expected));
}

#[test]
fn the_last_place_for_a_structure_and_the_last_bar_are_used() {
    let mut space = Space::default().with_console(CONSOLE).with(CONSOLE, 0x34, 0xec);
    for (word, value) in [0x0310_4009, 4, 0x10, 1].into_iter().enumerate() {
        space.put(CONSOLE, 0xec + 4 * word as u8, value);
    }
    assert_eq!(enable(&mut space, CONSOLE).map(|console| console.structures.isr), Ok(0xfe00_0010..0xfe00_0011));
    // Two ranges of 32 bits, and ports in the first.
    let mut space = Space::default().with_console(CONSOLE);
    for (register, value) in [(0x10, 0xc101), (0x20, 0xfe00_0000), (0x24, 0xfd00_0000), (0x58, 5), (0x5c, 0), (0x60, 1)]
    {
        space.put(CONSOLE, register, value);
    }
    assert_eq!(enable(&mut space, CONSOLE).map(|console| console.structures.isr), Ok(0xfd00_0000..0xfd00_0001));
}

#[test]
fn a_console_of_32_bits_has_nothing_in_the_next_register() {
    let mut space = Space::default().with_console(CONSOLE).with(CONSOLE, 0x24, 0x38);
    space.put(CONSOLE, 0x20, 0xfe00_0008);
    assert_eq!(enable(&mut space, CONSOLE).map(|console| console.structures), Ok(structures(0xfe00_0000)));
}

#[test]
fn a_reason_is_told_in_words() {
    for (error, words) in [
        (PciError::LegacyOnly, "the device has only the legacy interface"),
        (PciError::Unassigned, "the device's registers have no address"),
        (PciError::Malformed, "the device's capabilities are malformed"),
    ] {
        assert_eq!((error.reason(), error.to_string().as_str()), (words, words));
        assert_eq!(OpenError::Console(error).to_string(), words);
    }
    assert_eq!(OpenError::NoConsole.to_string(), "no virtio console on PCI");
    assert_eq!(OpenError::NotMapped.to_string(), "the console's registers could not be mapped");
    assert_eq!(OpenError::Driver(Error::NoReset).to_string(), Error::NoReset.to_string());
    let ports = PortAccess::new(|_| {}, || 0, |_| {});
    assert!(format!("{ports:?}").starts_with("PortAccess"));
}

#[test]
fn a_console_may_have_no_interrupt_line() {
    for interrupt in [0x000b, 0x01ff, 0x0100] {
        let mut space = Space::default().with_console(CONSOLE).with(CONSOLE, 0x3c, interrupt);
        assert_eq!(enable(&mut space, CONSOLE).map(|console| console.interrupt_line), Ok(None), "{interrupt:#x}");
    }
}

#[test]
fn structures_in_ports_or_reserved_bars_are_passed_over() {
    for bar in [2, 6, 0xff] {
        // As with QEMU's modern-pio-notify: a second place for notifications, before the first.
        let mut space = Space::default().with_console(CONSOLE).with(CONSOLE, 0x34, 0xc0);
        for (word, value) in [0x0214_4009, bar, 0, 4, 0].into_iter().enumerate() {
            space.put(CONSOLE, 0xc0 + 4 * word as u8, value);
        }
        assert_eq!(enable(&mut space, CONSOLE).map(|console| console.structures), Ok(structures(0xfe00_0000)), "{bar}");
    }
}

#[test]
fn the_first_structure_of_a_type_is_used() {
    let mut space = Space::default().with_console(CONSOLE).with(CONSOLE, 0x34, 0xc0);
    for (word, value) in [0x0210_4009 | 3 << 24, 0, 0x10, 1].into_iter().enumerate() {
        space.put(CONSOLE, 0xc0 + 4 * word as u8, value);
    }
    assert_eq!(enable(&mut space, CONSOLE).map(|console| console.structures.isr), Ok(0xfebf_0010..0xfebf_0011));
}

#[test]
fn what_cannot_be_driven_says_why_and_stays_off() {
    let damaged = |register: u8, value: u32| {
        let mut space = Space::default().with_console(CONSOLE).with(CONSOLE, register, value);
        let error = enable(&mut space, CONSOLE).unwrap_err();
        assert_eq!(space.read_word(CONSOLE, 0x04) & 0b110, 0, "{error}");
        error
    };
    assert_eq!(damaged(0x04, 0x103), PciError::LegacyOnly, "no capabilities");
    assert_eq!(damaged(0x34, 0), PciError::LegacyOnly);
    assert_eq!(damaged(0x34, 0x3c), PciError::LegacyOnly, "a pointer to the header");
    assert_eq!(damaged(0x20, 0xc), PciError::Unassigned);
    assert_eq!(damaged(0x20, 0x2), PciError::Malformed, "a reserved type, so the structures are passed over");
    assert_eq!(damaged(0x44, 6), PciError::Malformed, "no common configuration but in a reserved BAR");
    assert_eq!(damaged(0x44, 5), PciError::Unassigned, "another BAR");
    assert_eq!(damaged(0x4c, 0x4001), PciError::Malformed, "more than the BAR has");
    assert_eq!(damaged(0x4c, 0), PciError::Malformed, "nothing");
    assert_eq!(damaged(0x48, 2), PciError::Malformed, "not aligned");
    assert_eq!(damaged(0x70, 0x2002), PciError::Malformed, "device configuration that is not aligned");
    assert_eq!(damaged(0x84, 0x3001), PciError::Malformed, "notifications that are not aligned");
    assert_eq!(damaged(0x48, u32::MAX), PciError::Malformed, "offset and length overflow");
    assert_eq!(damaged(0x40, 5 << 24 | 0x14 << 16 | 0x54 << 8 | 9), PciError::Malformed, "no common configuration");
    assert_eq!(damaged(0x98, 0x0110_0009), PciError::Malformed, "a capability of zeros");
    assert_eq!(damaged(0x98, 0x9811), PciError::LegacyOnly, "a list without an end");
}

#[test]
fn a_capability_at_the_end_of_configuration_space_is_not_read_beyond_it() {
    let mut space = Space::default().with_console(CONSOLE).with(CONSOLE, 0x34, 0xf0);
    for (word, value) in [0x0214_4009, 4, 0x3000, 0x1000].into_iter().enumerate() {
        space.put(CONSOLE, 0xf0 + 4 * word as u8, value);
    }
    assert_eq!(enable(&mut space, CONSOLE), Err(PciError::Malformed));
}

#[test]
fn addresses_at_the_end_of_memory_do_not_wrap() {
    let mut space = Space::default().with_console(CONSOLE).with(CONSOLE, 0x24, u32::MAX);
    space.put(CONSOLE, 0x20, 0xffff_c00c);
    assert_eq!(enable(&mut space, CONSOLE), Err(PciError::Malformed));
}

#[test]
fn structures_can_be_found_without_addresses() {
    let space = Space::default().with_console(CONSOLE);
    let part = |page: u32| BarPart { bar: 4, offset: 0x1000 * page, length: 0x1000 };
    let expected =
        PciStructures { common: part(0), isr: part(1), device: part(2), notify: part(3), notify_multiplier: 4 };
    assert_eq!(pci::structures(|register| space.read_word(CONSOLE, register)), Ok(expected));
}

#[test]
fn a_console_is_switched_on_through_two_ports() {
    let space = RefCell::new(Space::default().with_console(at(3, 2, 1)).with(at(3, 2, 0), 0, 0x1234_8086));
    space.borrow_mut().put(at(3, 2, 0), 0x0c, MULTIFUNCTION);
    let selected = Cell::new(0u32);
    let place = || {
        let [register, function, bus, enable] = selected.get().to_le_bytes();
        assert_eq!(enable, 0x80);
        (at(bus, function >> 3, function & 7), register)
    };
    let mut access = PortAccess::new(
        |address| selected.set(address),
        || space.borrow().read_word(place().0, place().1),
        |word| space.borrow_mut().write_word(place().0, place().1, word),
    );
    let found = consoles(&access).next();
    assert_eq!(found, Some(at(3, 2, 1)));
    let console = PciConsole { structures: structures(0xfe00_0000), interrupt_line: Some(11) };
    assert_eq!(enable(&mut access, at(3, 2, 1)), Ok(console));
    assert_eq!(space.borrow().read_word(at(3, 2, 1), 0x04), STATUS_COMMAND | 0b110);
}

/// Opens the agent's port of a host's device, at whose structures the addresses of a console lead.
fn open(host: &Host, space: &mut Space) -> Result<PciPort<TestHal, Window>, OpenError> {
    let PciStructures { common, isr, device, notify, .. } = registers::structures(host);
    let windows = [common, isr, device, notify];
    pci::open(space, AGENT, |addresses| {
        windows.get(addresses.start.checked_sub(0xfe00_0000)? as usize / 0x1000).cloned()
    })
}

#[test]
fn a_port_is_opened_in_one_step_and_its_handle_acknowledges_interrupts() {
    let host = Host::new(Device::modern().with_port(1, AGENT));
    let PciPort { mut driver, interrupt_line } = open(&host, &mut Space::default().with_console(at(3, 0, 0))).unwrap();
    assert_eq!(interrupt_line, Some(11));
    assert_eq!(host.settle(&mut driver), [Event::Found]);
    let handle = driver.pci_interrupt_handle();
    host.device().connect(1);
    assert_eq!(driver.poll(), Some(Event::Opened));
    assert_eq!(host.device().interrupt, 1, "polling leaves interrupts to the handle");
    assert!(handle.acknowledge());
    assert_eq!(host.device().interrupt, 0);
}

#[test]
fn a_port_that_cannot_be_opened_says_why() {
    let open = |device, mut space| open(&Host::new(device), &mut space).err();
    let console = || Space::default().with_console(CONSOLE);
    assert_eq!(open(Device::modern(), Space::default()), Some(OpenError::NoConsole));
    let legacy = console().with(CONSOLE, 0x34, 0);
    assert_eq!(open(Device::modern(), legacy), Some(OpenError::Console(PciError::LegacyOnly)));
    assert_eq!(open(Device::modern(), console().with(CONSOLE, 0x24, 0x38)), Some(OpenError::NotMapped));
    let single = Device { offered: 1 << 32, ..Device::modern() };
    assert_eq!(open(single, console()), Some(OpenError::Driver(Error::NoMultiport)));
}

proptest! {
    /// Whatever the words of a function are, it is switched on with windows that lie in one of its ranges, or it is refused.
    #[test]
    fn no_words_do_harm(words in proptest::collection::btree_map(1u8..64, any::<u32>(), 0..40), kept in any::<bool>()) {
        let mut space = if kept { Space::default().with_console(CONSOLE) } else { Space::default().with(CONSOLE, 0, MODERN) };
        for (word, value) in words {
            space.put(CONSOLE, 4 * word, value);
        }
        if let Ok(PciConsole { structures: PciStructures { common, notify, isr, device, .. }, .. }) = enable(&mut space, CONSOLE) {
            let is_in_a_bar = |window: &Range<u64>| {
                (0x10..0x28).step_by(4).any(|register| {
                    let low = space.read_word(CONSOLE, register);
                    let high = if low & 6 == 4 { space.read_word(CONSOLE, register + 4) } else { 0 };
                    let base = u64::from(high) << 32 | u64::from(low & !0xf);
                    let size = match register {
                        0x10 => 0x1000,
                        0x20 => 0x4000,
                        _ => 16,
                    };
                    low & 1 == 0 && window.start >= base && window.end - base <= size
                })
            };
            for window in [common, notify, isr, device] {
                prop_assert!(!window.is_empty() && is_in_a_bar(&window), "{window:x?}");
            }
        }
    }
}
