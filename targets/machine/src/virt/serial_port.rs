//! 16550 UARTs: the board's own, and one on PCI.

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use uart_16550::Uart16550;
use uart_16550::backend::MmioBackend;

use crate::serial::SerialChannel;
use crate::tree::tree;

/// A serial port that is set up.
pub type SerialPort = SerialChannel<MmioBackend>;

/// Address of the registers of the one on PCI, 0 without one.
static ON_PCI: AtomicU64 = AtomicU64::new(0);

/// Has the second serial port be the one on PCI whose registers are at an address.
pub(super) fn second_is_at(address: u64) {
    ON_PCI.store(address, Ordering::Relaxed);
}

impl SerialPort {
    /// The board's own, unless it is absent, of another kind, or taken.
    pub fn first() -> Option<Self> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        let (address, size) = tree()?.compatible("ns16550a").find_map(|node| node.registers(0))?;
        Self::take(address, &TAKEN).filter(|_| size >= 8)
    }

    /// The one on PCI, unless it is absent or taken.
    pub fn second() -> Option<Self> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        let address = ON_PCI.load(Ordering::Relaxed);
        if address == 0 { None } else { Self::take(address, &TAKEN) }
    }

    fn take(address: u64, taken: &AtomicBool) -> Option<Self> {
        if taken.swap(true, Ordering::Relaxed) {
            return None;
        }
        let registers = NonNull::new(ptr::with_exposed_provenance_mut(address as usize))?;
        // SAFETY: The tree, or the class of a device on PCI, says that this is a 16550, and each is handed out once.
        unsafe {
            let uart: Uart16550<MmioBackend> = Uart16550::new_mmio(registers, 1).ok()?;
            Self::open(*uart.backend())
        }
    }
}
