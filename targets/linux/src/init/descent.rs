//! The way down: processes end, file systems are written, and the kernel switches the machine off.

use alloc::vec::Vec;

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
use crate::system::mounts::unescaped;

/// How long processes have to end by themselves: so many times as long as this.
const PATIENCE: u32 = 100;
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Ends everything, then the machine or the container. It returns if the kernel does not let us end the machine.
pub(super) fn go_down(how: Shutdown, in_container: bool) {
    debug!("going down: {how:?}");
    sync();
    end_processes();
    // A container's file systems are whose it is.
    if !in_container {
        unmount_all();
    }
    sync();
    let outcome = reboot(match how {
        Shutdown::Halt => RebootCommand::Halt,
        Shutdown::PowerDown => RebootCommand::PowerOff,
        Shutdown::Reboot => RebootCommand::Restart,
    });
    if in_container {
        // It ends with its first process, also where that may not say how.
        // SAFETY: It does not return, and all that was there to do is done.
        unsafe { libc::_exit(0) }
    }
    critical!("the kernel does not go down: {}", outcome.map_or_else(text, |()| "it does not say why"));
}

/// Asks all other processes to end, and ends those that do not. What waits for a disk may stay.
fn end_processes() {
    signal_all(Signal::TERM);
    if !are_gone() {
        signal_all(Signal::KILL);
        // Until then they have their files open.
        if !are_gone() {
            warning!("processes are left that do not end");
        }
    }
}

/// Waits until no other process is left, but not for ever; whether none is.
fn are_gone() -> bool {
    for _ in 0..PATIENCE {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => break,
                // All that have no other parent are the first process's.
                Err(_) => return true,
            }
        }
        // An interrupted moment is a shorter one.
        let (NanosleepRelativeResult::Ok | NanosleepRelativeResult::Interrupted(_) | NanosleepRelativeResult::Err(_)) =
            nanosleep(&MOMENT);
    }
    false
}

/// To all processes but this one (kill(2) with -1).
fn signal_all(signal: Signal) {
    // SAFETY: It takes no memory of ours.
    unsafe { libc::kill(-1, signal.as_raw()) };
}

/// Unmounts what can be unmounted, last first, and makes the rest read-only.
fn unmount_all() {
    let mut places = Vec::new();
    let read = files::lines_of("/proc/self/mounts", |line| {
        places.extend(line.split(|byte| *byte == b' ').nth(1).and_then(unescaped));
    });
    if let Err(error) = read {
        warning!("nothing is unmounted, because the mounts cannot be read: {}", text(error));
    }
    for place in places.iter().rev() {
        if unmount(place, UnmountFlags::empty()).is_err()
            && let Err(error @ Errno::BUSY) = mount_remount(place, MountFlags::RDONLY, c"")
        {
            warning!("{place:?} is still written to: {}", text(error));
        }
    }
}
