//! The kernel's tests: an image of its own, in which a host runs one after another.
#![no_std]
#![no_main]

#[path = "kernel/clock.rs"]
mod clock;
#[path = "kernel/device.rs"]
mod device;
#[path = "kernel/memory.rs"]
mod memory;

use core::fmt;
use core::panic::PanicInfo;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use machine::cell::OneCpu;
use machine::{Handover, Machine, console, halt, last_words, log, monotonic_ns};
use nanoqga::commands::testing::{self, Ending, Running, Test, Testing};
use nanoqga::commands::{info, power, sync};
use nanoqga::serve::Channel;
use nanoqga::{CommandSet, Failure};
use new_kernel::agent::{self, Port};

/// What the tests are given.
struct Guest {
    ports: usize,
    goes_down: bool,
}

impl Testing for Guest {
    const SUITES: &'static [&'static [Test<Self>]] = &[memory::TESTS, clock::TESTS, device::TESTS];

    fn boot_id(&mut self) -> u64 {
        monotonic_ns().unwrap_or(0)
    }

    fn clock_ns(&mut self) -> Option<u64> {
        monotonic_ns()
    }

    fn print_line(&mut self, line: fmt::Arguments<'_>) {
        console::print(line);
    }

    fn keep(&mut self, running: Option<Running>) {
        if let Some(mut kept) = RUNNING.borrow() {
            *kept = running;
        }
    }
}

/// The test that runs, for the panic handler.
static RUNNING: OneCpu<Option<Running>> = OneCpu::new(None);
/// The agent's port, for the panic handler.
static PORT: AtomicPtr<Port> = AtomicPtr::new(ptr::null_mut());

impl info::Identity for Guest {
    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }
}

impl power::Power for Guest {
    fn shutdown(&mut self, how: power::Shutdown) -> Result<(), Failure> {
        self.goes_down = how == power::Shutdown::PowerDown;
        if self.goes_down { Ok(()) } else { Err(Failure("this kernel can only be switched off")) }
    }
}

static COMMANDS: CommandSet<Guest> =
    CommandSet::new(&[sync::commands(), info::commands(), power::commands(), testing::commands()]);

machine::entry_point!(main, panicked);

fn main(handover: Handover) -> ! {
    let mut machine = Machine::start(handover, |_| false);
    console::begin(machine.options());
    log!("the new kernel's tests");
    if let Some(mut port) = agent::find(&machine) {
        PORT.store(&raw mut port, Ordering::Relaxed);
        let mut guest = Guest { ports: 1, goes_down: false };
        agent::serve(&mut machine, &mut port, &COMMANDS, &mut guest, |guest| guest.goes_down);
    }
    let _ = machine.power_off();
    halt()
}

/// Tells the host which test panicked, and ends.
fn panicked(info: &PanicInfo<'_>) -> ! {
    // SAFETY: What had the port was interrupted by this panic, and never goes on.
    let port = unsafe { PORT.load(Ordering::Relaxed).as_mut() };
    let running = RUNNING.borrow().and_then(|mut running| running.take());
    last_words::die_after(info, || {
        let (Some(port), Some(running)) = (port, running) else { return };
        running.finish(&Ending::from(info), monotonic_ns(), &mut |mut bytes| {
            while !bytes.is_empty() {
                bytes = &bytes[port.send(bytes)..];
            }
        });
        while port.is_drained() == Ok(false) {}
    })
}
