//! What the family of tests needs of the appliance.

use core::fmt;
use core::hint::{black_box, spin_loop};
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};

use machine::{console, monotonic_ns, timestamp};
use nanoqga::commands::testing::{Misbehave, Misbehaviour, Running, Test, Testing};
use nanoqga::{Failure, registered_tests};

use super::kernel::Kernel;
use super::{last_words, suites};

/// An address that is mapped on none of the machines.
const NOWHERE: usize = 1 << 45;

/// What tells this boot from others. 0 until a host has asked.
static BOOT_ID: AtomicU64 = AtomicU64::new(0);

impl Testing for Kernel {
    const SUITES: &'static [&'static [Test<Self>]] = suites::ALL;

    fn registered() -> &'static [&'static Test<Self>] {
        registered_tests!(Kernel)
    }

    /// The counter of the processor when a host first asked, mixed with the time of day.
    fn boot_id(&mut self) -> u64 {
        let known = BOOT_ID.load(Ordering::Relaxed);
        if known != 0 {
            return known;
        }
        let wall = self.machine.clock().wall_ns().unwrap_or_default() as u64;
        let id = timestamp().rotate_left(32) ^ wall | 1;
        BOOT_ID.store(id, Ordering::Relaxed);
        id
    }

    fn print_line(&mut self, line: fmt::Arguments<'_>) {
        console::print(line);
    }

    fn clock_ns(&mut self) -> Option<u64> {
        monotonic_ns()
    }

    fn keep(&mut self, running: Option<Running>) {
        last_words::keep(running);
    }
}

impl Misbehave for Kernel {
    fn misbehave(&mut self, how: Misbehaviour) -> Result<(), Failure> {
        match how {
            Misbehaviour::Panic => panic!("this guest was asked to panic"),
            Misbehaviour::Hang => loop {
                spin_loop();
            },
            // SAFETY: The address is mapped on none of the machines: nothing is changed, and the exception is wanted.
            Misbehaviour::Fault => unsafe { ptr::with_exposed_provenance_mut::<u8>(NOWHERE).write_volatile(1) },
            Misbehaviour::Overflow => drop(overflow(1)),
            Misbehaviour::Reset => self.machine.reboot(),
        }
        Ok(())
    }
}

/// Takes more stack than there is.
fn overflow(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    if black_box(depth) == 0 { 0 } else { overflow(depth + 1) + room[black_box(63)] }
}
