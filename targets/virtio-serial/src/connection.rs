//! What is known about the named port, and what of it has been reported to the user.

/// What happened to the named port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The device has a port of the wanted name. Nobody may be listening at its other end yet.
    Found,
    /// The host side was opened: what was being talked about before is over.
    Opened,
    /// The host side was closed. What it sent before may still be received.
    Closed,
    /// The port is gone, and with it what was not received yet, unless it was the driver that had to reset the device: then that
    /// can be received when the port is found again. It also counts as closed.
    Removed,
}

/// The state of the port, and which events still stand between it and the state that the user knows.
///
/// Changes may come faster than the user asks for events. They do not pile up: any number of closings and openings is
/// one `Closed`, then one `Opened`.
#[derive(Default)]
pub(crate) struct Connection {
    port: Option<u32>,
    open: bool,
    reported: Reported,
}

/// What was reported to the user, and whether that has been untrue since, however shortly.
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

    /// The host side of the port that is found, or about to be (the name may come later), was opened or closed.
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
