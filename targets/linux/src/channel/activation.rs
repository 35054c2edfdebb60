//! Sockets that systemd listens at for us, and passes on (`sd_listen_fds(3)`).

use rustix::fd::{FromRawFd, OwnedFd, RawFd};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::{AddressFamily, getsockname};

use super::Method;

/// The first descriptor that is passed.
const FIRST: RawFd = 3;

/// A socket that was passed.
#[derive(Debug)]
pub struct Activation {
    /// What it is.
    pub method: Method,
    /// The socket, which listens.
    pub socket: OwnedFd,
}

impl Activation {
    /// The socket that was passed, if one was: `pid` and `count` are `LISTEN_PID` and `LISTEN_FDS`.
    ///
    /// # Errors
    /// If it is not one of a kind that we serve.
    pub fn find(pid: Option<&str>, count: Option<&str>) -> Result<Option<Self>, &'static str> {
        let own = rustix::process::getpid().as_raw_pid();
        let count = match (pid.map(str::parse::<i32>), count.map(str::parse::<u32>)) {
            (Some(Ok(pid)), Some(Ok(count))) if pid == own => count,
            _ => 0,
        };
        match count {
            0 => return Ok(None),
            1 => {}
            _ => return Err("only one socket can be listened at"),
        }
        // SAFETY: By the protocol the descriptor is ours: nobody else in this process knows of it.
        let socket = unsafe { OwnedFd::from_raw_fd(FIRST) };
        let method = method(&socket).ok().flatten().ok_or("unsupported listen fd type")?;
        Ok(Some(Self { method, socket }))
    }
}

/// The method of a socket, which is kept from programs that we start.
fn method(socket: &OwnedFd) -> Result<Option<Method>, Errno> {
    fcntl_setfd(socket, FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(socket, true)?;
    Ok(match getsockname(socket)?.address_family() {
        AddressFamily::UNIX => Some(Method::UnixListen),
        AddressFamily::VSOCK => Some(Method::VsockListen),
        _ => None,
    })
}
