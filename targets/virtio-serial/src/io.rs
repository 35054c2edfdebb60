//! The traits of `embedded-io`: the part of the driver that may wait.
//!
//! While it waits it handles the device's messages. The events that follow from them are kept for
//! [`poll`](VirtioSerial::poll).

use core::hint::spin_loop;

use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};
use virtio_drivers::Hal;
use virtio_drivers::transport::Transport;

use crate::{Error, VirtioSerial};

impl<H: Hal, T: Transport> ErrorType for VirtioSerial<H, T> {
    /// [`VirtioSerial::failure`]: once the device has failed, it has failed for good.
    type Error = Error;
}

impl<H: Hal, T: Transport> ReadReady for VirtioSerial<H, T> {
    /// Whether bytes are there. It is not "ready" to say that nobody is connected, so that a caller may sleep then.
    fn read_ready(&mut self) -> Result<bool, Error> {
        let ready = self.can_receive();
        self.failure().map_or(Ok(ready), Err)
    }
}

impl<H: Hal, T: Transport> Read for VirtioSerial<H, T> {
    /// Waits, spinning, for at least one byte while somebody is connected; `Ok(0)` when nobody is and all is read.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        loop {
            // Asked before the bytes are: what was sent before a close is there when the close is known.
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
    /// Whether the device has taken all that was written before, or drops what is written.
    fn write_ready(&mut self) -> Result<bool, Error> {
        let ready = self.can_send();
        self.failure().map_or(Ok(ready), Err)
    }
}

impl<H: Hal, T: Transport> Write for VirtioSerial<H, T> {
    /// Waits, spinning, until the device has taken what was written before. Bytes are dropped while nobody is connected.
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

    /// Waits, spinning, until the device has taken all that was written, or nobody is connected.
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
