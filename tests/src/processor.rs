//! How much of a processor a process takes.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

const WINDOW: Duration = Duration::from_secs(3);

/// A host that is busy with other tests may disturb one window, hardly all.
const WINDOWS: usize = 4;

/// The smallest share of a core that a process takes in a window of a few seconds, of some such windows, or of those up to
/// the first in which it takes less than `bar`.
///
/// # Errors
/// When it is gone.
pub fn smallest_share(pid: u32, bar: f64) -> Result<f64> {
    let mut smallest = f64::INFINITY;
    for _ in 0..WINDOWS {
        let (ticks, start) = (ticks(pid)?, Instant::now());
        thread::sleep(WINDOW);
        let used = (self::ticks(pid)? - ticks) as f64 / ticks_per_second()?;
        smallest = smallest.min(used / start.elapsed().as_secs_f64());
        if smallest < bar {
            break;
        }
    }
    Ok(smallest)
}

/// The processor time a process has used, in user and kernel mode.
fn ticks(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in parentheses, and may hold anything. utime and stime are 14 and 15.
    let (_, fields) = stat.rsplit_once(") ").context("a process has a name")?;
    let fields: Vec<_> = fields.split(' ').collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

fn ticks_per_second() -> Result<f64> {
    let said = Command::new("getconf").arg("CLK_TCK").output()?;
    Ok(String::from_utf8(said.stdout)?.trim().parse()?)
}
