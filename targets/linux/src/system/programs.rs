//! Programs that run beside the agent. Their pipes never block: they are served when [`Programs::reap`] is called, and what is
//! over the limit of an output is read and dropped, so that the program goes on.

use alloc::ffi::CString;
use alloc::vec::Vec;

use nanoqga::commands::exec::{Capture, Exit, Status, Stream};
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{Errno, read, write};
use rustix::process::{Pid, WaitOptions, WaitStatus, waitpid};

use super::spawn::{Streams, pipe, spawn};

/// What is kept of an output.
const LIMIT: usize = 16 << 20;

/// How much is taken from or given to a pipe before the host's turn comes again.
const TURN: usize = 256 << 10;
const CHUNK: usize = 4 << 10;

/// The programs whose end was not told yet.
#[derive(Debug, Default)]
pub struct Programs(Vec<Running>);

#[derive(Debug)]
struct Running {
    pid: Pid,
    input: Option<Input>,
    out: Output,
    err: Output,
    /// How it ended, before its pipes did.
    exit: Option<Exit>,
}

/// What is left to write to a program.
#[derive(Debug)]
struct Input {
    pipe: OwnedFd,
    bytes: Vec<u8>,
    written: usize,
}

/// What a program has written.
#[derive(Debug, Default)]
struct Output {
    /// Until its end is read.
    pipe: Option<OwnedFd>,
    kept: Vec<u8>,
    truncated: bool,
}

impl Programs {
    /// Starts a program, as [`spawn`] does; returns its number.
    pub fn start(
        &mut self,
        arguments: &[CString],
        environment: Option<&[CString]>,
        input: &[u8],
        capture: Capture,
    ) -> Result<i64, Errno> {
        let program = Running::start(arguments, environment, input, capture)?;
        let number = program.number();
        // The kernel gives a number again when a program has ended, whether that was told or not.
        self.forget(number);
        self.0.push(program);
        Ok(number)
    }

    /// The pipes that programs wait on, or that their output comes through.
    pub fn watched(&self) -> impl Iterator<Item = PollFd<'_>> {
        self.0.iter().flat_map(|program| {
            let input = program.input.iter().map(|input| PollFd::new(&input.pipe, PollFlags::OUT));
            let outputs = [&program.out, &program.err].into_iter().filter_map(|output| output.pipe.as_ref());
            input.chain(outputs.map(|pipe| PollFd::new(pipe, PollFlags::IN)))
        })
    }

    /// Serves the pipes as far as they go, and waits for programs that have ended if `wait` is set.
    pub fn reap(&mut self, wait: bool) {
        for program in &mut self.0 {
            program.go_on();
            if wait {
                program.wait();
            }
        }
    }

    /// Notes the end of the child `pid`; returns whether it is one of these.
    pub fn ended(&mut self, pid: Pid, status: WaitStatus) -> bool {
        let found = self.0.iter_mut().find(|program| program.pid == pid && program.exit.is_none());
        found.map(|program| program.exit = Some(exit(status))).is_some()
    }

    /// What has become of a program; the kernel is asked for its end if `wait` is set.
    pub fn status(&mut self, number: i64, wait: bool) -> Option<Status> {
        let program = self.0.iter_mut().find(|program| program.number() == number)?;
        if wait {
            program.wait();
        }
        program.go_on();
        Some(program.status())
    }

    /// What is kept of what a program has written.
    pub fn output(&self, number: i64, stream: Stream) -> &[u8] {
        let Some(program) = self.0.iter().find(|program| program.number() == number) else { return &[] };
        match stream {
            Stream::Out => &program.out.kept,
            Stream::Err => &program.err.kept,
        }
    }

    /// Lets go of a program.
    pub fn forget(&mut self, number: i64) {
        self.0.retain(|program| program.number() != number);
    }
}

