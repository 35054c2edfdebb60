//! A guest with every family of commands and commands of its own, for programs that prove properties of the engine.
//!
//! - `no-panic` links only if no panic is reachable in the engine.
//! - `stack` runs the engine and prints how much stack it takes.
#![no_std]
#![forbid(unsafe_code)]

mod families;
mod guest;
mod own;
mod tests;

use nanoqga::Command;
use nanoqga::commands::{
    cpu, device, disk, exec, file, filesystem, fsfreeze, info, memory, network, os, power, ssh, suspend, sync, testing,
    time, user,
};

pub use guest::{Guest, Script, Shape, Source};

impl<S: Source> Guest<S> {
    /// All commands of the engine, and some that QEMU does not have.
    pub const TABLES: &'static [&'static [Command<Self>]] = &[
        sync::commands(),
        info::commands(),
        os::commands(),
        os::name_commands(),
        os::timezone_commands(),
        time::commands(),
        time::set_commands(),
        power::commands(),
        file::commands(),
        fsfreeze::commands(),
        filesystem::commands(),
        filesystem::trim_commands(),
        disk::commands(),
        disk::statistics_commands(),
        network::commands(),
        network::route_commands(),
        cpu::commands(),
        cpu::set_commands(),
        cpu::statistics_commands(),
        cpu::load_commands(),
        memory::commands(),
        memory::set_commands(),
        exec::commands(),
        user::commands(),
        user::password_commands(),
        ssh::commands(),
        suspend::ram_commands(),
        suspend::disk_commands(),
        device::commands(),
        testing::commands(),
        testing::background_commands(),
        testing::misbehave_commands(),
        own::commands(),
    ];
}
