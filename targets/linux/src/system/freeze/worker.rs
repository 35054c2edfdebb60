//! The process that freezes and thaws: a copy of the agent's, which waits where the agent must not. It outlives the agent, and
//! thaws what it has frozen when the time is up, whatever has become of the agent.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::{mem, ptr};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::time::{ClockId, clock_gettime};

use super::super::errno::text;
use super::super::file_systems::{freeze, open_any, thaw};
use super::super::mounts::{Mounted, mounted};
use super::super::state::{self, Mark};
use super::super::{hook, spawn};
use super::message::{FAILED_TO_FREEZE, FAILED_TO_MARK, FAILED_TO_OPEN, FAILED_TO_READ, Message, receive, send};
use super::order::freezing_order;
use super::settings::Freezing;

/// What a worker is there for.
pub(super) enum Task<'t> {
    /// To freeze the file systems that are wanted, and to thaw them again.
    Freeze(&'t dyn Fn(&Mounted) -> bool),
    /// To thaw all file systems when the agent says so: an agent before this one has frozen them.
    TakeOver,
    /// To thaw them now, each by itself, because one of them may take its time.
    Rescue,
}

/// A file system that is open, and stays so: to thaw it no path is needed that may be gone.
struct Held {
    name: String,
    root: OwnedFd,
}

/// All that a worker does. Its last message says how it has ended.
pub(super) fn work(task: Task<'_>, socket: &OwnedFd, options: &Freezing) {
    ignore_signals();
    let worker = Worker { socket, options };
    let outcome = match task {
        Task::Freeze(wanted) => worker.freeze_and_hold(wanted),
        Task::TakeOver => worker.take_over(),
        Task::Rescue => worker.rescue(),
    };
    worker.say(&outcome.unwrap_or_else(Message::Failed));
}

struct Worker<'w> {
    socket: &'w OwnedFd,
    options: &'w Freezing,
}

