//! A guest with every family of commands and a command of its own, for programs that show what is promised of the engine.
//!
//! - `no-panic` links only if no panic is reachable in the engine.
//! - `stack` runs the engine and tells how much stack it took.
#![no_std]
#![forbid(unsafe_code)]

mod families;
mod own;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nanoqga::commands::{
    cpu, device, disk, exec, file, filesystem, fsfreeze, info, memory, network, os, power, ssh, suspend, sync, time,
    user,
};
use nanoqga::{Command, Failure};

/// What a guest answers, whatever it is asked.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each stands for all answers of its type")]
pub struct Script {
    pub text: &'static str,
    pub character: char,
    pub flag: bool,
    pub signed: i64,
    pub unsigned: u64,
    pub float: f64,
    pub length: usize,
    /// How long each list is.
    pub count: usize,
    /// How long each list inside an element is.
    pub inner: usize,
    /// Whether optional members are there.
    pub optional: bool,
    pub failure: Option<Failure>,
    pub address: IpAddr,
    pub v4: Ipv4Addr,
    pub v6: Ipv6Addr,
    pub bus_type: disk::BusType,
    pub memory_block_error: Option<memory::MemoryBlockError>,
    pub status: Option<exec::Status>,
    pub shape: own::Shape,
}

pub use own::Shape;

/// Where a guest's answers come from.
pub trait Source: 'static {
    /// The answers that the next call is given.
    fn script(&self) -> &'static Script;
}

/// A guest that answers from its script.
#[derive(Debug)]
pub struct Guest<S>(pub S);

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

    fn script(&self) -> &'static Script {
        self.0.script()
    }

    fn outcome<T>(&self, value: T) -> Result<T, Failure> {
        self.script().failure.map_or(Ok(value), Err)
    }

    fn element<T>(&self, index: usize, element: T) -> Result<Option<T>, Failure> {
        self.outcome((index < self.script().count).then_some(element))
    }

    fn inner<T>(&self, index: usize, element: T) -> Option<T> {
        (index < self.script().inner).then_some(element)
    }

    fn option<T>(&self, value: T) -> Option<T> {
        self.script().optional.then_some(value)
    }
}
