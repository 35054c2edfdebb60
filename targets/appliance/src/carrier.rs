//! What carries bytes between a host and its agent, one type for all channels, so that there is one copy of the code that pumps them.

use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};
use machine::heap::Kept;
use machine::transport::DeviceTransport;
use nanoqga::serve::{Channel, HostChange};
use virtio_serial::Error;
use virtio_serial::vsock::Stream;

/// A channel while its agent is served.
#[derive(Debug)]
pub enum Carrier<'c, I> {
    /// One of its own.
    Own(&'c mut I),
    /// A connection to a virtio socket device.
    Socket(Stream<'c, 'static, Kept, DeviceTransport>),
}

macro_rules! either {
    ($self:ident, $io:ident => $call:expr) => {
        match $self {
            Self::Own($io) => $call,
            Self::Socket($io) => $call,
        }
    };
}

impl<I> ErrorType for Carrier<'_, I> {
    type Error = Error;
}

impl<I: ReadReady<Error = Error>> ReadReady for Carrier<'_, I> {
    fn read_ready(&mut self) -> Result<bool, Error> {
        either!(self, io => io.read_ready())
    }
}

impl<I: Read<Error = Error>> Read for Carrier<'_, I> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        either!(self, io => io.read(buffer))
    }
}

impl<I: WriteReady<Error = Error>> WriteReady for Carrier<'_, I> {
    fn write_ready(&mut self) -> Result<bool, Error> {
        either!(self, io => io.write_ready())
    }
}

impl<I: Write<Error = Error>> Write for Carrier<'_, I> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        either!(self, io => io.write(bytes))
    }

    fn flush(&mut self) -> Result<(), Error> {
        either!(self, io => io.flush())
    }
}

impl<I: Channel<Error = Error>> Channel for Carrier<'_, I> {
    fn host_change(&mut self) -> Result<Option<HostChange>, Error> {
        either!(self, io => io.host_change())
    }

    fn is_drained(&mut self) -> Result<bool, Error> {
        either!(self, io => io.is_drained())
    }
}
