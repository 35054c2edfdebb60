//! The guest behind the agent's commands, a file per family.
//!
//! A program around it:
//! - gives a [`Guest`] to the agents that serve its channels, over [`TABLES`];
//! - begins with its command set frozen if the guest [is](Guest::is_frozen): an agent before it may have frozen file systems;
//! - polls what the guest [watches](Guest::watched) beside its own descriptors and calls [`reap`](Guest::reap) after each
//!   poll, so that programs run by a host neither wait for their output to be taken nor stay as zombies;
//! - as PID 1 waits for all children itself and tells the guest of each [end](Guest::ended), and takes the machine down when
//!   the guest [is told to](Guest::take_shutdown).

use alloc::string::String;

use agent_core::Command;
use agent_core::commands::power::Shutdown;
use agent_core::commands::{info, sync};
use rustix::event::PollFd;
use rustix::process::{Pid, WaitStatus};

/// What a guest is told of its surroundings.
#[derive(Clone, Debug)]
pub struct GuestOptions {
    /// The version that `guest-info` tells.
    pub version: String,
    /// The directory for what outlives the agent: the counter of handles, and the mark that file systems are frozen.
    pub state_dir: String,
    /// The program that runs before a freeze and after a thaw.
    pub fsfreeze_hook: Option<String>,
    /// The file that says which operating system this is.
    pub os_release: String,
    /// Whether the agent is PID 1.
    pub init: bool,
}

/// A Linux guest.
#[derive(Debug)]
pub struct Guest {
    options: GuestOptions,
    frozen: bool,
    shutdown: Option<Shutdown>,
}

/// All commands of QEMU 10.2's agent on Linux.
pub static TABLES: &[&[Command<Guest>]] = &[sync::commands(), info::commands()];

impl Guest {
    /// A guest that has done nothing yet.
    #[must_use]
    pub fn new(options: GuestOptions) -> Self {
        Self { options, frozen: false, shutdown: None }
    }

    /// Whether file systems are frozen, by this agent or one before it.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// The descriptors on which the guest waits: the ends of its programs' pipes.
    pub fn watched(&self) -> impl Iterator<Item = PollFd<'_>> {
        core::iter::empty()
    }

    /// Goes on with the programs: takes their output, gives them their input, and notes which have ended. Never waits.
    pub fn reap(&mut self) {}

    /// Notes that the child `pid` has ended, for an agent that is PID 1: all children are its own then, and only the program
    /// waits for them. Returns whether the child was the guest's.
    pub fn ended(&mut self, pid: Pid, status: WaitStatus) -> bool {
        let _ = (pid, status);
        false
    }

    /// How a host wants the machine to go down, once, if the agent is PID 1. Others tell their init.
    pub const fn take_shutdown(&mut self) -> Option<Shutdown> {
        self.shutdown.take()
    }
}

impl info::Identity for Guest {
    fn version(&self) -> &str {
        &self.options.version
    }
}
