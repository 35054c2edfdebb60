//! The driver: what it says to the device, what it makes of the answers, and what its user sees.

use core::fmt;

use virtio_drivers::Hal;
use virtio_drivers::transport::Transport;

use crate::Error;
use crate::connection::{Connection, Event};
use crate::control::{self, Answers, MAX_NAME_BYTES, MESSAGE_BYTES, Told};
use crate::device::{Device, FIRST_GUESS, Queues};
use crate::ring::ReceiveRing;

/// Control messages handled in one go. More than any device has to say at once, and an end to one that never stops.
const MESSAGES_PER_POLL: usize = 4096;

/// A virtio console device, of which one named port is used.
///
/// Call [`poll`](Self::poll) whenever the device interrupts, and otherwise from time to time, then receive and send.
/// The device is reset when this is dropped.
pub struct VirtioSerial<H: Hal, T: Transport> {
    device: Device<H, T>,
    name: &'static str,
    connection: Connection,
    answers: Answers,
    /// The host has come or left, and has left, since the device was last looked after.
    host_changed: bool,
    host_left: bool,
}

impl<H: Hal, T: Transport> VirtioSerial<H, T> {
    /// Initialises the device and starts to look for the port called `name`, at most 119 bytes long. Does not wait for
    /// it: [`poll`](Self::poll) reports [`Event::Found`].
    ///
    /// # Errors
    /// The device is no console, has no named ports, or cannot be initialised; `name` is no name of a port; or there are
    /// not enough pages.
    pub fn new(transport: T, name: &'static str) -> Result<Self, Error> {
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.bytes().any(|byte| byte == 0) {
            return Err(Error::BadName);
        }
        let device = Device::new(transport)?;
        let mut serial = Self {
            device,
            name,
            connection: Connection::default(),
            answers: Answers::device_ready(),
            host_changed: false,
            host_left: false,
        };
        serial.answer();
        match serial.failure() {
            Some(error) => Err(error),
            None => Ok(serial),
        }
    }

    /// Resets the device and gives its memory back, until [`restart`](Self::restart): for a machine that will sleep.
    /// Meanwhile it counts as a device that has failed, and its port as gone.
    pub fn stop(&mut self) {
        self.device.stop(Error::NoReset);
        self.lose_port();
    }

    /// Initialises the device again, also one that was reset without the driver, and looks for the port anew. Whether that
    /// worked, [`failure`](Self::failure) says.
    pub fn restart(&mut self) {
        self.restart_for(FIRST_GUESS);
    }

    /// Takes back the device's interrupt, handles what it has told since the last call, and gives the next event that
    /// follows from it; `None` when there is nothing more until the device interrupts again.
    pub fn poll(&mut self) -> Option<Event> {
        self.service();
        self.connection.next_event()
    }

    /// The number of the named port, once it is found.
    pub fn port(&self) -> Option<u32> {
        self.connection.port()
    }

    /// Whether somebody has opened the host side of the port.
    pub fn is_open(&self) -> bool {
        self.connection.is_open()
    }

    /// Why the device is not used any more, if so. It has been reset then, and stays silent.
    pub fn failure(&self) -> Option<Error> {
        self.device.failure()
    }

    /// Takes bytes that the host has sent, at most [`MAX_READ`](crate::MAX_READ); gives their number. Never waits. Bytes
    /// that the device has given in two buffers, as it does with those of two hosts, come in two reads.
    ///
    /// Events and bytes travel in queues of their own. A new connection is learned of before its bytes: nothing is given
    /// while the device has told something that was not polled. What the host sent before it closed its side remains to be
    /// received, even after `Closed`.
    pub fn receive(&mut self, buffer: &mut [u8]) -> usize {
        if !self.can_receive() {
            return 0;
        }
        self.with_queues(|queues, transport| {
            // To announce buffers of what was kept means nothing to the device, and does no harm.
            let ring = queues.kept.as_mut().unwrap_or(&mut queues.receive);
            let count = ring.read(buffer)?;
            ring.announce(transport);
            Ok(count)
        })
    }

    /// How many reads, at most [`MAX_UNREAD`](crate::MAX_UNREAD), it takes to have read what the device has given until now.
    /// After an [`Event`], all that is read later is from whoever is there then.
    pub fn unread(&mut self) -> usize {
        self.with_queues(|queues, _| {
            let kept = queues.kept.as_ref().map_or(0, ReceiveRing::unread_buffers);
            Ok(kept + queues.receive.unread_buffers())
        })
    }

    /// Sends the beginning of `bytes`, up to a page, and gives its length; 0 while the device still holds what was sent
    /// before. Never waits.
    ///
    /// So when it takes something, the host has everything that was sent before. While nobody listens, or there is no
    /// port, `bytes` are dropped, as the device itself would drop them, and their full length is given.
    pub fn send(&mut self, bytes: &[u8]) -> usize {
        if !self.is_open() {
            return bytes.len();
        }
        self.with_queues(|queues, transport| queues.transmit.send(transport, bytes))
    }

