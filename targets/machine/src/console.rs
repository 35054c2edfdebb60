//! The log, on a serial port of its own.
//!
//! Until it is known which port that is, if any, lines are held back: the kernel may need the first serial port for something
//! else, where a log has no business.

use core::fmt::{self, Write};

use heapless::Vec;

use crate::LogPort;
use crate::cell::OneCpu;

/// How often the port is asked before a line is given up for a host that does not read.
const PATIENCE: u32 = 20_000;

struct Console {
    /// Lines from before it was decided where they go.
    held: Vec<u8, 1024>,
    output: Output,
}

/// The representation has the undecided console, as the image begins, be all zeroes: so it takes no room in the file.
#[repr(u8)]
enum Output {
    Undecided,
    Port { port: LogPort, stalled: bool },
    Silent,
}

static CONSOLE: OneCpu<Console> = OneCpu::new(Console { held: Vec::new(), output: Output::Undecided });

/// Logs a line, formatted as by `format_args!`.
#[macro_export]
macro_rules! log {
    ($($argument:tt)*) => {
        $crate::console::line(format_args!($($argument)*))
    };
}

/// Logs a line: what [`log!`] calls.
pub fn line(text: fmt::Arguments<'_>) {
    if let Some(mut console) = CONSOLE.borrow() {
        console.line(text);
    }
}

/// Logs to a port, what was held back first.
pub fn open(port: LogPort) {
    if let Some(mut console) = CONSOLE.borrow() {
        console.open(port);
    }
}

/// Logs to the same port after a reset. Only where a machine can be suspended.
#[cfg(target_arch = "x86_64")]
pub(crate) fn reopen() {
    if let Some(mut console) = CONSOLE.borrow()
        && let Output::Port { port, .. } = &mut console.output
        && port.reopen().is_none()
    {
        console.output = Output::Silent;
    }
}

/// Logs nothing, neither what was held back nor what comes.
pub fn silence() {
    if let Some(mut console) = CONSOLE.borrow() {
        console.output = Output::Silent;
    }
}

/// Prints what a dying guest has to say, after what is held back, and on the first serial port if nobody has decided yet.
///
/// # Safety
/// Only the code that ends the guest may call this, and once.
pub unsafe fn last_words(text: fmt::Arguments<'_>) {
    // SAFETY: The guest ends, so whatever was using the console never goes on.
    let console = unsafe { CONSOLE.steal() };
    if let Output::Undecided = console.output {
        match LogPort::first() {
            Some(port) => console.open(port),
            None => console.output = Output::Silent,
        }
    }
    console.line(text);
}

impl Console {
    fn line(&mut self, text: fmt::Arguments<'_>) {
        // Writing to the console cannot fail: what has no place is dropped.
        let _ = self.write_fmt(text);
        self.send(b"\r\n");
    }

    fn open(&mut self, port: LogPort) {
        let held = core::mem::take(&mut self.held);
        self.output = Output::Port { port, stalled: false };
        self.send(&held);
    }

    fn send(&mut self, mut bytes: &[u8]) {
        match &mut self.output {
            Output::Silent => {}
            Output::Undecided => {
                // What does not fit is dropped.
                let _ = bytes.iter().try_for_each(|&byte| self.held.push(byte));
            }
            Output::Port { port, stalled } => {
                // A port that stalled once is asked once each time, until its host reads again.
                let mut patience = if *stalled { 1 } else { PATIENCE };
                while !bytes.is_empty() && patience > 0 {
                    match port.send(bytes) {
                        0 => patience -= 1,
                        sent => bytes = bytes.get(sent..).unwrap_or_default(),
                    }
                }
                *stalled = !bytes.is_empty();
            }
        }
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.send(text.as_bytes());
        Ok(())
    }
}
