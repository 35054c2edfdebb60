//! Tests that a host runs in this appliance, behind those of the appliance itself. Only the feature `testing` has them.

use core::fmt::Write;

use appliance::guest::Guest;
use appliance::state::Appliance;
use machine::log::Line;
use machine::{console, heap, monotonic_ns};
use nanoqga::commands::testing::{Output, Verdict, fail, skip};
use nanoqga::{check, register_tests};

type Kernel = Guest<Appliance>;

register_tests!(Kernel, "own": the_heap_lies_in_the_map, the_uptime_grows.timeout_ms(5_000), the_log_names_the_agents_device);

/// `own-get-memory-map` must have the range in which the heap hands out memory.
fn the_heap_lies_in_the_map(kernel: &mut Kernel, _: &mut Output<'_>) -> Verdict {
    let Some(memory) = heap::bytes(100) else { return fail("there is no memory left") };
    let address = memory.as_ptr().addr() as u64;
    check!(
        kernel.machine.ram().iter().any(|ram| (ram.start..ram.end).contains(&address)),
        "{address:#x} is in no range"
    );
    Ok(())
}

/// `own-get-uptime` counts on, also while the machine sleeps.
fn the_uptime_grows(kernel: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    const MS: u64 = 1_000_000;
    let (Some(start), true) = (monotonic_ns(), kernel.machine.can_sleep()) else {
        return skip("this machine has no clock, or nothing that ends a sleep");
    };
    kernel.state.hardware.sleep_for(&kernel.machine, MS);
    let Some(end) = monotonic_ns() else { return fail("the clock is gone") };
    output.measure("slept", end.saturating_sub(start) as f64, "ns");
    check!(end > start, "the clock stood still at {start}");
    Ok(())
}

/// The device that this request came by is one of those that the log names.
fn the_log_names_the_agents_device(_: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    let (mut next, mut found) = (0, false);
    loop {
        let mut line = Line::new();
        if !console::read(&mut next, &mut line) {
            break;
        }
        if line.text().contains("virtio console at") {
            found = true;
            writeln!(output, "{}", line.text())?;
        }
    }
    if found { Ok(()) } else { skip("the agent is at a serial port, or newer lines have replaced the console's") }
}
