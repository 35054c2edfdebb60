//! The generic interrupt controller of version 2 (Arm IHI 0048).

use core::ptr::NonNull;

use arm_gic::gicv2;
use arm_gic::gicv2::registers::{Gicc, Gicd};
use arm_gic::{IntId, Trigger};

/// The controller.
pub(super) struct GicV2 {
    driver: gicv2::GicV2<'static>,
    /// A byte for each interrupt: which CPUs hear it. The driver only reads these registers.
    targets: NonNull<u8>,
}

impl GicV2 {
    /// Sets up a controller and its interface to this CPU, with every device's interrupt off.
    pub(super) fn start(distributor: NonNull<Gicd>, cpu: NonNull<Gicc>) -> Self {
        // SAFETY: The tree says that these are the controller's registers, and mapped they are; this is called once.
        let (mut driver, targets) = unsafe {
            let driver = gicv2::GicV2::new(distributor.as_ptr(), cpu.as_ptr());
            (driver, NonNull::new_unchecked((&raw mut (*distributor.as_ptr()).itargetsr).cast()))
        };
        driver.enable_all_interrupts(false);
        driver.setup();
        Self { driver, targets }
    }

    /// Lets an interrupt wake the guest.
    pub(super) fn unmask(&mut self, interrupt: IntId) {
        if !interrupt.is_private() {
            // SAFETY: There are as many of these bytes as interrupts that are not special ones. The first are read-only, and
            // name this CPU.
            unsafe {
                let this_cpu = self.targets.read_volatile();
                self.targets.add(u32::from(interrupt) as usize).write_volatile(this_cpu);
            }
            self.driver.set_trigger(interrupt, Trigger::Level);
        }
        // One that cannot be enabled is none that a device has.
        let _ = self.driver.enable_interrupt(interrupt, true);
    }
}
