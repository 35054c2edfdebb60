//! Tests that a host runs in the firmware, one after another, through the agent.

use core::arch::x86_64::_rdtsc;
use core::fmt::{self, Write};
use core::slice;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use nanoqga::commands::testing::{Output, Test, Testing, Verdict, fail, skip};
use nanoqga::{check, check_eq, tests};
use uefi::boot::{self, EventType, SearchType, TimerTrigger, Tpl};
use uefi::println;
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE};

use crate::agent::Application;
use crate::firmware;
use crate::memory::FirmwareMemory;
use crate::pci::{self, PciIo};

const FIRMWARE: &[Test<Application>] = tests!["firmware":
    pages_are_zeroed_and_nobody_elses,
    an_event_of_a_timer_ends_a_wait.timeout_ms(5_000),
    the_agents_console_is_on_pci,
    the_clock_is_in_this_century,
];

/// What tells this boot from others. 0 until a host has asked.
static BOOT: AtomicU64 = AtomicU64::new(0);

/// Until when the timer of firmware must have interrupted. `Sleep` has slowed it down to an interrupt in 50 ms.
const LATEST: Duration = Duration::from_millis(1_000);
/// Some periods of the firmware's timer, which are 50 ms: an event may come up to one of them too early.
const EVENT: Duration = Duration::from_millis(200);

fn pages_are_zeroed_and_nobody_elses(_: &mut Application, output: &mut Output<'_>) -> Verdict {
    let free = |map| firmware::free_memory(&map);
    let before = firmware::memory_map().map(free)?;
    let [(one, first), (other, second)] = [2, 1].map(|pages| FirmwareMemory::dma_alloc(pages, BufferDirection::Both));
    check!(one != 0 && other != 0, "firmware has no pages left");
    check!(one + 2 * PAGE_SIZE as u64 <= other || other + PAGE_SIZE as u64 <= one, "two allocations overlap");
    // SAFETY: it is one page of those that were just allocated, which nobody else has.
    let page = unsafe { first.cast::<[u8; PAGE_SIZE]>().as_mut() };
    let zeroed = page.iter().all(|byte| *byte == 0);
    page.fill(0xA5);
    // SAFETY: nothing refers to the pages any more, and these are their sizes.
    let freed = unsafe { (FirmwareMemory::dma_dealloc(one, first, 2), FirmwareMemory::dma_dealloc(other, second, 1)) };
    check!(zeroed, "the pages are not zeroed");
    check_eq!(freed, (0, 0));
    output.measure("free", before as f64, "bytes");
    Ok(())
}

/// Waits for an event, in the time of the processor's counter, which `stall` tells the rate of.
fn an_event_of_a_timer_ends_a_wait(_: &mut Application, output: &mut Output<'_>) -> Verdict {
    let start = counter();
    boot::stall(Duration::from_millis(10));
    let per_ms = ((counter() - start) / 10).max(1);
    // SAFETY: the event has no function that firmware could call when the application has ended.
    let event = unsafe { boot::create_event(EventType::TIMER, Tpl::APPLICATION, None, None) }?;
    let start = counter();
    boot::set_timer(&event, TimerTrigger::Relative(EVENT))?;
    let waited = boot::wait_for_event(slice::from_ref(&event));
    let ms = (counter() - start) / per_ms;
    boot::close_event(event)?;
    check!(waited.is_ok(), "the wait failed");
    output.measure("waited", ms as f64, "ms");
    check!(u128::from(ms) < LATEST.as_millis(), "an event in {EVENT:?} came after {ms} ms");
    // The counter's rate was measured with an error of some percent.
    check!(u128::from(ms) > EVENT.as_millis() / 2, "an event in {EVENT:?} came after {ms} ms");
    Ok(())
}

fn the_agents_console_is_on_pci(_: &mut Application, output: &mut Output<'_>) -> Verdict {
    let devices = boot::locate_handle_buffer(SearchType::from_proto::<PciIo>())?;
    let consoles = devices.iter().filter(|device| pci::is_console(**device)).count();
    writeln!(output, "{} devices on PCI, {consoles} of them virtio consoles", devices.len())?;
    check!(consoles <= devices.len() && !devices.is_empty(), "firmware has found no device on PCI");
    if consoles == 0 { skip("the agent is on a serial port") } else { Ok(()) }
}

fn the_clock_is_in_this_century(_: &mut Application, _: &mut Output<'_>) -> Verdict {
    let Some(time) = firmware::time() else { return fail("firmware does not tell the time") };
    check!(time > 1_700_000_000_000_000_000, "it is {time} ns since 1970");
    Ok(())
}

/// The processor's counter.
fn counter() -> u64 {
    // SAFETY: every processor of x86_64 has it.
    unsafe { _rdtsc() }
}

impl Testing for Application {
    const SUITES: &'static [&'static [Test<Self>]] = &[FIRMWARE];

    /// The time of day and the processor's counter at the first call. They go on, so the first is kept.
    fn boot_id(&mut self) -> u64 {
        let now = firmware::time().unwrap_or_default() as u64 ^ counter().rotate_left(32) | 1;
        BOOT.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed).map_or_else(|known| known, |_| now)
    }

    fn print_line(&mut self, line: fmt::Arguments<'_>) {
        println!("{line}");
    }
}
