//! Asking whatever is PID 1 to take the machine down, each in its own way.
//!
//! - logind is asked by systemctl where systemd runs, or else systemd goes down on real-time signals (systemd(1), SIGNALS).
//! - sysvinit takes requests for a runlevel through a FIFO (initctl(5)), openrc-init through another one.
//! - BusyBox, procd and others like them go down on `SIGUSR1`, `SIGUSR2` and `SIGTERM` (BusyBox, `init/init.c`).
//! - A PID 1 that waits for none of these would do nothing: then the agent syncs and has the kernel do it (reboot(2)).

use alloc::vec::Vec;

use nanoqga::commands::power::Shutdown;
use rustix::fs::{Mode, OFlags, open, stat, sync};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use rustix::system::{RebootCommand, reboot};

use super::files::{read_text, write_all};
use super::{command, errno};

/// The first real-time signal that glibc leaves to programs; systemd is built with glibc.
const REAL_TIME: i32 = 34;

/// How long logind may take to answer.
const SECONDS: u32 = 30;

/// Asks PID 1.
pub fn ask_init(how: Shutdown) -> Result<(), Errno> {
    // systemctl and openrc-init have the same words for it.
    let verb = match how {
        Shutdown::Halt => "halt",
        Shutdown::PowerDown => "poweroff",
        Shutdown::Reboot => "reboot",
    };
    if stat("/run/systemd/system").is_ok() {
        // It asks logind, which lets those finish who delay the way down.
        match command::run(&["systemctl", verb], Some(SECONDS)) {
            Ok(ended) if ended.is_success() => return Ok(()),
            Ok(ended) => warning!("systemctl {verb} has failed: {}", ended.output),
            Err(error) => warning!("systemctl cannot be run: {}", errno::text(error)),
        }
        let number = match how {
            Shutdown::Halt => REAL_TIME + 3,
            Shutdown::PowerDown => REAL_TIME + 4,
            Shutdown::Reboot => REAL_TIME + 5,
        };
        // SAFETY: it is sent to another process, and none of libc's own.
        return kill_process(Pid::INIT, unsafe { Signal::from_raw_unchecked(number) });
    }
    let runlevel = if how == Shutdown::Reboot { b'6' } else { b'0' };
    let fifos = [("/run/openrc/init.ctl", verb.as_bytes().to_vec())];
    let halt: &[u8] = if how == Shutdown::Halt { b"INIT_HALT=HALT\0" } else { b"INIT_HALT=POWEROFF\0" };
    let requests = [request(SET_ENVIRONMENT, 0, halt), request(RUN_LEVEL, runlevel, b"")].concat();
    let sysvinit = ["/run/initctl", "/dev/initctl"].map(|path| (path, requests.clone()));
    for (path, message) in fifos.iter().chain(&sysvinit) {
        // Without a reader on the other side the FIFO was left behind.
        if let Ok(fifo) = open(*path, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
            return write_all(fifo, message);
        }
    }
    let signal = match how {
        Shutdown::Halt => Signal::USR1,
        Shutdown::PowerDown => Signal::USR2,
        Shutdown::Reboot => Signal::TERM,
    };
    // Not every kernel tells of the call.
    if awaits(&read_text("/proc/1/status")?, &read_text("/proc/1/syscall").unwrap_or_default(), signal) {
        return kill_process(Pid::INIT, signal);
    }
    sync();
    reboot(match how {
        Shutdown::Halt => RebootCommand::Halt,
        Shutdown::PowerDown => RebootCommand::PowerOff,
        Shutdown::Reboot => RebootCommand::Restart,
    })
}

const RUN_LEVEL: u32 = 1;
const SET_ENVIRONMENT: u32 = 6;

/// sysvinit's `struct init_request`.
fn request(command: u32, runlevel: u8, data: &[u8]) -> Vec<u8> {
    const MAGIC: u32 = 0x0309_1969;
    const SECONDS_TO_KILL: u32 = 5;
    const LENGTH: usize = 384;
    let mut bytes: Vec<u8> =
        [MAGIC, command, runlevel.into(), SECONDS_TO_KILL].iter().flat_map(|word| word.to_ne_bytes()).collect();
    bytes.extend_from_slice(data);
    bytes.resize(LENGTH, 0);
    bytes
}

/// Whether a process, by its status and system call in `/proc`, has a handler for a signal, has blocked it to wait for it later,
/// or waits for signals right now: the kernel does not show as blocked what it waits for then.
fn awaits(status: &str, call: &str, signal: Signal) -> bool {
    let mask = |name: &str| {
        let digits = status.lines().find_map(|line| line.strip_prefix(name))?;
        u64::from_str_radix(digits.trim(), 16).ok()
    };
    let masks = mask("SigCgt:").unwrap_or_default() | mask("SigBlk:").unwrap_or_default();
    let waits = call.split(' ').next().and_then(|number| number.parse().ok()) == Some(libc::SYS_rt_sigtimedwait);
    waits || masks >> (signal.as_raw() - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_init_awaits_the_signals_that_it_catches_or_blocks() {
        let status = "Name:\tinit\nSigBlk:\t0000000000000200\nSigIgn:\tffffffffffffffff\nSigCgt:\t0000000000004000\n";
        let running = "running\n";
        assert!(awaits(status, running, Signal::USR1) && awaits(status, "", Signal::TERM));
        for (status, call) in [(status, "0 0x3 0x7ffd"), ("", running), ("SigCgt:\tzz", "")] {
            assert!(!awaits(status, call, Signal::USR2), "{status} {call}");
        }
        // BusyBox between its children's ends.
        let status = "Name:\tinit\nSigBlk:\t0000000000000000\nSigCgt:\t0000000000080000\n";
        let call = std::format!("{} 0x7ffd10 0x0 0x0 0x8 0x0 0x0 0x7ffd0f 0x4a", libc::SYS_rt_sigtimedwait);
        assert!(awaits(status, &call, Signal::USR2));
    }

    #[test]
    fn a_request_to_sysvinit_is_as_long_as_it_reads() {
        let request = request(RUN_LEVEL, b'0', b"");
        let mut expected = Vec::from(*b"\x69\x19\x09\x03\x01\0\0\0\x30\0\0\0\x05\0\0\0");
        expected.resize(384, 0);
        assert_eq!(request, expected);
    }
}
