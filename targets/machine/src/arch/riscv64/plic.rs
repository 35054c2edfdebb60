//! The platform-level interrupt controller (RISC-V PLIC 1.0).

use core::cell::Cell;

use super::cpu::wait_for_interrupt;
use super::harts::place_of;
use crate::device_tree::Tree;
use crate::memory::Window;

const SOURCES: u32 = 1024;
const ENABLES: usize = 0x2000;
const ENABLES_SIZE: usize = 0x80;
const CONTEXTS: usize = 0x20_0000;
const CONTEXT_SIZE: usize = 0x1000;
const THRESHOLD: usize = 0;
const CLAIM: usize = 4;

/// The controller, as this hart's supervisor mode has it.
#[derive(Debug)]
pub(super) struct Plic {
    registers: Window,
    context: usize,
    /// What ended the last sleep, 0 for none. Until it is complete, it does not interrupt again.
    claimed: Cell<u32>,
}

impl Plic {
    /// The controller, with every device's interrupt off.
    pub(super) fn find(tree: &Tree<'_>, hart: u32) -> Option<Self> {
        let plic = tree.compatible("riscv,plic0").next()?;
        let context = place_of(hart, &plic)?;
        let (address, size) = plic.registers(0)?;
        let end = CONTEXTS + (context + 1) * CONTEXT_SIZE;
        if !address.is_multiple_of(4) || size < end as u64 {
            return None;
        }
        let registers = Window { address, length: end as u32 };
        let plic = Self { registers, context, claimed: Cell::new(0) };
        for word in 0..SOURCES as usize / 32 {
            plic.write(plic.enables() + 4 * word, 0);
        }
        plic.write(plic.context() + THRESHOLD, 0);
        Some(plic)
    }

    /// Lets an interrupt wake the guest.
    pub(super) fn unmask(&self, number: u32) {
        if (1..SOURCES).contains(&number) {
            let word = self.enables() + number as usize / 32 * 4;
            self.write(word, self.read(word) | 1 << (number % 32));
            // Last, as QEMU's looks at what is pending when this changes, and not for the other.
            self.write(4 * number as usize, 1);
        }
    }

    /// Sleeps until a device interrupts. One that did so since it was last asked ends the sleep at once.
    ///
    /// The interrupt is claimed when it has ended the sleep, and complete before the next: in between, its device has been
    /// asked and has let go of its line. One that has not interrupts again, but not with QEMU's PLIC, which hears a line only
    /// as it rises.
    pub(super) fn sleep(&self) {
        let claim = self.context() + CLAIM;
        match self.claimed.get() {
            0 => {}
            number => self.write(claim, number),
        }
        wait_for_interrupt();
        self.claimed.set(self.read(claim));
    }

    fn enables(&self) -> usize {
        ENABLES + self.context * ENABLES_SIZE
    }

    fn context(&self) -> usize {
        CONTEXTS + self.context * CONTEXT_SIZE
    }

    fn read(&self, register: usize) -> u32 {
        // SAFETY: `find` has checked that the registers are there, and the tree says they are this controller's.
        unsafe { self.registers.at::<u32>(register).read_volatile() }
    }

    fn write(&self, register: usize, value: u32) {
        // SAFETY: As above. An interrupt does no more than to end a sleep.
        unsafe { self.registers.at::<u32>(register).write_volatile(value) }
    }
}
