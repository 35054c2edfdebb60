//! Where the host is: at a port of a virtio console, or at COM2.

use core::sync::atomic::{AtomicBool, Ordering};

use nanoqga::serve::Line;
use serial_line::SerialLine;
use spin::Once;
use uart_16550::backend::PioBackend;
use virtio_serial::pci::{self, ConfigurationPorts, OpenError};
use virtio_serial::transport::{MappedRegisters, PciTransport};
use virtio_serial::{InterruptHandle, OffsetHal, VirtioSerial};
use x86_64::instructions::interrupts;

use crate::interrupts::handle;

pub type VirtioPort = VirtioSerial<OffsetHal, PciTransport<MappedRegisters>>;

static CONSOLE: Once<InterruptHandle<MappedRegisters>> = Once::new();
/// The channel's device has interrupted since the last sleep.
static WOKEN: AtomicBool = AtomicBool::new(false);

/// Starts the driver of the first virtio console on any PCI bus.
pub fn virtio_port() -> Result<VirtioPort, OpenError> {
    // SAFETY: nobody else in this kernel uses PCI's configuration space.
    let mut access = unsafe { ConfigurationPorts::new() };
    // SAFETY: the bootloader has mapped all page tables at the offset, and nobody else in this kernel uses them.
    let map = |registers| unsafe { OffsetHal::map_registers(registers) };
    let mut port = pci::open(&mut access, "org.qemu.guest_agent.0", map)?;
    CONSOLE.call_once(|| port.driver.pci_interrupt_handle());
    if let Some(line) = port.interrupt_line {
        handle(line, wake);
    }
    Ok(port.driver)
}

/// Sets up COM2.
pub fn com2() -> Option<Line<SerialLine<PioBackend>>> {
    // SAFETY: nobody else in this kernel uses COM2.
    let line = unsafe { SerialLine::open_port(0x2f8) }?;
    handle(3, wake);
    Some(Line(line))
}

/// Handles the interrupt of the channel's device. A virtio console asserts its line until its interrupt is acknowledged.
fn wake() {
    if let Some(console) = CONSOLE.get() {
        console.acknowledge();
    }
    WOKEN.store(true, Ordering::Relaxed);
}

/// Sleeps until the next interrupt. Returns at once if the channel's device has interrupted since the last call.
pub fn sleep() {
    interrupts::disable();
    if WOKEN.swap(false, Ordering::Relaxed) {
        interrupts::enable();
    } else {
        interrupts::enable_and_hlt();
    }
}
