//! Switching the machine off.

use nanoqga::commands::power::Shutdown;
use x86_64::instructions::port::Port;
use x86_64::instructions::{hlt, interrupts};

pub fn shut_down(how: Shutdown) -> ! {
    // SAFETY: these are the reset register of a PC's chipset, and the register by which firmware for QEMU's q35 and pc lets the
    // machine be switched off (ACPI's PM1a control). Nothing of this kernel has to be saved first.
    match how {
        Shutdown::Reboot => unsafe { Port::<u8>::new(0xcf9).write(0x06) },
        Shutdown::PowerDown => unsafe { Port::<u16>::new(0x604).write(0x2000) },
        Shutdown::Halt => {}
    }
    halt()
}

pub fn halt() -> ! {
    interrupts::disable();
    loop {
        hlt();
    }
}
