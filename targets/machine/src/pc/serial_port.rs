//! COM1 to COM4, and a serial port on PCI.

use core::sync::atomic::{AtomicU8, AtomicU16, Ordering};

use serial_line::SerialLine;
use uart_16550::backend::Backend;
use x86_64::structures::port::{PortRead, PortWrite};

use crate::log;
use crate::serial_place::SerialPlace;

/// The registers of a serial port at its eight I/O ports.
#[derive(Debug)]
pub struct Registers(u16);

impl Backend for Registers {
    unsafe fn read(&mut self, register: u8) -> u8 {
        // SAFETY: One of the eight ports, of which this value is the only owner.
        unsafe { u8::read_from_port(self.0 + u16::from(register)) }
    }

    unsafe fn write(&mut self, register: u8, value: u8) {
        // SAFETY: As above; a UART does not reach memory.
        unsafe { u8::write_to_port(self.0 + u16::from(register), value) }
    }
}

/// A serial port that is set up.
pub type SerialPort = SerialLine<Registers>;

/// A bit for each port that was handed out.
static TAKEN: AtomicU8 = AtomicU8::new(0);
/// The bit of the one on PCI.
const ON_PCI: u8 = 1 << 7;

/// The first port of the serial port that was handed out and shares its interrupt line with an earlier one; 0 if there is none.
static SHARING: AtomicU16 = AtomicU16::new(0);

/// COM1, unless it is absent or taken.
pub fn log_port() -> Option<SerialPort> {
    at_place(SerialPlace::Com1)
}

/// The one at a place, unless it is absent or taken.
pub(super) fn at_place(place: SerialPlace) -> Option<SerialPort> {
    let port = take(1 << place as u8, first_port(place))?;
    if let SerialPlace::Com3 | SerialPlace::Com4 = place {
        SHARING.store(first_port(place), Ordering::Relaxed);
    }
    Some(port)
}

/// Whether a serial port interrupts whose line is another one's, too: COM3 has COM1's, and COM4 has COM2's. Under QEMU the line has
/// the level that either of them set last. So printing the log on COM1 takes COM3's interrupt away.
pub(super) fn is_waiting() -> bool {
    const INTERRUPT_STATUS: u16 = 2;
    const NONE: u8 = 1 << 0;
    let first = SHARING.load(Ordering::Relaxed);
    // SAFETY: Reading the register takes back at most the interrupt of an empty transmitter, for which the caller's answer is to ask the
    // port itself, as for every other interrupt.
    first != 0 && unsafe { u8::read_from_port(first + INTERRUPT_STATUS) } & NONE == 0
}

/// The first port of a serial port since the PC/AT.
const fn first_port(place: SerialPlace) -> u16 {
    match place {
        SerialPlace::Com1 => 0x3f8,
        SerialPlace::Com2 => 0x2f8,
        SerialPlace::Com3 => 0x3e8,
        SerialPlace::Com4 => 0x2e8,
    }
}

/// Logs the serial ports that are there and that nobody has taken.
pub(super) fn log_unused() {
    const SCRATCH: u16 = 7;
    const MARK: u8 = 0x5a;
    for (place, name) in [(SerialPlace::Com2, "2"), (SerialPlace::Com3, "3"), (SerialPlace::Com4, "4")] {
        let scratch = first_port(place) + SCRATCH;
        // SAFETY: The register keeps what is written to it, and does nothing else. Without a port, nobody listens.
        let is_there = unsafe {
            u8::write_to_port(scratch, MARK);
            u8::read_from_port(scratch) == MARK
        };
        if is_there && TAKEN.load(Ordering::Relaxed) & 1 << place as u8 == 0 {
            log!("serial port com{} is not used: the agent has another channel", name);
        }
    }
}

/// The one on PCI with this first I/O port, unless it is taken.
pub(super) fn on_pci(first: u16) -> Option<SerialPort> {
    take(ON_PCI, first)
}

/// Whether the one on PCI was handed out.
pub(super) fn is_pci_taken() -> bool {
    TAKEN.load(Ordering::Relaxed) & ON_PCI != 0
}

/// Takes a port, which has a bit of its own.
fn take(bit: u8, first: u16) -> Option<SerialPort> {
    if TAKEN.fetch_or(bit, Ordering::Relaxed) & bit != 0 {
        return None;
    }
    // SAFETY: These ports are no device's but a serial port's, on a PC or by its class on PCI, and each is handed out once.
    unsafe { SerialLine::open(Registers(first)) }
}
