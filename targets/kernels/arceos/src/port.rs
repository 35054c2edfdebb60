//! The agent's port: a virtio console on PCI, which interrupts when its driver must be polled.

use alloc::boxed::Box;

use ax_driver::pci::{resolve_intx_binding, take_virtio_transport};
use ax_driver::probe::OnProbeError;
use ax_driver::probe::pci::Endpoint;
use ax_driver::register::ProbePci;
use ax_driver::virtio::VirtIoHalImpl;
use ax_std::os::arceos::irq::{FixedIrqWorkerSignal, resolve_binding_irq};
use ax_std::os::arceos::modules::ax_hal::irq::{IrqRequest, IrqReturn, ShareMode, request_irq};
use ax_std::sync::Mutex;
use nanoqga::commands::power::Shutdown;
use virtio_drivers::Hal;
use virtio_drivers::transport::DeviceType;
use virtio_serial::transport::MappedRegisters;
use virtio_serial::{Error, InterruptRegister, VirtioSerial, pci};

use crate::agent;

type Serve = Box<dyn FnOnce() -> Result<Shutdown, Error> + Send>;

/// Serves the port, if there is one.
pub static SERVE: Mutex<Option<Serve>> = Mutex::new(None);

/// Wakes the thread that serves the port.
static INTERRUPTED: FixedIrqWorkerSignal = FixedIrqWorkerSignal::new();

ax_driver::model_register!(
    name: "QEMU guest agent",
    level: ProbeLevel::PostKernel,
    priority: ProbePriority::DEFAULT,
    probe_kinds: &[ProbeKind::Pci { on_probe: find_port }],
);

fn find_port(mut probe: ProbePci<'_>) -> Result<(), OnProbeError> {
    let isr = isr_status(probe.endpoint());
    let transport = take_virtio_transport(probe.endpoint_mut(), DeviceType::Console)?;
    let port = VirtioSerial::<VirtIoHalImpl, _>::new(transport, "org.qemu.guest_agent.0");
    let mut port = port.map_err(|error| OnProbeError::other(error.reason()))?;
    let isr = isr.ok_or(OnProbeError::other("no ISR status"))?;
    let device =
        port.interrupt_handle(InterruptRegister::Pci(isr)).map_err(|error| OnProbeError::Other(error.into()))?;
    // The device must be silent until its interrupt is enabled: ArceOS can lose one that is pending then.
    port.stop();
    let interrupt = resolve_intx_binding(probe.info())?.ok_or(OnProbeError::other("no interrupt"))?;
    let handler = IrqRequest::new(move |_| {
        if !device.acknowledge() {
            return IrqReturn::Unhandled;
        }
        INTERRUPTED.notify();
        IrqReturn::Handled
    });
    resolve_binding_irq(interrupt)
        .and_then(|interrupt| request_irq(interrupt, handler.share_mode(ShareMode::Shared)))
        .map_err(|error| OnProbeError::Other(error.into()))?;
    port.restart();
    *SERVE.lock() = Some(Box::new(|| agent::serve(port, || _ = INTERRUPTED.wait())));
    Ok(())
}

/// The device's ISR status, in a BAR.
fn isr_status(endpoint: &Endpoint) -> Option<MappedRegisters> {
    let isr = pci::structures(|register| endpoint.read(register.into())).ok()?.isr;
    let address = endpoint.bar_mmio(isr.bar)?.start.checked_add(isr.offset as usize)?;
    // SAFETY: by the device's capability, this is the address of its ISR status, which has one byte.
    let register = unsafe { VirtIoHalImpl::mmio_phys_to_virt(address as u64, 1) };
    // SAFETY: it was mapped for good, and only the driver of this device uses it.
    Some(unsafe { MappedRegisters::new(register, 1) })
}
