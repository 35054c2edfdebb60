//! The ways to a host: a device that stays open, or a socket where one client at a time is served.

mod activation;
mod device;
mod socket;
mod stream;
mod xen;

use alloc::format;
use alloc::string::String;

use rustix::event::{PollFd, PollFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::system::errno::text;

pub use activation::Activation;
pub use device::HostWatch;
pub use stream::{Lost, Stream};

/// What kind of channel: qemu-ga's methods, and one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A port of a virtio console.
    VirtioSerial,
    /// A serial line.
    IsaSerial,
    /// A console of Xen's. qemu-ga has no such method.
    Xen,
    /// A unix socket that we make.
    UnixListen,
    /// A vsock port that we listen at.
    VsockListen,
}

impl Method {
    const NAMES: [(&str, Self); 5] = [
        ("virtio-serial", Self::VirtioSerial),
        ("isa-serial", Self::IsaSerial),
        ("xen", Self::Xen),
        ("unix-listen", Self::UnixListen),
        ("vsock-listen", Self::VsockListen),
    ];

    /// The method of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, method)| *method)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, method)| *method == self).map_or("", |(name, _)| name)
    }

    /// The path that is used if none is given.
    #[must_use]
    pub const fn default_path(self) -> Option<&'static str> {
        match self {
            Self::VirtioSerial => Some(device::VIRTIO_PATH),
            Self::IsaSerial => Some("/dev/ttyS0"),
            Self::Xen => Some(xen::NAME),
            Self::UnixListen | Self::VsockListen => None,
        }
    }
}

/// A channel, and whoever is at its other end.
#[derive(Debug)]
pub enum Channel {
    /// A port of a virtio console. Hosts come and go, the port stays.
    Port {
        /// The port.
        stream: Stream,
        /// Tells whether there is a host.
        host: HostWatch,
    },
    /// A serial line. Nobody knows who is there.
    Line(Stream),
    /// Clients come one after another.
    Listener {
        /// Where they come.
        socket: OwnedFd,
        /// The one that is served. The others wait.
        client: Option<Stream>,
    },
}

impl Channel {
    /// Opens a channel.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn open(method: Method, path: &str) -> Result<Self, String> {
        let explained = |error: Errno| format!("{path}: {}", text(error));
        match method {
            Method::VirtioSerial => match device::open_virtio(path)? {
                Some(port) => {
                    let host = HostWatch::new(&port).map_err(explained)?;
                    Ok(Self::Port { stream: Stream::new(port), host })
                }
                // Xen has no virtio of its own, and its tools give a console such a name.
                None => match device::port_name(path).map(xen::device_of).transpose()?.flatten() {
                    Some(console) => Self::line(&console),
                    None => Err(explained(Errno::NOENT)),
                },
            },
            Method::IsaSerial => Self::line(path),
            Method::Xen => match xen::device_of(path)? {
                Some(console) => Self::line(&console),
                None => Err(format!("Xen's store has no console called {path}")),
            },
            Method::UnixListen => Ok(Self::listening(socket::listen_unix(path).map_err(explained)?)),
            Method::VsockListen => Ok(Self::listening(socket::listen_vsock(path)?)),
        }
    }

    fn line(path: &str) -> Result<Self, String> {
        let line = device::open_serial(path).map_err(|error| format!("{path}: {}", text(error)))?;
        debug!("the channel is {path}");
        Ok(Self::Line(Stream::new(line)))
    }

    /// The channel of a socket that listens already.
    #[must_use]
    pub const fn listening(socket: OwnedFd) -> Self {
        Self::Listener { socket, client: None }
    }

    /// What to serve, if somebody may be there.
    pub const fn stream(&mut self) -> Option<&mut Stream> {
        match self {
            Self::Port { stream, .. } | Self::Line(stream) => Some(stream),
            Self::Listener { client, .. } => client.as_mut(),
        }
    }

    /// What to poll for while there is nothing to do.
    #[must_use]
    pub fn watched(&self) -> PollFd<'_> {
        match self {
            Self::Port { host, .. } if host.is_away() => host.watched(),
            Self::Port { stream, .. } | Self::Line(stream) | Self::Listener { client: Some(stream), .. } => {
                stream.watched()
            }
            Self::Listener { socket, client: None } => PollFd::new(socket, PollFlags::IN),
        }
    }

    /// Takes in what the poll found out.
    pub fn polled(&mut self, found: PollFlags) {
        if found.is_empty() {
            return;
        }
        match self {
            Self::Port { stream, host } if host.is_away() => {
                if host.look() {
                    debug!("the host is there");
                }
                // A port that is unplugged looks like one without a host until it is read.
                stream.polled(PollFlags::IN);
            }
            Self::Port { stream, .. } | Self::Line(stream) | Self::Listener { client: Some(stream), .. } => {
                stream.polled(found);
            }
            Self::Listener { socket, client } => *client = socket::accept(socket).map(Stream::new),
        }
    }

    /// The other end is gone. Whether another may come.
    pub fn hung_up(&mut self) -> bool {
        match self {
            Self::Port { host, .. } => {
                debug!("the host is gone");
                host.went_away();
                true
            }
            Self::Line(_) => false,
            Self::Listener { client, .. } => {
                debug!("the client is gone");
                *client = None;
                true
            }
        }
    }
}
