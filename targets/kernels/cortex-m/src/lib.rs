//! Firmware for an LM3S6965, the Cortex-M3 of QEMU's `lm3s6965evb`: its log is on UART0, its agent on UART1.
//!
//! [`agent`] is what its host may ask, the programs in `bin` are how it is served. The rest is the board, with or without an agent.
#![no_std]

pub mod agent;
pub mod board;
mod end;
pub mod lamp;
#[cfg(feature = "testing")]
pub mod tests;
pub mod thermometer;
