//! The state of the named port, and the events that report its changes.

/// A change of the named port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The device has a port of this name. Its host side may be closed.
    Found,
    /// A host has opened its side of the port. It knows nothing of what was said to a host before it.
    Opened,
    /// The host has closed its side of the port. Bytes that it sent before can still be received.
    Closed,
    /// The port is gone. This implies `Closed`.
    ///
    /// Bytes that were not received yet are lost if the host has removed the port. They are kept if the driver had to reset the
    /// device, and can be received once the port is found again.
    Removed,
}

/// The state of the port, and the state that the user knows from events. The next event follows from the difference.
///
/// Changes may come faster than the user asks for events. They do not pile up: any number of closings and openings is
/// reported as one `Closed`, then one `Opened`.
#[derive(Default)]
pub(crate) struct Connection {
    port: Option<u32>,
    open: bool,
    reported: Reported,
}

/// What was reported to the user, and whether it was untrue at any time since.
#[derive(Default)]
struct Reported {
    found: bool,
    open: bool,
    removed_since: bool,
    closed_since: bool,
}

impl Connection {
    pub(crate) fn port(&self) -> Option<u32> {
        self.port
    }

    pub(crate) fn is_open(&self) -> bool {
        self.port.is_some() && self.open
    }

    pub(crate) fn found(&mut self, port: u32) {
        self.port = Some(port);
    }

    /// The host side of the port was opened or closed. The port need not be found yet, because its name may come later.
    pub(crate) fn set_open(&mut self, open: bool) {
        self.reported.closed_since |= !open;
        self.open = open;
    }

    pub(crate) fn removed(&mut self) {
        self.port = None;
        self.set_open(false);
        self.reported.removed_since = true;
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        if self.reported.found && self.reported.removed_since {
            self.reported = Reported::default();
            Some(Event::Removed)
        } else if self.reported.open && self.reported.closed_since {
            self.reported.open = false;
            Some(Event::Closed)
        } else if !self.reported.found && self.port.is_some() {
            self.reported = Reported { found: true, ..Reported::default() };
            Some(Event::Found)
        } else if !self.reported.open && self.is_open() {
            self.reported.open = true;
            self.reported.closed_since = false;
            Some(Event::Opened)
        } else {
            None
        }
    }
}
