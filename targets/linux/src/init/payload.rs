//! The program that an appliance is there for. When it ends, it is started again.

use core::ffi::c_char;
use core::ptr;

use alloc::ffi::CString;
use alloc::string::String;
use alloc::vec::Vec;

use rustix::event::Timespec;
use rustix::process::{Pid, WaitStatus};
use rustix::time::{ClockId, clock_gettime};

/// How many seconds pass from an end to the next start: a program that cannot run is not tried in a loop.
const PAUSE: i64 = 1;

/// A program that always runs.
#[derive(Debug)]
pub(super) struct Payload {
    words: Vec<CString>,
    state: State,
}

#[derive(Debug)]
enum State {
    Running(Pid),
    /// It is started when the monotonic clock has come so far.
    Due(Timespec),
}

impl Payload {
    /// The program of a command line, if that names one. It is due.
    pub(super) fn new(line: &[String]) -> Option<Self> {
        let words: Vec<_> = line.iter().filter_map(|word| CString::new(word.as_str()).ok()).collect();
        (!words.is_empty()).then_some(Self { words, state: State::Due(Timespec { tv_sec: 0, tv_nsec: 0 }) })
    }

    /// Starts it, if it is due; returns in which time it will be.
    pub(super) fn run(&mut self) -> Option<Timespec> {
        let State::Due(due) = self.state else { return None };
        let now = clock_gettime(ClockId::Monotonic);
        if now < due {
            return Some(due - now);
        }
        match start(&self.words) {
            Some(pid) => {
                debug!("the payload runs as {}", pid.as_raw_pid());
                self.state = State::Running(pid);
                None
            }
            None => {
                critical!("the kernel starts no process for the payload; it is tried again in {PAUSE} s");
                Some(self.pause())
            }
        }
    }

    /// Takes in the end of a process, which may have been the payload's.
    pub(super) fn ended(&mut self, ended: Pid, status: WaitStatus) {
        if matches!(self.state, State::Running(pid) if pid == ended) {
            warning!("the payload has ended: {status:?}");
            self.pause();
        }
    }

    fn pause(&mut self) -> Timespec {
        let pause = Timespec { tv_sec: PAUSE, tv_nsec: 0 };
        self.state = State::Due(clock_gettime(ClockId::Monotonic) + pause);
        pause
    }
}

/// Starts a program in a session of its own. Its name is looked for in PATH.
fn start(words: &[CString]) -> Option<Pid> {
    let mut pointers: Vec<*const c_char> = words.iter().map(|word| word.as_ptr()).collect();
    let program = *pointers.first()?;
    pointers.push(ptr::null());
    // SAFETY: There is one thread; the child calls nothing but setsid, signal, exec and _exit. The words and the list of them end
    // with a zero and stay as they are.
    let pid = unsafe {
        let pid = libc::fork();
        if pid == 0 {
            libc::setsid();
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            libc::execvp(program, pointers.as_ptr());
            libc::_exit(127);
        }
        pid
    };
    Pid::from_raw(pid.max(0))
}
