//! Where an agent is reached, and how one request and its reply get there and back.

use std::fmt;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::client::{Client, Reply};
use crate::deadline::Deadline;
use crate::error::{Error, Kind};
use crate::libvirt::Libvirt;
use crate::linux::connect_vsock;
use crate::sync::synchronise;

/// The largest piece of a file in bytes that one request may write, before base64. libvirt takes less than others.
const PIECE: usize = 1 << 20;
const PIECE_OVER_LIBVIRT: usize = 64 << 10;

/// Where an agent is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A unix socket: that of QEMU's chardev, or of an agent that listens at one.
    Socket(PathBuf),
    /// The name, id or UUID of a domain of libvirt, which holds the channel.
    Libvirt(String),
    /// A port that an agent listens at over vsock.
    Vsock(VsockAddress),
}

/// A machine's number and a port of it, written `CID:PORT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VsockAddress {
    /// The machine: 3 and more for guests, 2 for the host.
    pub cid: u32,
    /// The port.
    pub port: u32,
}

impl FromStr for VsockAddress {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once(':').and_then(|(cid, port)| Some((cid.parse().ok()?, port.parse().ok()?)));
        let (cid, port) = parts.with_context(|| format!("'{text}' is not CID:PORT, two numbers as in 3:1234"))?;
        Ok(Self { cid, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "{}", path.display()),
            Self::Libvirt(domain) => write!(f, "libvirt's domain {domain}"),
            Self::Vsock(VsockAddress { cid, port }) => write!(f, "vsock {cid}:{port}"),
        }
    }
}

/// A way to an agent.
#[derive(Debug)]
pub enum Transport {
    /// A stream that we alone hold.
    Stream(Client),
    /// libvirt's requests.
    Libvirt(Libvirt),
}

impl Transport {
    /// Connects to an address. Whether an agent listens behind it shows at the first request.
    ///
    /// # Errors
    /// When there is no such socket or machine, nobody accepts the connection, or not before the deadline.
    pub fn open(address: &Address, deadline: Deadline) -> Result<Self> {
        let connect: Box<dyn FnOnce() -> io::Result<UnixStream> + Send> = match address.clone() {
            Address::Libvirt(domain) => return Ok(Self::Libvirt(Libvirt::new(domain))),
            Address::Socket(path) => Box::new(move || UnixStream::connect(path)),
            Address::Vsock(VsockAddress { cid, port }) => Box::new(move || connect_vsock(cid, port)),
        };
        let stream = within(deadline, connect).with_context(|| format!("cannot connect to {address}"))?;
        Ok(Self::Stream(Client::over(stream)))
    }

    /// Sees to it that the next line that comes is the reply to the next request. libvirt does that itself.
    ///
    /// # Errors
    /// When the agent does not answer before the deadline, or the connection ends.
    pub(crate) fn synchronise(&mut self, deadline: Deadline) -> Result<()> {
        match self {
            Self::Stream(client) => synchronise(client, deadline),
            Self::Libvirt(_) => Ok(()),
        }
    }

    /// Sends one request and takes the next line as its reply.
    ///
    /// # Errors
    /// When none comes before the deadline, or the connection ends.
    pub(crate) fn request(&mut self, request: &str, deadline: Deadline) -> Result<Reply> {
        match self {
            Self::Stream(client) => client.request(request, deadline),
            Self::Libvirt(libvirt) => libvirt.request(request, deadline),
        }
    }

    /// The next line that comes unasked, or nothing.
    pub(crate) fn unasked(&mut self, within: Duration) -> Option<Vec<u8>> {
        match self {
            Self::Stream(client) => client.line(Deadline::after(within)).ok(),
            Self::Libvirt(_) => None,
        }
    }

    /// Whether something has come that nobody asked for.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) fn is_silent(&mut self) -> Result<bool> {
        match self {
            Self::Stream(client) => client.is_silent(),
            Self::Libvirt(_) => Ok(true),
        }
    }

    /// The largest piece of a file, in bytes, that one request may write.
    pub(crate) const fn largest_piece(&self) -> usize {
        match self {
            Self::Stream(_) => PIECE,
            Self::Libvirt(_) => PIECE_OVER_LIBVIRT,
        }
    }
}

/// Connects in a thread of its own, because a socket whose listener accepts nobody makes us wait for ever.
fn within(deadline: Deadline, connect: impl FnOnce() -> io::Result<UnixStream> + Send + 'static) -> Result<UnixStream> {
    let (sender, receiver) = channel();
    // Nobody receives once the deadline has passed.
    thread::spawn(move || _ = sender.send(connect()));
    match receiver.recv_timeout(deadline.remaining().unwrap_or_default()) {
        Ok(connected) => Ok(connected?),
        Err(RecvTimeoutError::Timeout) => {
            let limit = deadline.limit().as_secs_f64();
            let message = format!("nobody accepts the connection: not within {limit:.1} s; does another host hold it?");
            Err(Error::new(Kind::TimedOut, message).into())
        }
        Err(RecvTimeoutError::Disconnected) => {
            Err(anyhow!("the thread that was to connect has ended without an outcome"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vsock_address_is_two_numbers() {
        assert_eq!("3:1234".parse::<VsockAddress>().unwrap(), VsockAddress { cid: 3, port: 1234 });
        for wrong in ["", "3", "3:", ":4", "3:4:5", "a:4", "-1:4", "3:4294967296"] {
            let error = wrong.parse::<VsockAddress>().unwrap_err().to_string();
            assert_eq!(error, format!("'{wrong}' is not CID:PORT, two numbers as in 3:1234"));
        }
    }
}
