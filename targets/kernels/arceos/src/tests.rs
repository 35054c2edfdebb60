//! Tests that a host runs in the kernel, one after another, through the agent.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use ax_std::fs::{File, OpenOptions};
use ax_std::io::{Read, Write};
use ax_std::os::arceos::modules::ax_alloc::global_allocator;
use ax_std::os::arceos::modules::ax_hal::time::{monotonic_time, wall_time};
use ax_std::thread;
use nanoqga::commands::testing::{Output, Test, Testing, Verdict, fail};
use nanoqga::{check, check_eq, tests};

use crate::kernel::Kernel;
use crate::port;

const KERNEL: &[Test<Kernel>] = tests!["kernel":
    memory_is_given_back,
    a_sleep_lasts_as_long_as_it_is_asked_to.timeout_ms(5_000),
    threads_run_beside_each_other,
    a_file_keeps_what_is_written,
    the_port_is_served_once,
    it_writes_while_it_runs.ignored("it is for the commands that follow a test"),
];

const SLEEP: Duration = Duration::from_millis(20);

fn memory_is_given_back(_: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    let free = || global_allocator().available_bytes();
    let before = free();
    for round in 0..8u8 {
        let memory = vec![round; 1 << 20];
        check!(memory.iter().all(|byte| *byte == round), "a byte changed");
    }
    output.measure("free", before as f64, "bytes");
    // Other threads may hold a little.
    check!(free() + (2 << 20) > before, "{} bytes are gone", before.saturating_sub(free()));
    Ok(())
}

fn a_sleep_lasts_as_long_as_it_is_asked_to(_: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    let start = monotonic_time();
    thread::sleep(SLEEP);
    let slept = monotonic_time().saturating_sub(start);
    output.measure("slept", slept.as_micros() as f64, "us");
    check!(slept >= SLEEP, "it lasted {slept:?}");
    check!(slept < SLEEP * 50, "it lasted {slept:?}");
    Ok(())
}

fn threads_run_beside_each_other(_: &mut Kernel, _: &mut Output<'_>) -> Verdict {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    COUNT.store(0, Ordering::Relaxed);
    let count = || {
        for _ in 0..100 {
            COUNT.fetch_add(1, Ordering::Relaxed);
            thread::yield_now();
        }
    };
    let threads: Vec<_> = (0..4).map(|_| thread::spawn(count)).collect();
    for thread in threads {
        if thread.join().is_err() {
            return fail("a thread cannot be joined");
        }
    }
    check_eq!(COUNT.load(Ordering::Relaxed), 400);
    Ok(())
}

fn a_file_keeps_what_is_written(_: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    let (text, mut read) = (output.seed().to_le_bytes(), [0; 8]);
    let mut options = OpenOptions::new();
    let Ok(mut file) = options.write(true).create(true).truncate(true).open("/seed.bin") else {
        return fail("it cannot be made");
    };
    check!(file.write(&text).is_ok_and(|count| count == 8) && file.flush().is_ok(), "it cannot be written");
    drop(file);
    let Ok(mut file) = File::open("/seed.bin") else { return fail("it cannot be opened") };
    check!(file.read(&mut read).is_ok_and(|count| count == 8), "it cannot be read");
    check_eq!(read, text);
    Ok(())
}

/// The device that the agent is on belongs to the thread that runs this.
fn the_port_is_served_once(_: &mut Kernel, _: &mut Output<'_>) -> Verdict {
    check!(port::SERVE.lock().is_none(), "the port waits to be served, though its host is answered");
    Ok(())
}

/// A host that runs it in a thread reads each line as it comes.
fn it_writes_while_it_runs(_: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    for line in 0..5 {
        writeln!(output, "line {line}")?;
        thread::sleep(SLEEP * 10);
    }
    output.measure("lines", 5.0, "");
    Ok(())
}

impl Testing for Kernel {
    const SUITES: &'static [&'static [Test<Self>]] = &[KERNEL];

    /// The time of day at the first call.
    fn boot_id(&mut self) -> u64 {
        static BOOT: AtomicU64 = AtomicU64::new(0);
        let now = wall_time().as_nanos() as u64 | 1;
        BOOT.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed).map_or_else(|known| known, |_| now)
    }

    fn print_line(&mut self, line: fmt::Arguments<'_>) {
        println!("{line}");
    }

    fn clock_ns(&mut self) -> Option<u64> {
        u64::try_from(monotonic_time().as_nanos()).ok()
    }
}
