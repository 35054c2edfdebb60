//! A program that the agent waits for: to its end, or to the end of the time that it has.

use alloc::ffi::CString;
use alloc::string::String;
use alloc::vec::Vec;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{Errno, read};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};
use rustix::time::{ClockId, clock_gettime};

use super::spawn::{Streams, pipe, spawn};

/// What is kept of what a program says.
const OUTPUT: usize = 4096;
/// How long a program that says nothing is left alone before it is looked at again.
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// How a program has ended.
#[derive(Debug)]
pub struct Ended {
    /// `None` if it was killed because its time was up.
    pub status: Option<WaitStatus>,
    /// The beginning of what it has written to stdout and stderr.
    pub output: String,
}

impl Ended {
    /// Whether it ended by itself, with status 0.
    pub fn is_success(&self) -> bool {
        self.status.and_then(WaitStatus::exit_status) == Some(0)
    }
}

/// Runs a program with these arguments, its path or name first. `limit` is how many seconds it may take.
pub fn run(arguments: &[&str], limit: Option<u32>) -> Result<Ended, Errno> {
    let arguments: Result<Vec<CString>, _> = arguments.iter().map(|argument| CString::new(*argument)).collect();
    let arguments = arguments.map_err(|_| Errno::INVAL)?;
    let (from, to) = pipe()?;
    rustix::io::ioctl_fionbio(&from, true)?;
    let pid = spawn(&arguments, None, Streams { input: None, out: Some(to.as_fd()), err: Some(to.as_fd()) })?;
    drop(to);
    let mut output = Output { pipe: Some(from), kept: Vec::new() };
    let status = wait(pid, &mut output, limit)?;
    output.take();
    Ok(Ended { status, output: String::from_utf8_lossy(&output.kept).trim().into() })
}

/// Waits for a program's end; there is none if it had to be killed.
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

/// The beginning of what a program says. The rest is read and dropped, so that the program goes on.
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
}
