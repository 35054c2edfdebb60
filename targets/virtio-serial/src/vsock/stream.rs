//! One connection, and the traits of `embedded-io` for it. Their `read`, `write` and `flush` wait, and poll the driver meanwhile.

use core::fmt;
use core::hint::spin_loop;

use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};
use virtio_drivers::Hal;
use virtio_drivers::transport::Transport;

use super::connection::Connection;
use super::driver::{MAX_CONNECTIONS, Vsock};
use crate::Error;

/// A place for a connection, which peers use one after the other.
pub struct Stream<'d, 'm, H: Hal, T: Transport> {
    pub(crate) driver: &'d mut Vsock<'m, H, T>,
    pub(crate) place: usize,
}

impl<'m, H: Hal, T: Transport> Vsock<'m, H, T> {
    /// The connection at a place less than [`MAX_CONNECTIONS`], whether there is one now or not.
    pub fn stream(&mut self, place: usize) -> Option<Stream<'_, 'm, H, T>> {
        (place < MAX_CONNECTIONS).then_some(Stream { driver: self, place })
    }
}

impl<'m, H: Hal, T: Transport> Stream<'_, 'm, H, T> {
    /// Returns once, for each peer, whether another one has connected. It knows nothing of what was said before.
    pub fn take_new(&mut self) -> bool {
        self.connection().is_some_and(Connection::take_new)
    }

    /// Whether a peer is connected that has not left.
    pub fn is_open(&mut self) -> bool {
        self.connection().is_some_and(|connection| connection.is_open())
    }

    /// Whether the peer has left. What it sent before can be read. What is written is dropped.
    pub fn has_left(&mut self) -> bool {
        self.connection().is_some_and(|connection| connection.has_left())
    }

    /// Says that what was read is answered, and the answers are written. If the peer has left or sends no more, and all is read, the
    /// connection ends. Otherwise this does nothing.
    pub fn finish(&mut self) {
        if let Some(connection) = self.connection() {
            connection.finish();
        }
    }

    /// Ends the connection at once: the peer is sent a RST. What it sent before can be read.
    pub fn reset(&mut self) {
        if let Some(connection) = self.connection().filter(|connection| connection.is_open()) {
            connection.reset();
        }
    }

    fn connection(&mut self) -> Option<&mut Connection<'m>> {
        self.driver.connection(self.place)
    }

    fn result<R>(&self, result: R) -> Result<R, Error> {
        self.driver.failure().map_or(Ok(result), Err)
    }

    fn wait(&mut self) -> Result<(), Error> {
        self.driver.acknowledge_interrupt();
        self.driver.poll();
        spin_loop();
        self.result(())
    }
}

impl<H: Hal, T: Transport> ErrorType for Stream<'_, '_, H, T> {
    /// That of [`Vsock::failure`]. It is permanent, unless [`Vsock::restart`] is called.
    type Error = Error;
}

impl<H: Hal, T: Transport> ReadReady for Stream<'_, '_, H, T> {
    /// Whether `read` would return bytes at once.
    fn read_ready(&mut self) -> Result<bool, Error> {
        let ready = self.connection().is_some_and(|connection| connection.can_read());
        self.result(ready)
    }
}

impl<H: Hal, T: Transport> Read for Stream<'_, '_, H, T> {
    /// Spins until there is at least one byte. Returns `Ok(0)` if there is none, and no peer that may send more.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        loop {
            let Some(connection) = self.connection() else { return Ok(0) };
            let count = connection.read(buffer);
            if count > 0 || buffer.is_empty() || !connection.may_receive() {
                return self.result(count);
            }
            self.wait()?;
        }
    }
}

impl<H: Hal, T: Transport> WriteReady for Stream<'_, '_, H, T> {
    /// Whether `write` would return at once, because the device and the peer have room, or because the bytes would be dropped.
    fn write_ready(&mut self) -> Result<bool, Error> {
        let ready = self.driver.may_send(self.place).is_none_or(|room| room > 0);
        self.result(ready)
    }
}

impl<H: Hal, T: Transport> Write for Stream<'_, '_, H, T> {
    /// Spins until the device and the peer have room, then sends. Drops the bytes if nobody receives them.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        loop {
            let count = self.driver.send(self.place, bytes);
            if count > 0 || bytes.is_empty() {
                return self.result(count);
            }
            self.wait()?;
        }
    }

    /// Spins until the device has taken everything that was written.
    fn flush(&mut self) -> Result<(), Error> {
        while !self.driver.is_drained() {
            self.wait()?;
        }
        self.result(())
    }
}

impl<H: Hal, T: Transport> fmt::Debug for Stream<'_, '_, H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("place", &self.place).finish_non_exhaustive()
    }
}
