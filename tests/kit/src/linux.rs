//! What only Linux has.

use std::io;
use std::os::unix::net::UnixStream;

/// Connects to a port of a machine over vsock. The stream is a vsock socket, which differs from a unix socket's in nothing that
/// reads and writes it.
///
/// # Errors
/// When no machine has that CID, nobody listens there, or this system has no vsock.
#[cfg(target_os = "linux")]
pub(crate) fn connect_vsock(cid: u32, port: u32) -> io::Result<UnixStream> {
    use std::os::fd::AsRawFd;

    use nix::sys::socket::{AddressFamily, SockFlag, SockType, VsockAddr, connect, socket};

    let stream = socket(AddressFamily::Vsock, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    connect(stream.as_raw_fd(), &VsockAddr::new(cid, port))?;
    Ok(stream.into())
}

/// Only Linux has vsock.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub(crate) fn connect_vsock(_cid: u32, _port: u32) -> io::Result<UnixStream> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has vsock"))
}
