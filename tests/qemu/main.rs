//! The image under QEMU, by scenario. [`rows`] is the table of machines and channels it must answer on.

mod bad_input;
mod clock;
mod command_line;
mod conformance;
mod hosts;
mod idle;
mod panics;
mod power;
mod rows;
mod tour;
