//! A descriptor that never waits.

use core::fmt;

use alloc::rc::Rc;

use rustix::event::{PollFd, PollFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::system::errno::text;

/// A non-blocking descriptor, and what is known of it without asking the kernel again.
#[derive(Debug)]
pub struct Stream {
    fd: Rc<OwnedFd>,
    /// There may be bytes to read.
    readable: bool,
    /// There may be room to write.
    writable: bool,
    ended: bool,
}

/// A channel that cannot be used any more, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost(pub Errno);

impl Stream {
    /// A stream on a descriptor that does not block.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        Self { fd: Rc::new(fd), readable: true, writable: true, ended: false }
    }

    /// Whether all was read that will ever come from whoever is at the other end. Asked once.
    pub const fn take_end(&mut self) -> bool {
        core::mem::replace(&mut self.ended, false)
    }

    /// The descriptor, for whoever must see that somebody speaks.
    #[must_use]
    pub fn descriptor(&self) -> Rc<OwnedFd> {
        Rc::clone(&self.fd)
    }

    /// What to poll for. What is not written keeps more from being read.
    #[must_use]
    pub fn watched(&self) -> PollFd<'_> {
        PollFd::new(&*self.fd, if self.writable { PollFlags::IN } else { PollFlags::OUT })
    }

    /// Takes in what the poll found out. What is wrong with the descriptor shows when it is used.
    pub fn polled(&mut self, found: PollFlags) {
        let over = PollFlags::HUP | PollFlags::ERR;
        self.readable |= found.intersects(PollFlags::IN | over);
        self.writable |= found.intersects(PollFlags::OUT | over);
    }

    /// Whether there may be bytes to read.
    #[must_use]
    pub const fn is_readable(&self) -> bool {
        self.readable
    }

    /// Whether there may be room to write.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        self.writable
    }

    /// Reads what is there; returns how many bytes.
    ///
    /// # Errors
    /// If the other end, or the device, is gone.
    pub fn read(&mut self, room: &mut [u8]) -> Result<usize, Lost> {
        let read = match rustix::io::read(&*self.fd, &mut *room) {
            Ok(0) => {
                self.ended = true;
                0
            }
            Ok(read) => read,
            Err(Errno::AGAIN) => 0,
            Err(Errno::INTR) => return Ok(0),
            Err(error) => return Err(Lost(error)),
        };
        // Of what fills less than the room nothing is left; if that is wrong, the next poll tells.
        self.readable = read == room.len();
        Ok(read)
    }

    /// Writes as many of the bytes as there is room for; returns how many.
    ///
    /// # Errors
    /// If the other end, or the device, is gone.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, Lost> {
        match rustix::io::write(&*self.fd, bytes) {
            Ok(written) => Ok(written),
            Err(Errno::AGAIN) => {
                self.writable = false;
                Ok(0)
            }
            Err(Errno::INTR) => Ok(0),
            Err(error) => Err(Lost(error)),
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(text(self.0))
    }
}

impl core::error::Error for Lost {}
