//! The main loop: one channel, the guest's programs, signals, and one place to wait.

use core::fmt;

use alloc::boxed::Box;
use alloc::vec::Vec;

use nanoqga::CommandSet;
use nanoqga::commands::power::Shutdown;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use crate::agent::Agent;
use crate::channel::{Channel, Lost};
use crate::guest::Guest;
use crate::init::Init;
use crate::log;
use crate::signals::{Signals, Wish};
use crate::system::errno::text;

/// How often bytes are moved before something else gets its turn.
const ROUNDS: usize = 4096;

const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Why serving came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A signal asked for it.
    Asked,
    /// The channel cannot be used any more.
    Lost,
}

/// The agent, and all that it serves with.
pub struct Server<'a> {
    agent: Agent<'a, Guest>,
    commands: &'a CommandSet<'a, Guest>,
    guest: Guest,
    signals: Signals,
    init: Option<Init>,
    when_thawed: Option<Box<dyn FnOnce() + 'a>>,
}

impl fmt::Debug for Server<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("guest", &self.guest).finish_non_exhaustive()
    }
}

impl<'a> Server<'a> {
    /// An agent that answers `commands` for a guest; in the first process, with its `init`.
    /// Requests may have `longest_request` bytes. `when_thawed`, which writes files, is done when no
    /// file system is frozen.
    #[must_use]
    pub fn new(
        commands: &'a CommandSet<'a, Guest>,
        guest: Guest,
        signals: Signals,
        init: Option<Init>,
        longest_request: usize,
        when_thawed: Box<dyn FnOnce() + 'a>,
    ) -> Self {
        let when_thawed = Some(when_thawed);
        Self { agent: Agent::new(commands, longest_request), commands, guest, signals, init, when_thawed }
    }

    /// Serves a channel until that ends.
    pub fn serve(&mut self, mut channel: Channel) -> End {
        self.agent.reset(&mut self.guest);
        loop {
            let busy = match self.exchange(&mut channel) {
                Ok(busy) => busy,
                Err(lost) => {
                    warning!("the channel failed: {lost}");
                    self.agent.reset(&mut self.guest);
                    // A client that is gone makes room for the next; a device does not come back by itself.
                    if !matches!(channel, Channel::Listener { .. }) {
                        return End::Lost;
                    }
                    channel.hung_up();
                    false
                }
            };
            if channel.stream().is_some_and(|stream| stream.take_end()) {
                self.agent.reset(&mut self.guest);
                if !channel.hung_up() {
                    return End::Lost;
                }
            }
            if self.attend(Some(&mut channel), busy.then_some(NOW)) {
                return End::Asked;
            }
        }
    }

    /// Lets time pass, in which everything but a channel is attended to; returns whether a signal asked for the end.
    pub fn pause(&mut self, pause: Timespec) -> bool {
        let end = clock_gettime(ClockId::Monotonic) + pause;
        loop {
            let now = clock_gettime(ClockId::Monotonic);
            if now >= end {
                return false;
            }
            if self.attend(None, Some(end - now)) {
                return true;
            }
        }
    }

    /// Moves bytes and runs commands as long as that needs no waiting; says whether there is more to do.
    fn exchange(&mut self, channel: &mut Channel) -> Result<bool, Lost> {
        let Some(stream) = channel.stream() else { return Ok(false) };
        self.guest.listen_to(Some(stream.descriptor()));
        let mut outcome = Ok(true);
        for _ in 0..ROUNDS {
            self.guest.expect_more(self.agent.has_more());
            outcome = self.agent.poll(&mut self.guest, stream);
            // A request to freeze or thaw may end before that does.
            self.commands.set_frozen(self.guest.is_frozen());
            if outcome != Ok(true) {
                break;
            }
        }
        self.guest.listen_to(None);
        outcome
    }

    /// Waits until there is something to do, though not longer than `limit`, and does what is not the channel's; returns
    /// whether a signal asked for the end.
    fn attend(&mut self, channel: Option<&mut Channel>, limit: Option<Timespec>) -> bool {
        self.commands.set_frozen(self.guest.is_frozen());
        log::set_frozen(self.guest.is_frozen());
        if !self.guest.is_frozen()
            && let Some(act) = self.when_thawed.take()
        {
            act();
        }
        if let (Some(init), Some(how)) = (&self.init, self.guest.take_shutdown()) {
            init.go_down(how);
        }
        let payload = self.init.as_mut().and_then(Init::run_payload);
        let limit = limit.into_iter().chain(payload).chain(self.guest.due()).min();
        wait(channel, &self.guest, &self.signals, limit);
        if let Some(init) = &mut self.init {
            init.reap(&mut self.guest);
        }
        self.guest.reap();
        self.commands.set_frozen(self.guest.is_frozen());
        match (self.signals.take_wish(), &self.init) {
            (None, _) => false,
            (Some(_), None) if self.commands.is_frozen() => {
                debug!("asked to end, but file systems are frozen");
                false
            }
            (Some(_), None) => {
                debug!("asked to end");
                true
            }
            (Some(wish), Some(init)) => {
                self.guest.thaw_to_go_down();
                init.go_down(if wish == Wish::Interrupt { Shutdown::Reboot } else { Shutdown::PowerDown });
                false
            }
        }
    }
}

/// Waits for the channel, the guest's programs or a signal.
fn wait(channel: Option<&mut Channel>, guest: &Guest, signals: &Signals, limit: Option<Timespec>) {
    let mut watched: Vec<_> = [PollFd::new(signals, PollFlags::IN)].into();
    watched.extend(channel.as_deref().map(Channel::watched));
    watched.extend(guest.watched());
    match poll(&mut watched, limit.as_ref()) {
        Ok(_) => {}
        // The handler has woken the descriptor, too.
        Err(Errno::INTR) => return,
        Err(error) => return warning!("cannot wait for the channel: {}", text(error)),
    }
    let found = |index: usize| watched.get(index).map_or(PollFlags::empty(), PollFd::revents);
    let (of_signals, of_channel) = (found(0), found(1));
    drop(watched);
    if !of_signals.is_empty() {
        signals.clear();
    }
    if let Some(channel) = channel {
        channel.polled(of_channel);
    }
}
