//! The generic interrupt controller from version 3 on (Arm IHI 0069). What differs from version 2 is that each CPU has a part of
//! its own, the redistributor, and talks to it by system registers.

use core::ops::Range;
use core::ptr::NonNull;

use arm_gic::gicv3::registers::{Gicd, GicdCtlr, GicrSgi};
use arm_gic::gicv3::{GicCpuInterface, GicDistributor, GicError, GicRedistributor, GicRedistributorIterator, Group};
use arm_gic::{IntId, Trigger};
use safe_mmio::{UniqueMmioPointer, field};

use super::cpu::affinity;

/// The words of a bit for each interrupt that all CPUs share, behind the one of each CPU's own interrupts.
const SHARED_WORDS: Range<usize> = 1..32;

/// The controller, as this CPU has it.
pub(super) struct GicV3 {
    distributor: GicDistributor<'static>,
    /// This CPU's own part.
    redistributor: GicRedistributor<'static>,
}

impl GicV3 {
    /// Sets up a controller, with every device's interrupt off. The redistributors, one for each CPU, take so many bytes together.
    pub(super) fn start(distributor: NonNull<Gicd>, redistributors: NonNull<GicrSgi>, size: u64) -> Option<Self> {
        // SAFETY: The tree says that these are the controller's registers, and mapped they are; this is called once, and looks at
        // no more redistributors than there is room for.
        let (mut distributor, redistributors) =
            unsafe { (UniqueMmioPointer::new(distributor), GicRedistributorIterator::new(redistributors).ok()?) };
        let places = size as usize / size_of::<GicrSgi>();
        let this = |redistributor: &GicRedistributor<'_>| redistributor.typer().core_mpidr() == affinity();
        let mut redistributor = redistributors.take(places).find(this)?;
        // Fails where the CPU is awake already.
        let _ = redistributor.mark_core_awake();
        // The driver's own way to do this panics when a device tells of more interrupts than there can be.
        let mut disable = field!(distributor, icenabler);
        for word in SHARED_WORDS {
            if let Some(mut disable) = disable.get(word) {
                disable.write(u32::MAX);
            }
        }
        let mut distributor = GicDistributor::new(distributor);
        distributor.modify_control(GicdCtlr::ARE_S, true);
        distributor.modify_control(GicdCtlr::EnableGrp1NS, true);
        GicCpuInterface::enable_system_register_el1();
        GicCpuInterface::set_priority_mask(0xff);
        GicCpuInterface::enable_group1(true);
        Some(Self { distributor, redistributor })
    }

    /// Lets an interrupt wake the guest.
    ///
    /// # Errors
    /// If it is neither one of this CPU's own nor one that all share.
    pub(super) fn unmask(&mut self, interrupt: IntId) -> Result<(), GicError> {
        if interrupt.is_private() {
            self.redistributor.set_group(interrupt, Group::Group1NS)?;
            return self.redistributor.enable_interrupt(interrupt, true);
        }
        self.distributor.set_group(interrupt, Group::Group1NS)?;
        self.distributor.set_routing(interrupt, Some(affinity()))?;
        self.distributor.set_trigger(interrupt, Trigger::Level)?;
        self.distributor.enable_interrupt(interrupt, true)
    }
}
