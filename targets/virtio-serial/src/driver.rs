//! The driver: the conversation on the control queues, and the interface for users.

use core::fmt;

use virtio_drivers::Hal;
use virtio_drivers::transport::Transport;

use crate::Error;
use crate::connection::{Connection, Event};
use crate::console::{Choice, Console, Control, FIRST_GUESS, Queues, TRANSMIT_BYTES};
use crate::control::{self, Answers, MAX_NAME_BYTES, MESSAGE_BYTES, Told};
use crate::ring::ReceiveRing;

/// Largest number of control messages that one `poll` handles. Devices have fewer to send at once, and it bounds the work for one
/// that sends without end.
const MESSAGES_PER_POLL: usize = 4096;

/// The driver of a virtio console device. It uses one port, which it finds by name.
///
/// Call [`poll`](Self::poll) whenever the device interrupts, or from time to time, then receive and send. Dropping the driver
/// resets the device.
pub struct VirtioSerial<H: Hal, T: Transport> {
    device: Console<H, T>,
    choice: Choice,
    name: &'static str,
    connection: Connection,
    answers: Answers,
    /// The host has come or left since the last `service`.
    host_changed: bool,
    /// The host has left since the last `service`.
    host_left: bool,
    /// The device may have dropped messages about hosts. It must be reset.
    messages_lost: bool,
    /// The device will not return the transmit buffer. It must be reset.
    buffer_lost: bool,
}

impl<H: Hal, T: Transport> VirtioSerial<H, T> {
    /// Initialises the device and starts to look for the port called `name`, which has 1 to 119 bytes. Does not wait for the port:
    /// [`poll`](Self::poll) returns [`Event::Found`] later.
    ///
    /// # Errors
    /// The device is not a console, has no named ports, or cannot be initialised; `name` cannot be the name of a port; or there
    /// are not enough pages.
    pub fn new(transport: T, name: &'static str) -> Result<Self, Error> {
        Self::with_transmit_buffer(transport, name, TRANSMIT_BYTES)
    }

