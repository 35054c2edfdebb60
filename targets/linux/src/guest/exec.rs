//! `exec`: programs that a host runs.

use core::fmt;

use alloc::ffi::CString;
use alloc::string::ToString;
use alloc::vec::Vec;

use nanoqga::commands::exec::{Exec, Program, Status, Stream};
use nanoqga::{Cause, Failure, List, Text};
use rustix::io::Errno;

use super::Guest;
use crate::log::audit;
use crate::system::errno::failure;

impl Exec for Guest {
    fn spawn(&mut self, program: Program<'_>, _: &mut Cause) -> Result<i64, Failure> {
        let mut arguments = Vec::from([c_string(program.path)?]);
        arguments.extend(program.arguments.map(c_strings).transpose()?.unwrap_or_default());
        audit("guest-exec", &Words(&arguments));
        let environment = program.environment.map(c_strings).transpose()?;
        let input = program.input.unwrap_or_default();
        self.programs.start(&arguments, environment.as_deref(), input, program.capture).map_err(failure)
    }

    fn status(&mut self, pid: i64) -> Result<Option<Status>, Failure> {
        Ok(self.programs.status(pid, !self.options.init))
    }

    fn output(&mut self, pid: i64, stream: Stream, offset: usize, into: &mut [u8]) -> usize {
        let rest = self.programs.output(pid, stream).get(offset..).unwrap_or_default();
        let length = rest.len().min(into.len());
        for (to, from) in into.iter_mut().zip(rest) {
            *to = *from;
        }
        length
    }

    fn forget(&mut self, pid: i64) {
        self.programs.forget(pid);
    }
}

/// A command line, for the log.
struct Words<'a>(&'a [CString]);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = self.0.iter().enumerate();
        words.try_for_each(|(at, word)| write!(f, "{}{}", if at > 0 { " " } else { "" }, word.to_string_lossy()))
    }
}

fn c_strings(list: List<'_, Text<'_>>) -> Result<Vec<CString>, Failure> {
    list.iter().map(c_string).collect()
}

/// A text as the kernel takes it: with no zero in it.
fn c_string(text: Text<'_>) -> Result<CString, Failure> {
    CString::new(text.to_string()).map_err(|_| failure(Errno::INVAL))
}
