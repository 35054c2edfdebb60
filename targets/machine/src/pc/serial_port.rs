//! COM1 and COM2.

use core::sync::atomic::{AtomicBool, Ordering};

use serial_line::SerialLine;
use uart_16550::backend::Backend;
use x86_64::structures::port::{PortRead, PortWrite};

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

/// COM1, unless it is absent or taken.
pub fn first_serial_port() -> Option<SerialPort> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    take(0x3f8, &TAKEN)
}

/// COM2, unless it is absent or taken.
pub fn second_serial_port() -> Option<SerialPort> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    take(0x2f8, &TAKEN)
}

fn take(base: u16, taken: &AtomicBool) -> Option<SerialPort> {
    if taken.swap(true, Ordering::Relaxed) {
        return None;
    }
    // SAFETY: These ports have been COM1's and COM2's since the PC/AT, and each is handed out once.
    unsafe { SerialLine::open(Registers(base)) }
}