impl Running {
    fn start(
        arguments: &[CString],
        environment: Option<&[CString]>,
        bytes: &[u8],
        capture: Capture,
    ) -> Result<Self, Errno> {
        let (keeps_out, keeps_err) = match capture {
            Capture::None => (false, false),
            Capture::Stdout | Capture::Merged => (true, false),
            Capture::Stderr => (false, true),
            Capture::Separated => (true, true),
        };
        let input = if bytes.is_empty() { None } else { Some(pipe()?) };
        let out = if keeps_out { Some(pipe()?) } else { None };
        let err = if keeps_err { Some(pipe()?) } else { None };
        let mut streams = Streams {
            input: input.as_ref().map(|(read, _)| read.as_fd()),
            out: out.as_ref().map(|(_, write)| write.as_fd()),
            err: err.as_ref().map(|(_, write)| write.as_fd()),
        };
        if capture == Capture::Merged {
            streams.err = streams.out;
        }
        let pid = spawn(arguments, environment, streams)?;
        let input = input.map(|(_, pipe)| Input { pipe, bytes: bytes.to_vec(), written: 0 });
        let output =
            |pipe: Option<(OwnedFd, OwnedFd)>| Output { pipe: pipe.map(|(read, _)| read), ..Output::default() };
        let mut running = Self { pid, input, out: output(out), err: output(err), exit: None };
        for pipe in running.pipes() {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        running.go_on();
        Ok(running)
    }

    fn number(&self) -> i64 {
        self.pid.as_raw_pid().into()
    }

    fn pipes(&self) -> impl Iterator<Item = &OwnedFd> {
        let input = self.input.iter().map(|input| &input.pipe);
        input.chain(self.out.pipe.as_ref()).chain(self.err.pipe.as_ref())
    }

    fn go_on(&mut self) {
        if self.input.as_mut().is_some_and(|input| input.go_on().is_none()) {
            self.input = None;
        }
        self.out.go_on();
        self.err.go_on();
    }

    fn wait(&mut self) {
        if self.exit.is_some() {
            return;
        }
        match waitpid(Some(self.pid), WaitOptions::NOHANG) {
            Ok(Some((_, status))) => self.exit = Some(exit(status)),
            Ok(None) | Err(Errno::INTR) => {}
            // Someone else waited for it: that it has ended is all that is known.
            Err(_) => self.exit = Some(Exit::default()),
        }
    }

    /// A program runs as long as something may still come from it, or from what it has started.
    fn status(&self) -> Status {
        match self.exit {
            Some(exit) if self.out.pipe.is_none() && self.err.pipe.is_none() => {
                Status::Exited(Exit { out_truncated: self.out.truncated, err_truncated: self.err.truncated, ..exit })
            }
            _ => Status::Running,
        }
    }
}

fn exit(status: WaitStatus) -> Exit {
    Exit { code: status.exit_status(), signal: status.terminating_signal(), ..Exit::default() }
}

impl Input {
    /// Writes what the pipe takes; `None` when all is written, or nobody reads it any more.
    fn go_on(&mut self) -> Option<()> {
        let turn = self.written.saturating_add(TURN);
        while self.written < turn {
            let rest = self.bytes.get(self.written..).filter(|rest| !rest.is_empty())?;
            match write(&self.pipe, rest) {
                Ok(written) => self.written += written,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => return None,
            }
        }
        Some(())
    }
}

impl Output {
    /// Reads what is in the pipe, and closes it at its end.
    fn go_on(&mut self) {
        let Some(pipe) = &self.pipe else { return };
        let mut taken = 0;
        while taken < TURN {
            match take(pipe, &mut self.kept, &mut self.truncated) {
                Ok(0) => return self.pipe = None,
                Ok(got) => taken += got,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => return self.pipe = None,
            }
        }
    }
}

/// Reads a chunk, and keeps it within the limit.
fn take(pipe: &OwnedFd, kept: &mut Vec<u8>, truncated: &mut bool) -> Result<usize, Errno> {
    if kept.len() < LIMIT {
        kept.reserve(CHUNK);
        let got = read(pipe, spare_capacity(kept))?;
        *truncated |= kept.len() > LIMIT;
        kept.truncate(LIMIT);
        return Ok(got);
    }
    let got = read(pipe, &mut [0; CHUNK])?;
    *truncated |= got > 0;
    Ok(got)
}
