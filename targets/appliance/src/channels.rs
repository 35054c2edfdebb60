//! All channels to the agent that the machine has.

use heapless::Vec;
use machine::SerialPlace::{self, Com1, Com2};
#[cfg(feature = "appliance")]
use machine::room::Room;
use machine::transport::Device;
#[cfg(all(feature = "xen", target_arch = "x86_64"))]
use machine::xen::Console;
use machine::{Machine, SerialPort, log};
#[cfg(feature = "appliance")]
use nanoqga::CommandSet;
use virtio_drivers::transport::DeviceType;
#[cfg(feature = "appliance")]
use virtio_drivers::transport::pci::bus::DeviceFunction;
use virtio_serial::VirtioSerial;

use crate::channel::{Channel, Io};
use crate::guest::{Guest, State};
#[cfg(feature = "appliance")]
use crate::sockets::Sockets;
use crate::words::AgentChannel;

/// How many channels are served: up to four virtio consoles, of which a host needs one, and a serial port.
pub const MAX_CHANNELS: usize = 5;
/// The port's name on every host.
pub const PORT_NAME: &str = "org.qemu.guest_agent.0";

/// How many steps each channel may do in turn with the others before anything else is done.
const TURNS: usize = 16;

/// The serial ports that the agent takes if it has no other channel.
#[cfg(feature = "appliance")]
const LEFT: [SerialPlace; 3] = [SerialPlace::Com3, SerialPlace::Com4, Com1];
#[cfg(not(feature = "appliance"))]
const LEFT: [SerialPlace; 1] = [Com1];

/// Whether virtio consoles are among the chosen channels.
pub(crate) const fn has_consoles(chosen: Option<AgentChannel>) -> bool {
    #[cfg(feature = "appliance")]
    if matches!(chosen, Some(AgentChannel::Console)) {
        return true;
    }
    matches!(chosen, None | Some(AgentChannel::Virtio))
}

/// The channels that are served.
#[derive(Debug)]
pub struct Channels<S: 'static, const OUT: usize> {
    channels: Vec<Channel<S, OUT>, MAX_CHANNELS>,
    /// Whether a console without named ports is used, whose only port is somebody's terminal otherwise.
    #[cfg(feature = "appliance")]
    takes_terminals: bool,
    #[cfg(feature = "appliance")]
    sockets: Option<Room<Sockets<S, OUT>>>,
}

impl<S: State, const OUT: usize> Channels<S, OUT> {
    /// None yet.
    pub const fn none() -> Self {
        Self {
            channels: Vec::new(),
            #[cfg(feature = "appliance")]
            takes_terminals: false,
            #[cfg(feature = "appliance")]
            sockets: None,
        }
    }

    /// Serves the connections to a virtio socket device, too.
    #[cfg(feature = "appliance")]
    pub fn add_sockets(&mut self, sockets: Option<Room<Sockets<S, OUT>>>) {
        self.sockets = sockets;
    }

    /// Finds the `chosen` channel or, without a choice, all that the host may use. `port` is the name of the virtio-serial port. The
    /// first serial port is left for the log if there is another channel. `new` makes a channel, or returns `None` if there is no memory
    /// for it.
    pub fn find(
        &mut self,
        machine: &Machine,
        chosen: Option<AgentChannel>,
        port: &'static str,
        mut new: impl FnMut(Io) -> Option<Channel<S, OUT>>,
    ) {
        #[cfg(feature = "appliance")]
        let has_other = self.sockets.is_some();
        #[cfg(not(feature = "appliance"))]
        let has_other = false;
        #[cfg(feature = "appliance")]
        {
            self.takes_terminals = chosen == Some(AgentChannel::Console);
        }
        if has_consoles(chosen) {
            machine.devices(DeviceType::Console, &mut |device| self.add_console(device, port, &mut new));
        }
        #[cfg(all(feature = "xen", target_arch = "x86_64"))]
        if let Some(domain) = machine.domain() {
            domain.open_store();
            let console = Console::find(domain, port).and_then(|console| new(Io::Xen(console)));
            self.channels.extend(console);
        }
        let serial_port = match chosen {
            Some(AgentChannel::Virtio) => None,
            #[cfg(feature = "appliance")]
            Some(AgentChannel::Console) => None,
            Some(AgentChannel::Serial(place)) => machine.serial_port(place),
            #[cfg(feature = "appliance")]
            Some(AgentChannel::Pci) => machine.serial_port_on_pci(),
            None if has_other => machine.serial_port(Com2),
            None => machine.serial_port(Com2).or_else(|| self.serial_port_left(machine)),
        };
        if self.channels.is_empty() && serial_port.is_none() && !has_other {
            log!("no channel for the agent");
        }
        log!("ready: {} virtio console(s), {} serial port(s)", self.channels.len(), u8::from(serial_port.is_some()));
        if let Some(channel) = serial_port.and_then(|port| new(Io::Serial(port))) {
            // There is room: the last place was kept.
            let _ = self.channels.push(channel);
        }
    }

