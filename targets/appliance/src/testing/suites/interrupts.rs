//! Interrupts: the timer's, which end a sleep.

use machine::monotonic_ns;
use nanoqga::commands::testing::{Output, Verdict, skip};
use nanoqga::{check, tests};

use crate::testing::kernel::{Kernel, Suite};

pub(super) const ALL: Suite = tests!["interrupts": the_timer_ends_a_sleep.timeout_ms(10_000), a_sleep_is_no_loop];

const MS: u64 = 1_000_000;

/// Sleeps until `ns` nanoseconds have passed; returns in how many sleeps. `None` if the machine cannot.
fn sleep(kernel: &Kernel, ns: u64) -> Option<(u64, u64)> {
    let start = monotonic_ns()?;
    if !kernel.machine.can_sleep() {
        return None;
    }
    let mut sleeps = 0;
    loop {
        let passed = monotonic_ns()?.saturating_sub(start);
        if passed >= ns {
            return Some((passed, sleeps));
        }
        kernel.state.hardware.sleep_for(&kernel.machine, ns - passed);
        sleeps += 1;
    }
}

fn the_timer_ends_a_sleep(kernel: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    let Some((passed, _)) = sleep(kernel, 5 * MS) else { return skip("this machine has nothing that ends a sleep") };
    output.measure("late", (passed - 5 * MS) as f64, "ns");
    Ok(())
}

/// A timer whose interrupt is always pending would end each sleep at once.
fn a_sleep_is_no_loop(kernel: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    let Some((passed, sleeps)) = sleep(kernel, 50 * MS) else {
        return skip("this machine has nothing that ends a sleep");
    };
    output.measure("sleeps", sleeps as f64, "");
    check!(sleeps < 500, "it took {sleeps} sleeps to wait for {passed} ns");
    Ok(())
}
