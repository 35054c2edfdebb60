//! The guest behind the agent's commands, a file per family.
//!
//! A program around it:
//! - gives a [`Guest`] to the agents that serve its channels, over [`TABLES`];
//! - begins with its command set frozen if the guest [is](Guest::is_frozen): an agent before it may have frozen file systems;
//! - polls what the guest [watches](Guest::watched) beside its own descriptors and calls [`reap`](Guest::reap) after each
//!   poll, so that programs run by a host neither wait for their output to be taken nor stay as zombies;
//! - as PID 1 waits for all children itself and tells the guest of each [end](Guest::ended), and takes the machine down when
//!   the guest [is told to](Guest::take_shutdown).

mod accounts;
mod block;
#[path = "../system/processors.rs"]
mod cpu;
#[path = "../system/disks.rs"]
mod disk;
pub(crate) mod errno;
#[path = "../system/programs.rs"]
mod exec;
#[path = "../system/open_files.rs"]
mod file;
#[path = "../system/file_systems.rs"]
mod filesystem;
mod fsfreeze;
#[cfg(test)]
mod hostile;
mod listing;
#[path = "../system/memory_blocks.rs"]
mod memory;
mod mounts;
mod netlink;
#[path = "../system/interfaces.rs"]
mod network;
mod nvme;
#[path = "../system/os_release.rs"]
mod os;
mod password;
mod power;
mod spawn;
mod ssh;
mod state;
mod suspend;
pub(crate) mod system;
mod time;
#[path = "../system/logins.rs"]
mod user;

use alloc::string::String;

use nanoqga::Command;
use nanoqga::commands::memory::MemoryBlock;
use nanoqga::commands::power::Shutdown;
use nanoqga::commands::{self, info};
use rustix::event::PollFd;
use rustix::process::{Pid, WaitStatus};

use listing::Listing;

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
    files: file::Open,
    programs: exec::Programs,
    names: os::Names,
    cpus: cpu::Lists,
    disks: disk::Lists,
    file_systems: filesystem::Lists,
    network: network::Lists,
    memory_blocks: Listing<MemoryBlock>,
    logins: Listing<user::Login>,
    keys: Listing<String>,
}

/// All commands of QEMU 11.1.3's agent on Linux.
pub static TABLES: &[&[Command<Guest>]] = &[
    commands::sync::commands(),
    commands::info::commands(),
    commands::time::commands(),
    commands::power::commands(),
    commands::file::commands(),
    commands::fsfreeze::commands(),
    commands::filesystem::commands(),
    commands::suspend::commands(),
    commands::network::commands(),
    commands::cpu::commands(),
    commands::disk::commands(),
    commands::user::commands(),
    commands::memory::commands(),
    commands::exec::commands(),
    commands::os::commands(),
    commands::ssh::commands(),
];

impl Guest {
    /// A guest that has done nothing yet. What the agent was started with is passed on to no program from here on, and a write
    /// to a pipe that nobody reads fails and does not end the agent.
    #[must_use]
    pub fn new(options: GuestOptions) -> Self {
        spawn::prepare();
        Self {
            frozen: state::is_frozen(&options.state_dir),
            options,
            shutdown: None,
            files: file::Open::default(),
            programs: exec::Programs::default(),
            names: os::Names::default(),
            cpus: cpu::Lists::default(),
            disks: disk::Lists::default(),
            file_systems: filesystem::Lists::default(),
            network: network::Lists::default(),
            memory_blocks: Listing::default(),
            logins: Listing::default(),
            keys: Listing::default(),
        }
    }

    /// Whether file systems are frozen, by this agent or one before it.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// The descriptors on which the guest waits: the ends of its programs' pipes.
    pub fn watched(&self) -> impl Iterator<Item = PollFd<'_>> {
        self.programs.watched()
    }

    /// Goes on with the programs: takes their output, gives them their input, and notes which have ended. Never waits.
    pub fn reap(&mut self) {
        self.programs.reap(!self.options.init);
    }

    /// Notes that the child `pid` has ended, for an agent that is PID 1: all children are its own then, and only the program
    /// waits for them. Returns whether the child was the guest's.
    pub fn ended(&mut self, pid: Pid, status: WaitStatus) -> bool {
        self.programs.ended(pid, status)
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
