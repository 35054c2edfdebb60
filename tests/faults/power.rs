//! Disks that lose power: whatever part of the writes had come, a volume can be repaired, and what was acknowledged is there.

use std::env;
use std::fs;

use anyhow::{Context, Result};
use tests::disk::Disk;

use crate::workload::{Logged, Machine, Step, keeps, try_on_all};

/// How many workloads, unless the variable says another number.
const WORKLOADS: u32 = 40;
const VARIABLE: &str = "NANOQGA_WORKLOADS";

/// Cuts the power after each write of a workload, has the volume repaired, and looks for what was promised then.
fn lose_power(before: &[u8], disk: &Disk, steps: &[Step]) -> Result<()> {
    let mut machine = Machine::new(Logged::new(before))?;
    for (number, step) in steps.iter().enumerate() {
        machine.step(number, step).with_context(|| format!("step {number}: {step:?}"))?;
    }
    let mut now = before.to_vec();
    for written in 0..=machine.disk.log.len() {
        if let Some((at, bytes)) = written.checked_sub(1).map(|last| &machine.disk.log[last]) {
            now[*at..][..bytes.len()].copy_from_slice(bytes);
        }
        fs::write(disk.path(), &now)?;
        let said = disk.repair().with_context(|| format!("after {written} writes"))?;
        let active = machine.moments.iter().rfind(|(from, _)| *from <= written);
        let others = machine.moments.iter().filter(|(from, _)| *from == written);
        for (_, promises) in active.into_iter().chain(others) {
            keeps(fs::read(disk.path())?, promises, &machine.written)
                .with_context(|| format!("after {written} writes; {said}"))?;
        }
    }
    Ok(())
}

#[test]
fn whenever_power_is_lost_a_volume_can_be_repaired_and_has_what_was_acknowledged() -> Result<()> {
    let workloads = match env::var(VARIABLE) {
        Ok(number) => number.parse().with_context(|| format!("{VARIABLE} is {number}, which is no number"))?,
        Err(_) => WORKLOADS,
    };
    try_on_all(workloads, lose_power)
}
