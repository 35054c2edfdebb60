//! All channels to the agent that the machine has.

use heapless::Vec;
use machine::{Machine, console, first_serial_port, log, second_serial_port};
use virtio_drivers::transport::DeviceType;
use virtio_serial::VirtioSerial;

use crate::channel::{Channel, Io, PORT_NAME};
use crate::guest::Guest;
use crate::words::AgentChannel;

/// How many channels are served: up to four virtio consoles, of which a host needs one, and a serial port.
pub const MAX_CHANNELS: usize = 5;
/// How often a virtio console is polled for the agent's port before a serial port is used as well.
const PATIENCE: u32 = 20_000;

/// The channels that are served.
#[derive(Debug)]
pub struct Channels<S: 'static, const OUT: usize>(Vec<Channel<S, OUT>, MAX_CHANNELS>);

impl<S, const OUT: usize> Channels<S, OUT> {
    /// Finds the `chosen` channel or, without a choice, all that the host may use. The log is printed on the first serial port if
    /// no channel needs it. `new` makes a channel, or returns `None` if there is no memory for it.
    pub fn find(
        machine: &Machine,
        chosen: Option<AgentChannel>,
        mut new: impl FnMut(Io) -> Option<Channel<S, OUT>>,
    ) -> Self {
        let mut channels = Vec::new();
        if matches!(chosen, None | Some(AgentChannel::Virtio)) {
            machine.devices(DeviceType::Console, |device| {
                match VirtioSerial::with_transmit_buffer(device.transport, PORT_NAME, OUT) {
                    // The last place is for the serial port. Consoles beyond the others are not used.
                    Ok(console) if channels.len() < MAX_CHANNELS - 1 => {
                        if let Some(channel) = new(Io::Virtio(console)) {
                            _ = channels.push(channel);
                        }
                    }
                    Ok(_) => {}
                    Err(error) => log!("virtio console: {}", error.reason()),
                }
            });
        }
        let port = match chosen {
            Some(AgentChannel::Virtio) => None,
            Some(AgentChannel::Com1) => first_serial_port(),
            Some(AgentChannel::Com2) => second_serial_port(),
            // The first serial port is for the log, unless the agent has no other channel.
            None => second_serial_port().or_else(|| {
                let reachable = channels.iter_mut().any(|channel: &mut Channel<S, OUT>| channel.has_port(PATIENCE));
                if reachable { None } else { first_serial_port() }
            }),
        };
        console::begin(machine.options());
        if channels.is_empty() && port.is_none() {
            log!("no channel for the agent: no virtio console, no free serial port");
        }
        log!("ready: {} virtio console(s), {} serial port(s)", channels.len(), u8::from(port.is_some()));
        if let Some(channel) = port.and_then(|port| new(Io::Serial(port))) {
            // There is room: the last place was kept.
            let _ = channels.push(channel);
        }
        Self(channels)
    }

    /// Does what can be done on any of them without waiting, or some of it. Returns whether there may be more.
    pub fn serve(&mut self, guest: &mut Guest<S>) -> bool {
        let mut busy = false;
        // A console that has failed has nothing to do. The log has the reason.
        self.0.retain_mut(|channel| channel.serve(guest).map(|more| busy |= more).is_ok());
        busy
    }

    /// Stops their devices before the machine sleeps.
    pub fn suspend(&mut self) {
        self.0.iter_mut().for_each(Channel::suspend);
    }

    /// Sets their devices up again.
    pub fn resume(&mut self) {
        self.0.retain_mut(Channel::resume);
    }
}