    /// Serves a console, too.
    pub(crate) fn add_console(
        &mut self,
        device: Device,
        port: &'static str,
        new: &mut impl FnMut(Io) -> Option<Channel<S, OUT>>,
    ) {
        #[cfg(feature = "appliance")]
        let place = device.pci;
        #[cfg(feature = "appliance")]
        let opened = match self.takes_terminals {
            true => VirtioSerial::with_single_port(device.transport, port, OUT),
            false => VirtioSerial::with_transmit_buffer(device.transport, port, OUT),
        };
        #[cfg(not(feature = "appliance"))]
        let opened = VirtioSerial::with_transmit_buffer(device.transport, port, OUT);
        match opened {
            Ok(console) => {
                let _channel = self.add(Io::Virtio(console), new);
                #[cfg(feature = "appliance")]
                _channel.into_iter().for_each(|channel| channel.set_place(place));
            }
            Err(error) => log!("virtio console: {}", error.reason()),
        }
    }

    /// The last place is for the serial port. If all others are taken, the console takes that of one without the agent's port.
    fn add(
        &mut self,
        console: Io,
        new: &mut impl FnMut(Io) -> Option<Channel<S, OUT>>,
    ) -> Option<&mut Channel<S, OUT>> {
        #[cfg(feature = "appliance")]
        if let Some(index) = self.channels.iter().position(Channel::is_gone) {
            let channel = self.channels.get_mut(index)?;
            channel.replace(console);
            return Some(channel);
        }
        if self.channels.len() < MAX_CHANNELS - 1 {
            _ = self.channels.push(new(console)?);
            return self.channels.last_mut();
        }
        let place = self.channels.iter_mut().position(|channel| !channel.has_port());
        match place.and_then(|place| self.channels.get_mut(place)) {
            Some(channel) => {
                log!("an earlier one is not used: it has no port for the agent");
                channel.replace(console);
                Some(channel)
            }
            None => {
                log!("not used: {} others have a port for the agent", MAX_CHANNELS - 1);
                None
            }
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

    /// Does what can be done on all of them without waiting, or some of it. Returns whether there may be more.
    pub fn serve(&mut self, guest: &mut Guest<S>) -> bool {
        for turn in 0..TURNS {
            if !self.step(guest, turn == 0) {
                if turn > 0 {
                    guest.state.served();
                }
                return false;
            }
        }
        true
    }

    /// Does one step on each, so that none keeps another waiting for longer. Returns whether there may be more.
    fn step(&mut self, guest: &mut Guest<S>, has_woken: bool) -> bool {
        let mut busy = false;
        // A console that has failed has nothing to do. The log has the reason.
        #[cfg(not(feature = "appliance"))]
        self.channels.retain_mut(|channel| channel.step(guest, has_woken).map(|more| busy |= more).is_ok());
        #[cfg(feature = "appliance")]
        for channel in self.channels.iter_mut().filter(|channel| !channel.is_gone()) {
            if guest.state.has_news() {
                return true;
            }
            match channel.step(guest, has_woken) {
                Ok(more) => busy |= more,
                // Another one may take its place.
                Err(_) => channel.replace(Io::Gone),
            }
        }
        #[cfg(feature = "appliance")]
        if let Some(sockets) = &mut self.sockets {
            busy |= sockets.step(guest, has_woken);
        }
        busy
    }

    /// Answers other commands from now on.
    #[cfg(feature = "appliance")]
    pub fn set_commands(&mut self, commands: &'static CommandSet<'static, Guest<S>>) {
        self.channels.iter_mut().for_each(|channel| channel.set_commands(commands));
        self.sockets.iter_mut().for_each(|sockets| sockets.set_commands(commands));
    }

    /// Whether the host has taken all that was sent on any of them. If not, a device interrupts when it has.
    pub fn have_sent(&mut self) -> bool {
        self.channels.iter_mut().all(Channel::has_sent)
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

    /// Drops the consoles that `keep` does not keep.
    #[cfg(feature = "appliance")]
    pub(crate) fn retain(&mut self, keep: &dyn Fn(DeviceFunction) -> bool) {
        self.channels.iter_mut().for_each(|channel| channel.retain(keep));
    }
}
