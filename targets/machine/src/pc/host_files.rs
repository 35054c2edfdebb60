//! QEMU's fw_cfg on a PC: two I/O ports.

use core::arch::asm;

use x86_64::structures::port::PortWrite;

use crate::fw_cfg::{FwCfg, Registers};

const SELECTOR: u16 = 0x510;
const DATA: u16 = 0x511;

/// The registers of the files that the host hands over.
#[derive(Debug)]
pub struct HostFiles(());

impl HostFiles {
    /// The files, if the host hands over any. Called once.
    pub fn find(_: &super::Machine) -> Option<FwCfg<Self>> {
        FwCfg::new(Self(()))
    }
}

impl Registers for HostFiles {
    fn select(&mut self, item: u16) {
        // SAFETY: QEMU's ports; on other hosts nobody listens there.
        unsafe { u16::write_to_port(SELECTOR, item) };
    }

    fn read(&mut self, into: &mut [u8]) {
        // One instruction for all, because a hypervisor then leaves the guest once for many bytes.
        // SAFETY: As above, and the instruction writes as many bytes as there is room for.
        unsafe {
            asm!("rep insb", in("dx") DATA, inout("rdi") into.as_mut_ptr() => _, inout("rcx") into.len() => _,
                options(nostack, preserves_flags));
        }
    }
}
