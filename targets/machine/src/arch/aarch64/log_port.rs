//! The PL011 UART (Arm DDI 0183), for the log alone.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::memory::Window;
use crate::tree::tree;

const DATA: usize = 0x00;
const FLAGS: usize = 0x18;
const LINE_CONTROL: usize = 0x2c;
const CONTROL: usize = 0x30;
const SIZE: u32 = 0x1000;

const TRANSMIT_FIFO_FULL: u32 = 1 << 5;
const EIGHT_BITS_AND_FIFO: u32 = 0b111 << 4;
const ENABLE: u32 = 1 << 0;
const TRANSMIT_ENABLE: u32 = 1 << 8;

/// A UART that is set up to send.
#[derive(Debug)]
pub struct LogPort(Window);

impl LogPort {
    /// The first one that the tree names, unless it is taken.
    pub fn first() -> Option<Self> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        let (address, size) = tree()?.compatible("arm,pl011").find_map(|node| node.registers(0))?;
        if !address.is_multiple_of(4) || size < SIZE.into() || TAKEN.swap(true, Ordering::Relaxed) {
            return None;
        }
        let mut port = Self(Window { address, length: SIZE });
        port.write(LINE_CONTROL, EIGHT_BITS_AND_FIFO);
        port.write(CONTROL, ENABLE | TRANSMIT_ENABLE);
        Some(port)
    }

    /// Sends the beginning of `bytes`, as much as there is room for, and says how much that was.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while let Some(&byte) = bytes.get(sent)
            && self.read(FLAGS) & TRANSMIT_FIFO_FULL == 0
        {
            self.write(DATA, byte.into());
            sent += 1;
        }
        sent
    }

    fn read(&self, register: usize) -> u32 {
        // SAFETY: The tree says that the registers are a UART's, and mapped they are.
        unsafe { self.0.at::<u32>(register).read_volatile() }
    }

    fn write(&mut self, register: usize, value: u32) {
        // SAFETY: As above; a UART does not reach memory.
        unsafe { self.0.at::<u32>(register).write_volatile(value) }
    }
}
