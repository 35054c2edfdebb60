//! The image under QEMU, by scenario. [`rows`] is the table of machines and channels it must answer on. All are about
//! the profile `nano`, and what every profile has; [`appliance`] and
//! [`suspend`] are about the other one.

mod appliance;
mod bad_input;
mod clients;
mod clock;
mod command_line;
mod conformance;
mod disk_boot;
mod dnsmasq;
mod example_kernel;
mod hosts;
mod idle;
mod legacy;
mod log;
mod machines;
mod migration;
mod network;
mod panics;
mod peer;
mod plug;
mod power;
mod prompt;
mod rows;
mod scsi;
mod settings;
mod snapshots;
mod state;
mod storage;
mod suspend;
mod tour;
