//! Frozen file systems, from the agent's side. What may have to wait is done by another process, the worker (`worker.rs`), so
//! the agent answers meanwhile.

mod message;
mod order;
mod settings;
mod worker;

use alloc::string::String;
use alloc::vec::Vec;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, WaitOptions, waitpid};
use rustix::time::{ClockId, clock_gettime};

use super::mounts::Mounted;
use super::spawn::{Side, close_all_but, fork};
use super::{errno, state};
use crate::log;
use message::{Message, WORKER_ENDED, receive, send};
use worker::{Task, work};

pub use message::failure;
pub use settings::Freezing;

/// What has become of a request to freeze or thaw.
#[derive(Debug)]
pub enum Outcome {
    /// So many are frozen.
    Frozen(usize),
    /// So many are thawed; what is wrong with the hook, if that is not empty.
    Thawed(usize, String),
    /// It failed, and none is frozen.
    Failed(String),
}

/// Freezes and thaws by a worker.
#[derive(Debug)]
pub struct Freezer {
    options: Freezing,
    /// An agent before this one has left file systems frozen, and no worker holds them.
    left_frozen: bool,
    worker: Option<Worker>,
    /// Processes that help, and have not been waited for.
    rescues: Vec<Pid>,
    /// They were thawed because the time was up, and no host was told so.
    cut_short: bool,
}

#[derive(Debug)]
struct Worker {
    pid: Pid,
    socket: OwnedFd,
    /// Until when it must have frozen all, once it has begun and as long as it has not.
    freezes_until: Option<Timespec>,
    freezes: bool,
    /// It holds what another one has frozen.
    took_over: bool,
}

impl Freezer {
    /// A freezer in a system where agents before this one may have left file systems frozen.
    pub fn new(options: Freezing) -> Self {
        let left_frozen = state::is_frozen(&options.state_dir);
        Self { options, left_frozen, worker: None, rescues: Vec::new(), cut_short: false }
    }

    /// Whether file systems are frozen, or on the way there or back.
    pub const fn is_frozen(&self) -> bool {
        self.left_frozen || self.worker.is_some()
    }

    /// Whether a worker is still freezing.
    pub fn is_freezing(&self) -> bool {
        self.worker.as_ref().is_some_and(|worker| worker.freezes)
    }

    /// Whether the time limit has thawed file systems since they were frozen last. Told once.
    pub const fn take_cut_short(&mut self) -> bool {
        core::mem::replace(&mut self.cut_short, false)
    }

    /// Sees to it that what an agent before this one has frozen is thawed in time.
    pub fn take_over(&mut self) {
        if self.left_frozen && self.worker.is_none() {
            match self.start(Task::TakeOver) {
                Ok(worker) => (self.worker, self.left_frozen) = (Some(worker), false),
                Err(error) => critical!("cannot see to frozen file systems: {}", errno::text(error)),
            }
        }
    }

    /// Begins to freeze the file systems that are wanted.
    ///
    /// # Errors
    /// If no process can be started.
    pub fn freeze(&mut self, wanted: &dyn Fn(&Mounted) -> bool) -> Result<(), Errno> {
        self.cut_short = false;
        let mut worker = self.start(Task::Freeze(wanted))?;
        // Until the worker has ended.
        log::set_frozen(true);
        worker.freezes = true;
        self.worker = Some(worker);
        Ok(())
    }

