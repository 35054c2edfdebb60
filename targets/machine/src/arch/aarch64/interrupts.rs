//! The generic interrupt controller (Arm IHI 0048 and, from version 3 on, IHI 0069), for one purpose: that an idle guest sleeps
//! until a device has something for it.
//!
//! Interrupts are levels here and are never acknowledged: one is there as long as its device wants something, and that ends
//! a sleep, taken or not.

use super::cpu::{affinity, wait_for_interrupt};
use super::gic_v3;
use crate::device_tree::{Tree, cells};
use crate::memory::Window;

const INTERRUPTS: u32 = 1020;
/// Those from here on are shared by all CPUs.
const FIRST_SHARED: u32 = 32;
const FIRST_PRIVATE: u32 = 16;

const DISTRIBUTOR_CONTROL: usize = 0x000;
/// Its lowest five bits: how many words of a bit per interrupt there are, less one.
const TYPE: usize = 0x004;
const GROUPS: usize = 0x080;
const SET_ENABLE: usize = 0x100;
const CLEAR_ENABLE: usize = 0x180;
const TARGETS: usize = 0x800;
const CONFIGURATION: usize = 0xc00;
/// From version 3 on.
const ROUTES: usize = 0x6000;
const DISTRIBUTOR_SIZE: u32 = 0x1000;
const DISTRIBUTOR_SIZE_V3: u32 = 0x1_0000;

const ENABLE_GROUP_1: u32 = 1 << 1;
const BY_AFFINITY: u32 = 1 << 4;

const CPU_CONTROL: usize = 0x0;
const PRIORITY_MASK: usize = 0x4;
const CPU_SIZE: u32 = 0x100;

/// The controller, as this CPU has it.
#[derive(Debug)]
pub(crate) struct Interrupts {
    distributor: Window,
    /// From version 3 on, this CPU's private interrupts have registers of their own.
    private: Option<Window>,
}

impl Interrupts {
    /// The controller, with every device's interrupt off.
    pub(crate) fn find(tree: &Tree<'_>) -> Option<Self> {
        let version_2 = ["arm,cortex-a15-gic", "arm,gic-400"].into_iter().find_map(|name| tree.compatible(name).next());
        let gic = version_2.or_else(|| tree.compatible("arm,gic-v3").next())?;
        let window = |index, at_least: u32| {
            let (address, size) = gic.registers(index)?;
            let length = u32::try_from(size).ok().filter(|&length| length >= at_least)?;
            address.is_multiple_of(4).then_some(Window { address, length })
        };
        let distributor = window(0, DISTRIBUTOR_SIZE)?;
        let private = match version_2 {
            Some(_) => None,
            None if distributor.length >= DISTRIBUTOR_SIZE_V3 => Some(gic_v3::wake(window(1, 0)?)?),
            None => return None,
        };
        let interrupts = Self { distributor, private };
        let words = interrupts.read(TYPE) as usize % 32 + 1;
        for word in 0..words {
            interrupts.write(CLEAR_ENABLE + 4 * word, u32::MAX);
        }
        if let Some(private) = private {
            // All belong to the group that system registers enable.
            write(private, GROUPS, u32::MAX);
            (1..words).for_each(|word| interrupts.write(GROUPS + 4 * word, u32::MAX));
            interrupts.write(DISTRIBUTOR_CONTROL, BY_AFFINITY);
            interrupts.write(DISTRIBUTOR_CONTROL, BY_AFFINITY | ENABLE_GROUP_1);
        } else {
            let cpu = window(1, CPU_SIZE)?;
            interrupts.write(DISTRIBUTOR_CONTROL, 1);
            write(cpu, PRIORITY_MASK, 0xff);
            write(cpu, CPU_CONTROL, 1);
        }
        // The virtual timer's is the third that the timer's node names.
        let timer = tree.compatible("arm,armv8-timer").find_map(|node| node.interrupt()?.get(24..));
        timer.and_then(Self::number).into_iter().for_each(|number| interrupts.unmask(number));
        Some(interrupts)
    }

    /// The number of the interrupt that these cells describe.
    pub(crate) fn number(specifier: &[u8]) -> Option<u32> {
        let mut cells = cells(specifier);
        let first = match cells.next()? {
            0 => FIRST_SHARED,
            1 => FIRST_PRIVATE,
            _ => return None,
        };
        cells.next()?.checked_add(first)
    }

    /// Lets an interrupt wake the guest.
    pub(crate) fn unmask(&self, number: u32) {
        if !(FIRST_PRIVATE..INTERRUPTS).contains(&number) {
            return;
        }
        let number = number as usize;
        let mut registers = self.distributor;
        if number < FIRST_SHARED as usize {
            registers = self.private.unwrap_or(registers);
        } else {
            if self.private.is_some() {
                self.write(ROUTES + number * 8, affinity() as u32);
                self.write(ROUTES + number * 8 + 4, (affinity() >> 32) as u32);
            } else {
                // The first words of the targets are read-only, and name this CPU.
                let this_cpu = self.read(TARGETS) & 0xff;
                let shift = number % 4 * 8;
                let targets = TARGETS + number / 4 * 4;
                self.write(targets, self.read(targets) & !(0xff << shift) | this_cpu << shift);
            }
            let configuration = CONFIGURATION + number / 16 * 4;
            self.write(configuration, self.read(configuration) & !(2 << (number % 16 * 2)));
        }
        write(registers, SET_ENABLE + number / 32 * 4, 1 << (number % 32));
    }

    /// Sleeps until a device interrupts. One that did so since it was last asked ends the sleep at once.
    pub(crate) fn sleep(&self) {
        wait_for_interrupt();
    }

    fn read(&self, register: usize) -> u32 {
        // SAFETY: `find` has checked that the registers are there, and the tree says they are this controller's.
        unsafe { self.distributor.at::<u32>(register).read_volatile() }
    }

    fn write(&self, register: usize, value: u32) {
        write(self.distributor, register, value);
    }
}

/// Writes to a register of one of the controller's parts.
fn write(part: Window, register: usize, value: u32) {
    // SAFETY: As for reading. An interrupt does no more than to end a sleep.
    unsafe { part.at::<u32>(register).write_volatile(value) }
}
