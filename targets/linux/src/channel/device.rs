//! Devices as channels: the port of a virtio console, and a serial line.

use alloc::format;
use alloc::string::String;

use rustix::event::{PollFd, PollFlags, Timespec, epoll};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, QueueSelector, tcflush, tcgetattr, tcsetattr};

use crate::system::errno::text;
use crate::system::files;

/// Where udev puts a link to the port.
pub const VIRTIO_PATH: &str = "/dev/virtio-ports/org.qemu.guest_agent.0";
/// Where it puts links to all ports: the rest of such a path is the port's name.
const LINKS: &str = "/dev/virtio-ports/";
/// Where the kernel tells each port's name.
const PORTS: &str = "/sys/class/virtio-ports";

const SPEED: u32 = 38_400;

/// Opens the port at `path` or, where no udev has made that link, the one of that name, if there is one.
pub(super) fn open_virtio(path: &str) -> Result<Option<OwnedFd>, String> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match open(path, flags, Mode::empty()) {
        Err(Errno::NOENT) => {}
        opened => return opened.map(Some).map_err(|error| format!("{path}: {}", text(error))),
    }
    let Some(device) = port_name(path).and_then(device_of) else { return Ok(None) };
    open(&*device, flags, Mode::empty()).map(Some).map_err(|error| format!("{device}: {}", text(error)))
}

/// The name of the port that a path is for.
pub(super) fn port_name(path: &str) -> Option<&str> {
    path.strip_prefix(LINKS)
}

/// The device of the port called `name`.
fn device_of(name: &str) -> Option<String> {
    let ports = files::names(PORTS).ok()?;
    let port = ports
        .into_iter()
        .find(|port| files::read_text(&format!("{PORTS}/{port}/name")).is_ok_and(|own| own.trim_end() == name))?;
    Some(format!("/dev/{port}"))
}

/// Opens a serial line, without what a terminal does to bytes: an echo would be taken for a reply.
pub(super) fn open_serial(path: &str) -> Result<OwnedFd, Errno> {
    let line = open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    let mut settings = tcgetattr(&line)?;
    settings.make_raw();
    settings.set_speed(SPEED)?;
    tcsetattr(&line, OptionalActions::Now, &settings)?;
    // What was sent before is no whole request, and has an echo.
    tcflush(&line, QueueSelector::IOFlush)?;
    Ok(line)
}

/// Whether a host is at the other end of a port. While none is, poll(2) returns at once with HUP; an edge-triggered epoll
/// returns only when that changes.
#[derive(Debug)]
pub struct HostWatch {
    changes: OwnedFd,
    away: bool,
}

impl HostWatch {
    pub(super) fn new(port: &OwnedFd) -> Result<Self, Errno> {
        let changes = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let events = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
        epoll::add(&changes, port, epoll::EventData::new_u64(0), events)?;
        Ok(Self { changes, away: false })
    }

    /// Whether there was none when it was last looked.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        self.away
    }

    pub(super) fn watched(&self) -> PollFd<'_> {
        PollFd::new(&self.changes, PollFlags::IN)
    }

    /// Looks again; whether there is a host.
    pub(super) fn look(&mut self) -> bool {
        let mut events = [epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) }];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let seen = epoll::wait(&self.changes, &mut events, Some(&now)).unwrap_or(0);
        // Without news it is as it was.
        if seen > 0 {
            let flags = events[0].flags;
            self.away = flags.contains(epoll::EventFlags::HUP);
        }
        !self.away
    }

    pub(super) const fn went_away(&mut self) {
        self.away = true;
    }
}
