//! The way down: processes end, file systems are written, and the kernel switches the machine off.

use nanoqga::commands::power::Shutdown;
use rustix::fs::sync;
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount_remount, unmount};
use rustix::process::{Signal, WaitOptions, wait};
use rustix::system::{RebootCommand, reboot};
use rustix::thread::{NanosleepRelativeResult, nanosleep};
use rustix::time::Timespec;

use crate::system::errno::text;
use crate::system::files;

/// How long processes have to end by themselves: so many times as long as this.
const PATIENCE: u32 = 100;
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Ends everything, then the machine. It returns if the kernel does not let us.
pub(super) fn go_down(how: Shutdown) {
    debug!("going down: {how:?}");
    sync();
    end_processes();
    unmount_all();
    sync();
    let outcome = reboot(match how {
        Shutdown::Halt => RebootCommand::Halt,
        Shutdown::PowerDown => RebootCommand::PowerOff,
        Shutdown::Reboot => RebootCommand::Restart,
    });
    critical!("the kernel does not go down: {}", outcome.map_or_else(text, |()| "it does not say why"));
}

/// Asks all other processes to end, and ends those that do not.
fn end_processes() {
    signal_all(Signal::TERM);
    for _ in 0..PATIENCE {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                // There is none left.
                Err(_) => return,
            }
        }
        // An interrupted moment is a shorter one.
        let (NanosleepRelativeResult::Ok | NanosleepRelativeResult::Interrupted(_) | NanosleepRelativeResult::Err(_)) =
            nanosleep(&MOMENT);
    }
    signal_all(Signal::KILL);
}

/// To all processes but this one (kill(2) with -1).
fn signal_all(signal: Signal) {
    // SAFETY: It takes no memory of ours.
    unsafe { libc::kill(-1, signal.as_raw()) };
}

/// Unmounts what can be unmounted, last first, and makes the rest read-only.
fn unmount_all() {
    let Ok(mounts) = files::read_text("/proc/self/mounts") else { return };
    for place in mounts.lines().rev().filter_map(|mount| mount.split(' ').nth(1)) {
        if unmount(place, UnmountFlags::empty()).is_err()
            && let Err(error @ Errno::BUSY) = mount_remount(place, MountFlags::RDONLY, c"")
        {
            warning!("{place} is still written to: {}", text(error));
        }
    }
}
