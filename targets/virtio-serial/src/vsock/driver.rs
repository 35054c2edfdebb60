//! The driver: packets that come and go, and the places for connections.

use core::fmt;

use virtio_drivers::Hal;
use virtio_drivers::transport::{DeviceType, Transport};

use super::connection::Connection;
use super::packet::{Header, Operation, Peer, STREAM};
use super::queues::{CopyData, Queues};
use super::resets::Resets;
use super::window::Window;
use crate::Error;
use crate::device::Device;

/// Largest number of connections at a time.
pub const MAX_CONNECTIONS: usize = 4;

/// The context ID of the host (section 5.10.4).
const HOST: u64 = 2;

/// Largest number of packets that one `poll` handles.
const PACKETS_PER_POLL: usize = 32;

/// Who may connect.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Peers {
    /// Only the host, context ID 2. All users of the host may be that.
    #[default]
    Host,
    /// Whoever can reach the device, such as other guests.
    Any,
}

/// The driver of a virtio socket device. It takes connections to one port.
///
/// Call [`poll`](Self::poll) whenever the device interrupts, or from time to time, then use each [`stream`](Self::stream). Dropping the
/// driver resets the device.
pub struct Vsock<'m, H: Hal, T: Transport> {
    device: Device<Queues<H>, T>,
    port: u32,
    peers: Peers,
    connections: [Connection<'m>; MAX_CONNECTIONS],
    resets: Resets,
    /// Who was refused last because it is not the host.
    stranger: Option<u64>,
}

impl<'m, H: Hal, T: Transport> Vsock<'m, H, T> {
    /// Initialises the device and takes connections to `port` from then on. Received bytes lie in `memory` until they are read: a quarter
    /// of it is each connection's window, which tells its peer how much it may send ahead.
    ///
    /// # Errors
    /// The device is not a socket device or cannot be initialised, there are not enough pages, or `memory` has fewer than 4 bytes.
    pub fn new(transport: T, port: u32, peers: Peers, memory: &'m mut [u8]) -> Result<Self, Error> {
        if transport.device_type() != DeviceType::Socket {
            return Err(Error::NotASocket);
        }
        let size = memory.len() / MAX_CONNECTIONS;
        if size == 0 || u32::try_from(size).is_err() {
            return Err(Error::NoMemory);
        }
        let mut windows = memory.chunks_exact_mut(size);
        let connections =
            [(); MAX_CONNECTIONS].map(|()| Connection::new(Window::new(windows.next().unwrap_or_default())));
        let device = Device::new(transport);
        let mut vsock = Self { device, port, peers, connections, resets: Resets::default(), stranger: None };
        vsock.restart();
        match vsock.failure() {
            Some(error) => Err(error),
            None => Ok(vsock),
        }
    }

    /// Resets the device and frees its memory, for example before the machine sleeps. All connections end. Until
    /// [`restart`](Self::restart) is called, [`failure`](Self::failure) returns [`Error::NoReset`].
    pub fn stop(&mut self) {
        self.device.stop(Error::NoReset);
        self.lose_all();
    }

    /// Resets the device and initialises it again. It does not matter what state the device is in. All connections end.
    /// [`failure`](Self::failure) says whether that worked.
    pub fn restart(&mut self) {
        self.device.restart(Queues::start);
        self.lose_all();
    }

    /// The guest's context ID, while the driver uses the device.
    pub fn cid(&self) -> Option<u64> {
        self.device.queues().map(|queues| queues.cid)
    }

    /// Returns once the context ID of who was refused last because it is not the host.
    pub fn take_stranger(&mut self) -> Option<u64> {
        self.stranger.take()
    }

    /// Why the driver does not use the device any more, if so. The device was reset then.
    pub fn failure(&self) -> Option<Error> {
        self.device.failure()
    }

    /// Acknowledges the device's interrupt. Call it before [`poll`](Self::poll) when the guest has woken.
    pub fn acknowledge_interrupt(&mut self) {
        self.device.acknowledge_interrupt();
        self.lose_all_if_failed();
    }

    /// Receives packets, and sends those without data that are due. Returns whether there was anything to receive. Call it again
    /// as long as it does, because the device does not interrupt for what it has returned before.
    pub fn poll(&mut self) -> bool {
        let mut busy = false;
        for _ in 0..PACKETS_PER_POLL {
            if !self.receive() {
                break;
            }
            busy = true;
        }
        if self.device.with(Queues::was_moved).unwrap_or(false) {
            self.lose_all();
            busy = true;
        }
        self.send_owed();
        self.lose_all_if_failed();
        busy
    }

