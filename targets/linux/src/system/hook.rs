//! A program that runs to its end before the agent goes on: the hook around a freeze.

use alloc::ffi::CString;
use core::ffi::CStr;

use nanoqga::Failure;
use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::process::{WaitOptions, waitpid};

use super::errno::failed;
use super::spawn::{Streams, spawn};

/// Runs the hook at a path, which is told what is to come or has been.
pub fn run(hook: &str, what: &CStr) -> Result<(), Failure> {
    let refused = |error| failed("can't access fsfreeze hook", error);
    access(hook, Access::EXEC_OK).map_err(refused)?;
    let path = CString::new(hook).map_err(|_| refused(Errno::INVAL))?;
    let pid = spawn(&[path, what.into()], None, Streams::default())
        .map_err(|error| failed("failed to run fsfreeze hook", error))?;
    loop {
        match waitpid(Some(pid), WaitOptions::empty()) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(failed("failed to wait for fsfreeze hook", error)),
            Ok(ended) => match ended.map(|(_, status)| status.exit_status()) {
                Some(Some(0)) => return Ok(()),
                Some(Some(_)) => return Err(Failure("fsfreeze hook has failed")),
                Some(None) | None => return Err(Failure("fsfreeze hook has terminated abnormally")),
            },
        }
    }
}
