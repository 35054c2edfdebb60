//! The generic interrupt controller of version 2 (Arm IHI 0048).

use super::distributor::{CONTROL, Distributor, INTERRUPTS};
use super::secure;
use crate::memory::Window;

/// Size of the distributor's registers, in bytes.
pub(super) const DISTRIBUTOR_SIZE: u32 = 0x1000;
/// Size of the registers of the interface to this CPU, in bytes.
pub(super) const CPU_INTERFACE_SIZE: u32 = 0x1000;

/// Register of the distributor: a byte for each interrupt, which CPUs hear it.
const TARGETS: usize = 0x800;
// Registers of the interface to a CPU.
const CPU_CONTROL: usize = 0x00;
const PRIORITY_MASK: usize = 0x04;

/// Groups 0 and 1.
const BOTH_GROUPS: u32 = 3;
const ALL_PRIORITIES: u32 = 0xff;

/// The controller.
#[derive(Debug)]
pub(super) struct GicV2(Distributor);

impl GicV2 {
    /// Sets up a controller and its interface to this CPU, with every device's interrupt off.
    ///
    /// # Safety
    /// They must be the controller's registers, and mapped.
    pub(super) unsafe fn start(distributor: Distributor, cpu: Window) -> Self {
        distributor.disable_all();
        distributor.take_all();
        distributor.write(CONTROL, BOTH_GROUPS);
        // SAFETY: The caller's promise.
        unsafe {
            secure::write(distributor.registers().address + CONTROL as u64, BOTH_GROUPS);
            secure::write(cpu.address + PRIORITY_MASK as u64, ALL_PRIORITIES);
            cpu.at::<u32>(CPU_CONTROL).write_volatile(BOTH_GROUPS);
            cpu.at::<u32>(PRIORITY_MASK).write_volatile(ALL_PRIORITIES);
        }
        Self(distributor)
    }

    /// Lets an interrupt wake the guest.
    pub(super) fn unmask(&self, number: u32) {
        if number < INTERRUPTS {
            let targets = self.0.registers();
            // SAFETY: There is a byte for each number. The first ones are read-only, and name this CPU.
            unsafe {
                let this_cpu = targets.at::<u8>(TARGETS).read_volatile();
                targets.at::<u8>(TARGETS + number as usize).write_volatile(this_cpu);
            }
            self.0.enable(number);
        }
    }
}
