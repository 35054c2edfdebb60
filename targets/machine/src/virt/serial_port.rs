//! 16550 UARTs: the board's own, and one on PCI.

use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use serial_line::SerialLine;
use uart_16550::backend::Backend;

use crate::tree::tree;

/// How many bytes the registers of a serial port take.
pub(super) const REGISTERS: u64 = 8;

/// The registers of a serial port, eight bytes side by side. uart_16550's own would panic where they lie at the end of memory.
#[derive(Debug)]
pub struct Registers(usize);

impl Backend for Registers {
    unsafe fn read(&mut self, register: u8) -> u8 {
        // SAFETY: One of the eight registers, of which this value is the only owner.
        unsafe { ptr::with_exposed_provenance::<u8>(self.0 + usize::from(register)).read_volatile() }
    }

    unsafe fn write(&mut self, register: u8, value: u8) {
        // SAFETY: As above; a UART does not reach memory.
        unsafe { ptr::with_exposed_provenance_mut::<u8>(self.0 + usize::from(register)).write_volatile(value) }
    }
}

/// A serial port that is set up.
pub type SerialPort = SerialLine<Registers>;

/// The board's own, unless it is absent, of another kind, or taken.
pub fn first_serial_port() -> Option<SerialPort> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let (address, size) = tree()?.compatible("ns16550a").find_map(|node| node.registers(0))?;
    take(address, &TAKEN).filter(|_| size >= REGISTERS)
}

static PCI_IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// The one on PCI whose registers are at an address, unless it is taken.
pub(super) fn port_on_pci(address: u64) -> Option<SerialPort> {
    take(address, &PCI_IS_TAKEN)
}

/// Whether the one on PCI was handed out.
pub(super) fn is_pci_taken() -> bool {
    PCI_IS_TAKEN.load(Ordering::Relaxed)
}

fn take(address: u64, taken: &AtomicBool) -> Option<SerialPort> {
    if taken.swap(true, Ordering::Relaxed) {
        return None;
    }
    // SAFETY: The tree, or the class of a device on PCI, says that this is a 16550, and each is handed out once.
    unsafe { SerialLine::open(Registers(address as usize)) }
}
