//! Sockets that clients connect to.

use core::mem;

use alloc::format;
use alloc::string::String;

use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{FileType, lstat, unlink};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with};

use crate::system::errno::text;

/// One client is served, another may wait.
const BACKLOG: i32 = 1;

/// Listens at a path, where a socket that another process has left makes room.
pub(super) fn listen_unix(path: &str) -> Result<OwnedFd, Errno> {
    let address = SocketAddrUnix::new(path)?;
    if lstat(path).is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Socket) {
        unlink(path)?;
    }
    let socket = socket(AddressFamily::UNIX)?;
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// Listens at `CID:PORT`.
pub(super) fn listen_vsock(path: &str) -> Result<OwnedFd, String> {
    let explained = |error: Errno| format!("{path}: {}", text(error));
    let (cid, port) = path
        .split_once(':')
        .and_then(|(cid, port)| Some((cid.parse().ok()?, port.parse().ok()?)))
        .ok_or_else(|| format!("'{path}' is not an address of the form CID:PORT"))?;
    let socket = socket(AddressFamily::VSOCK).map_err(explained)?;
    bind_vsock(&socket, cid, port).map_err(explained)?;
    listen(&socket, BACKLOG).map_err(explained)?;
    Ok(socket)
}

/// rustix knows the family, but not its addresses.
fn bind_vsock(socket: &OwnedFd, cid: u32, port: u32) -> Result<(), Errno> {
    // SAFETY: All zeroes is an address.
    let mut address: libc::sockaddr_vm = unsafe { mem::zeroed() };
    // The family is a small number.
    address.svm_family = libc::AF_VSOCK as libc::sa_family_t;
    address.svm_cid = cid;
    address.svm_port = port;
    // SAFETY: The address is of the size that is told, and only read.
    let status = unsafe {
        libc::bind(socket.as_raw_fd(), (&raw const address).cast(), mem::size_of_val(&address) as libc::socklen_t)
    };
    if status == 0 { Ok(()) } else { Err(last_error()) }
}

fn last_error() -> Errno {
    // SAFETY: errno is this thread's.
    Errno::from_raw_os_error(unsafe { *libc::__errno_location() })
}

/// The next client; it may have left before its turn.
pub(super) fn accept(socket: &OwnedFd) -> Option<OwnedFd> {
    accept_with(socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
        .inspect_err(|error| warning!("cannot take a client: {}", text(*error)))
        .ok()
}

/// A listening socket that does not block: the client that it was polled for may be gone.
fn socket(family: AddressFamily) -> Result<OwnedFd, Errno> {
    socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)
}
