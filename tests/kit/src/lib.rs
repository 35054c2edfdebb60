#![doc = include_str!("../README.md")]

pub mod accelerator;
pub mod agent;
pub mod client;
pub mod commands;
pub mod deadline;
pub mod elf;
pub mod error;
pub mod exec;
pub mod files;
pub mod folder;
pub mod guest;
pub mod libvirt;
mod linux;
mod logs;
pub mod machine;
pub mod probe;
pub mod process;
pub mod progress;
pub mod qemu;
pub mod qmp;
mod supervisor;
pub mod sync;
pub mod transport;
