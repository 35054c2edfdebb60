//! What a pump needs of a channel.

use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};

/// A channel to a host, and what it knows of the host.
pub trait Channel: Read + ReadReady + Write + WriteReady {
    /// Whether a host has come or gone since the last call.
    ///
    /// # Errors
    /// Those of the channel.
    fn host_change(&mut self) -> Result<Option<HostChange>, Self::Error>;

    /// Whether all that was written has left the guest. It must not wait for a host that does not read.
    ///
    /// # Errors
    /// Those of the channel.
    fn is_drained(&mut self) -> Result<bool, Self::Error>;
}

/// A host has come or gone, or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostChange {
    /// At most how many of the next reads give bytes that a host sent before.
    pub unread: usize,
}

/// A channel that does not know its host: a serial line, or whatever else reads and writes bytes.
#[derive(Clone, Copy, Debug)]
pub struct Line<T>(pub T);

impl<T: ErrorType> ErrorType for Line<T> {
    type Error = T::Error;
}

impl<T: Read> Read for Line<T> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, T::Error> {
        self.0.read(bytes)
    }
}

impl<T: ReadReady> ReadReady for Line<T> {
    fn read_ready(&mut self) -> Result<bool, T::Error> {
        self.0.read_ready()
    }
}

impl<T: Write> Write for Line<T> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, T::Error> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> Result<(), T::Error> {
        self.0.flush()
    }
}

impl<T: WriteReady> WriteReady for Line<T> {
    fn write_ready(&mut self) -> Result<bool, T::Error> {
        self.0.write_ready()
    }
}

impl<T: Read + ReadReady + Write + WriteReady> Channel for Line<T> {
    fn host_change(&mut self) -> Result<Option<HostChange>, T::Error> {
        Ok(None)
    }

    /// Waits until it is: a line takes its bytes whether somebody reads them or not.
    fn is_drained(&mut self) -> Result<bool, T::Error> {
        self.0.flush()?;
        Ok(true)
    }
}
