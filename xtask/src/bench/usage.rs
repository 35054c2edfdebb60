//! What a process takes from the host: processor time and memory.

use std::fs;

use anyhow::{Context, Result};

/// Seconds of processor time that a process has used, all of its threads together.
pub(super) fn processor_time(pid: u32) -> Result<f64> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let thread = thread?.path();
        // A thread that ended meanwhile has no file any more. None of those that do an agent's work ends.
        let Ok(text) = fs::read_to_string(thread.join("schedstat")) else { continue };
        let time = text.split_whitespace().next().context("a thread has no time in schedstat")?;
        nanoseconds += time.parse::<u64>()?;
    }
    Ok(nanoseconds as f64 / 1e9)
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