    /// Whether [`receive`](Self::receive) has something to give.
    pub(crate) fn can_receive(&mut self) -> bool {
        let asked = self.is_open() || self.answers.next().is_none();
        self.port().is_some()
            && self.with_queues(|queues, _| {
                if let Some(kept) = &mut queues.kept
                    && !kept.has_bytes()?
                {
                    queues.kept = None;
                }
                // What was kept is not given before it is known again whether there is a host that it may be of: the device has
                // said so when it has read the last that it was told, that the port is open.
                let found = match queues.kept {
                    Some(_) => asked && queues.control_transmit.is_idle()?,
                    None => queues.receive.has_bytes()?,
                };
                // In this order: when there is no message after the bytes were found, they are of the host that is known.
                Ok(found && !queues.control_receive.has_message())
            })
    }

    /// Whether [`send`](Self::send) would take something, if only to drop it.
    pub(crate) fn can_send(&mut self) -> bool {
        self.with_queues(|queues, _| queues.transmit.is_idle()) || !self.is_open()
    }

    /// Handles the device's messages and sends it what it is to be told.
    pub(crate) fn service(&mut self) {
        self.device.acknowledge_interrupt();
        let was_full = self.with_queues(|queues, _| Ok(queues.control_receive.is_full()));
        let mut message = [0; MESSAGE_BYTES];
        for _ in 0..MESSAGES_PER_POLL {
            if let Some(length) = self.with_queues(|queues, _| queues.control_receive.message(&mut message)) {
                if let Some(port) = message.get(..length).and_then(|message| self.handle(message)) {
                    self.restart_for(port);
                    // The device has to begin anew, and will interrupt when it has something to tell.
                    break;
                }
            // An answer makes the device send up to three messages, and it drops those for which it finds no buffer. So
            // nothing is said before all that it has sent is read, and only one thing at a time.
            } else if !self.answer() {
                break;
            }
        }
        self.reset_for_what_was_lost(was_full);
        self.with_queues(|queues, transport| {
            queues.control_receive.announce(transport);
            Ok(())
        });
        if self.failure().is_some() {
            self.lose_port();
        }
    }

    /// Resets the device for what only a reset brings back. What was received is kept: it may be of a host that stays.
    ///
    /// QEMU drops messages for which it finds no buffer. If it had used all, and hosts have come and gone, whether one is
    /// there now is not known. And it never gives back the buffer that it held for a host that has left (its
    /// `discard_throttle_data` detaches it), while there is no other to send in.
    fn reset_for_what_was_lost(&mut self, was_full: bool) {
        let changed = core::mem::take(&mut self.host_changed);
        let left = core::mem::take(&mut self.host_left);
        let buffer_lost = left && !self.with_queues(|queues, _| queues.transmit.is_idle());
        if (buffer_lost || changed && was_full) && self.failure().is_none() {
            self.device.restart_and_keep();
            self.begin_anew();
        }
    }

    /// Handles one message. Gives a port if the device must be restarted with the queues of that one.
    fn handle(&mut self, message: &[u8]) -> Option<u32> {
        let (port, told) = control::parse(message)?;
        let &Queues { port: ours, max_ports, .. } = self.device.queues()?;
        if port >= max_ports {
            return None;
        }
        match told {
            Told::Add => self.answers.port_ready(port),
            Told::Remove => {
                self.answers.forget(port);
                if port == ours {
                    // The next port of that number must not find what was left in these queues; and if another one has
                    // the name too, it will be found now.
                    return Some(port);
                }
            }
            // Of ports with the same name the first one is used.
            Told::Name(name) if self.port().is_none() && name == self.name.as_bytes() => {
                if port != ours {
                    return Some(port);
                }
                self.connection.found(port);
                self.answers.port_open(port);
            }
            Told::Open(open) if port == ours => {
                self.host_changed |= open != self.is_open();
                self.connection.set_open(open);
                self.host_left |= !open;
            }
            Told::Name(_) | Told::Open(_) => {}
        }
        None
    }

    /// Tells the device the next thing it is to know; `false` if there is none, or it has not read the last one yet.
    fn answer(&mut self) -> bool {
        let Some(message) = self.answers.next() else { return false };
        let sent = self.with_queues(|queues, transport| queues.control_transmit.send(transport, &message)) > 0;
        if sent && self.answers.sent() {
            // QEMU asks a host for what it has sent before when it is notified of a buffer. Of the port's being open alone it
            // would take no notice until something happens.
            self.with_queues(|queues, transport| {
                queues.receive.remind(transport);
                Ok(())
            });
        }
        sent
    }

    fn restart_for(&mut self, port: u32) {
        self.device.restart(port);
        self.begin_anew();
    }

    /// Talks to a device that was reset.
    fn begin_anew(&mut self) {
        self.lose_port();
        (self.host_changed, self.host_left) = (false, false);
        self.answers = Answers::device_ready();
        self.answer();
    }

    fn with_queues<R: Default>(&mut self, work: impl FnOnce(&mut Queues<H>, &mut T) -> Result<R, Error>) -> R {
        self.device.with(work).unwrap_or_else(|| {
            self.lose_port();
            R::default()
        })
    }

    fn lose_port(&mut self) {
        self.connection.removed();
    }
}

impl<H: Hal, T: Transport> fmt::Debug for VirtioSerial<H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtioSerial")
            .field("name", &self.name)
            .field("port", &self.port())
            .field("is_open", &self.is_open())
            .field("failure", &self.failure())
            .finish_non_exhaustive()
    }
}
