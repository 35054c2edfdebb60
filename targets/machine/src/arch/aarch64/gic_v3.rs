//! The generic interrupt controller from version 3 on (Arm IHI 0069). What differs from version 2 is that each CPU has a part of
//! its own, the redistributor, and talks to it by system registers.

use core::arch::asm;

use super::cpu::affinity;
use super::distributor::{CONTROL, Distributor, INTERRUPTS};
use super::secure;
use crate::memory::Window;

/// Size of the distributor's registers, in bytes.
pub(super) const DISTRIBUTOR_SIZE: u32 = 0x1_0000;
/// Affinity routing, and the groups of this security state.
const CONTROL_OURS: u32 = 1 << 4 | 3;
/// Register of the distributor: 64 bits for each interrupt, which CPU hears it.
const ROUTES: usize = 0x6000;

// Registers of a redistributor, and bits of them.
const TYPE: usize = 0x08;
const TYPE_HAS_VIRTUAL: u32 = 1 << 1;
const TYPE_IS_LAST: u32 = 1 << 4;
const AFFINITY: usize = 0x0c;
const WAKE: usize = 0x14;
const PRIVATE_INTERRUPTS: usize = 0x1_0000;

const FIRST_SHARED: u32 = 32;

/// The controller, as this CPU has it.
#[derive(Debug)]
pub(super) struct GicV3 {
    distributor: Distributor,
    /// This CPU's own interrupts.
    private: Distributor,
}

impl GicV3 {
    /// Sets up a controller, with every device's interrupt off. `redistributors` are those of all CPUs.
    ///
    /// # Safety
    /// They must be the controller's registers, and mapped.
    pub(super) unsafe fn start(distributor: Distributor, redistributors: Window) -> Option<Self> {
        let redistributor = find(redistributors)?;
        // SAFETY: The redistributor has these registers, too; what is written is about interrupts alone.
        let private = unsafe {
            secure::write(redistributor + WAKE as u64, 0);
            let registers = Window { address: redistributor, length: 0 };
            registers.at::<u32>(WAKE).write_volatile(0);
            Distributor::new(Window { address: redistributor + PRIVATE_INTERRUPTS as u64, length: 0x1_0000 })
        };
        distributor.disable_all();
        distributor.write(CONTROL, CONTROL_OURS);
        distributor.take_all();
        private.take_all();
        // SAFETY: The tree says that there is such a controller, and so the CPU has these registers: ICC_SRE_EL1, ICC_PMR_EL1 and
        // ICC_IGRPEN1_EL1. They do nothing to memory.
        unsafe {
            asm!(
                "msr S3_0_C12_C12_5, {ours}",
                "isb",
                "msr S3_0_C4_C6_0, {all}",
                "msr S3_0_C12_C12_7, {on}",
                "isb",
                ours = in(reg) 7_u64,
                all = in(reg) 0xff_u64,
                on = in(reg) 1_u64,
                options(nomem, nostack),
            );
        }
        Some(Self { distributor, private })
    }

    /// Lets an interrupt wake the guest.
    pub(super) fn unmask(&self, number: u32) {
        if number < FIRST_SHARED {
            self.private.enable(number);
        } else if number < INTERRUPTS {
            let [low, high] = [affinity() as u32, (affinity() >> 32) as u32];
            let route = ROUTES + 8 * number as usize;
            self.distributor.write(route, low);
            self.distributor.write(route + 4, high);
            self.distributor.enable(number);
        }
    }
}

/// The address of this CPU's redistributor.
fn find(redistributors: Window) -> Option<u64> {
    let fields = affinity();
    let this = (fields >> 8 & 0xff00_0000) as u32 | fields as u32 & 0x00ff_ffff;
    let mut offset = 0;
    while offset < redistributors.length {
        // SAFETY: A redistributor is there, because the one before it was not the last.
        let [kind, affinity] = [TYPE, AFFINITY]
            .map(|register| unsafe { redistributors.at::<u32>(offset as usize + register).read_volatile() });
        if affinity == this {
            return Some(redistributors.address + u64::from(offset));
        }
        if kind & TYPE_IS_LAST != 0 {
            break;
        }
        offset += if kind & TYPE_HAS_VIRTUAL != 0 { 0x4_0000 } else { 0x2_0000 };
    }
    None
}
