//! Switching QEMU's q35 off, and restarting a PC. OSTD itself knows only QEMU's device isa-debug-exit.

use ostd::arch::device::io_port::WriteOnlyAccess;
use ostd::arch::kernel::ACPI_INFO;
use ostd::io::IoPort;
use ostd::power::{inject_poweroff_handler, inject_restart_handler};

/// The port PM1a control of QEMU's ICH9, and SLP_EN with the sleep type of S5. They are in ACPI tables that OSTD does not read.
const POWER_OFF: (u16, u16) = (0x604, 1 << 13);

pub fn inject_handlers() {
    inject_poweroff_handler(|_| {
        let (port, value) = POWER_OFF;
        if let Ok(port) = IoPort::<u16, WriteOnlyAccess>::acquire(port) {
            port.write(value);
        }
    });
    inject_restart_handler(|_| {
        let reset = ACPI_INFO.get().and_then(|acpi| acpi.reset_port_and_val);
        if let Some((port, value)) = reset
            && let Ok(port) = IoPort::<u8, WriteOnlyAccess>::acquire(port)
        {
            port.write(value);
        }
    });
}
