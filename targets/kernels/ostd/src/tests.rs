//! Tests that a host runs in this kernel, one after another, through the agent. Only the feature `testing` has them.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};
use core::panic::PanicInfo;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use nanoqga::commands::testing::{Ending, Output, Running, Test, Testing, Verdict, fail};
use nanoqga::serve::Channel;
use nanoqga::{check, check_eq, tests};
use ostd::arch::device::io_port::{ReadWriteAccess, WriteOnlyAccess};
use ostd::arch::read_tsc;
use ostd::io::IoPort;
use ostd::mm::io::util::HasVmReaderWriter;
use ostd::mm::{FrameAllocOptions, PAGE_SIZE};
use ostd::power::{ExitCode, poweroff};
use ostd::prelude::println;
use ostd::sync::SpinLock;
use ostd::task::halt_cpu;
use ostd::timer::Jiffies;
use virtio_serial::pci::{self, PortAccess};

use crate::kernel::Kernel;

const KERNEL: &[Test<Kernel>] = tests!["kernel":
    boxes_do_not_overlap,
    a_frame_keeps_what_is_written.cases(3),
    the_timer_ticks.timeout_ms(5_000),
    the_agents_console_is_on_pci,
    plain the_panic_handler_finishes_the_reply.should_panic("to be told").alone(),
];

fn boxes_do_not_overlap(_: &mut Kernel, _: &mut Output<'_>) -> Verdict {
    let boxes: Vec<Box<[u8; 100]>> = (0..64).map(|number| Box::new([number; 100])).collect();
    for (number, bytes) in (0..).zip(&boxes) {
        check!(bytes.iter().all(|byte| *byte == number), "something else wrote to box {number}");
    }
    Ok(())
}

/// The case is the number of pages, less one.
fn a_frame_keeps_what_is_written(_: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    let pages = output.case() as usize + 1;
    let Ok(frames) = FrameAllocOptions::new().alloc_segment(pages) else { return fail("there is no memory left") };
    let written: Vec<u8> = (0..pages * PAGE_SIZE).map(|place| (place % 251) as u8).collect();
    let mut read = alloc::vec![0; written.len()];
    frames.writer().write(&mut written.as_slice().into());
    frames.reader().read(&mut read.as_mut_slice().into());
    check!(read == written, "a byte changed in {pages} pages");
    Ok(())
}

fn the_timer_ticks(_: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    let (first, mut sleeps) = (Jiffies::elapsed().as_u64(), 0);
    while Jiffies::elapsed().as_u64() < first + 3 {
        halt_cpu();
        sleeps += 1;
    }
    output.measure("sleeps", f64::from(sleeps), "");
    Ok(())
}

fn the_agents_console_is_on_pci(_: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    // The driver's port needs them no longer.
    let address = IoPort::<u32, WriteOnlyAccess>::acquire_overlapping(0xcf8);
    let data = IoPort::<u32, ReadWriteAccess>::acquire(0xcfc);
    let (Ok(address), Ok(data)) = (&address, &data) else { return fail("somebody else has PCI's configuration space") };
    let access = PortAccess::new(|word| address.write(word), || data.read(), |word| data.write(word));
    let consoles = pci::consoles(&access).count();
    writeln!(output, "{consoles} virtio consoles")?;
    check_eq!(consoles, 1);
    Ok(())
}

fn the_panic_handler_finishes_the_reply() {
    panic!("a panic is to be told");
}

impl Testing for Kernel {
    const SUITES: &'static [&'static [Test<Self>]] = &[KERNEL];

    /// The processor's counter at the first call.
    fn boot_id(&mut self) -> u64 {
        static BOOT: AtomicU64 = AtomicU64::new(0);
        let now = read_tsc() | 1;
        BOOT.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed).map_or_else(|known| known, |_| now)
    }

    fn print_line(&mut self, line: fmt::Arguments<'_>) {
        println!("{}", line);
    }

    fn keep(&mut self, running: Option<Running>) {
        *RUNNING.lock() = running;
    }
}

static RUNNING: SpinLock<Option<Running>> = SpinLock::new(None);
static CHANNEL: SpinLock<Option<Lent>> = SpinLock::new(None);

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

#[ostd::panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("{}", info);
    finish(info);
    poweroff(ExitCode::Failure)
}

/// Finishes the reply of the test that has panicked, if one has.
fn finish(info: &PanicInfo<'_>) {
    let (Some(mut running), Some(mut channel)) = (RUNNING.try_lock(), CHANNEL.try_lock()) else { return };
    let (Some(running), Some(Lent(channel))) = (running.take(), channel.as_mut()) else { return };
    if let Some(mark) = running.mark() {
        println!("nanoqga-test-end {}", mark);
    }
    // SAFETY: whoever had borrowed it never runs again, and it is where it was: a test runs only while its agent answers.
    let channel = unsafe { channel.as_mut() };
    running.finish(&Ending::from(info), None, &mut |bytes| channel.send(bytes));
}
