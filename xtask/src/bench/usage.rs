//! What a process takes from the host: processor time and memory.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// Seconds of processor time that a process has used, all of its threads together. The process's own clock counts to this very
/// moment, as /proc does not: there a process that runs has its time of the last tick, which may be milliseconds ago.
pub(super) fn processor_time(pid: u32) -> Result<f64> {
    let clock = clock_getcpuclockid(Pid::from_raw(pid.try_into()?))?;
    Ok(Duration::from(clock.now()?).as_secs_f64())
}

/// Microseconds of processor time that a process uses during `work`, and what that returns.
pub(super) fn microseconds<T>(pid: u32, work: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
    let before = processor_time(pid)?;
    let value = work()?;
    Ok(((processor_time(pid)? - before) * 1e6, value))
}

/// The memory of a process that is in RAM, in KiB.
pub(super) fn resident_kib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|rest| rest.trim().strip_suffix(" kB")).context("a process has memory")?;
    Ok(kib.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    #[test]
    fn the_time_of_a_process_that_runs_is_not_that_of_its_last_tick() {
        // Each reading takes time itself, and far less than a tick.
        let readings: Vec<_> = (0..100).map(|_| processor_time(process::id()).unwrap()).collect();
        assert!(readings.is_sorted_by(|earlier, later| earlier < later), "{readings:?}");
    }
}
