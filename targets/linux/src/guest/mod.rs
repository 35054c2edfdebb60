//! The guest behind the agent's commands, a file per family. Each implements its family's trait; what it reads and keeps is in
//! `crate::system`, which knows no guest.
//!
//! A program around it:
//! - gives a [`Guest`] to the agents that serve its channels, over [`TABLES`];
//! - begins with its command set frozen if the guest [is](Guest::is_frozen): an agent before it may have frozen file systems;
//! - polls what the guest [watches](Guest::watched) beside its own descriptors and calls [`reap`](Guest::reap) after each
//!   poll, so that programs run by a host neither wait for their output to be taken nor stay as zombies;
//! - as PID 1 waits for all children itself and tells the guest of each [end](Guest::ended), and takes the machine down when
//!   the guest [is told to](Guest::take_shutdown).

mod cpu;
mod disk;
mod exec;
mod file;
mod filesystem;
mod fsfreeze;
mod listing;
mod memory;
mod network;
mod os;
mod power;
mod ssh;
mod suspend;
mod time;
mod user;

use alloc::rc::Rc;
use alloc::string::String;

use nanoqga::Command;
use nanoqga::commands::cpu::{Processor, ProcessorTimes};
use nanoqga::commands::disk::DiskStatistics;
use nanoqga::commands::memory::MemoryBlock;
use nanoqga::commands::network::Route;
use nanoqga::commands::power::Shutdown;
use nanoqga::commands::{self, info};
use rustix::event::{PollFd, Timespec};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, WaitStatus};
use rustix::system::Uname;

use crate::system::disks::Disk;
use crate::system::file_systems;
use crate::system::freeze::{Freezer, Freezing};
use crate::system::interfaces::Interface;
use crate::system::mounts::Mounted;
use crate::system::netlink::Netlink;
use crate::system::open_files::OpenFiles;
use crate::system::path_rules::PathRules;
use crate::system::programs::Programs;
use crate::system::{logins, os_release, processors, routes, spawn};

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
    /// How many seconds file systems stay frozen at most, and the hook may take; 0 is no limit.
    pub freeze_limit: u32,
    /// The file that says which operating system this is.
    pub os_release: String,
    /// Which files a host may open.
    pub path_rules: PathRules,
    /// Whether the agent is PID 1.
    pub init: bool,
}

/// How long the way down waits for frozen file systems.
const PATIENCE: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

/// A Linux guest.
#[derive(Debug)]
pub struct Guest {
    options: GuestOptions,
    freezer: Freezer,
    /// The channel of the host whose request is answered: it may want something else before a long command has ended.
    host: Option<Rc<OwnedFd>>,
    /// Whether it has asked for something else already.
    has_more: bool,
    shutdown: Option<Shutdown>,
    files: OpenFiles,
    programs: Programs,
    /// The kernel's names, as they were asked for last.
    kernel: Option<Uname>,
    /// Those of the operating system.
    release: os_release::Known,
    logins: logins::Known,
    processors: processors::Known,
    file_systems: file_systems::Known,
    route_tables: routes::Tables,
    /// That of the time zone.
    zone: String,
    lists: Lists,
}

/// What was listed last, by each command that lists something, and what they keep for that.
#[derive(Debug, Default)]
struct Lists {
    processors: Listing<Processor>,
    processor_times: Listing<ProcessorTimes>,
    disks: Listing<Disk>,
    disk_statistics: Listing<(String, DiskStatistics<'static>)>,
    trimmed: Listing<(String, Mounted)>,
    interfaces: Listing<Interface>,
    netlink: Netlink,
    routes: Listing<(String, Route<'static>)>,
    memory_blocks: Listing<MemoryBlock>,
    keys: Listing<String>,
}

/// All commands of QEMU 11.1.3's agent on Linux.
pub static TABLES: &[&[Command<Guest>]] = &[
    commands::sync::commands(),
    commands::info::commands(),
    commands::time::commands(),
    commands::time::set_commands(),
    commands::power::commands(),
    commands::file::commands(),
    commands::fsfreeze::commands(),
    commands::filesystem::commands(),
    commands::filesystem::trim_commands(),
    commands::suspend::disk_commands(),
    commands::suspend::ram_commands(),
    commands::network::commands(),
    commands::network::route_commands(),
    commands::cpu::commands(),
    commands::cpu::set_commands(),
    commands::cpu::statistics_commands(),
    commands::cpu::load_commands(),
    commands::disk::commands(),
    commands::disk::statistics_commands(),
    commands::user::commands(),
    commands::user::password_commands(),
    commands::memory::commands(),
    commands::memory::set_commands(),
    commands::exec::commands(),
    commands::os::commands(),
    commands::os::name_commands(),
    commands::os::timezone_commands(),
    commands::ssh::commands(),
];

impl Guest {
    /// A guest that has done nothing yet. What the agent was started with is passed on to no program from here on, and a write
    /// to a pipe that nobody reads fails and does not end the agent.
    #[must_use]
    pub fn new(options: GuestOptions) -> Self {
        spawn::prepare();
        Self {
            freezer: Freezer::new(Freezing {
                state_dir: options.state_dir.clone(),
                hook: options.fsfreeze_hook.clone(),
                seconds: options.freeze_limit,
            }),
            host: None,
            has_more: false,
            options,
            shutdown: None,
            files: OpenFiles::default(),
            programs: Programs::default(),
            kernel: None,
            release: os_release::Known::default(),
            logins: logins::Known::default(),
            processors: processors::Known::default(),
            file_systems: file_systems::Known::default(),
            route_tables: routes::Tables::default(),
            zone: String::new(),
            lists: Lists::default(),
        }
    }

    /// Whether file systems are frozen, by this agent or one before it.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.freezer.is_frozen()
    }

    /// Sees to it that what an agent before this one has frozen is thawed in time.
    pub fn take_over_frozen(&mut self) {
        self.freezer.take_over();
    }

    /// Lets all that is frozen go, or the way down would wait for it: for as long as that takes, but no longer than some seconds.
    pub fn thaw_to_go_down(&mut self) {
        if self.is_frozen() && self.freezer.thaw().is_ok() {
            while self.freezer.wait(None, Some(PATIENCE)).is_some() && self.is_frozen() {}
        }
    }

    /// The channel of the host whose requests come from here on: a command that takes long ends when the host wants something
    /// else.
    pub fn listen_to(&mut self, host: Option<Rc<OwnedFd>>) {
        self.host = host;
    }

    /// Whether the host has sent another request behind the one that is answered next, so that its channel will not tell of that.
    pub const fn expect_more(&mut self, has_more: bool) {
        self.has_more = has_more;
    }

    /// The descriptors on which the guest waits: the ends of its programs' pipes, and who freezes file systems.
    pub fn watched(&self) -> impl Iterator<Item = PollFd<'_>> {
        self.programs.watched().chain(self.freezer.watched())
    }

    /// In which time [`reap`](Self::reap) must be called at the latest.
    #[must_use]
    pub fn due(&self) -> Option<Timespec> {
        self.freezer.due()
    }

    /// Goes on with the programs: takes their output, gives them their input, and notes which have ended. Takes in what has
    /// become of file systems. Never waits.
    pub fn reap(&mut self) {
        // It was logged, and no host waits for it.
        let _ = self.freezer.tend();
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
