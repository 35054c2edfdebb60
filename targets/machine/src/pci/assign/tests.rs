use super::*;
use std::collections::BTreeMap;

/// Configuration space of devices with address registers of certain sizes, and bridges that answer for what is behind them.
#[derive(Clone, Default)]
struct Space {
    words: BTreeMap<(u8, u8, u8), u32>,
    /// Which bits of a register cannot be written, and what they are.
    fixed: BTreeMap<(u8, u8, u8), (u32, u32)>,
    /// The places that have a bridge, by the bus that they are on: the bus behind is what they are told.
    behind: BTreeMap<u8, (u8, u8)>,
    /// The root bus beside bus 0, if there is one. It answers to this number.
    root: Option<u8>,
}

impl Space {
    /// Puts a device on a bus as the test numbers it, whatever number it is given.
    fn device(&mut self, bus: u8, device: u8, pin: u8) {
        self.words.insert((bus, device, 0), 0x1043_1af4);
        self.words.insert((bus, device, 0x3c), u32::from(pin) << 8);
        for bar in 0..6 {
            self.fixed.insert((bus, device, 0x10 + 4 * bar), (u32::MAX, 0));
        }
    }

    fn bar(&mut self, bus: u8, device: u8, bar: u8, size: u32, kind: u32) {
        self.fixed.insert((bus, device, 0x10 + 4 * bar), (size - 1, kind));
        if kind & 7 == 4 {
            self.fixed.remove(&(bus, device, 0x10 + 4 * bar + 4));
        }
    }

    fn bridge(&mut self, bus: u8, device: u8, behind: u8) {
        self.device(bus, device, 1);
        self.words.insert((bus, device, 0x0c), 1 << 16);
        for bar in 2..6 {
            self.fixed.remove(&(bus, device, 0x10 + 4 * bar));
        }
        self.behind.insert(behind, (bus, device));
    }

    fn at(&self, bus: u8, device: u8, register: u8) -> u32 {
        self.words.get(&(bus, device, register)).copied().unwrap_or(0)
    }

    /// Which of the test's buses answers to a number.
    fn numbered(&self, number: u8) -> Option<u8> {
        if number == 0 || self.root == Some(number) {
            return Some(number);
        }
        let told = |&(bus, device): &(u8, u8)| (self.at(bus, device, 0x18) >> 8) as u8;
        self.behind.iter().find(|(_, place)| told(place) == number).map(|(&bus, _)| bus)
    }
}

impl ConfigurationAccess for Space {
    fn read_word(&self, at: DeviceFunction, register: u8) -> u32 {
        match self.numbered(at.bus) {
            Some(bus) if at.function == 0 && self.words.contains_key(&(bus, at.device, 0)) => {
                self.at(bus, at.device, register)
            }
            _ => u32::MAX,
        }
    }

    fn write_word(&mut self, at: DeviceFunction, register: u8, value: u32) {
        let Some(bus) = self.numbered(at.bus) else { return };
        let place = (bus, at.device, register);
        let (mask, bits) = self.fixed.get(&place).copied().unwrap_or((0, 0));
        self.words.insert(place, value & !mask | bits);
    }

    unsafe fn unsafe_clone(&self) -> Self {
        self.clone()
    }
}

const MEMORY: Range = Range { on_bus: 0x4000_0000, address: 0x4000_0000, size: 0x1000_0000 };
const IO: Range = Range { on_bus: 0, address: 0x300_0000, size: 0x1_0000 };

/// Each slot's first pin is number 32 and more, and each next pin one more, of four.
fn assigned(mut space: Space) -> Space {
    let route = |device: u8, pin: u8| Some(32 + (device + pin - 1) % 4);
    assign(&mut space, &mut Resources { io: Some(IO), memory: Some(MEMORY), last_bus: 255, route });
    space
}

#[test]
fn registers_get_addresses_that_are_multiples_of_their_sizes() {
    let mut space = Space::default();
    space.device(0, 1, 1);
    space.bar(0, 1, 1, 0x1000, 0);
    space.bar(0, 1, 4, 0x4000, 0xc);
    space.words.insert((0, 1, 0x24), 0xffff_ffff);
    space.device(0, 2, 2);
    space.bar(0, 2, 0, 8, 1);
    let space = assigned(space);
    assert_eq!(space.at(0, 1, 0x14), 0x4000_0000);
    assert_eq!((space.at(0, 1, 0x20), space.at(0, 1, 0x24)), (0x4000_400c, 0), "64 bits, of which 32 are used");
    assert_eq!(space.at(0, 2, 0x10), 9, "a port, and not port 0");
    assert_eq!(IO.find(8, 8), Some(0x300_0008));
    assert_eq!([space.at(0, 1, 0x3c) as u8, space.at(0, 2, 0x3c) as u8], [33, 35]);
}

