//! The monotonic clock, and the time of day that goes on from it.

use core::fmt::Write;

use machine::monotonic_ns;
use nanoqga::commands::testing::{Output, Verdict, fail, skip};
use nanoqga::{check, tests};

use crate::testing::kernel::{Kernel, Suite};

pub(super) const ALL: Suite = tests!["clock": never_goes_back, the_time_of_day_follows_it];

const READS: u32 = 10_000;
const MS: u64 = 1_000_000;

fn never_goes_back(_: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    let Some(first) = monotonic_ns() else { return skip("this machine has no monotonic clock") };
    let mut last = first;
    for _ in 0..READS {
        let now = monotonic_ns().unwrap_or_default();
        check!(now >= last, "it went from {last} back to {now}");
        last = now;
    }
    check!(last > first, "it stood still at {last}");
    output.measure("read", (last - first) as f64 / f64::from(READS), "ns");
    Ok(())
}

/// The real-time clock shows whole seconds, and the time of day may be set by it in between.
fn the_time_of_day_follows_it(kernel: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    let Some(start) = monotonic_ns() else { return skip("this machine has no monotonic clock") };
    let Some(wall) = kernel.machine.clock().wall_ns() else { return skip("this machine does not know the time") };
    check!(wall > 1_700_000_000_000_000_000, "it is {wall} ns since 1970, which is long ago");
    let passed = loop {
        let passed = monotonic_ns().map_or(0, |now| now.saturating_sub(start));
        if passed > 50 * MS {
            break passed;
        }
    };
    let Some(later) = kernel.machine.clock().wall_ns() else { return fail("the time of day is not known any more") };
    let shown = later - wall;
    writeln!(output, "{passed} ns have passed, and {shown} ns of the day")?;
    let most = passed as i64 + 2_000 * MS as i64;
    check!((0..most).contains(&shown), "{shown} ns of the day have passed in {passed} ns");
    Ok(())
}
