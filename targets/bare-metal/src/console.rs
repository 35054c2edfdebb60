//! The log, on a serial port of its own.
//!
//! Until it is known which port that is, if any, lines are held back: the first serial port may yet become the agent's
//! channel, where a log has no business.

use core::fmt::{self, Write};

use heapless::Vec;
use log::{LevelFilter, Log, Metadata, Record};

use crate::arch::SerialPort;
use crate::cell::OneCpu;

/// How often the port is asked before a line is given up for a host that does not read.
const PATIENCE: u32 = 20_000;

enum Console {
    /// Nobody has decided yet.
    Held(Vec<u8, 1024>),
    Port {
        port: SerialPort,
        stalled: bool,
    },
    Silent,
}

static CONSOLE: OneCpu<Console> = OneCpu::new(Console::Held(Vec::new()));

struct Logger;

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if let Some(mut console) = CONSOLE.borrow() {
            // Writing to the console cannot fail: what has no place is dropped.
            let _ = writeln!(console, "{}", record.args());
        }
    }

    fn flush(&self) {}
}

/// Collects log lines from here on.
pub fn hold() {
    // Set once, at boot.
    let _ = log::set_logger(&Logger);
    log::set_max_level(LevelFilter::Info);
}

/// Logs to a port, what was held back first.
pub fn open(port: SerialPort) {
    let Some(mut console) = CONSOLE.borrow() else { return };
    let before = core::mem::replace(&mut *console, Console::Port { port, stalled: false });
    if let Console::Held(lines) = before {
        console.send(&lines);
    }
}

/// Logs nothing, neither what was held back nor what comes.
pub fn silence() {
    if let Some(mut console) = CONSOLE.borrow() {
        *console = Console::Silent;
    }
}

/// Prints what a dying guest has to say. Held lines come first, on the first serial port if nobody has decided yet.
pub fn last_words(text: fmt::Arguments<'_>) {
    let Some(mut console) = CONSOLE.borrow() else { return };
    if let Console::Held(lines) = &*console {
        let lines = lines.clone();
        *console = SerialPort::first().map_or(Console::Silent, |port| Console::Port { port, stalled: false });
        console.send(&lines);
    }
    let _ = writeln!(console, "{text}");
}

impl Console {
    fn send(&mut self, mut bytes: &[u8]) {
        match self {
            Self::Silent => {}
            Self::Held(lines) => {
                let fits = bytes.len().min(lines.capacity() - lines.len());
                // It fits.
                let _ = lines.extend_from_slice(&bytes[..fits]);
            }
            Self::Port { port, stalled } => {
                // A port that stalled once is asked once each time, until its host reads again.
                let mut patience = if *stalled { 1 } else { PATIENCE };
                while !bytes.is_empty() && patience > 0 {
                    match port.send(bytes) {
                        0 => patience -= 1,
                        sent => bytes = &bytes[sent..],
                    }
                }
                *stalled = !bytes.is_empty();
            }
        }
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for line in text.split_inclusive('\n') {
            match line.strip_suffix('\n') {
                Some(line) => {
                    self.send(line.as_bytes());
                    self.send(b"\r\n");
                }
                None => self.send(line.as_bytes()),
            }
        }
        Ok(())
    }
}
