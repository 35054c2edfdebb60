//! How much of a processor a process takes, and whether it is at rest.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nanoqga_testkit::deadline::soon;

const WINDOW: Duration = Duration::from_secs(3);

/// A host that is busy with other tests may disturb one window, hardly all.
const WINDOWS: usize = 4;

/// The smallest share of a core that a process takes in one of some windows, each of a few seconds.
///
/// # Errors
/// When it is gone.
pub fn smallest_share(pid: u32) -> Result<f64> {
    (0..WINDOWS).try_fold(f64::INFINITY, |smallest, _| Ok(smallest.min(share(pid)?)))
}

/// Waits until a process comes to rest: until it takes less than `bar` of a core for a few seconds. Returns how much.
///
/// # Errors
/// When it does not, or is gone.
pub fn rests(pid: u32, bar: f64) -> Result<f64> {
    let mut smallest = f64::INFINITY;
    let rest = soon().poll("a process at rest", || {
        let share = share(pid)?;
        smallest = smallest.min(share);
        Ok((share < bar).then_some(share))
    });
    rest.with_context(|| format!("it takes {smallest:.3} of a core at least, and should take less than {bar:.3}"))
}

/// The share of a core that a process takes in the next window.
fn share(pid: u32) -> Result<f64> {
    let window = || {
        thread::sleep(WINDOW); // no wait: processor time is measured over this window
        Ok(())
    };
    Ok(share_during(pid, window)?.0)
}

/// The share of a core that a process takes while `work` is done, and what that returns.
///
/// # Errors
/// Those of `work`, and when the process is gone.
pub fn share_during<T>(pid: u32, work: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
    let (before, start) = (ticks(pid)?, Instant::now());
    let value = work()?;
    Ok(((ticks(pid)? - before) as f64 / ticks_per_second()? / start.elapsed().as_secs_f64(), value))
}

/// Whether a process of one thread waits for an event.
///
/// # Errors
/// When it is gone.
pub fn is_asleep(pid: u32) -> Result<bool> {
    Ok(stat(pid)?[0] == "S")
}

/// The processor time a process has used, in user and kernel mode.
fn ticks(pid: u32) -> Result<u64> {
    let fields = stat(pid)?;
    // utime and stime are the fields 14 and 15.
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

/// What the kernel tells of a process, from the third field on: its state.
fn stat(pid: u32) -> Result<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in parentheses, and may hold anything.
    let (_, fields) = stat.rsplit_once(") ").context("a process has a name")?;
    Ok(fields.split(' ').map(String::from).collect())
}

fn ticks_per_second() -> Result<f64> {
    let said = Command::new("getconf").arg("CLK_TCK").output()?;
    Ok(String::from_utf8(said.stdout)?.trim().parse()?)
}
