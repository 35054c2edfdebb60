//! The messages on the control queues: virtio 1.2, section 5.3.6.2.

/// The most ports that can be told apart: their queues fit the largest device that hypervisors know (1024 queues).
pub(crate) const MAX_PORTS: u32 = 512;

/// A buffer for one message of the device: header and name. So 32 of them fill a page.
pub(crate) const MESSAGE_BYTES: usize = 128;

/// The longest name that a message buffer takes such that a name that was cut cannot be mistaken for it.
pub(crate) const MAX_NAME_BYTES: usize = MESSAGE_BYTES - HEADER_BYTES - 1;

const HEADER_BYTES: usize = 8;

const DEVICE_READY: u16 = 0;
const PORT_ADD: u16 = 1;
const PORT_REMOVE: u16 = 2;
const PORT_READY: u16 = 3;
const PORT_OPEN: u16 = 6;
const PORT_NAME: u16 = 7;

/// What the device tells about a port, as far as this driver cares.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Told<'a> {
    /// The port exists.
    Add,
    /// The port does not exist any more.
    Remove,
    /// The host side of the port was opened or closed.
    Open(bool),
    /// The port's name.
    Name(&'a [u8]),
}

/// Reads a message into the port and what is told about it; `None` for a short or an unknown one.
pub(crate) fn parse(message: &[u8]) -> Option<(u32, Told<'_>)> {
    let (header, payload) = message.split_first_chunk::<HEADER_BYTES>()?;
    let [i0, i1, i2, i3, e0, e1, v0, v1] = *header;
    let told = match (u16::from_le_bytes([e0, e1]), u16::from_le_bytes([v0, v1])) {
        (PORT_ADD, _) => Told::Add,
        (PORT_REMOVE, _) => Told::Remove,
        (PORT_OPEN, 0) => Told::Open(false),
        (PORT_OPEN, 1) => Told::Open(true),
        // By the specification without a NUL; QEMU sends one.
        (PORT_NAME, _) => Told::Name(payload.split(|&byte| byte == 0).next().unwrap_or(payload)),
        // CONSOLE_PORT among them: only a port that is used gets opened, whether a console or not.
        _ => return None,
    };
    Some((u32::from_le_bytes([i0, i1, i2, i3]), told))
}

/// What is still to be told to the device. However often a device asks for the same answer, it is kept once.
#[derive(Default)]
pub(crate) struct Answers {
    device_ready: bool,
    port_ready: PortSet,
    port_open: Option<u32>,
}

impl Answers {
    /// What a device is told first.
    pub(crate) fn device_ready() -> Self {
        Self { device_ready: true, ..Self::default() }
    }

    /// The port is ready to be used, which also asks the device for its name.
    pub(crate) fn port_ready(&mut self, port: u32) {
        self.port_ready.insert(port);
    }

    /// The guest has opened the port.
    pub(crate) fn port_open(&mut self, port: u32) {
        self.port_open = Some(port);
    }

    /// The port has gone: nothing is to be told about it.
    pub(crate) fn forget(&mut self, port: u32) {
        self.port_ready.remove(port);
        self.port_open = self.port_open.filter(|&open| open != port);
    }

    /// The next message to send, as it lies in memory. It stays the next one until `sent`.
    pub(crate) fn next(&self) -> Option<[u8; HEADER_BYTES]> {
        self.choose().map(|(port, event)| {
            let [i0, i1, i2, i3] = port.to_le_bytes();
            let [e0, e1] = event.to_le_bytes();
            let [v0, v1] = 1u16.to_le_bytes();
            [i0, i1, i2, i3, e0, e1, v0, v1]
        })
    }

    /// The message of `next` is on its way; says whether it was that the port is open.
    pub(crate) fn sent(&mut self) -> bool {
        match self.choose() {
            Some((_, DEVICE_READY)) => self.device_ready = false,
            Some((port, PORT_READY)) => self.port_ready.remove(port),
            _ => return self.port_open.take().is_some(),
        }
        false
    }

    fn choose(&self) -> Option<(u32, u16)> {
        // The number of the port is unused in DEVICE_READY.
        let device_ready = self.device_ready.then_some((0, DEVICE_READY));
        // A port is ready before it is open, but need not wait for other ports.
        let port_open = self.port_open.filter(|&port| !self.port_ready.contains(port)).map(|port| (port, PORT_OPEN));
        device_ready.or(port_open).or_else(|| self.port_ready.first().map(|port| (port, PORT_READY)))
    }
}

/// A set of ports below `MAX_PORTS`; others are never in it.
#[derive(Default)]
struct PortSet([u64; (MAX_PORTS / u64::BITS) as usize]);

impl PortSet {
    fn insert(&mut self, port: u32) {
        if let Some(word) = self.0.get_mut(Self::word(port)) {
            *word |= Self::bit(port);
        }
    }

    fn remove(&mut self, port: u32) {
        if let Some(word) = self.0.get_mut(Self::word(port)) {
            *word &= !Self::bit(port);
        }
    }

    fn contains(&self, port: u32) -> bool {
        self.0.get(Self::word(port)).is_some_and(|word| word & Self::bit(port) != 0)
    }

    fn first(&self) -> Option<u32> {
        let (word, ports) = (0..).zip(self.0).find(|&(_, ports)| ports != 0)?;
        Some(word * u64::BITS + ports.trailing_zeros())
    }

    fn word(port: u32) -> usize {
        (port / u64::BITS) as usize
    }

    fn bit(port: u32) -> u64 {
        1 << (port % u64::BITS)
    }
}
