use std::cell::RefCell;

use super::*;

const PORT: DeviceFunction = DeviceFunction { bus: 0, device: 1, function: 0 };
const BEHIND: DeviceFunction = DeviceFunction { bus: 2, device: 0, function: 0 };

/// A root port whose slot does as the specification says, but for what QEMU does to clear events.
struct Port {
    control: u16,
    status: u16,
    is_populated: bool,
}

const BUTTON: u16 = 1;
const CHANGED: u16 = 8;
const PRESENT: u16 = 0x40;
const INTERRUPTS: u16 = 0x29;

impl Port {
    fn new() -> RefCell<Self> {
        // As after a reset without a device: power and indicator off.
        RefCell::new(Self { control: 0x7c0, status: 0, is_populated: false })
    }

    fn plug(&mut self) {
        self.is_populated = true;
        self.status |= PRESENT | CHANGED | BUTTON;
    }

    fn write(&mut self, word: u32) {
        let (control, events) = (word as u16, (word >> 16) as u16);
        // QEMU looks at the lower half.
        if control & !self.status & 0x1f == 0 {
            self.status &= !(events & 0x19);
        }
        let is_off = control & 0x700 == 0x700;
        if self.is_populated && is_off && self.control & 0x700 != 0x700 {
            self.is_populated = false;
            self.status = self.status & !PRESENT | CHANGED;
        }
        self.control = control;
    }
}

#[derive(Clone, Copy)]
struct Space<'a>(&'a RefCell<Port>);

impl ConfigurationAccess for Space<'_> {
    fn read_word(&self, at: DeviceFunction, register: u8) -> u32 {
        let port = self.0.borrow();
        match (at, register) {
            (PORT, 0) => 0x000c_1b36,
            (PORT, 4) => STATUS_CAPABILITIES,
            (PORT, 0x0c) => 1 << 16,
            (PORT, 0x18) => 0x0003_0200,
            (PORT, 0x34) => 0x40,
            // Another capability before it.
            (PORT, 0x40) => 0x5411,
            (PORT, 0x54) => 0x0142_0010,
            (PORT, 0x68) => 0x7f,
            (PORT, 0x6c) => u32::from(port.status) << 16 | u32::from(port.control),
            (PORT, _) => 0,
            _ => u32::MAX,
        }
    }

    fn write_word(&mut self, at: DeviceFunction, register: u8, data: u32) {
        assert_eq!((at, register), (PORT, 0x6c));
        self.0.borrow_mut().write(data);
    }

    unsafe fn unsafe_clone(&self) -> Self {
        *self
    }
}

#[test]
fn a_device_is_switched_on_when_it_comes_and_off_when_it_shall_leave() {
    let port = Port::new();
    let mut slots = Slots::find(&Space(&port));
    assert_eq!(slots.ports().collect::<std::vec::Vec<_>>(), [PORT]);
    slots.arm(&mut Space(&port));
    assert_eq!(port.borrow().control & INTERRUPTS, INTERRUPTS);
    assert!(!slots.take_changes(&mut Space(&port)));
    for _ in 0..3 {
        port.borrow_mut().plug();
        assert!(slots.take_changes(&mut Space(&port)));
        assert!(!slots.take_changes(&mut Space(&port)), "each change is told of once");
        assert_eq!(port.borrow().control & 0x700, 0x100, "power on, indicator on");
        assert!(!slots.is_leaving(&Space(&port), BEHIND));

        port.borrow_mut().status |= BUTTON;
        assert!(slots.take_changes(&mut Space(&port)));
        assert!(slots.is_leaving(&Space(&port), BEHIND));
        assert!(slots.is_leaving(&Space(&port), DeviceFunction { bus: 3, ..BEHIND }), "behind a bridge that leaves");
        assert!(!slots.is_leaving(&Space(&port), DeviceFunction { bus: 4, ..BEHIND }));
        slots.let_go(&mut Space(&port));
        assert!(!port.borrow().is_populated && !slots.is_leaving(&Space(&port), BEHIND));
        assert!(slots.take_changes(&mut Space(&port)), "it has left");
        assert!(!slots.take_changes(&mut Space(&port)));
        assert_eq!(port.borrow().control & INTERRUPTS, INTERRUPTS);
    }
}

#[test]
fn a_device_that_comes_before_the_slot_is_armed_is_seen() {
    let port = Port::new();
    let mut slots = Slots::find(&Space(&port));
    port.borrow_mut().plug();
    slots.arm(&mut Space(&port));
    assert!(slots.take_changes(&mut Space(&port)));
    assert_eq!(port.borrow().control & 0x400, 0);
}