    pub(crate) fn connection(&mut self, place: usize) -> Option<&mut Connection<'m>> {
        self.connections.get_mut(place)
    }

    /// Sends `bytes`, or as many as one packet and the peer's credit allow. Returns their number; all of them if they are dropped.
    pub(crate) fn send(&mut self, place: usize, bytes: &[u8]) -> usize {
        let Some(length) = self.may_send(place).map(|most| most.min(bytes.len())) else { return bytes.len() };
        if length == 0 {
            return 0;
        }
        let data = bytes.get(..length).unwrap_or_default();
        let Self { device, connections, port, .. } = self;
        let sent = device.with(|queues, transport| {
            let Some(buffer) = queues.transmit.free()? else { return Ok(0) };
            let Some(connection) = connections.get_mut(place) else { return Ok(0) };
            let header = connection.data(Peer { cid: queues.cid, port: *port }, data.len());
            queues.transmit.send(transport, buffer, &header, data)?;
            Ok(data.len())
        });
        self.lose_all_if_failed();
        sent.unwrap_or(0)
    }

    /// How many bytes `send` would take now. `None` if it would drop them.
    pub(crate) fn may_send(&mut self, place: usize) -> Option<usize> {
        let connection = self.connections.get_mut(place).filter(|connection| !connection.drops_bytes())?;
        let credit = connection.may_send();
        // The peer must know of the connection first, and may have to be asked for credit.
        if connection.owes() {
            self.send_owed();
        }
        let is_owed = self.connections.get(place).is_some_and(Connection::owes);
        let room = self.device.with(|queues, _| Ok(queues.transmit.free()?.map(|_| queues.transmit.room())));
        self.lose_all_if_failed();
        room.map(|room| room.filter(|_| !is_owed).unwrap_or(0).min(credit))
    }

    /// Whether the device has taken all that was sent.
    pub(crate) fn is_drained(&mut self) -> bool {
        let drained = self.device.with(|queues, _| queues.transmit.is_idle()).unwrap_or(true);
        self.lose_all_if_failed();
        drained
    }

    /// Handles the next packet. Returns `false` if there is none.
    fn receive(&mut self) -> bool {
        let Self { device, port, peers, connections, resets, stranger } = self;
        let received = device.with(|queues, transport| {
            let cid = queues.cid;
            queues.receive(transport, |header, length, copy| {
                let &Header { peer, own, kind, operation, .. } = header;
                if own.cid != cid {
                    return Ok(());
                }
                let may_connect = peer.cid == HOST || *peers == Peers::Any;
                if own.port == *port && !may_connect {
                    *stranger = Some(peer.cid);
                }
                let is_for_us = own.port == *port && kind == STREAM && may_connect;
                let known = connections.iter_mut().find(|connection| is_for_us && connection.is_of(peer));
                match (operation, known) {
                    (Operation::REQUEST, known) if is_for_us => {
                        // The peer has forgotten its old connection.
                        known.into_iter().for_each(Connection::leave);
                        if !accept(connections, resets, header) {
                            resets.add(peer, own.port, kind);
                        }
                    }
                    (_, Some(connection)) => {
                        if connection.handle(header, length) {
                            store(connection.window(), header.length as usize, copy)?;
                        }
                    }
                    (Operation::INVALID | Operation::RESET, None) => {}
                    (_, None) => _ = resets.add(peer, own.port, kind),
                }
                Ok(())
            })
        });
        received.unwrap_or(false)
    }

    /// Sends the packets without data that are due, as far as there are buffers.
    fn send_owed(&mut self) {
        let Self { device, port, connections, resets, .. } = self;
        // If it fails, the caller ends the connections.
        let _ = device.with(|queues, transport| {
            let own = Peer { cid: queues.cid, port: *port };
            while !resets.is_empty() || connections.iter().any(Connection::owes) {
                let Some(buffer) = queues.transmit.free()? else { break };
                let owed = connections.iter_mut().find_map(|connection| connection.next_owed(own));
                let Some(header) = owed.or_else(|| resets.next(queues.cid)) else { break };
                queues.transmit.send(transport, buffer, &header, &[])?;
            }
            Ok(())
        });
    }

    fn lose_all_if_failed(&mut self) {
        if self.failure().is_some() {
            self.lose_all();
        }
    }

    /// No peer knows a connection any more.
    fn lose_all(&mut self) {
        self.connections.iter_mut().for_each(Connection::leave);
        self.resets.clear();
    }
}

/// Gives a new peer a place. Returns `false` if there is none.
fn accept(connections: &mut [Connection<'_>], resets: &mut Resets, request: &Header) -> bool {
    let &Header { peer, own, .. } = request;
    connections.iter_mut().for_each(|connection| connection.forget_reset(peer));
    resets.forget(peer, own.port);
    let free = connections.iter().position(Connection::is_free).or_else(|| {
        // One that only waits for its peer's RST is sent one instead.
        let has_room = |connection: &Connection<'_>| {
            connection.closing().is_some_and(|closing| resets.add(closing, own.port, STREAM))
        };
        connections.iter().position(has_room)
    });
    let connection = free.and_then(|free| connections.get_mut(free));
    connection.map(|connection| connection.accept(request)).is_some()
}

/// Stores `length` bytes of data, for which there is room.
fn store(window: &mut Window<'_>, length: usize, copy: &mut CopyData<'_>) -> Result<(), Error> {
    let mut stored = 0;
    // Two pieces, because the window may go on at its beginning.
    for _ in 0..2 {
        let piece = window.piece();
        let count = piece.len().min(length.saturating_sub(stored));
        let count = copy(stored, piece.get_mut(..count).unwrap_or_default())?;
        window.filled(count);
        stored += count;
    }
    Ok(())
}

impl<H: Hal, T: Transport> fmt::Debug for Vsock<'_, H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vsock")
            .field("port", &self.port)
            .field("cid", &self.cid())
            .field("failure", &self.failure())
            .finish_non_exhaustive()
    }
}
