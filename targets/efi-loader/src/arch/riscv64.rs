//! A RISC-V CPU in supervisor mode.

use core::arch::asm;

use uefi_raw::{Guid, Status, guid};

use crate::firmware::Firmware;

/// Firmware always names the device tree, so there is no other place to look.
pub const DEVICE_TREE: Option<usize> = None;
/// The image looks for the device tree below.
pub const RAM_END: u64 = 1 << 38;

/// RISC-V UEFI Protocol Specification 1.0, chapter 2.
const BOOT_PROTOCOL: Guid = guid!("ccd15fec-6f73-4eec-8395-3e69e4b940bf");

#[repr(C)]
struct BootProtocol {
    revision: u64,
    get_boot_hart_id: unsafe extern "efiapi" fn(this: *mut Self, id: *mut usize) -> Status,
}

/// The number of the hart that runs.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    id: usize,
}

impl Cpu {
    /// Asks firmware for it.
    pub fn ask(firmware: &Firmware) -> Option<Self> {
        let protocol = firmware.protocol(&BOOT_PROTOCOL)?.cast::<BootProtocol>().as_ptr();
        let mut id = 0;
        // SAFETY: Firmware says that it has this protocol there, and it only fills in the number.
        let status = unsafe { ((*protocol).get_boot_hart_id)(protocol, &raw mut id) };
        status.is_success().then_some(Self { id })
    }
}

/// Enters the image at its first byte.
///
/// # Safety
/// There must be no firmware any more that needs memory or interrupts.
pub unsafe fn enter(cpu: Cpu, image: &[u8], tree: &[u8]) -> ! {
    // One block, as nothing of the compiler's may run in between: the `riscv` crate has most of these instructions one by one.
    // SAFETY: Firmware has an identity map (UEFI 2.10, 2.3.7), so the next instruction stays where it is.
    unsafe {
        asm!(
            "csrci sstatus, 2",
            "csrw sie, zero",
            "fence.i",
            "csrw satp, zero",
            "sfence.vma",
            "jr {image}",
            image = in(reg) image.as_ptr(),
            in("a0") cpu.id,
            in("a1") tree.as_ptr(),
            options(noreturn)
        )
    }
}
