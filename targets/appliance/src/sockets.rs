//! The connections to a virtio socket device, each with an agent of its own.

use heapless::Vec;
use machine::heap::{self, Kept};
use machine::transport::DeviceTransport;
use machine::{Machine, log};
use nanoqga::Agent;
use virtio_drivers::transport::DeviceType;
use virtio_serial::vsock::{MAX_CONNECTIONS, Peers, Vsock};

use crate::channel::Pump;
use crate::guest::Guest;
use crate::words::VsockPort;

/// Bytes that are received before they are read, of all connections.
const WINDOWS: usize = MAX_CONNECTIONS * (32 << 10);

/// How often they are polled in a row while one is busy.
const TURNS: usize = 16;

/// A device with its connections.
#[derive(Debug)]
pub struct Sockets<S: 'static, const OUT: usize> {
    driver: Vsock<'static, Kept, DeviceTransport>,
    /// That of each place.
    agents: Vec<Served<S, OUT>, MAX_CONNECTIONS>,
}

/// An agent, and what carries bytes to it and back.
pub type Served<S, const OUT: usize> = (Agent<'static, Guest<S>>, &'static mut Pump<OUT>);

impl<S, const OUT: usize> Sockets<S, OUT> {
    /// Finds the first virtio socket device, and takes connections to its port. `new` makes an agent for each, or returns `None` if there is
    /// no memory for it.
    // Agents are large. Inlined, they would lie on the stack for ever.
    #[inline(never)]
    pub fn find(
        machine: &Machine,
        port: VsockPort,
        mut new: impl FnMut() -> Option<Served<S, OUT>>,
    ) -> Option<&'static mut Self> {
        let mut found = None;
        machine.devices(DeviceType::Socket, |device| {
            if found.is_some() {
                log!("not used: an earlier one is");
                return;
            }
            let agents: Vec<_, MAX_CONNECTIONS> = (0..MAX_CONNECTIONS).map_while(|_| new()).collect();
            let (true, Some(memory), Some(place)) = (agents.is_full(), heap::bytes(WINDOWS), heap::room_for()) else {
                log!("not used: no memory for its connections");
                return;
            };
            let peers = if port.any { Peers::Any } else { Peers::Host };
            match Vsock::new(device.transport, port.port, peers, memory) {
                Ok(driver) => {
                    log!("the agent's port is {}, context ID {}", port.port, driver.cid().unwrap_or_default());
                    found = Some(place.write(Self { driver, agents }));
                }
                Err(error) => log!("virtio socket: {}", error.reason()),
            }
        });
        if found.is_none() {
            log!("no vsock for the agent");
        }
        found
    }

    /// Does what can be done without waiting, or some of it. Returns whether there may be more.
    pub fn serve(&mut self, guest: &mut Guest<S>) -> bool {
        let Self { driver, agents } = self;
        if driver.failure().is_some() {
            return false;
        }
        driver.acknowledge_interrupt();
        for _ in 0..TURNS {
            let mut busy = driver.poll();
            // One step of each, so that none keeps another waiting for longer.
            for (place, (agent, pump)) in agents.iter_mut().enumerate() {
                let served = driver.stream(place).map(|mut stream| stream.serve(pump, agent, guest));
                busy |= matches!(served, Some(Ok(true)));
            }
            if let Some(error) = driver.failure() {
                log!("virtio socket: {}", error.reason());
            }
            if !busy {
                return false;
            }
        }
        true
    }

    /// Stops the device before the machine sleeps. All connections end.
    pub fn suspend(&mut self) {
        self.driver.stop();
    }

    /// Sets the device up again.
    pub fn resume(&mut self) {
        self.driver.restart();
        if let Some(error) = self.driver.failure() {
            log!("virtio socket: {}", error.reason());
        }
    }
}
