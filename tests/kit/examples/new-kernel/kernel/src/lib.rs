//! A kernel as one begins: pages of memory, a clock, and a port by which its host asks it.
#![no_std]

pub mod agent;
pub mod clock;
pub mod memory;
