//! QEMU's fw_cfg where the device tree has it.

use crate::arch;
use crate::fw_cfg::{FwCfg, Registers};
use crate::memory::Window;

/// Where the registers lie.
const DATA: usize = 0;
const SELECTOR: usize = 8;
const SIZE: u64 = 16;

/// The registers of the files that the host hands over.
#[derive(Debug)]
pub struct HostFiles(Window);

impl HostFiles {
    /// The files, if the host hands over any. Called once.
    pub fn find(machine: &super::Machine) -> Option<FwCfg<Self>> {
        let (address, size) = machine.tree().compatible("qemu,fw-cfg-mmio").next()?.registers(0)?;
        let is_reachable = size >= SIZE && address.is_multiple_of(8) && address.saturating_add(SIZE) <= arch::MAPPED;
        let registers = Window { address, length: SIZE as u32 };
        is_reachable.then(|| FwCfg::new(Self(registers))).flatten()
    }
}

impl Registers for HostFiles {
    fn select(&mut self, item: u16) {
        // SAFETY: The tree says that these are the device's registers, which are mapped, as was seen.
        unsafe { self.0.at::<u16>(SELECTOR).write_volatile(item.to_be()) };
    }

    fn read(&mut self, into: &mut [u8]) {
        let (words, rest) = into.as_chunks_mut();
        for word in words {
            // SAFETY: As above. The bytes of the register are in the order of the file's.
            *word = unsafe { self.0.at::<u64>(DATA).read_volatile() }.to_ne_bytes();
        }
        for byte in rest {
            // SAFETY: As above.
            *byte = unsafe { self.0.at::<u8>(DATA).read_volatile() };
        }
    }
}
