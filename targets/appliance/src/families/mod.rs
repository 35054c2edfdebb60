//! The families of commands that only the appliance answers.

pub mod config;
pub mod disks;
pub mod files;
pub mod log;
pub mod network;
pub mod processors;
pub mod suspend;
pub mod users;
