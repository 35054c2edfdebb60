//! Devices.

use nanoqga::commands::testing::{Output, Test, Verdict, skip};
use nanoqga::{check_eq, tests};

use crate::Guest;

pub const TESTS: &[Test<Guest>] = tests!["device": has_one_port, reads_a_disk];

fn has_one_port(guest: &mut Guest, _: &mut Output<'_>) -> Verdict {
    check_eq!(guest.ports, 1);
    Ok(())
}

fn reads_a_disk(_: &mut Guest, _: &mut Output<'_>) -> Verdict {
    skip("this machine has no disk")
}
