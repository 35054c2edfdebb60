//! All channels to the agent that the machine has.

use heapless::Vec;
use machine::SerialPlace::{self, Com1, Com2};
use machine::{Machine, SerialPort, console, log};
use virtio_drivers::transport::DeviceType;
use virtio_serial::VirtioSerial;

use crate::channel::{Channel, Io};
use crate::guest::Guest;
#[cfg(feature = "appliance")]
use crate::sockets::Sockets;
use crate::words::AgentChannel;

/// How many channels are served: up to four virtio consoles, of which a host needs one, and a serial port.
pub const MAX_CHANNELS: usize = 5;
/// The port's name on every host.
pub const PORT_NAME: &str = "org.qemu.guest_agent.0";

/// The serial ports that the agent takes if it has no other channel.
#[cfg(feature = "appliance")]
const LEFT: [SerialPlace; 3] = [SerialPlace::Com3, SerialPlace::Com4, Com1];
#[cfg(not(feature = "appliance"))]
const LEFT: [SerialPlace; 1] = [Com1];

/// The channels that are served.
#[derive(Debug)]
pub struct Channels<S: 'static, const OUT: usize> {
    channels: Vec<Channel<S, OUT>, MAX_CHANNELS>,
    #[cfg(feature = "appliance")]
    sockets: Option<&'static mut Sockets<S, OUT>>,
}

impl<S, const OUT: usize> Channels<S, OUT> {
    /// Finds the `chosen` channel or, without a choice, all that the host may use. `port` is the name of the virtio-serial port. The
    /// log is printed on the first serial port if no channel needs it. `new` makes a channel, or returns `None` if there is no memory
    /// for it.
    pub fn find(
        machine: &Machine,
        chosen: Option<AgentChannel>,
        port: &'static str,
        mut new: impl FnMut(Io) -> Option<Channel<S, OUT>>,
    ) -> Self {
        let mut channels = Self {
            channels: Vec::new(),
            #[cfg(feature = "appliance")]
            sockets: None,
        };
        let on_consoles = match chosen {
            None | Some(AgentChannel::Virtio) => true,
            #[cfg(feature = "appliance")]
            Some(AgentChannel::BesideVsock) => true,
            Some(_) => false,
        };
        if on_consoles {
            machine.devices(DeviceType::Console, |device| {
                match VirtioSerial::with_transmit_buffer(device.transport, port, OUT) {
                    Ok(console) => channels.add(Io::Virtio(console), &mut new),
                    Err(error) => log!("virtio console: {}", error.reason()),
                }
            });
        }
        let serial_port = match chosen {
            Some(AgentChannel::Virtio) => None,
            Some(AgentChannel::Serial(place)) => machine.serial_port(place),
            #[cfg(feature = "appliance")]
            Some(AgentChannel::Pci) => machine.serial_port_on_pci(),
            #[cfg(feature = "appliance")]
            Some(AgentChannel::BesideVsock) => machine.serial_port(Com2),
            None => machine.serial_port(Com2).or_else(|| channels.serial_port_left(machine)),
        };
        console::begin(machine.options());
        if channels.channels.is_empty() && serial_port.is_none() && !is_beside_vsock(chosen) {
            log!("no channel for the agent");
        }
        log!(
            "ready: {} virtio console(s), {} serial port(s)",
            channels.channels.len(),
            u8::from(serial_port.is_some())
        );
        if let Some(channel) = serial_port.and_then(|port| new(Io::Serial(port))) {
            // There is room: the last place was kept.
            let _ = channels.channels.push(channel);
        }
        channels
    }

    /// Serves the connections to a virtio socket device, too.
    #[cfg(feature = "appliance")]
    pub fn add_sockets(&mut self, sockets: Option<&'static mut Sockets<S, OUT>>) {
        self.sockets = sockets;
    }

    /// Serves a console, too. The last place is for the serial port. If all others are taken, the console takes that of one without
    /// the agent's port.
    fn add(&mut self, console: Io, new: &mut impl FnMut(Io) -> Option<Channel<S, OUT>>) {
        if self.channels.len() < MAX_CHANNELS - 1 {
            new(console).into_iter().for_each(|channel| _ = self.channels.push(channel));
        } else if let Some(channel) =
            self.channels.iter_mut().find_map(|channel| (!channel.has_port()).then_some(channel))
        {
            log!("an earlier one is not used: it has no port for the agent");
            channel.replace(console);
        } else {
            log!("not used: {} others have a port for the agent", MAX_CHANNELS - 1);
        }
    }

    /// The serial port that a host may use that has no virtio-serial port. The first one is the log's if there is another.
    fn serial_port_left(&mut self, machine: &Machine) -> Option<SerialPort> {
        if self.channels.iter_mut().any(Channel::has_port) {
            return None;
        }
        #[cfg(feature = "appliance")]
        if let Some(port) = machine.serial_port_on_pci() {
            return Some(port);
        }
        LEFT.into_iter().find_map(|place| machine.serial_port(place))
    }

    /// Does what can be done on any of them without waiting, or some of it. Returns whether there may be more.
    pub fn serve(&mut self, guest: &mut Guest<S>) -> bool {
        let mut busy = false;
        // A console that has failed has nothing to do. The log has the reason.
        self.channels.retain_mut(|channel| channel.serve(guest).map(|more| busy |= more).is_ok());
        #[cfg(feature = "appliance")]
        if let Some(sockets) = &mut self.sockets {
            busy |= sockets.serve(guest);
        }
        busy
    }

    /// Stops their devices before the machine sleeps.
    pub fn suspend(&mut self) {
        self.channels.iter_mut().for_each(Channel::suspend);
        #[cfg(feature = "appliance")]
        self.sockets.iter_mut().for_each(|sockets| sockets.suspend());
    }

    /// Sets their devices up again.
    pub fn resume(&mut self) {
        self.channels.retain_mut(Channel::resume);
        #[cfg(feature = "appliance")]
        self.sockets.iter_mut().for_each(|sockets| sockets.resume());
    }
}

/// Whether vsock is served, too, so that there is a channel in any case.
#[cfg(feature = "appliance")]
fn is_beside_vsock(chosen: Option<AgentChannel>) -> bool {
    chosen == Some(AgentChannel::BesideVsock)
}

#[cfg(not(feature = "appliance"))]
const fn is_beside_vsock(_: Option<AgentChannel>) -> bool {
    false
}
