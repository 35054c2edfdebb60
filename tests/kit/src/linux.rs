//! What only Linux has.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

/// The command for a program that the kernel kills when the thread that started it ends. Nothing where that cannot be had.
#[cfg(target_os = "linux")]
pub(crate) fn killed_with_its_thread(program: &Path) -> Option<Command> {
    let mut command = Command::new(crate::process::find("setpriv")?);
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    Some(command)
}

/// Only Linux kills a program for that.
#[cfg(not(target_os = "linux"))]
pub(crate) fn killed_with_its_thread(_program: &Path) -> Option<Command> {
    None
}

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
