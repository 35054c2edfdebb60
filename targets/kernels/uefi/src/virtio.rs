//! The agent on virtio-serial.

use core::convert::Infallible;

use nanoqga::serve::Pump;
use nanoqga::{Agent, Buffers};
use virtio_drivers::transport::Transport;
use virtio_serial::{Error, MAX_READ, VirtioSerial};

use crate::agent::{Application, COMMANDS};
use crate::memory::FirmwareMemory;
use crate::sleep::Sleep;

/// Serves a console's port for the agent until the console fails.
pub fn serve<T: Transport>(
    transport: T,
    application: &mut Application,
    sleep: &mut Sleep,
) -> Result<Infallible, Error> {
    let mut port = VirtioSerial::<FirmwareMemory, T>::new(transport, "org.qemu.guest_agent.0")?;
    let mut buffers: Buffers = Buffers::new();
    let mut agent = Agent::new(&COMMANDS, buffers.memory());
    let mut pump = Pump::<MAX_READ>::new();
    loop {
        let busy = pump.poll(&mut agent, application, &mut port)?;
        sleep.rest(busy);
    }
}
