//! Disks that fail: a request that cannot be done is told to who asked, and what was acknowledged before is there.

use std::fs;

use anyhow::{Context, Result, ensure};
use tests::disk::Disk;

use crate::workload::{Logged, Machine, Step, keeps, try_on_all};

const WORKLOADS: u32 = 10;

/// Of a workload with more requests only so many fail, evenly spread.
const MOST: usize = 40;

/// Lets each request of a workload to the disk fail once. The workload ends with the first step that fails; then the volume is repaired,
/// and has what was promised.
fn fail_each_request(before: &[u8], disk: &Disk, steps: &[Step]) -> Result<()> {
    let mut whole = Machine::new(Logged::new(before))?;
    do_all(&mut whole, steps)?;
    let requests = whole.disk.requests;
    for fails in (1..=requests).step_by(requests.div_ceil(MOST)) {
        let failing = Logged { fails: Some(fails), ..Logged::new(before) };
        // A volume that cannot be mounted promises nothing.
        let Ok(mut machine) = Machine::new(failing) else { continue };
        let told = do_all(&mut machine, steps);
        ensure!(told.is_err() || machine.disk.requests >= fails, "request {fails} of {requests} was not made");
        fs::write(disk.path(), &machine.disk.bytes)?;
        let context = || format!("request {fails} of {requests} failed, and {told:?}");
        let said = disk.repair().with_context(context)?;
        keeps(fs::read(disk.path())?, &machine.promises, &machine.written).with_context(context).context(said)?;
    }
    Ok(())
}

fn do_all(machine: &mut Machine, steps: &[Step]) -> Result<()> {
    steps.iter().enumerate().try_for_each(|(number, step)| machine.step(number, step))
}

#[test]
fn a_request_that_fails_is_told_and_what_was_acknowledged_before_is_there() -> Result<()> {
    try_on_all(WORKLOADS, fail_each_request)
}
