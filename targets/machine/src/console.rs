//! The machine's log, printed on a serial port of its own.
//!
//! Until it is known which port that is, if any, nothing is printed: the kernel may need the first serial port for something
//! else, where a log has no business.

use core::fmt::{self, Write};

use crate::board::{LogPort, log_port};
use crate::cell::OneCpu;
use crate::command_line::Options;
use crate::log::{Line, Printer, Ring, Template, Value};

struct Console {
    ring: Ring,
    printer: Printer,
    output: Output,
}

/// The representation has the undecided console, as the image begins, be all zeroes: so it takes no room in the file.
#[repr(u8)]
enum Output {
    Undecided,
    Port(LogPort),
    Silent,
}

static CONSOLE: OneCpu<Console> =
    OneCpu::new(Console { ring: Ring::new(), printer: Printer::new(), output: Output::Undecided });

/// Logs a line: a text with a hole `{}` for each value after it, at most three. A value is an integer, a `&'static str`, a place
/// on PCI or any [`Value`](crate::log::Value).
///
/// ```ignore
/// log!("ready");
/// log!("virtio {} at {}", name, Value::Hex(address));
/// log!("unknown option {}", Value::copied(word));
/// ```
#[macro_export]
macro_rules! log {
    ($template:literal $(, $value:expr)* $(,)?) => {
        $crate::console::line(const { $crate::log::Template::new($template) }, &[$($crate::log::Value::from($value)),*])
    };
}

/// Logs a line: what [`log!`] calls.
pub fn line<const N: usize>(template: Template<N>, values: &[Value; N]) {
    log(template.text(), values);
}

fn log(template: &'static str, values: &[Value]) {
    if let Some(mut console) = CONSOLE.borrow() {
        console.log(template, values);
    }
}

/// Adds the text of a logged line to `line`: that of number `next`, counted from 0 since boot, or of the oldest that is kept.
/// `next` is the number after it then. Returns false, and changes nothing, if there is no such line yet.
pub fn read(next: &mut u64, line: &mut Line) -> bool {
    CONSOLE.borrow().is_some_and(|console| {
        let number = console.ring.first().max(*next);
        let is_there = console.ring.add_to(line, number);
        if is_there {
            *next = number.saturating_add(1);
        }
        is_there
    })
}

/// Prints the log on the first serial port from now on, if that is free and the command line does not say `console=none`. What
/// was logged before is printed first. Called again, it changes nothing.
pub fn begin(options: &Options) {
    if let Some(mut console) = CONSOLE.borrow()
        && let Output::Undecided = console.output
    {
        console.output = match log_port() {
            Some(port) if !options.silent => Output::Port(port),
            _ => Output::Silent,
        };
        console.print();
    }
}

/// Prints on the same port after a reset. Only where a machine can be suspended.
#[cfg(target_arch = "x86_64")]
pub(crate) fn reopen() {
    if let Some(mut console) = CONSOLE.borrow()
        && let Output::Port(port) = &mut console.output
        && port.reopen().is_none()
    {
        console.output = Output::Silent;
    }
}

/// Prints a line that is no part of the log, behind all that was logged before.
pub fn print(line: fmt::Arguments<'_>) {
    if let Some(mut console) = CONSOLE.borrow() {
        console.print();
        // Writing to the console cannot fail: what has no place is dropped.
        _ = console.write_fmt(line);
        _ = console.write_str("\r\n");
    }
}

/// Prints why the guest ends, after what was not printed yet, and on the first serial port if nobody has decided yet.
///
/// # Safety
/// Only the code that ends the guest may call this, and once.
pub(crate) unsafe fn last_line(template: &'static str, values: &[Value]) {
    // SAFETY: The caller's promise.
    unsafe { last_console() }.log(template, values);
}

/// The same for what a panic says.
///
/// # Safety
/// As for [`last_line`].
pub(crate) unsafe fn last_words(text: fmt::Arguments<'_>) {
    // SAFETY: The caller's promise.
    let console = unsafe { last_console() };
    console.print();
    // Writing to the console cannot fail: what has no place is dropped.
    _ = console.write_fmt(text);
    _ = console.write_str("\r\n");
}

/// The console, whoever was using it, with a port if there is one.
///
/// # Safety
/// As for [`last_line`].
unsafe fn last_console() -> &'static mut Console {
    // SAFETY: The guest ends, so whatever was using the console never goes on.
    let console = unsafe { CONSOLE.steal() };
    if let Output::Undecided = console.output {
        console.output = log_port().map_or(Output::Silent, Output::Port);
    }
    console
}

impl Console {
    /// The template has a hole for each value.
    fn log(&mut self, template: &'static str, values: &[Value]) {
        self.ring.push(template, values);
        self.print();
    }

    fn print(&mut self) {
        if let Output::Port(port) = &mut self.output {
            self.printer.print(&self.ring, |bytes| port.send(bytes));
        }
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.printer.insert(text);
        self.print();
        Ok(())
    }
}
