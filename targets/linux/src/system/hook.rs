//! The hook around a freeze: a program that runs to its end, or to the end of the time that it has.

use alloc::ffi::CString;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ffi::CStr;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Access, access};
use rustix::io::{Errno, read};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};
use rustix::time::{ClockId, clock_gettime};

use super::errno::text;
use super::spawn::{Streams, pipe, spawn};

/// What begins the text of a hook that could not be run, of one that failed, and of one that was killed. The first and the last
/// are qemu-ga's words.
pub const NO_ACCESS: &str = "can't access fsfreeze hook ";
pub const FAILED: &str = "child process has failed to execute fsfreeze hook: ";
pub const KILLED: &str = "child process has terminated abnormally: ";

/// What is kept of a hook's output.
const OUTPUT: usize = 512;
/// How long a hook that says nothing is left alone before it is looked at again.
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// Runs the hook at a path, which is told what is to come or has been. `limit` is how many seconds it may take.
///
/// # Errors
/// What is wrong, in words: its status and what it has written to stdout and stderr.
pub fn run(hook: &str, what: &CStr, limit: Option<u32>) -> Result<(), String> {
    let no_access = |error| format!("{NO_ACCESS}'{hook}': {}", text(error));
    let failed = |error| format!("{FAILED}{}", text(error));
    access(hook, Access::EXEC_OK).map_err(no_access)?;
    let path = CString::new(hook).map_err(|_| no_access(Errno::INVAL))?;
    let (from, to) = pipe().map_err(failed)?;
    rustix::io::ioctl_fionbio(&from, true).map_err(failed)?;
    let streams = Streams { input: None, out: Some(to.as_fd()), err: Some(to.as_fd()) };
    let pid = spawn(&[path, what.into()], None, streams).map_err(failed)?;
    drop(to);
    let mut output = Output { pipe: Some(from), kept: Vec::new() };
    let outcome = wait(pid, &mut output, limit);
    output.take();
    let said = output.text();
    match outcome {
        Ok(Some(status)) if status.exit_status() == Some(0) => Ok(()),
        Ok(Some(status)) => Err(match (status.exit_status(), said.is_empty()) {
            (Some(status), true) => format!("{FAILED}exit status {status}"),
            (Some(status), false) => format!("{FAILED}exit status {status}: {said}"),
            (None, _) => format!("{KILLED}signal {}: {said}", status.terminating_signal().unwrap_or_default()),
        }),
        Ok(None) => Err(format!("{FAILED}not done after {} seconds: {said}", limit.unwrap_or_default())),
        Err(error) => Err(failed(error)),
    }
}

/// Waits for a hook's end; there is none if it had to be killed because its time was up.
fn wait(pid: Pid, output: &mut Output, limit: Option<u32>) -> Result<Option<WaitStatus>, Errno> {
    let now = || clock_gettime(ClockId::Monotonic);
    let end = limit.map(|seconds| now() + Timespec { tv_sec: seconds.into(), tv_nsec: 0 });
    loop {
        match waitpid(Some(pid), WaitOptions::NOHANG) {
            Ok(Some((_, status))) => return Ok(Some(status)),
            Ok(None) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        if end.is_some_and(|end| now() >= end) {
            kill_process(pid, Signal::KILL)?;
            // It may be waiting for a disk, and its end is not waited for.
            return Ok(None);
        }
        // What it has started may hold its output open for longer than it runs itself.
        let mut watched: Vec<PollFd<'_>> = output.pipe.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)).collect();
        let _ = poll(&mut watched, Some(&MOMENT));
        output.take();
    }
}

/// The beginning of what a hook says. The rest is read and dropped, so that the hook goes on.
struct Output {
    pipe: Option<OwnedFd>,
    kept: Vec<u8>,
}

impl Output {
    fn take(&mut self) {
        while let Some(pipe) = &self.pipe {
            self.kept.reserve(OUTPUT);
            match read(pipe, spare_capacity(&mut self.kept)) {
                Ok(0) => self.pipe = None,
                Ok(_) => self.kept.truncate(OUTPUT),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => self.pipe = None,
            }
        }
    }

    fn text(&self) -> String {
        String::from(String::from_utf8_lossy(&self.kept).trim())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::super::files::testing::TestFolder;
    use super::*;

    /// What the client is told of a hook with this script.
    fn told(folder: &TestFolder, script: &str, limit: Option<u32>) -> String {
        let hook = folder.path("hook");
        fs::write(&hook, script).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        run(&hook, c"freeze", limit).err().unwrap_or_default()
    }

    #[test]
    fn a_hook_that_fails_is_told_with_its_status_and_what_it_said() {
        let folder = TestFolder::new("hook");
        assert_eq!(told(&folder, "#!/bin/sh\ntest $1 = freeze\n", Some(600)), "");
        assert_eq!(told(&folder, "#!/bin/sh\nexit 3\n", None), [FAILED, "exit status 3"].concat());
        let script = "#!/bin/sh\necho no database >&2; exit 4\n";
        assert_eq!(told(&folder, script, None), [FAILED, "exit status 4: no database"].concat());
        assert_eq!(told(&folder, "#!/bin/sh\nkill -9 $$\n", None), [KILLED, "signal 9: "].concat());
        let missing = "can't access fsfreeze hook '/none': No such file or directory";
        assert_eq!(run("/none", c"thaw", None).unwrap_err(), missing);
    }

    #[test]
    fn a_hook_says_more_than_is_kept_and_leaves_a_process_that_holds_its_output() {
        let folder = TestFolder::new("long-hook");
        let script = "#!/bin/sh\nsleep 600 &\necho $! > $0.pid\nyes | head -c 200000\n";
        assert_eq!(told(&folder, script, None), "");
        let pid = fs::read_to_string(folder.path("hook.pid")).unwrap().trim().parse().unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    }

    #[test]
    fn a_hook_that_never_ends_is_ended() {
        let folder = TestFolder::new("endless-hook");
        let script = "#!/bin/sh\necho waiting\nexec sleep 600\n";
        assert_eq!(told(&folder, script, Some(1)), [FAILED, "not done after 1 seconds: waiting"].concat());
    }
}
