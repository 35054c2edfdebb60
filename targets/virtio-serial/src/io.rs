//! The traits of `embedded-io`. Their `read`, `write` and `flush` wait, unlike the driver's own methods.
//!
//! While they wait they handle the device's messages. [`poll`](VirtioSerial::poll) returns the events of these messages later.

use core::hint::spin_loop;

use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};
use virtio_drivers::Hal;
use virtio_drivers::transport::Transport;

use crate::{Error, VirtioSerial};

impl<H: Hal, T: Transport> ErrorType for VirtioSerial<H, T> {
    /// That of [`VirtioSerial::failure`]. It is permanent, unless [`VirtioSerial::restart`] is called.
    type Error = Error;
}

impl<H: Hal, T: Transport> ReadReady for VirtioSerial<H, T> {
    /// Whether `read` would return bytes at once. `false` while nobody is connected, so that a caller may sleep then.
    fn read_ready(&mut self) -> Result<bool, Error> {
        let ready = self.can_receive();
        self.failure().map_or(Ok(ready), Err)
    }
}

impl<H: Hal, T: Transport> Read for VirtioSerial<H, T> {
    /// Spins until there is at least one byte. Returns `Ok(0)` if nobody is connected and there are no bytes to read.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        loop {
            // Before `receive`, because the bytes that were sent before a close are there once the close is known.
            let was_open = self.is_open();
            let count = self.receive(buffer);
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            self.service();
            if let Some(error) = self.failure() {
                return Err(error);
            }
            if !was_open && !self.is_open() {
                return Ok(0);
            }
            spin_loop();
        }
    }
}

impl<H: Hal, T: Transport> WriteReady for VirtioSerial<H, T> {
    /// Whether `write` would return at once, because the device has taken everything that was written before, or because the
    /// bytes would be dropped.
    fn write_ready(&mut self) -> Result<bool, Error> {
        let ready = self.can_send();
        self.failure().map_or(Ok(ready), Err)
    }
}

impl<H: Hal, T: Transport> Write for VirtioSerial<H, T> {
    /// Spins until the device has taken everything that was written before, then sends. Drops the bytes, as
    /// [`send`](VirtioSerial::send) does, if nobody is connected.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        loop {
            if !self.is_open() {
                self.service();
            }
            let count = self.send(bytes);
            if let Some(error) = self.failure() {
                return Err(error);
            }
            if count > 0 || bytes.is_empty() {
                return Ok(count);
            }
            self.service();
            spin_loop();
        }
    }

    /// Spins until the device has taken everything that was written, or nobody is connected.
    fn flush(&mut self) -> Result<(), Error> {
        loop {
            let done = self.can_send();
            if let Some(error) = self.failure() {
                return Err(error);
            }
            if done {
                return Ok(());
            }
            self.service();
            spin_loop();
        }
    }
}
