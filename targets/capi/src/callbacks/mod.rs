//! The kernel's callbacks and their arguments: a table for each family of commands, as C has it.

pub mod background;
pub mod cpu;
pub mod file;
pub mod filesystem;
pub mod freeze;
pub mod memory;
pub mod network;
pub mod os;
pub mod own;
pub mod power;
pub mod suspend;
pub mod testing;
pub mod time;
pub mod user;
