//! Every way to the agent that the machine has.

use heapless::Vec;
use machine::{Machine, SerialPort, console, log};
use virtio_drivers::transport::DeviceType;
use virtio_serial::VirtioSerial;

use crate::channel::{Channel, Io, PORT_NAME};
use crate::guest::Guest;
use crate::words::AgentChannel;

/// How many channels are served: up to four virtio consoles, of which a host needs one, and a serial port.
pub const MAX_CHANNELS: usize = 5;
/// How often a virtio console is asked for the agent's port before a serial port is used instead.
const PATIENCE: u32 = 20_000;

/// The channels that are served.
#[derive(Debug)]
pub struct Channels<S: 'static = ()>(Vec<Channel<S>, MAX_CHANNELS>);

impl<S> Channels<S> {
    /// Finds the channels that are `chosen` or, if none is, that the host can reach, and gives the
    /// log the serial port that is left. `new` gives each its agent, unless there is no memory for it.
    pub fn find(
        machine: &Machine,
        chosen: Option<AgentChannel>,
        mut new: impl FnMut(Io) -> Option<Channel<S>>,
    ) -> Self {
        let mut channels = Vec::new();
        if matches!(chosen, None | Some(AgentChannel::Virtio)) {
            machine.devices(DeviceType::Console, |device| match VirtioSerial::new(device.transport, PORT_NAME) {
                // The last place is the serial port's. More than there is room for are left alone.
                Ok(console) if channels.len() < MAX_CHANNELS - 1 => {
                    if let Some(channel) = new(Io::Virtio(console)) {
                        _ = channels.push(channel);
                    }
                }
                Ok(_) => {}
                Err(error) => log!("virtio console: {}", error.reason()),
            });
        }
        let port = match chosen {
            Some(AgentChannel::Virtio) => None,
            Some(AgentChannel::Com1) => SerialPort::first(),
            Some(AgentChannel::Com2) => SerialPort::second(),
            // The first serial port is the log's, unless the agent has no other way to be reached.
            None => SerialPort::second().or_else(|| {
                let reachable = channels.iter_mut().any(|channel: &mut Channel<S>| channel.has_port(PATIENCE));
                if reachable { None } else { SerialPort::first() }
            }),
        };
        console::begin(machine.options());
        if channels.is_empty() && port.is_none() {
            log!("no channel for the agent: no virtio console, no free serial port");
        }
        log!("ready: {} virtio console(s), {} serial port(s)", channels.len(), u8::from(port.is_some()));
        if let Some(channel) = port.and_then(|port| new(Io::Serial(port))) {
            // There is room: see above.
            let _ = channels.push(channel);
        }
        Self(channels)
    }

    /// Does what can be done on any of them without waiting; says whether there was anything.
    pub fn serve(&mut self, guest: &mut Guest<S>) -> bool {
        let mut busy = false;
        // A console that has failed has nothing to do any more; what it was is in the log.
        self.0.retain_mut(|channel| channel.serve(guest).map(|did| busy |= did).is_ok());
        busy
    }

    /// Puts their devices to rest before the machine sleeps.
    pub fn suspend(&mut self) {
        self.0.iter_mut().for_each(Channel::suspend);
    }

    /// Sets their devices up again.
    pub fn resume(&mut self) {
        self.0.retain_mut(Channel::resume);
    }
}
