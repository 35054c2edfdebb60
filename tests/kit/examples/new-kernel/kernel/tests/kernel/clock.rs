//! The clock.

use nanoqga::commands::testing::{Output, Test, Verdict};
use nanoqga::{check, tests};
use new_kernel::clock::now;

use crate::Guest;

pub const TESTS: &[Test<Guest>] = tests!["clock":
    goes_on,
    plain has_an_alarm,
    plain waits_for_a_day.timeout_ms(50),
];

fn goes_on(_: &mut Guest, output: &mut Output<'_>) -> Verdict {
    let start = now();
    while now() == start {}
    output.measure("tick", (now() - start) as f64, "ns");
    check!(now() > start);
    Ok(())
}

/// Wrong on purpose: it shows what a panic looks like.
fn has_an_alarm() {
    let alarm = (now() == u64::MAX).then_some(());
    alarm.expect("nobody has set the alarm");
}

/// Wrong on purpose: it shows what a test looks like that hangs.
fn waits_for_a_day() {
    let end = now() + 24 * 3600 * 1_000_000_000;
    while now() < end {}
}
