//! The part of a generic interrupt controller that all CPUs share (Arm IHI 0048, 4.3; Arm IHI 0069, 12.9).
//!
//! Own code, because the crate `arm-gic` may panic, and whether it does the compiler sees only sometimes.

use super::secure;
use crate::memory::Window;

/// The first number that no interrupt has.
pub(super) const INTERRUPTS: u32 = 1020;

// Offsets of registers, in bytes.
pub(super) const CONTROL: usize = 0x000;
const GROUPS: usize = 0x080;
const ENABLE: usize = 0x100;
const DISABLE: usize = 0x180;
const KINDS: usize = 0xc00;

/// Words of a bit for each interrupt.
const WORDS: usize = 32;

/// The distributor, or a redistributor's registers of interrupts, which are at the same places.
#[derive(Debug)]
pub(super) struct Distributor(Window);

impl Distributor {
    /// The distributor with these registers.
    ///
    /// # Safety
    /// They must be a controller's, mapped, and 4 KiB at least.
    pub(super) const unsafe fn new(registers: Window) -> Self {
        Self(registers)
    }

    /// Switches all interrupts off.
    pub(super) fn disable_all(&self) {
        (0..WORDS).for_each(|word| self.write(DISABLE + 4 * word, u32::MAX));
    }

    /// Puts all interrupts into group 1: that of this security state if there are two, and one as good as another if not. If there are
    /// two, the secure state must do it, which works where EL3 is ours.
    pub(super) fn take_all(&self) {
        for word in 0..WORDS {
            let register = GROUPS + 4 * word;
            self.write(register, u32::MAX);
            // SAFETY: It is a device's register.
            unsafe { secure::write(self.0.address + register as u64, u32::MAX) };
        }
    }

    /// Lets an interrupt through, for as long as its line is asserted.
    pub(super) fn enable(&self, number: u32) {
        if number < INTERRUPTS {
            let (word, place) = (KINDS + number as usize / 16 * 4, number % 16 * 2);
            self.write(word, self.read(word) & !(2 << place));
            self.write(ENABLE + number as usize / 32 * 4, 1 << (number % 32));
        }
    }

    /// Reads a register.
    pub(super) fn read(&self, register: usize) -> u32 {
        // SAFETY: `new` was promised that they are a controller's, of which reading changes nothing.
        unsafe { self.0.at::<u32>(register).read_volatile() }
    }

    /// Writes a register.
    pub(super) fn write(&self, register: usize, value: u32) {
        // SAFETY: As above. An interrupt does no more than to end a sleep.
        unsafe { self.0.at::<u32>(register).write_volatile(value) }
    }

    /// The registers.
    pub(super) const fn registers(&self) -> Window {
        self.0
    }
}