    /// The same, with a transmit buffer of `bytes` bytes, at least one, instead of 4,096. A send costs the device and the driver the
    /// same whatever its length. The buffer takes a page for each 4,096 bytes.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn with_transmit_buffer(transport: T, name: &'static str, bytes: usize) -> Result<Self, Error> {
        let choice = Choice {
            transmit_bytes: bytes,
            #[cfg(feature = "single-port")]
            single_port: false,
        };
        Self::open(transport, name, choice)
    }

    /// The same, but a device that does not offer VIRTIO_CONSOLE_F_MULTIPORT, or has one port only, is used as well. Its port 0 has no
    /// name: it is found at once and stays open, because such a device does not say whether a host is there.
    ///
    /// That port is somebody's terminal on most hypervisors. So call this only if whoever runs the virtual machine has asked for it.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), but never [`Error::NoMultiport`].
    #[cfg(feature = "single-port")]
    pub fn with_single_port(transport: T, name: &'static str, bytes: usize) -> Result<Self, Error> {
        Self::open(transport, name, Choice { transmit_bytes: bytes, single_port: true })
    }

    fn open(transport: T, name: &'static str, choice: Choice) -> Result<Self, Error> {
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.bytes().any(|byte| byte == 0) {
            return Err(Error::BadName);
        }
        let device = Console::open(transport, choice)?;
        let mut serial = Self {
            device,
            choice,
            name,
            connection: Connection::default(),
            answers: Answers::default(),
            host_changed: false,
            host_left: false,
            messages_lost: false,
            buffer_lost: false,
        };
        serial.begin();
        match serial.failure() {
            Some(error) => Err(error),
            None => Ok(serial),
        }
    }

    /// Resets the device and frees its memory, for example before the machine sleeps. Until [`restart`](Self::restart) is called,
    /// the port is gone and [`failure`](Self::failure) returns [`Error::NoReset`].
    pub fn stop(&mut self) {
        self.device.stop(Error::NoReset);
        self.lose_port();
    }

    /// Resets the device, initialises it and looks for the port again. It does not matter what state the device is in.
    /// [`failure`](Self::failure) says whether that worked.
    pub fn restart(&mut self) {
        self.restart_for(FIRST_GUESS);
    }

    /// Acknowledges the device's interrupt, handles its messages and returns the next event. `None` means that there are no more
    /// events until the device interrupts again.
    ///
    /// If there is an [`InterruptHandle`](crate::InterruptHandle), only the handle acknowledges interrupts.
    pub fn poll(&mut self) -> Option<Event> {
        self.acknowledge_interrupt();
        self.next_event()
    }

    /// Acknowledges the device's interrupt. This reads a register of the device, which costs a virtual machine as much as a short
    /// request does. So a kernel that sleeps may call it once when it has woken, and then [`next_event`](Self::next_event) instead of
    /// [`poll`](Self::poll) until it sleeps again: what the device does meanwhile ends the sleep at once.
    pub fn acknowledge_interrupt(&mut self) {
        self.device.acknowledge_interrupt();
    }

    /// Does what [`poll`](Self::poll) does, but leaves the device's interrupt as it is.
    pub fn next_event(&mut self) -> Option<Event> {
        self.handle_messages();
        self.connection.next_event()
    }

    /// Number of the port, if it was found.
    pub fn port(&self) -> Option<u32> {
        self.connection.port()
    }

    /// Whether all has been said: the device has answered everything that the driver has sent it, and the driver has read that. A
    /// port that the device had when it was initialised is found then. Call [`poll`](Self::poll) before, each time.
    ///
    /// QEMU returns a message's buffer after it has answered the message. True if the driver does not use the device any more.
    pub fn is_settled(&mut self) -> bool {
        let is_asked = self.answers.next().is_none();
        // In this order: an answer is there before the buffer is returned.
        self.failure().is_some()
            || is_asked && self.with_queues(|queues, _| Ok(queues.is_told()? && !queues.has_message()))
    }

    /// Whether a host has opened its side of the port.
    pub fn is_open(&self) -> bool {
        self.connection.is_open()
    }

    /// Why the driver does not use the device any more, if so. The device was reset then.
    pub fn failure(&self) -> Option<Error> {
        self.device.failure()
    }

    /// Copies bytes that the host has sent to `buffer`. Returns their number, at most [`MAX_READ`](crate::MAX_READ), and 0 if there
    /// are none now. Never waits. Bytes of two hosts come in two reads, because the device returns them in two buffers.
    ///
    /// Returns 0 while the device has sent a message that was not handled by [`poll`](Self::poll), so that a host is known before
    /// its bytes are received. Bytes that a host sent before it closed its side can be received after [`Event::Closed`], too.
    pub fn receive(&mut self, buffer: &mut [u8]) -> usize {
        if !self.can_receive() {
            return 0;
        }
        self.with_queues(|queues, transport| {
            // A notification of kept buffers means nothing to the device, and does no harm.
            let ring = queues.kept.as_mut().unwrap_or(&mut queues.receive);
            let count = ring.read(buffer)?;
            ring.announce(transport);
            Ok(count)
        })
    }

    /// Number of reads, with room for [`MAX_READ`](crate::MAX_READ) bytes each, that it takes to receive everything that the device
    /// has returned until now; at most [`MAX_UNREAD`](crate::MAX_UNREAD). After an [`Event`], only these reads can return bytes of
    /// an earlier host.
    pub fn unread(&mut self) -> usize {
        self.with_queues(|queues, _| {
            let kept = queues.kept.as_ref().map_or(0, ReceiveRing::unread_buffers);
            Ok(kept + queues.receive.unread_buffers())
        })
    }

    /// Sends `bytes`, or as many of them as the transmit buffer holds: the first 4,096. Returns their number, 0 while the device has not taken what was sent before.
    /// Never waits. If it returns more than 0, the device has taken everything that was sent before.
    ///
    /// If no host has opened the port, the bytes are dropped, as the device would drop them, and their full length is returned.
    pub fn send(&mut self, bytes: &[u8]) -> usize {
        if self.drops_bytes() {
            return bytes.len();
        }
        self.with_queues(|queues, transport| queues.transmit.send(transport, bytes))
    }

    /// Whether [`receive`](Self::receive) would return bytes.
    pub(crate) fn can_receive(&mut self) -> bool {
        self.reset_if_due();
        let asked = self.is_open() || self.answers.next().is_none();
        self.port().is_some()
            && self.with_queues(|queues, _| {
                // Kept bytes may be of a host that is there. They are not returned before the device has said whether one is,
                // which it has once it has read PORT_OPEN, the driver's last message.
                let found = match queues.kept {
                    Some(_) => asked && queues.is_told()?,
                    None => queues.receive.has_bytes()?,
                };
                // In this order: if there is no message after the bytes were found, they are of the host that is known.
                Ok(found && !queues.has_message())
            })
    }

    /// Whether [`send`](Self::send) would take bytes, if only to drop them.
    pub(crate) fn can_send(&mut self) -> bool {
        self.with_queues(|queues, _| queues.transmit.is_idle()) || self.drops_bytes()
    }

    /// Whether [`send`](Self::send) drops bytes. Once the transmit buffer is lost, the bytes that can still be received before
    /// the reset are of hosts that have left, so a reply to them need not be sent.
    fn drops_bytes(&self) -> bool {
        !self.is_open() || self.buffer_lost
    }

    pub(crate) const fn transport(&self) -> &T {
        self.device.transport()
    }

    /// Leaves it to an `InterruptHandle` to acknowledge interrupts.
    pub(crate) fn leave_interrupts_to_handle(&mut self) {
        self.device.leave_interrupts_to_handle();
    }

    /// Acknowledges the device's interrupt and handles its messages.
    pub(crate) fn service(&mut self) {
        self.acknowledge_interrupt();
        self.handle_messages();
    }

    /// Handles the device's messages and sends it answers.
    fn handle_messages(&mut self) {
        // Before the port is found, messages about other ports may use all buffers: that is no reason for a reset, upon which the
        // device would send them again.
        let was_found = self.port().is_some();
        let was_full = was_found && self.with_control(|control, _| Ok(control.receive.is_full()));
        let mut message = [0; MESSAGE_BYTES];
        for _ in 0..MESSAGES_PER_POLL {
            if let Some(length) = self.with_control(|control, _| control.receive.message(&mut message)) {
                if let Some(port) = message.get(..length).and_then(|message| self.handle(message)) {
                    self.restart_for(port);
                    // The device begins anew, and interrupts when it has sent a message.
                    break;
                }
            // The device sends up to three messages for an answer, and drops those for which it finds no buffer. So an answer is
            // sent only after all messages were read, and one at a time.
            } else if !self.answer() {
                break;
            }
        }
        self.note_what_was_lost(was_full);
        self.reset_if_due();
        self.with_control(|control, transport| {
            control.receive.announce(transport);
            Ok(())
        });
        if self.failure().is_some() {
            self.lose_port();
        }
    }

    /// Notes what only a reset brings back. `was_full` says that the device had used all buffers for messages.
    ///
    /// QEMU drops a message if it finds no buffer for it. So if hosts have come and gone and all buffers were used, the driver does
    /// not know whether a host is there now. And if a host leaves that has not read everything, QEMU never returns the buffer that
    /// it held for that host (its `discard_throttle_data` detaches it), and the driver has no other to send in.
    fn note_what_was_lost(&mut self, was_full: bool) {
        let changed = core::mem::take(&mut self.host_changed);
        let left = core::mem::take(&mut self.host_left);
        self.messages_lost |= changed && was_full;
        self.buffer_lost |= left && !self.with_queues(|queues, _| queues.transmit.is_idle());
    }

    /// Resets the device if something was lost. Keeps the bytes that were received, because they may be of a host that is there.
    ///
    /// Waits until the bytes that were kept over the last such reset are read. A second reset would overwrite them, so that
    /// the first bytes of a host were followed by those of the next host.
    fn reset_if_due(&mut self) {
        let has_kept = self.device.has_kept();
        if (self.messages_lost || self.buffer_lost) && !has_kept && self.failure().is_none() {
            self.device.restart_and_keep(self.choice);
            self.begin_anew();
        }
    }

    /// Handles one message. Returns a port if the device must be restarted with the queues of that port.
    // Kept whole: the images are smaller so.
    #[inline(never)]
    fn handle(&mut self, message: &[u8]) -> Option<u32> {
        let (port, told) = control::parse(message)?;
        let queues = self.device.queues()?;
        let (ours, last_port) = (queues.port, queues.control()?.last_port);
        if port > last_port {
            return None;
        }
        match told {
            Told::Add => self.answers.port_ready(port),
            Told::Remove => {
                self.answers.forget(port);
                if port == ours {
                    // A new port of this number must not find what is left in these queues. And if another port has the same
                    // name, the driver finds it after the restart.
                    return Some(port);
                }
            }
            // If several ports have the name, the first one is used.
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

    /// Sends the device the next answer. Returns `false` if there is none, or the device has not read the last one yet.
    fn answer(&mut self) -> bool {
        let Some(message) = self.answers.next() else { return false };
        let sent = self.with_control(|control, transport| control.transmit.send(transport, &message)) > 0;
        if sent && self.answers.sent() {
            // QEMU fetches what a host has sent before when it is notified of a buffer. PORT_OPEN alone does not make it do that.
            self.with_queues(|queues, transport| {
                queues.receive.remind(transport);
                Ok(())
            });
        }
        sent
    }

    fn restart_for(&mut self, port: u32) {
        self.device.restart_for(port, self.choice);
        self.begin_anew();
    }

    /// Starts the conversation with a device that was reset.
    fn begin_anew(&mut self) {
        self.lose_port();
        (self.host_changed, self.host_left) = (false, false);
        (self.messages_lost, self.buffer_lost) = (false, false);
        self.begin();
    }

    /// Starts the conversation, unless the device has a single port, of which it says nothing.
    fn begin(&mut self) {
        self.answers = Answers::default();
        match self.device.queues() {
            Some(queues) if queues.control().is_none() => {
                self.connection.found(queues.port);
                self.connection.set_open(true);
            }
            _ => {
                self.answers = Answers::device_ready();
                self.answer();
            }
        }
    }

    /// Calls `work` if the device has control queues, as [`with_queues`](Self::with_queues) does.
    fn with_control<R: Default>(&mut self, work: impl FnOnce(&mut Control<H>, &mut T) -> Result<R, Error>) -> R {
        self.with_queues(|queues, transport| match queues.control_mut() {
            Some(control) => work(control, transport),
            None => Ok(R::default()),
        })
    }

    /// Calls `work` if the device is initialised. Otherwise, or if `work` returns an error, the port is gone and the result is the
    /// default.
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
