//! The agent's port: finds it, and serves it until a host switches the kernel off.

use machine::Machine;
use machine::heap::IdentityMapped;
use nanoqga::serve::Pump;
use nanoqga::{Agent, Buffers, CommandSet};
use static_cell::ConstStaticCell;
use virtio_drivers::transport::DeviceType;
use virtio_serial::{MAX_READ, VirtioSerial};

/// The port, on whatever bus it was found.
pub type Port = VirtioSerial<IdentityMapped, machine::transport::DeviceTransport>;

/// Memory for a request of 4 KiB, and for a piece of a reply.
static BUFFERS: ConstStaticCell<Buffers> = ConstStaticCell::new(Buffers::new());

/// The port, if the machine has one.
pub fn find(machine: &Machine) -> Option<Port> {
    let mut found = None;
    machine.devices(DeviceType::Console, &mut |device| found = found.take().or(Some(device.transport)));
    VirtioSerial::new(found?, "org.qemu.guest_agent.0").ok()
}

/// Serves the port until the guest `goes_down`.
pub fn serve<G>(
    machine: &mut Machine,
    port: &mut Port,
    commands: &'static CommandSet<'_, G>,
    guest: &mut G,
    goes_down: impl Fn(&G) -> bool,
) {
    let mut agent = Agent::new(commands, BUFFERS.take().memory());
    let mut pump = Pump::<MAX_READ>::new();
    while !goes_down(guest) {
        match pump.poll(&mut agent, guest, port) {
            Ok(true) => {}
            Ok(false) => machine.sleep(),
            Err(error) => panic!("the agent's port: {}", error.reason()),
        }
    }
}
