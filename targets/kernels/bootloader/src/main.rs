//! A kernel as many begin: booted by `bootloader`, with a heap, an IDT, the two 8259s and a timer's ticks. A host can ask it things
//! over virtio-serial, or over the second serial port if there is no virtio console.
#![no_std]
#![no_main]
#![feature(abi_x86_interrupt)]

extern crate alloc;

mod agent;
mod channels;
mod interrupts;
mod memory;
mod power;
#[cfg(feature = "testing")]
mod tests;
mod ticks;

use core::fmt::{Arguments, Write};
use core::panic::PanicInfo;

use bootloader_api::config::Mapping;
use bootloader_api::{BootInfo, BootloaderConfig, entry_point};
use nanoqga::commands::power::Shutdown;
use uart_16550::{Config, Uart16550Tty};

const CONFIG: BootloaderConfig = {
    let mut config = BootloaderConfig::new_default();
    config.mappings.physical_memory = Some(Mapping::Dynamic);
    config
};

entry_point!(main, config = &CONFIG);

fn main(info: &'static mut BootInfo) -> ! {
    memory::init(info);
    interrupts::init();
    ticks::init();
    log(format_args!("booted"));
    let shutdown = serve_agent();
    log(format_args!("{shutdown:?}"));
    power::shut_down(shutdown)
}

fn serve_agent() -> Shutdown {
    match channels::virtio_port() {
        Ok(mut port) => {
            log(format_args!("agent at a virtio port"));
            match agent::serve(&mut port) {
                Ok(shutdown) => return shutdown,
                Err(error) => log(format_args!("virtio port: {error}")),
            }
        }
        Err(error) => log(format_args!("{error}")),
    }
    if let Some(mut com2) = channels::com2() {
        log(format_args!("agent at COM2"));
        let Ok(shutdown) = agent::serve(&mut com2);
        return shutdown;
    }
    log(format_args!("no channel for the agent"));
    Shutdown::Halt
}

/// Prints a line on COM1.
fn log(line: Arguments<'_>) {
    // SAFETY: only this function uses COM1, and interrupt handlers do not call it.
    if let Ok(mut com1) = unsafe { Uart16550Tty::new_port(0x3f8, Config::default()) } {
        let _ = writeln!(com1, "{line}");
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    log(format_args!("{info}"));
    #[cfg(feature = "testing")]
    tests::finish(info);
    power::halt()
}
