//! The PL011 UART (Arm DDI 0183), for the log alone.

use core::fmt;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, Ordering};

use arm_pl011_uart::{DataBits, LineConfig, Parity, StopBits, Uart, UniqueMmioPointer};

use crate::tree::tree;

const SIZE: u64 = 0x1000;
const EIGHT_BITS: LineConfig =
    LineConfig { data_bits: DataBits::Bits8, parity: Parity::None, stop_bits: StopBits::One };
const BAUD: u32 = 115_200;
/// The frequency of the clock that the board's UART divides.
const CLOCK_HZ: u32 = 24_000_000;

/// A UART that is set up to send.
pub struct LogPort(Uart<'static>);

impl fmt::Debug for LogPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogPort").finish_non_exhaustive()
    }
}

/// The first one that the tree names, unless it is taken.
pub fn log_port() -> Option<LogPort> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let (address, size) = tree()?.compatible("arm,pl011").find_map(|node| node.registers(0))?;
    if !address.is_multiple_of(4) || size < SIZE || TAKEN.swap(true, Ordering::Relaxed) {
        return None;
    }
    let registers = NonNull::new(ptr::with_exposed_provenance_mut(address as usize))?;
    // SAFETY: The tree says that the registers are a UART's, and mapped they are; each is handed out once.
    let mut uart = Uart::new(unsafe { UniqueMmioPointer::new(registers) });
    uart.enable(EIGHT_BITS, BAUD, CLOCK_HZ).ok()?;
    Some(LogPort(uart))
}

impl LogPort {
    /// Sends the beginning of `bytes`, as much as there is room for, and says how much that was.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while let Some(&byte) = bytes.get(sent)
            && !self.0.is_tx_fifo_full()
        {
            self.0.write_word(byte);
            sent += 1;
        }
        sent
    }
}
