//! An ArceOS unikernel that answers its host.
#![no_std]
#![no_main]
// `model_register!` of ArceOS needs it.
#![feature(used_with_arg)]

extern crate alloc;
#[macro_use]
extern crate ax_std;

mod agent;
#[cfg(feature = "testing")]
mod background;
mod files;
mod kernel;
mod memory;
mod network;
mod port;
#[cfg(feature = "testing")]
mod tests;

use ax_std::os::arceos::modules::ax_hal;
use ax_std::thread;
use nanoqga::commands::power::Shutdown;

#[unsafe(no_mangle)]
extern "C" fn main() {
    println!("the unikernel's own work");
    let Some(serve) = port::SERVE.lock().take() else {
        println!("no virtio console");
        return;
    };
    let served = thread::spawn(serve).join();
    println!("the agent ended: {served:?}");
    // ArceOS switches the machine off when `main` returns.
    if let Ok(Ok(Shutdown::Reboot)) = served {
        ax_hal::power::system_reset();
    }
}
