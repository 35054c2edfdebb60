//! The connections to a virtio socket device, each with an agent of its own.

use heapless::Vec;
use machine::heap::{self, Kept};
use machine::room::Room;
use machine::transport::{Device, DeviceTransport};
use machine::{Machine, log};
use nanoqga::{Agent, CommandSet};
use virtio_drivers::transport::DeviceType;
use virtio_serial::vsock::{MAX_CONNECTIONS, Peers, Vsock};

use crate::carrier::Carrier;
use crate::channel::{Io, Pump};
use crate::guest::{Guest, State};
use crate::words::VsockPort;

/// Bytes that are received before they are read, of all connections.
const WINDOWS: usize = MAX_CONNECTIONS * (32 << 10);

/// A device with its connections.
#[derive(Debug)]
pub struct Sockets<S: 'static, const OUT: usize> {
    driver: Vsock<'static, Kept, DeviceTransport>,
    /// That of each place.
    agents: Vec<Served<S, OUT>, MAX_CONNECTIONS>,
    /// Whether the log has who was refused. Once, or another guest could fill it.
    has_refused: bool,
}

/// An agent, and what carries bytes to it and back.
pub type Served<S, const OUT: usize> = (Agent<'static, Guest<S>>, &'static mut Pump<OUT>);

impl<S: State, const OUT: usize> Sockets<S, OUT> {
    /// Finds the first virtio socket device, and takes connections to its port. `new` makes an agent for each, or returns `None` if there
    /// is no memory for it.
    pub fn find(
        machine: &Machine,
        port: VsockPort,
        mut new: impl FnMut() -> Option<Served<S, OUT>>,
    ) -> Option<Room<Self>> {
        let mut found = None;
        machine.devices(DeviceType::Socket, &mut |device| match found {
            Some(_) => log!("not used: an earlier one is"),
            None => found = Self::open(device, port, &mut new),
        });
        if found.is_none() {
            log!("no vsock for the agent");
        }
        found
    }

    fn open(device: Device, port: VsockPort, new: &mut impl FnMut() -> Option<Served<S, OUT>>) -> Option<Room<Self>> {
        let agents: Vec<_, MAX_CONNECTIONS> = (0..MAX_CONNECTIONS).map_while(|_| new()).collect();
        let memory = heap::bytes(WINDOWS).filter(|_| agents.is_full())?;
        let peers = if port.any { Peers::Any } else { Peers::Host };
        let driver = Vsock::new(device.transport, port.port, peers, memory)
            .inspect_err(|error| log!("virtio socket: {}", error.reason()))
            .ok()?;
        log!("the agent's port is {}, context ID {}", port.port, driver.cid().unwrap_or_default());
        Room::new(Self { driver, agents, has_refused: false })
    }

    /// Does one step on each connection. Returns whether there may be more to do. `has_woken` says that the guest may have slept since the
    /// last step.
    pub fn step(&mut self, guest: &mut Guest<S>, has_woken: bool) -> bool {
        let Self { driver, agents, has_refused } = self;
        if driver.failure().is_some() {
            return false;
        }
        if has_woken {
            driver.acknowledge_interrupt();
        }
        let mut busy = driver.poll();
        if let Some(cid) = driver.take_stranger().filter(|_| !*has_refused) {
            *has_refused = true;
            log!("virtio socket: refused context ID {}, which is not the host", cid);
        }
        for (place, (agent, pump)) in agents.iter_mut().enumerate() {
            if guest.state.has_news() {
                return true;
            }
            let Some(mut stream) = driver.stream(place) else { break };
            stream.before_poll(pump, agent);
            let mut carrier = Carrier::<Io>::Socket(stream);
            // The driver keeps an error.
            let more = pump.poll(agent, guest, &mut carrier).unwrap_or(false);
            if let Carrier::Socket(stream) = &mut carrier
                && !more
            {
                stream.after_poll(pump, agent);
            }
            busy |= more;
        }
        self.log_failure();
        busy
    }

    /// Answers other commands from now on.
    pub fn set_commands(&mut self, commands: &'static CommandSet<'static, Guest<S>>) {
        self.agents.iter_mut().for_each(|(agent, _)| agent.set_commands(commands));
    }

    /// Stops the device before the machine sleeps. All connections end.
    pub fn suspend(&mut self) {
        self.driver.stop();
    }

    /// Sets the device up again.
    pub fn resume(&mut self) {
        self.driver.restart();
        self.log_failure();
    }

    fn log_failure(&self) {
        if let Some(error) = self.driver.failure() {
            log!("virtio socket: {}", error.reason());
        }
    }
}
