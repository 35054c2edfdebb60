//! The guest that the engine sees: callbacks of the kernel.

use core::ffi::c_void;

use heapless::{String, Vec};
use nanoqga::Failure;
use nanoqga::commands::info::Identity;

use crate::callbacks::own::Own;
use crate::callbacks::{
    background, cpu, file, filesystem, freeze, memory, network, os, power, suspend, testing, time, user,
};
use crate::open_files::OpenFiles;
use crate::status::Status;

/// The most commands of its own that a kernel can add.
pub const NANOQGA_MAX_OWN_COMMANDS: usize = 16;

/// The longest version, in bytes.
pub const NANOQGA_MAX_VERSION: usize = 31;

/// The error of a command without its callback. No such command is ever added.
pub(crate) const NO_CALLBACK: Failure = Failure("the guest cannot do this");

/// A family of commands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Family {
    Os,
    Time,
    Power,
    Suspend,
    Cpu,
    Memory,
    Network,
    Filesystem,
    Freeze,
    File,
    User,
    Testing,
    Background,
}

/// The families that were added.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Families(u16);

impl Families {
    pub(crate) const fn has(self, family: Family) -> bool {
        self.0 >> family as u16 & 1 == 1
    }

    pub(crate) const fn add(&mut self, family: Family) {
        self.0 |= 1 << family as u16;
    }
}

/// The kernel behind an agent.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) context: *mut c_void,
    pub(crate) version: String<NANOQGA_MAX_VERSION>,
    pub(crate) families: Families,
    pub(crate) os: os::OsCallbacks,
    pub(crate) time: time::TimeCallbacks,
    pub(crate) power: power::PowerCallbacks,
    pub(crate) suspend: suspend::SuspendCallbacks,
    pub(crate) cpu: cpu::CpuCallbacks,
    pub(crate) memory: memory::MemoryCallbacks,
    pub(crate) network: network::NetworkCallbacks,
    pub(crate) filesystem: filesystem::FilesystemCallbacks,
    pub(crate) freeze: freeze::FreezeCallbacks,
    pub(crate) file: file::FileCallbacks,
    pub(crate) files: OpenFiles,
    pub(crate) user: user::UserCallbacks,
    pub(crate) testing: testing::TestingCallbacks,
    pub(crate) background: background::BackgroundCallbacks,
    pub(crate) own: Vec<Own, NANOQGA_MAX_OWN_COMMANDS>,
    /// What a callback did wrong, for the caller of `transmit`.
    pub(crate) misuse: Option<Status>,
}

impl Guest {
    pub(crate) fn new(context: *mut c_void, version: String<NANOQGA_MAX_VERSION>) -> Self {
        Self {
            context,
            version,
            families: Families::default(),
            os: os::OsCallbacks::default(),
            time: time::TimeCallbacks::default(),
            power: power::PowerCallbacks::default(),
            suspend: suspend::SuspendCallbacks::default(),
            cpu: cpu::CpuCallbacks::default(),
            memory: memory::MemoryCallbacks::default(),
            network: network::NetworkCallbacks::default(),
            filesystem: filesystem::FilesystemCallbacks::default(),
            freeze: freeze::FreezeCallbacks::default(),
            file: file::FileCallbacks::default(),
            files: OpenFiles::default(),
            user: user::UserCallbacks::default(),
            testing: testing::TestingCallbacks::default(),
            background: background::BackgroundCallbacks::default(),
            own: Vec::new(),
            misuse: None,
        }
    }
}

impl Identity for Guest {
    fn version(&self) -> &str {
        &self.version
    }
}
