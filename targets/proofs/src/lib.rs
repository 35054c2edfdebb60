//! A guest with every family of commands and a command of its own, for programs that show what is promised of the engine.
//!
//! - `no-panic` links only if no panic is reachable in the engine.
//! - `stack` runs the engine and tells how much stack it took.
#![no_std]
#![forbid(unsafe_code)]

mod families;
mod guest;
mod own;

use nanoqga::Command;
use nanoqga::commands::{
    cpu, device, disk, exec, file, filesystem, fsfreeze, info, memory, network, os, power, ssh, suspend, sync, time,
    user,
};

pub use guest::{Guest, Script, Shape, Source};

impl<S: Source> Guest<S> {
    /// All commands of the engine, and one that QEMU has not.
    pub const TABLES: &'static [&'static [Command<Self>]] = &[
        sync::commands(),
        info::commands(),
        os::commands(),
        time::commands(),
        power::commands(),
        file::commands(),
        fsfreeze::commands(),
        filesystem::commands(),
        disk::commands(),
        network::commands(),
        cpu::commands(),
        memory::commands(),
        exec::commands(),
        user::commands(),
        ssh::commands(),
        suspend::commands(),
        device::commands(),
        own::commands(),
    ];
}
