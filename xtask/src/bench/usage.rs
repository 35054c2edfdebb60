//! What a process takes from the host: processor time and memory.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use nanoqga_testkit::deadline::Deadline;
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// How many seconds a process may go on when its client has all replies.
const REST: u64 = 60;

/// Seconds of processor time that a process has used, all of its threads together. A thread that runs counts up to its last
/// tick, which may be 10 ms ago.
pub(super) fn processor_time(pid: u32) -> Result<f64> {
    let clock = clock_getcpuclockid(Pid::from_raw(pid.try_into()?))?;
    Ok(Duration::from(clock.now()?).as_secs_f64())
}

/// Seconds of processor time that a process has used, exactly. The kernel counts a thread's time when it goes to sleep: so this
/// waits until all threads sleep, and have been counted.
fn processor_time_at_rest(pid: u32) -> Result<f64> {
    let mut last = None;
    Deadline::seconds(REST).poll("a process at rest", || {
        let now = if sleeps(pid)? { Some(processor_time(pid)?) } else { None };
        // A thread says that it sleeps moments before it does.
        let counted = now.filter(|_| now == last);
        last = now;
        Ok(counted)
    })
}

/// Whether no thread of a process runs or waits for a processor.
fn sleeps(pid: u32) -> Result<bool> {
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may have ended since.
        let Ok(stat) = fs::read_to_string(thread?.path().join("stat")) else { continue };
        // The second field is the thread's name in parentheses, and may hold anything.
        let (_, fields) = stat.rsplit_once(") ").context("a thread has a name")?;
        if fields.starts_with('R') {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Microseconds of processor time that a process uses for `work`, and what that returns. What it does after its last reply
/// counts too.
pub(super) fn microseconds<T>(pid: u32, work: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
    let before = processor_time_at_rest(pid)?;
    let value = work()?;
    Ok(((processor_time_at_rest(pid)? - before) * 1e6, value))
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
    use std::hint;
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    use super::*;

    /// Work of a few milliseconds: less than a tick, and it begins anywhere between two.
    const PIECE: &str = "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done";

    #[test]
    fn what_a_process_does_after_its_reply_counts() {
        let script = format!("while read line; do echo $line; {PIECE}; done");
        let mut child =
            Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut replies = BufReader::new(child.stdout.take().unwrap());
        let mut requests = child.stdin.take().unwrap();
        let mut turns: Vec<_> = (0..50)
            .map(|_| {
                let ask = || {
                    writeln!(requests, "question")?;
                    Ok(replies.read_line(&mut String::new())?)
                };
                microseconds(child.id(), ask).unwrap().0
            })
            .collect();
        drop(requests);
        child.wait().unwrap();
        turns.sort_by(f64::total_cmp);
        // Of turns that miss their work, or have another's, many are nothing.
        assert!(turns[5] > turns[25] / 3.0, "{turns:?}");
    }

    #[test]
    fn a_process_that_runs_does_not_sleep() {
        let mut child = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        while sleeps(child.id()).unwrap() {
            hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