impl Worker<'_> {
    fn freeze_and_hold(&self, wanted: &dyn Fn(&Mounted) -> bool) -> Result<Message, String> {
        self.run_hook(c"freeze")?;
        self.say(&Message::Begun);
        let mut held = self.open(wanted)?;
        // Before anything is frozen: the mark may lie on what will be.
        let mark = Mark::make(&self.options.state_dir).map_err(|error| format!("{FAILED_TO_MARK}{}", text(error)))?;
        let failed = self.freeze(&mut held).err();
        // They are thawed at once if one cannot be frozen, or if the host does not want it any more.
        if let Some(failure) = failed {
            thaw_all(&held);
            self.forget(mark);
            // That it could not be frozen is what the client is told.
            let _ = self.run_hook(c"thaw");
            return Err(failure);
        }
        let count = held.len();
        if count == 0 {
            self.forget(mark);
            return Ok(Message::Frozen(0));
        }
        self.say(&Message::Frozen(count));
        Ok(self.hold(&held, mark))
    }

    /// Freezes one after another; drops those that cannot be.
    fn freeze(&self, held: &mut Vec<Held>) -> Result<(), String> {
        let mut frozen = Vec::new();
        let mut outcome = Ok(());
        for file_system in mem::take(held) {
            if outcome.is_err() || self.is_called_off() {
                break;
            }
            match freeze(&file_system.root) {
                Ok(true) => frozen.push(file_system),
                Ok(false) => {}
                Err(error) => outcome = Err(format!("{FAILED_TO_FREEZE}{}: {}", file_system.name, text(error))),
            }
        }
        *held = frozen;
        outcome
    }

    fn take_over(&self) -> Result<Message, String> {
        if let Some(keeper) = state::keeper(&self.options.state_dir) {
            // It would thaw what is kept frozen from here on. What waits for a disk ends when that is over.
            let _ = kill_process(keeper, Signal::KILL);
        }
        let held = self.open(&|_| true)?;
        // There is none if only a person has frozen something.
        let mark = Mark::take_over(&self.options.state_dir).ok();
        let by_limit = self.wait_for_end();
        let mut count = thaw_all(&held);
        if let Some(mark) = mark {
            // Who was killed in freezing a file system ends when that is frozen.
            mark.wait_for_others();
            count += thaw_all(&held);
            self.forget(mark);
        }
        Ok(Message::Thawed { count, by_limit, complaint: self.run_hook(c"thaw").err().unwrap_or_default() })
    }

    /// Thaws each file system in a process of its own, and waits for none longer than a moment.
    fn rescue(&self) -> Result<Message, String> {
        let held = self.open(&|_| true)?;
        let mut count = 0;
        for file_system in held.iter().rev() {
            // SAFETY: There is one thread, so the copy finds nothing in between.
            match unsafe { libc::fork() } {
                0 => {
                    let status = i32::from(!thaw(&file_system.root));
                    // SAFETY: It does not return.
                    unsafe { libc::_exit(status) }
                }
                pid => count += usize::from(Pid::from_raw(pid).is_some_and(ends_soon)),
            }
        }
        Ok(Message::Thawed { count, by_limit: false, complaint: String::new() })
    }

    /// Opens what is wanted, in the order in which it is frozen.
    fn open(&self, wanted: &dyn Fn(&Mounted) -> bool) -> Result<Vec<Held>, String> {
        let mut list = mounted().map_err(|error| format!("{FAILED_TO_READ}{}", text(error)))?;
        // FUSE freezes nothing, and opening something of it may wait for its daemon.
        list.retain(|found| wanted(found) && !found.kind.starts_with("fuse"));
        let mut held = Vec::new();
        for found in freezing_order(&list).into_iter().filter_map(|place| list.get(place)) {
            match open_any(found) {
                Ok(root) => held.push(Held { name: found.name(), root }),
                Err(Errno::NOENT) => {
                    self.say(&Message::Note(format!("{} is hidden or gone, and left out", found.name())));
                }
                Err(error) => return Err(format!("{FAILED_TO_OPEN}{}: {}", found.name(), text(error))),
            }
        }
        Ok(held)
    }

    /// Waits until the host wants them thawed or the time is up, and thaws them.
    fn hold(&self, held: &[Held], mark: Mark) -> Message {
        let by_limit = self.wait_for_end();
        let count = thaw_all(held);
        self.forget(mark);
        Message::Thawed { count, by_limit, complaint: self.run_hook(c"thaw").err().unwrap_or_default() }
    }

    /// Returns when the agent wants an end, or when the time is up: whether that is why.
    fn wait_for_end(&self) -> bool {
        let now = || clock_gettime(ClockId::Monotonic);
        let end = self.options.limit().map(|limit| now() + limit);
        loop {
            let rest = end.map(|end| if end > now() { end - now() } else { Timespec { tv_sec: 0, tv_nsec: 0 } });
            let mut watched = [PollFd::new(self.socket, PollFlags::IN)];
            match poll(&mut watched, rest.as_ref()) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(_) => continue,
            }
            match receive(self.socket) {
                Ok(Some(Message::Thaw)) => return false,
                Ok(Some(_)) | Err(Errno::INTR) => {}
                // The agent has died, and another one may follow it. Who stops it for good sends SIGTERM to this process, too.
                Ok(None) | Err(_) => return !waits_for_sigterm(rest),
            }
        }
    }

    fn is_called_off(&self) -> bool {
        let mut watched = [PollFd::new(self.socket, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        // The message stays there for whoever holds what is frozen.
        poll(&mut watched, Some(&now)).is_ok_and(|found| found > 0)
    }

    fn forget(&self, mark: Mark) {
        if let Err(error) = mark.remove() {
            self.say(&Message::Note(format!("the mark that file systems are frozen stays: {}", text(error))));
        }
    }

    /// Runs the hook, if there is one, to its end: file systems must not be frozen under it.
    fn run_hook(&self, what: &core::ffi::CStr) -> Result<(), String> {
        let limit = (self.options.seconds > 0).then_some(self.options.seconds);
        self.options.hook.as_ref().map_or(Ok(()), |path| hook::run(path, what, limit))
    }

    /// Tells the agent something. Where there is none any more, nobody is told.
    fn say(&self, message: &Message) {
        let _ = send(self.socket, message);
    }
}

/// Thaws what is held, last first: what lies in a file can only be thawed when the file can be written to. Returns how many.
fn thaw_all(held: &[Held]) -> usize {
    held.iter().rev().filter(|file_system| thaw(&file_system.root)).count()
}

/// Whether a process ends with success within a second.
fn ends_soon(pid: Pid) -> bool {
    const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    for _ in 0..1000 {
        match waitpid(Some(pid), WaitOptions::NOHANG) {
            Ok(Some((_, status))) => return status.exit_status() == Some(0),
            Ok(None) | Err(Errno::INTR) => {}
            Err(_) => return false,
        }
        let _ = rustix::thread::nanosleep(&MOMENT);
    }
    false
}

/// No signal ends this process while it holds something; what it starts has no part in that (see [`spawn`]).
fn ignore_signals() {
    spawn::forget_handlers();
    change_mask(libc::SIG_BLOCK, libc::SIGTERM);
    change_mask(libc::SIG_BLOCK, libc::SIGINT);
    change_mask(libc::SIG_BLOCK, libc::SIGHUP);
}

fn set_of(signal: i32) -> libc::sigset_t {
    // SAFETY: A set is numbers, which may be zero, and sigaddset only writes to it.
    unsafe {
        let mut set = mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, signal);
        set
    }
}

fn change_mask(how: i32, signal: i32) {
    // SAFETY: The set is only read, and the old mask is not asked for.
    unsafe { libc::sigprocmask(how, &set_of(signal), ptr::null_mut()) };
}

/// Waits for SIGTERM, also one that came before; whether it did before the time was up.
fn waits_for_sigterm(limit: Option<Timespec>) -> bool {
    let never = Timespec { tv_sec: i64::from(i32::MAX), tv_nsec: 0 };
    let limit = limit.unwrap_or(never);
    // SAFETY: It is numbers, which may be zero.
    let mut time: libc::timespec = unsafe { mem::zeroed() };
    // Its other members are padding.
    (time.tv_sec, time.tv_nsec) = (limit.tv_sec as _, limit.tv_nsec as _);
    // SAFETY: Both are only read, and the signal's description is not asked for.
    unsafe { libc::sigtimedwait(&set_of(libc::SIGTERM), ptr::null_mut(), &time) == libc::SIGTERM }
}
