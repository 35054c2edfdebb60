//! Processors in sysfs, their times and the load in procfs.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use nanoqga::commands::cpu::{Load, Processor, ProcessorTimes};
use nanoqga::{Cause, Failure};
use rustix::fs::{Access, access};
use rustix::io::Errno;

use super::errno::{failed, failed_by, text};
use super::files::{KeptFile, open_directory, read_file, read_text, write_attribute};

const CPUS: &str = "/sys/devices/system/cpu";

/// More processors than Linux has.
const MOST: i64 = 1 << 20;

/// How many milliseconds a tick of `/proc/stat` is: USER_HZ is 100 on all that Linux runs on (proc(5)).
const TICK: u64 = 10;

/// The processors, as the kernel lists them.
#[derive(Debug)]
pub struct Known {
    present: KeptFile,
    online: KeptFile,
    /// The list of those that the machine had when it was last asked, and for each whether it can be switched off, which never
    /// changes.
    list: String,
    can_offline: Vec<(i64, bool)>,
}

impl Default for Known {
    fn default() -> Self {
        let [present, online] =
            ["/sys/devices/system/cpu/present", "/sys/devices/system/cpu/online"].map(KeptFile::new);
        Self { present, online, list: String::new(), can_offline: Vec::new() }
    }
}

impl Known {
    /// All processors. Two lists are read sooner than a directory and a file of each processor.
    pub fn all(&mut self) -> Result<Vec<Processor>, Failure> {
        let list =
            |file: &mut KeptFile| file.attribute().map_err(|error| failed("failed to list the processors", error));
        let (present, online) = (list(&mut self.present)?, list(&mut self.online)?);
        if self.list != present {
            let can_offline = |id: i64| access(format!("{CPUS}/cpu{id}/online"), Access::EXISTS).is_ok();
            self.can_offline = ranges(&present).flatten().map(|id| (id, can_offline(id))).collect();
            self.list = present;
        }
        let is_online = |id: &i64| ranges(&online).any(|range| range.contains(id));
        let processor = |(id, can_offline): &(i64, bool)| Processor {
            logical_id: *id,
            online: is_online(id),
            can_offline: Some(*can_offline),
        };
        Ok(self.can_offline.iter().map(processor).collect())
    }
}

/// The ranges of a list of numbers, as the kernel writes them (Linux, admin-guide/cputopology.rst): `0-3,7`.
pub fn ranges(list: &str) -> impl Iterator<Item = RangeInclusive<i64>> {
    list.trim_end().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        // So many processors are in no machine.
        (0..=last).contains(&first).then_some(first..=last).filter(|_| last < MOST)
    })
}

/// Sees to it that a processor runs, or does not.
pub fn set_online(id: i64, online: bool, cause: &mut Cause) -> Result<(), Failure> {
    let directory = format!("{CPUS}/cpu{id}");
    open_directory(&directory)
        .map_err(|error| failed_by("Could not open '", format_args!("{directory}/': {}", text(error)), cause))?;
    let switch = format!("{directory}/online");
    match read_file(&switch) {
        // It has no switch: it is always online.
        Err(Errno::NOENT) if online => Ok(()),
        Err(Errno::NOENT) => Err(failed_by("logical processor #", format_args!("{id} can't be offlined"), cause)),
        Err(error) => Err(failed("pread sysfs file \"online\"", error)),
        Ok(state) if is_online(&state) == online => Ok(()),
        Ok(_) => {
            let outcome = write_attribute(&switch, if online { b"1" } else { b"0" });
            outcome.map_err(|error| failed("pwrite sysfs file \"online\"", error))
        }
    }
}

fn is_online(state: &[u8]) -> bool {
    state.first() != Some(&b'0')
}

/// The times of all processors that are online.
pub fn all_times() -> Result<Vec<ProcessorTimes>, Failure> {
    let stat = read_text("/proc/stat").map_err(|error| failed("open(\"/proc/stat\")", error))?;
    Ok(stat.lines().filter_map(times).collect())
}

/// A line of `/proc/stat` that is about one processor.
pub fn times(line: &str) -> Option<ProcessorTimes> {
    let mut words = line.split_ascii_whitespace();
    let cpu = words.next()?.strip_prefix("cpu")?.parse().ok()?;
    let mut next = || words.next()?.parse::<u64>().ok().map(|ticks| ticks.saturating_mul(TICK));
    Some(ProcessorTimes {
        cpu,
        user: next()?,
        nice: next()?,
        system: next()?,
        idle: next()?,
        iowait: next(),
        irq: next(),
        softirq: next(),
        steal: next(),
        guest: next(),
        guestnice: next(),
    })
}

/// The load now.
pub fn current_load() -> Result<Load, Failure> {
    let text = read_text("/proc/loadavg").map_err(|error| failed("open(\"/proc/loadavg\")", error))?;
    load(&text).ok_or(Failure("/proc/loadavg is not as expected"))
}

/// The first words of `/proc/loadavg`.
pub fn load(text: &str) -> Option<Load> {
    let mut words = text.split_ascii_whitespace().map(decimal);
    Some(Load { load1m: words.next()??, load5m: words.next()??, load15m: words.next()?? })
}

/// A number like `0.25`. Two numbers instead of the float's parser, which is 10 KiB.
fn decimal(word: &str) -> Option<f64> {
    let (whole, hundredths) = word.split_once('.')?;
    let digits = hundredths.len() == 2;
    let all: String = [whole, hundredths].concat();
    digits.then(|| all.parse::<u32>().ok())?.map(|hundredths| f64::from(hundredths) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processors_times_are_told_in_milliseconds() {
        let full = times("cpu1 423260 993 44055 770559 5321 0 1007 9526 0 3").unwrap();
        assert_eq!((full.cpu, full.user, full.nice, full.idle), (1, 4_232_600, 9930, 7_705_590));
        assert_eq!((full.steal, full.guest, full.guestnice), (Some(95260), Some(0), Some(30)));
        let old = times("cpu0 1 2 3 4").unwrap();
        assert_eq!((old.system, old.idle, old.iowait), (30, 40, None));
        assert_eq!(times("cpu0 18446744073709551615 0 0 0").unwrap().user, u64::MAX);
        for other in ["cpu  1 2 3 4 5", "cpu0 1 2 3", "cpux 1 2 3 4", "intr 1 2 3 4", "", "cpu4294967296 1 2 3 4"] {
            assert_eq!(times(other), None, "{other}");
        }
    }

    #[test]
    fn lists_of_processors_are_read_as_the_kernel_writes_them() {
        let ids = |list| ranges(list).flatten().collect::<Vec<_>>();
        assert_eq!(ids("0-3,7,9-9\n"), [0, 1, 2, 3, 7, 9]);
        assert_eq!(ids("0\n"), [0]);
        for none in ["", "\n", "x", "3-1", "-1", "0-99999999999"] {
            assert_eq!(ids(none), [], "{none}");
        }
        let all = Known::default().all().unwrap();
        assert!(all.iter().any(|processor| processor.online), "{all:?}");
    }

    #[test]
    fn the_load_has_two_decimals() {
        let expected = Load { load1m: 0.25, load5m: 12.0, load15m: 1.05 };
        assert_eq!(load("0.25 12.00 1.05 1/123 4567\n"), Some(expected));
        for other in ["", "0.25 0.5 0.1", "0.25 -1.00 0.00", "0.25 99999999999.00 0.00", "0 0 0", "a.bc 0.00 0.00"] {
            assert_eq!(load(other), None, "{other}");
        }
    }
}
