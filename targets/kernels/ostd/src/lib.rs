//! A kernel on OSTD, the framework of Asterinas, that answers its host.
#![no_std]

extern crate alloc;

mod agent;
mod configuration_space;
mod dma;
mod kernel;
mod port;
mod power;
mod registers;
mod uptime;

use nanoqga::commands::power::Shutdown;
use ostd::power::{ExitCode, poweroff, restart};
use ostd::prelude::println;

#[ostd::main]
fn kernel_main() {
    println!("the kernel's own work");
    power::inject_handlers();
    match port::find().map(agent::serve) {
        None => println!("no virtio console"),
        Some(Err(error)) => println!("the agent's port: {}", error),
        Some(Ok(Shutdown::Reboot)) => restart(ExitCode::Success),
        Some(Ok(_)) => println!("powering down"),
    }
    poweroff(ExitCode::Success);
}
