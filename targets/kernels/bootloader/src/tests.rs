//! Tests that a host runs in this kernel, one after another, through the agent. Only the feature `testing` has them.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};
use core::panic::PanicInfo;
use core::ptr::NonNull;

use nanoqga::commands::testing::{Ending, Output, Running, Test, Testing, Verdict, skip};
use nanoqga::serve::Channel;
use nanoqga::{check, check_eq, tests};
use spin::{Mutex, Once};
use virtio_serial::pci::{self, ConfigurationPorts};
use x86_64::instructions::hlt;

use crate::agent::Kernel;
use crate::{log, ticks};

const KERNEL: &[Test<Kernel>] = tests!["kernel":
    memory_is_nobody_elses,
    a_large_box_is_given_back.cases(3),
    the_timer_ticks.timeout_ms(5_000),
    the_agents_console_is_on_pci,
    plain the_panic_handler_finishes_the_reply.should_panic("to be told").alone(),
];

fn memory_is_nobody_elses(_: &mut Kernel, _: &mut Output<'_>) -> Verdict {
    let mut boxes: Vec<Box<[u8; 100]>> = (0..64).map(|number| Box::new([number; 100])).collect();
    boxes.retain(|bytes| bytes[0] % 2 == 0);
    boxes.extend((64..96).map(|number| Box::new([number; 100])));
    for bytes in &boxes {
        check!(bytes.iter().all(|byte| *byte == bytes[0]), "something else wrote to box {}", bytes[0]);
    }
    check_eq!(boxes.len(), 64);
    Ok(())
}

/// A heap that loses memory would run out of it.
fn a_large_box_is_given_back(_: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    let length = 1 << (16 + output.case());
    for round in 0..100u8 {
        let memory = alloc::vec![round; length];
        check_eq!(memory.last(), Some(&round));
    }
    writeln!(output, "{length} bytes, a hundred times")?;
    Ok(())
}

fn the_timer_ticks(_: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    let (first, mut sleeps) = (ticks::count(), 0);
    while ticks::count() < first + 3 {
        hlt();
        sleeps += 1;
    }
    output.measure("sleeps", f64::from(sleeps), "");
    Ok(())
}

fn the_agents_console_is_on_pci(_: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    // SAFETY: the driver has read what it needs of PCI's configuration space, and nobody else in this kernel uses it.
    let access = unsafe { ConfigurationPorts::new() };
    let consoles = pci::consoles(&access).count();
    writeln!(output, "{consoles} virtio consoles")?;
    if consoles == 0 { skip("the agent is at COM2") } else { Ok(()) }
}

fn the_panic_handler_finishes_the_reply() {
    panic!("a panic is to be told");
}

impl Testing for Kernel {
    const SUITES: &'static [&'static [Test<Self>]] = &[KERNEL];

    /// The processor's counter at the first call.
    fn boot_id(&mut self) -> u64 {
        static BOOT: Once<u64> = Once::new();
        // SAFETY: every processor of x86_64 has it.
        *BOOT.call_once(|| unsafe { core::arch::x86_64::_rdtsc() })
    }

    fn print_line(&mut self, line: fmt::Arguments<'_>) {
        log(line);
    }

    fn keep(&mut self, running: Option<Running>) {
        *RUNNING.lock() = running;
    }
}

static RUNNING: Mutex<Option<Running>> = Mutex::new(None);
static CHANNEL: Mutex<Option<Lent>> = Mutex::new(None);

/// A channel that waits until its device has taken all bytes.
trait Polled {
    fn send(&mut self, bytes: &[u8]);
}

impl<C: Channel> Polled for C {
    fn send(&mut self, bytes: &[u8]) {
        // The kernel ends in any case: there is nobody to tell.
        let _ = self.write_all(bytes).and_then(|()| self.flush());
    }
}

struct Lent(NonNull<dyn Polled>);

// SAFETY: only a panic handler uses it, when nothing else runs any more.
unsafe impl Send for Lent {}

/// The same channel, which is also kept for the panic handler.
pub fn lend<C: Channel + 'static>(channel: &mut C) -> &mut C {
    let mut lent = NonNull::from(channel);
    *CHANNEL.lock() = Some(Lent(lent));
    // SAFETY: it was just borrowed, for as long. The other pointer is only used when this one never is again.
    unsafe { lent.as_mut() }
}

/// Finishes the reply of the test that has panicked, if one has.
pub fn finish(info: &PanicInfo<'_>) {
    let (Some(mut running), Some(mut channel)) = (RUNNING.try_lock(), CHANNEL.try_lock()) else { return };
    let (Some(running), Some(Lent(channel))) = (running.take(), channel.as_mut()) else { return };
    if let Some(mark) = running.mark() {
        log(format_args!("nanoqga-test-end {mark}"));
    }
    // SAFETY: whoever had borrowed it never runs again, and it is where it was: a test runs only while its agent answers.
    let channel = unsafe { channel.as_mut() };
    running.finish(&Ending::from(info), None, &mut |bytes| channel.send(bytes));
}
