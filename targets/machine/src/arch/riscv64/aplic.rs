//! The advanced platform-level interrupt controller, which interrupts a hart directly or by messages to its IMSIC (RISC-V
//! Advanced Interrupt Architecture 1.0, chapters 3 and 4).

use core::arch::asm;

use super::cpu::wait_for_interrupt;
use super::harts::place_of;
use crate::device_tree::Tree;
use crate::memory::Window;

const SOURCES: u32 = 1024;

// Offsets of registers, in bytes (4.5).
const DOMAIN: usize = 0x0000;
const SOURCE: usize = 0x0000;
const DISABLE: usize = 0x1f00;
const ENABLE_NUMBER: usize = 0x1edc;
const TARGET: usize = 0x3000;
const DELIVERY_CONTROLS: usize = 0x4000;
const DELIVERY_CONTROL_SIZE: usize = 32;
const DELIVERY: usize = 0x00;
const THRESHOLD: usize = 0x08;
const CLAIM: usize = 0x1c;

const DOMAIN_ENABLE: u32 = 1 << 8;
const DOMAIN_BY_MESSAGES: u32 = 1 << 2;
/// The interrupt is there while the line is high.
const SOURCE_LEVEL_HIGH: u32 = 6;
const TARGET_HART_SHIFT: u32 = 18;
/// The priority of each interrupt, or the number of its message: any but 0.
const ALL: u32 = 1;

/// The controller's domain of supervisor mode.
#[derive(Debug)]
pub(super) struct Aplic {
    registers: Window,
    /// This hart's number in the domain.
    hart: u32,
    by_messages: bool,
}

impl Aplic {
    /// The controller, with every device's interrupt off.
    pub(super) fn find(tree: &Tree<'_>, hart: u32) -> Option<Self> {
        let (node, hart, by_messages) = tree.compatible("riscv,aplic").find_map(|node| {
            let imsic = node.cell("msi-parent").and_then(|phandle| tree.by_phandle(phandle));
            let place = place_of(hart, imsic.as_ref().unwrap_or(&node))?;
            Some((node, place, imsic.is_some()))
        })?;
        let (address, size) = node.registers(0)?;
        let end = DELIVERY_CONTROLS + hart.checked_add(1)?.checked_mul(DELIVERY_CONTROL_SIZE)?;
        if !address.is_multiple_of(4) || size < end as u64 {
            return None;
        }
        let registers = Window { address, length: u32::try_from(end).ok()? };
        let aplic = Self { registers, hart: hart as u32, by_messages };
        for word in 0..SOURCES as usize / 32 {
            aplic.write(DISABLE + 4 * word, u32::MAX);
        }
        if by_messages {
            start_imsic();
        } else {
            aplic.write(aplic.control() + THRESHOLD, 0);
            aplic.write(aplic.control() + DELIVERY, 1);
        }
        aplic.write(DOMAIN, DOMAIN_ENABLE | if by_messages { DOMAIN_BY_MESSAGES } else { 0 });
        Some(aplic)
    }

    /// Lets an interrupt wake the guest.
    pub(super) fn unmask(&self, number: u32) {
        if (1..SOURCES).contains(&number) {
            let place = 4 * number as usize;
            self.write(SOURCE + place, SOURCE_LEVEL_HIGH);
            self.write(TARGET + place, self.hart << TARGET_HART_SHIFT | ALL);
            self.write(ENABLE_NUMBER, number);
        }
    }

    /// Sleeps until a device interrupts. One that did so since it was last asked ends the sleep at once.
    ///
    /// A message is sent only when a line rises. It is taken when it has ended the sleep, and its device is asked before the next.
    /// An interrupt that is delivered directly is there as long as its device asserts its line; QEMU 7.2 keeps it until it is claimed
    /// after that.
    pub(super) fn sleep(&self) {
        if self.by_messages {
            wait_for_interrupt();
            take_message();
        } else {
            self.read(self.control() + CLAIM);
            wait_for_interrupt();
        }
    }

    /// This hart's registers of direct delivery.
    fn control(&self) -> usize {
        DELIVERY_CONTROLS + self.hart as usize * DELIVERY_CONTROL_SIZE
    }

    fn read(&self, register: usize) -> u32 {
        // SAFETY: As for writing.
        unsafe { self.registers.at::<u32>(register).read_volatile() }
    }

    fn write(&self, register: usize, value: u32) {
        // SAFETY: `find` has checked that the registers are there, and the tree says they are this controller's. An interrupt does
        // no more than to end a sleep.
        unsafe { self.registers.at::<u32>(register).write_volatile(value) }
    }
}

/// Lets this hart's IMSIC interrupt by the one message that is used (3.8).
fn start_imsic() {
    /// Registers behind `siselect`: delivery, threshold, and the first messages' enable bits.
    const REGISTERS: [(usize, usize); 3] = [(0x70, 1), (0x72, 0), (0xc0, 1 << ALL)];
    for (register, value) in REGISTERS {
        // SAFETY: The tree says that this hart has an IMSIC, and so it has `siselect` and `sireg`. They do nothing to memory.
        unsafe { asm!("csrw 0x150, {}", "csrw 0x151, {}", in(reg) register, in(reg) value, options(nomem, nostack)) };
    }
}

/// Takes a message, if there is one (3.10).
fn take_message() {
    // SAFETY: As above: the register is `stopei`, and a write of any value takes what it shows.
    unsafe { asm!("csrw 0x15c, zero", options(nomem, nostack)) };
}