#[test]
fn bridges_pass_on_what_is_behind_them() {
    let mut space = Space::default();
    space.bridge(0, 1, 10);
    space.device(10, 0, 1);
    space.bar(10, 0, 4, 0x4000, 0xc);
    space.bridge(0, 2, 20);
    space.bridge(20, 3, 30);
    space.device(30, 1, 2);
    space.bar(30, 1, 0, 0x20_0000, 0);
    let space = assigned(space);
    // Primary, secondary and last bus; the first and the last MiB.
    assert_eq!(space.at(0, 1, 0x18), 0x01_01_00);
    assert_eq!(space.at(0, 2, 0x18), 0x03_02_00);
    assert_eq!(space.at(20, 3, 0x18), 0x03_03_02);
    assert_eq!(space.at(10, 0, 0x20), 0x4000_000c);
    assert_eq!(space.at(0, 1, 0x20), 0x4000_4000);
    assert_eq!(space.at(30, 1, 0x10), 0x4020_0000);
    assert_eq!(space.at(20, 3, 0x20), 0x4030_4010);
    assert_eq!(space.at(0, 2, 0x20), 0x4030_4010);
    assert_eq!(space.at(0, 1, 4) & 0xffff, 6, "memory and bus master, and no ports");
    // Slot 1, pin A; slot 2, pin B turned by one and by three.
    assert_eq!([space.at(10, 0, 0x3c) as u8, space.at(30, 1, 0x3c) as u8], [33, 35]);
}

/// As breadth comes first, another bus has the number that the first bridge's inner one is given.
#[test]
fn what_firmware_gave_is_forgotten() {
    let mut space = Space::default();
    space.bridge(0, 1, 10);
    space.bridge(10, 0, 20);
    space.device(20, 0, 1);
    space.bar(20, 0, 0, 0x1000, 0);
    space.bridge(0, 2, 30);
    space.device(30, 0, 1);
    space.bar(30, 0, 0, 0x4000, 4);
    let without = assigned(space.clone());
    for (bus, device, numbers) in [(0, 1, 0x03_01_00), (10, 0, 0x03_03_01), (0, 2, 0x02_02_00)] {
        for (register, value) in [(0x04, 7), (0x18, numbers), (0x24, 0xfff1_0001), (0x28, 0x80), (0x2c, 0x80)] {
            space.words.insert((bus, device, register), value);
        }
    }
    for bus in [20, 30] {
        for (register, value) in [(0x04, 7), (0x10, 0x4010_0000), (0x3c, 0x0120)] {
            space.words.insert((bus, 0, register), value);
        }
    }
    space.words.insert((30, 0, 0x14), 0x80);
    let with = assigned(space);
    let words = |space: Space| space.words.into_iter().filter(|&(_, word)| word != 0).collect::<BTreeMap<_, _>>();
    assert_eq!(words(with), words(without));
}

#[test]
fn what_does_not_fit_gets_no_address() {
    let mut space = Space::default();
    space.device(0, 1, 0);
    space.bar(0, 1, 0, 0x2000_0000, 0);
    space.bar(0, 1, 1, 0x1000, 0);
    space.bridge(0, 2, 10);
    let space = assigned(space);
    assert_eq!([space.at(0, 1, 0x10), space.at(0, 1, 0x14)], [0, 0x4000_0000]);
    assert_eq!(space.at(0, 1, 0x3c), 0, "no pin, no interrupt");
    assert_eq!(space.at(0, 2, 0x20), 0xfff0, "a bridge with nothing behind it passes nothing on");
}

#[test]
fn ports_behind_bridges_are_reached() {
    let mut space = Space::default();
    space.device(0, 1, 1);
    space.bar(0, 1, 0, 8, 1);
    space.bridge(0, 2, 10);
    space.device(10, 1, 1);
    space.bar(10, 1, 0, 8, 1);
    let space = assigned(space);
    assert_eq!([space.at(0, 1, 0x10), space.at(10, 1, 0x10)], [9, 0x1001]);
    assert_eq!(space.at(0, 2, 0x1c), 0x1010, "4 KiB, the first and the last");
    assert_eq!(space.at(0, 2, 4) & 0xffff, 7, "ports, memory and bus master");
}

#[test]
fn a_further_root_bus_keeps_its_number() {
    let mut space = Space::default();
    // What firmware gave before: the bus behind the first bridge has a number that only a root bus may answer to.
    space.bridge(0, 1, 30);
    space.words.insert((0, 1, 0x18), 0x09_09_00);
    space.device(30, 0, 1);
    space.bridge(0, 2, 40);
    space.device(0, 3, 0);
    space.words.insert((0, 3, 8), 0x0600_0000);
    space.root = Some(8);
    space.bridge(8, 5, 50);
    space.device(50, 0, 1);
    space.bar(50, 0, 4, 0x4000, 0xc);
    let space = assigned(space);
    assert_eq!([space.at(0, 1, 0x18), space.at(0, 2, 0x18)], [0x01_01_00, 0x02_02_00]);
    assert_eq!(space.at(8, 5, 0x18), 0x09_09_08);
    assert_eq!(space.at(50, 0, 0x20), 0x4000_000c);
    assert_eq!(space.at(8, 5, 0x20), 0x4000_4000);
    assert_eq!(space.at(50, 0, 0x3c) as u8, 33, "as of slot 5 of the first bus");
}
