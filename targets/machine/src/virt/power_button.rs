//! The power button: a key on one of the pins of a PL061 (Arm DDI 0190), as the binding "gpio-keys" has it. RISC-V's machine
//! has none.

use super::Machine;
use crate::arch::Interrupts;
use crate::device_tree::cells;
use crate::memory::Window;

/// The code of such a key: Linux's KEY_POWER.
const POWER: u32 = 116;

const RISING: usize = 0x40c;
const ENABLE: usize = 0x410;
const RAW_STATUS: usize = 0x414;
const CLEAR: usize = 0x41c;
const SIZE: u32 = 0x1000;

/// The pin that the key is on.
#[derive(Debug)]
pub struct PowerButton {
    gpio: Window,
    pin: u32,
}

impl PowerButton {
    /// Finds the key and has it, and no other pin, interrupt when it is pressed, and wake the guest.
    pub fn find(machine: &Machine) -> Option<Self> {
        let tree = machine.tree();
        let key = tree.nodes().find(|node| node.cell("linux,code") == Some(POWER))?;
        let mut place = cells(key.property("gpios")?);
        let (gpio, pin) = (tree.by_phandle(place.next()?)?, place.next()?);
        let (address, size) = gpio.registers(0)?;
        if !gpio.is_compatible("arm,pl061") || !address.is_multiple_of(4) || size < SIZE.into() || pin > 7 {
            return None;
        }
        let button = Self { gpio: Window { address, length: SIZE }, pin: 1 << pin };
        for register in [RISING, CLEAR, ENABLE] {
            button.write(register, button.pin);
        }
        gpio.interrupt().and_then(Interrupts::number).into_iter().for_each(|number| machine.unmask(number));
        Some(button)
    }

    /// Whether it was pressed since this was last asked.
    pub fn take_press(&self) -> bool {
        // SAFETY: The tree says that the registers are a PL061's, and mapped they are.
        let pressed = unsafe { self.gpio.at::<u32>(RAW_STATUS).read_volatile() } & self.pin != 0;
        if pressed {
            self.write(CLEAR, self.pin);
        }
        pressed
    }

    fn write(&self, register: usize, value: u32) {
        // SAFETY: As above; it does nothing to memory.
        unsafe { self.gpio.at::<u32>(register).write_volatile(value) }
    }
}
