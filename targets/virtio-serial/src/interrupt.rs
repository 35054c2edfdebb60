//! Acknowledging interrupts apart from the driver.

use virtio_drivers::Hal;
use virtio_drivers::transport::Transport;

use crate::VirtioSerial;
use crate::barrier::barrier;
use crate::transport::{INTERRUPT_ACK, INTERRUPT_STATUS, PciTransport, Registers, TransportError};

/// The register by which a device's interrupts are acknowledged.
#[derive(Clone, Copy, Debug)]
pub enum InterruptRegister<R> {
    /// The ISR status of a device on PCI (VIRTIO_PCI_CAP_ISR_CFG, section 4.1.4.5), which is the first byte of this window.
    Pci(R),
    /// All registers of a device on MMIO (section 4.2.2).
    Mmio(R),
}

/// Acknowledges the interrupts of a device whose driver lives elsewhere.
///
/// It is for an interrupt handler that only wakes whoever polls the driver. Without an acknowledgement, the handler of a
/// level-triggered interrupt is called again as soon as it returns. Devices that use MSI-X do not need it.
///
/// ```
/// use virtio_drivers::{Hal, transport::Transport};
/// use virtio_serial::transport::{MappedRegisters, TransportError};
/// use virtio_serial::{InterruptHandle, InterruptRegister, VirtioSerial};
///
/// /// Makes the handle, which the kernel stores where its interrupt handler finds it. `isr` is the device's ISR status.
/// fn handle_of<H: Hal, T: Transport>(
///     driver: &mut VirtioSerial<H, T>,
///     isr: MappedRegisters,
/// ) -> Result<InterruptHandle<MappedRegisters>, TransportError> {
///     driver.interrupt_handle(InterruptRegister::Pci(isr))
/// }
///
/// /// The handler of the device's interrupt line, which other devices may share.
/// fn interrupt(device: &InterruptHandle<MappedRegisters>, wake_driver: fn(), end_of_interrupt: fn()) {
///     if device.acknowledge() {
///         wake_driver();
///     }
///     end_of_interrupt();
/// }
/// ```
#[derive(Debug)]
pub struct InterruptHandle<R>(InterruptRegister<R>);

impl<H: Hal, T: Transport> VirtioSerial<H, T> {
    /// Makes a handle that acknowledges the device's interrupts. `register` is a second access to what the driver's transport uses.
    ///
    /// From now on [`poll`](Self::poll) acknowledges no interrupts, so the handle's [`acknowledge`](InterruptHandle::acknowledge)
    /// must be called for each. Instead `poll` reads the device's status, because the handle may have acknowledged the interrupt
    /// by which the device reported an error.
    ///
    /// # Errors
    /// The window is too small for the register.
    pub fn interrupt_handle<R: Registers>(
        &mut self,
        register: InterruptRegister<R>,
    ) -> Result<InterruptHandle<R>, TransportError> {
        let (window, size) = match &register {
            InterruptRegister::Pci(isr) => (isr, 1),
            InterruptRegister::Mmio(registers) => (registers, INTERRUPT_ACK + 4),
        };
        if window.size() < size {
            return Err(TransportError::WindowTooSmall);
        }
        self.leave_interrupts_to_handle();
        Ok(InterruptHandle(register))
    }
}

impl<H: Hal, R: Registers + Clone> VirtioSerial<H, PciTransport<R>> {
    /// Does the same as [`interrupt_handle`](Self::interrupt_handle) with a clone of the transport's own register.
    pub fn pci_interrupt_handle(&mut self) -> InterruptHandle<R> {
        let isr = self.transport().isr().clone();
        self.leave_interrupts_to_handle();
        InterruptHandle(InterruptRegister::Pci(isr))
    }
}

impl<R: Registers> InterruptHandle<R> {
    /// Acknowledges the device's interrupt, so that it can send the next one. Returns whether there was one: if not, the interrupt
    /// is of another device on the same line.
    pub fn acknowledge(&self) -> bool {
        let causes = match &self.0 {
            InterruptRegister::Pci(isr) => u32::from(isr.read_u8(0)),
            InterruptRegister::Mmio(registers) => {
                let causes = registers.read_u32(INTERRUPT_STATUS);
                if causes != 0 {
                    registers.write_u32(INTERRUPT_ACK, causes);
                }
                causes
            }
        };
        // The driver must read the rings after this, wherever it runs.
        barrier();
        causes != 0
    }
}
