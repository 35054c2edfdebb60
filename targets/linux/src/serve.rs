//! The main loop: one channel, the guest's programs, signals, and one place to wait.

use alloc::vec::Vec;

use agent_core::serve::Pump;
use agent_core::{Agent, CommandSet};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::channel::{Channel, Lost};
use crate::guest::Guest;
use crate::init::Init;
use crate::signals::Signals;
use crate::log;

/// The longest request in bytes. Hosts send files in lines of up to 88 KiB.
const RECEIVE: usize = 128 << 10;
/// The longest piece of a reply, and of a file that is read for one.
const STAGE: usize = 16 << 10;
/// The bytes that are read or written at once.
const PIECE: usize = 16 << 10;

/// How often bytes are moved before something else gets its turn.
const ROUNDS: usize = 256;

/// Why serving came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was asked to: by a signal, or by a host that takes the machine down.
    Asked,
    /// The channel cannot be used any more.
    Lost,
}

/// The agent on its channel.
pub struct Server<'a> {
    agent: Agent<'a, Guest, RECEIVE, STAGE>,
    pump: Pump<PIECE>,
    commands: &'a CommandSet<'a, Guest>,
}

impl core::fmt::Debug for Server<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl<'a> Server<'a> {
    /// An agent that answers `commands`.
    #[must_use]
    pub const fn new(commands: &'a CommandSet<'a, Guest>) -> Self {
        Self { agent: Agent::new(commands), pump: Pump::new(), commands }
    }

    /// Serves a channel until that ends.
    pub fn serve(
        &mut self,
        mut channel: Channel,
        guest: &mut Guest,
        signals: &Signals,
        mut init: Option<&mut Init>,
    ) -> End {
        self.pump.reset(&mut self.agent);
        loop {
            let outcome = self.exchange(&mut channel, guest);
            log::set_frozen(self.commands.is_frozen());
            let busy = match outcome {
                Ok(busy) => busy,
                Err(lost) => {
                    warning!("the channel failed: {lost}");
                    self.pump.reset(&mut self.agent);
                    // A client that is gone makes room for the next; a device does not come back by itself.
                    if !matches!(channel, Channel::Listener { .. }) {
                        return End::Lost;
                    }
                    channel.hung_up();
                    false
                }
            };
            if channel.stream().is_some_and(|stream| stream.take_end()) {
                self.pump.reset(&mut self.agent);
                if !channel.hung_up() {
                    return End::Lost;
                }
            }
            if let Some(init) = &mut init
                && let Some(how) = guest.take_shutdown()
            {
                init.go_down(how);
                return End::Asked;
            }
            wait(&mut channel, guest, signals, busy);
            if let Some(init) = &mut init {
                init.reap(guest);
            }
            guest.reap();
            if signals.take_end() {
                if self.commands.is_frozen() {
                    debug!("asked to end, but file systems are frozen");
                } else {
                    debug!("asked to end");
                    return End::Asked;
                }
            }
        }
    }

    /// Lets some seconds pass before the channel is opened again, in which programs go on.
    pub fn wait_to_retry(
        &mut self,
        seconds: i64,
        guest: &mut Guest,
        signals: &Signals,
        init: Option<&mut Init>,
    ) -> End {
        let _ = (seconds, guest, signals, init);
        End::Lost
    }

    /// Moves bytes and runs commands as long as that needs no waiting; says whether there is more to do.
    fn exchange(&mut self, channel: &mut Channel, guest: &mut Guest) -> Result<bool, Lost> {
        let Some(stream) = channel.stream() else { return Ok(false) };
        for _ in 0..ROUNDS {
            if !self.pump.poll(&mut self.agent, guest, stream)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Waits for the channel, the guest's programs or a signal; not at all if `busy`.
fn wait(channel: &mut Channel, guest: &Guest, signals: &Signals, busy: bool) {
    let mut watched: Vec<_> = [channel.watched(), PollFd::new(signals, PollFlags::IN)].into();
    watched.extend(guest.watched());
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let outcome = poll(&mut watched, busy.then_some(&now));
    let [of_channel, of_signals] = [0, 1].map(|index| watched[index].revents());
    drop(watched);
    match outcome {
        Ok(_) => {
            if !of_signals.is_empty() {
                signals.clear();
            }
            channel.polled(of_channel);
        }
        // The handler has woken the descriptor, too.
        Err(Errno::INTR) => {}
        Err(error) => warning!("poll: {error}"),
    }
}
