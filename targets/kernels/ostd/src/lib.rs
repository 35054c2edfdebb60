//! A kernel on OSTD, the framework of Asterinas, that answers its host.
#![no_std]

extern crate alloc;

mod agent;
mod dma;
mod kernel;
mod port;
mod power;
#[cfg(feature = "testing")]
mod tests;
mod uptime;

use nanoqga::commands::power::Shutdown;
use ostd::power::{ExitCode, poweroff, restart};
use ostd::prelude::println;
use virtio_serial::Error;

#[ostd::main]
fn kernel_main() {
    println!("the kernel's own work");
    power::inject_handlers();
    match port::open().and_then(|port| agent::serve(port).map_err(Error::reason)) {
        Err(reason) => println!("the agent's port: {}", reason),
        Ok(Shutdown::Reboot) => restart(ExitCode::Success),
        Ok(_) => println!("powering down"),
    }
    poweroff(ExitCode::Success);
}
