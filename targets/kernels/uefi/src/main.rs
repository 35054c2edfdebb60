//! A UEFI application with an agent in it, which it serves until a host switches the machine off.
#![no_std]
#![no_main]

mod agent;
mod firmware;
mod memory;
mod pci;
mod serial;
mod sleep;
#[cfg(feature = "testing")]
mod tests;
mod virtio;

use uefi::prelude::*;
use uefi::println;

use crate::agent::Application;
use crate::sleep::Sleep;

#[entry]
fn main() -> Status {
    serve_agent().unwrap_or_else(|error| {
        println!("{error}");
        error.status()
    })
}

/// Serves the agent on the first virtio console, or else on the second serial port. Returns when the console fails.
fn serve_agent() -> uefi::Result<Status> {
    // Firmware resets the machine five minutes after it has started an application that does not refuse that.
    boot::set_watchdog_timer(0, 0x1_0000, None)?;
    let mut application = Application::new()?;
    let mut sleep = Sleep::start()?;
    if let Some(console) = pci::console() {
        println!("The agent is on virtio-serial.");
        let transport = pci::transport(&console).ok_or(Status::UNSUPPORTED)?;
        let Err(error) = virtio::serve(transport, &mut application, &mut sleep);
        println!("{error}");
        return Ok(Status::DEVICE_ERROR);
    }
    let mut port = serial::second_port()?;
    println!("The agent is on the second serial port.");
    loop {
        // An error of a line is noise, after which the host begins again.
        let Err(error) = serial::serve(&mut port, &mut application, &mut sleep);
        println!("{error}");
    }
}