    /// Begins to thaw.
    ///
    /// # Errors
    /// If no process can be started.
    pub fn thaw(&mut self) -> Result<(), Errno> {
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => self.start(Task::TakeOver)?,
        };
        self.left_frozen = false;
        // If the worker has been killed, that is seen when it is listened to.
        let _ = send(&worker.socket, &Message::Thaw);
        self.worker = Some(worker);
        Ok(())
    }

    /// Thaws what is frozen while the worker waits for a file system to freeze.
    pub fn rescue(&mut self) {
        match self.start(Task::Rescue) {
            Ok(rescue) => self.rescues.push(rescue.pid),
            Err(error) => critical!("cannot thaw file systems: {}", errno::text(error)),
        }
    }

    /// The descriptor to poll.
    pub fn watched(&self) -> Option<PollFd<'_>> {
        self.worker.as_ref().map(|worker| PollFd::new(&worker.socket, PollFlags::IN))
    }

    /// In which time [`tend`](Self::tend) must be called at the latest.
    pub fn due(&self) -> Option<Timespec> {
        let until = self.worker.as_ref()?.freezes_until?;
        let now = clock_gettime(ClockId::Monotonic);
        Some(if until > now { until - now } else { Timespec { tv_sec: 0, tv_nsec: 0 } })
    }

    /// Takes in what the worker has to say, without waiting for it.
    pub fn tend(&mut self) -> Option<Outcome> {
        self.rescues.retain(|pid| matches!(waitpid(Some(*pid), WaitOptions::NOHANG), Ok(None) | Err(Errno::INTR)));
        loop {
            self.look_at_the_time();
            let worker = self.worker.as_mut()?;
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            if !poll(&mut [PollFd::new(&worker.socket, PollFlags::IN)], Some(&now)).is_ok_and(|found| found > 0) {
                return None;
            }
            match receive(&worker.socket) {
                Err(Errno::INTR) | Ok(Some(Message::Thaw)) => {}
                Ok(Some(Message::Note(text))) => warning!("{text}"),
                Ok(Some(Message::Begun)) => {
                    let now = clock_gettime(ClockId::Monotonic);
                    worker.freezes_until = self.options.limit().map(|limit| now + limit);
                }
                Ok(Some(Message::Frozen(count))) => {
                    (worker.freezes, worker.freezes_until) = (false, None);
                    if count == 0 {
                        self.end();
                    }
                    return Some(Outcome::Frozen(count));
                }
                Ok(Some(Message::Thawed { count, by_limit, complaint })) => {
                    self.end();
                    return Some(self.thawed(count, by_limit, complaint));
                }
                Ok(Some(Message::Failed(text))) => {
                    self.end();
                    return Some(Outcome::Failed(text));
                }
                Ok(None) | Err(_) => {
                    // Whatever has killed two would kill a third.
                    let is_first = !worker.took_over;
                    self.end();
                    self.left_frozen = true;
                    critical!("{WORKER_ENDED}");
                    if is_first {
                        self.take_over();
                    }
                    return Some(Outcome::Failed(WORKER_ENDED.into()));
                }
            }
        }
    }

    /// Waits for the worker, but no longer than `limit`, and only as long as the host wants nothing else and stays there.
    pub fn wait(&mut self, host: Option<BorrowedFd<'_>>, limit: Option<Timespec>) -> Option<Outcome> {
        let now = || clock_gettime(ClockId::Monotonic);
        let end = limit.map(|limit| now() + limit);
        let mut may_speak = true;
        loop {
            let outcome = self.tend();
            if outcome.is_some() || self.worker.is_none() || end.is_some_and(|end| now() >= end) {
                return outcome;
            }
            let rest = end.map(|end| end - now()).into_iter().chain(self.due()).min();
            let expected = if may_speak { PollFlags::IN } else { PollFlags::empty() };
            let mut watched: Vec<PollFd<'_>> = self.watched().into_iter().collect();
            watched.extend(host.map(|host| PollFd::from_borrowed_fd(host, expected)));
            let _ = poll(&mut watched, rest.as_ref());
            let seen = watched.get(1).map_or(PollFlags::empty(), PollFd::revents);
            if seen.intersects(PollFlags::HUP | PollFlags::ERR) {
                return None;
            }
            if seen.contains(PollFlags::IN) {
                match host.map(rustix::io::ioctl_fionread) {
                    // It has said all that it will say, and may still listen.
                    Some(Ok(0)) => may_speak = false,
                    _ => return None,
                }
            }
        }
    }

    fn look_at_the_time(&mut self) {
        if self.due().is_some_and(|due| due.tv_sec == 0 && due.tv_nsec == 0)
            && let Some(worker) = &mut self.worker
        {
            worker.freezes_until = None;
            let _ = send(&worker.socket, &Message::Thaw);
            self.cut_short = true;
            self.rescue();
            critical!("file systems were not frozen after {} seconds: they are thawed", self.options.seconds);
        }
    }

    fn thawed(&mut self, count: usize, by_limit: bool, complaint: String) -> Outcome {
        if by_limit {
            self.cut_short = true;
            critical!("{count} file systems were frozen for {} seconds: they are thawed", self.options.seconds);
        }
        if !complaint.is_empty() {
            critical!("file systems are thawed, but {complaint}");
        }
        Outcome::Thawed(count, complaint)
    }

    /// The worker has said its last.
    fn end(&mut self) {
        log::set_frozen(false);
        if let Some(worker) = self.worker.take() {
            // The first process may have waited for it.
            while matches!(waitpid(Some(worker.pid), WaitOptions::empty()), Err(Errno::INTR)) {}
        }
    }

    fn start(&self, task: Task<'_>) -> Result<Worker, Errno> {
        let took_over = matches!(task, Task::TakeOver);
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        match fork()? {
            Side::Parent(pid) => Ok(Worker { pid, socket: ours, freezes_until: None, freezes: false, took_over }),
            Side::Child => {
                log::close();
                // A port can be opened once, and a client must see that the agent has gone.
                close_all_but(&theirs);
                work(task, &theirs, &self.options);
                // SAFETY: It does not return, and nothing that the agent has is undone here.
                unsafe { libc::_exit(0) }
            }
        }
    }
}
