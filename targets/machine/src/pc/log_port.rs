//! What the log is written to where a PC may be a domain of Xen: the domain's own console, or a serial port.

use super::serial_port::{self, SerialPort};
use crate::xen::{Domain, PrimaryConsole};

/// The port of the log.
#[derive(Debug)]
pub enum LogPort {
    /// The domain's own console.
    Console(PrimaryConsole),
    /// A serial port.
    Serial(SerialPort),
}

/// The domain's own console or, where there is none, the serial port that is the log's.
pub fn log_port() -> Option<LogPort> {
    let console = Domain::find().and_then(PrimaryConsole::find).map(LogPort::Console);
    console.or_else(|| serial_port::log_port().map(LogPort::Serial))
}

impl LogPort {
    /// Sends what there is room for; returns how many bytes.
    pub fn send(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Console(console) => console.send(bytes),
            Self::Serial(port) => port.send(bytes),
        }
    }

    /// Sets it up again after a reset. `None` if it is gone.
    pub(crate) fn reopen(&mut self) -> Option<()> {
        match self {
            Self::Console(_) => Some(()),
            Self::Serial(port) => port.reopen(),
        }
    }
}
