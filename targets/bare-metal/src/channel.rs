//! A channel to the host with the agent that answers on it.

use agent_core::Agent;
use agent_core::serve::Pump;
use embedded_io::{Read, ReadReady, Write, WriteReady};
use virtio_serial::{Event, VirtioSerial};

use crate::dma::IdentityMapped;
use crate::guest::{COMMANDS, Guest};
use crate::log;
use crate::transport::DeviceTransport;

/// The port's name on every host.
pub const PORT_NAME: &str = "org.qemu.guest_agent.0";

/// A channel and its agent.
#[derive(Debug)]
pub struct Channel<C> {
    io: C,
    agent: Agent<'static, Guest>,
    pump: Pump,
}

impl<C: Read + ReadReady + Write + WriteReady> Channel<C> {
    /// Serves the agent on `io`.
    pub fn new(io: C) -> Self {
        Self { io, agent: Agent::new(&COMMANDS), pump: Pump::new() }
    }

    /// Does what can be done without waiting; says whether there was anything.
    ///
    /// # Errors
    /// Those of the channel.
    pub fn serve(&mut self, guest: &mut Guest) -> Result<bool, C::Error> {
        self.pump.poll(&mut self.agent, guest, &mut self.io)
    }
}

impl Channel<VirtioSerial<IdentityMapped, DeviceTransport>> {
    /// Looks for the agent's port; `patience` is how often the device is asked before it is taken to have none yet.
    pub fn has_port(&mut self, patience: u32) -> bool {
        (0..patience).any(|_| {
            let event = self.io.poll();
            self.io.port().is_some() || event == Some(Event::Found)
        })
    }

    /// The same as [`serve`](Self::serve), with the comings and goings of the host.
    ///
    /// # Errors
    /// When the device has failed, which is for good.
    pub fn serve_port(&mut self, guest: &mut Guest) -> Result<bool, virtio_serial::Error> {
        while let Some(event) = self.io.poll() {
            match event {
                Event::Found => log!("port {}: {PORT_NAME}", self.io.port().unwrap_or_default()),
                // What the host sent before it left is still to be done. What it did not finish must not be taken for the
                // beginning of what the next one sends.
                Event::Closed | Event::Removed => {
                    while self.serve(guest)? {}
                    self.pump.reset(&mut self.agent);
                }
                _ => {}
            }
        }
        let result = self.serve(guest);
        if let Err(error) = &result {
            log!("virtio console: {error}");
        }
        result
    }
}
