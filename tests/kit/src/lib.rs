#![doc = include_str!("../README.md")]

pub mod accelerator;
pub mod client;
pub mod deadline;
pub mod elf;
pub mod folder;
pub mod guest;
mod logs;
pub mod machine;
pub mod probe;
pub mod process;
pub mod progress;
pub mod qemu;
pub mod qmp;
mod supervisor;
