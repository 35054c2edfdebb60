//! Messages on the control queues: virtio 1.2, section 5.3.6.2.

/// Largest number of ports that are handled. The queues of so many fit in 1024, the most that hypervisors give a device.
pub(crate) const MAX_PORTS: u32 = 512;

/// Size of the buffer for one message of the device, which is a header and a name. 32 buffers fill a page.
pub(crate) const MESSAGE_BYTES: usize = 128;

/// Longest name of a port. A message buffer has room for one byte more, so that a longer name that the device has cut to the
/// buffer cannot be mistaken for it.
pub(crate) const MAX_NAME_BYTES: usize = MESSAGE_BYTES - HEADER_BYTES - 1;

const HEADER_BYTES: usize = 8;

const DEVICE_READY: u16 = 0;
const PORT_ADD: u16 = 1;
const PORT_REMOVE: u16 = 2;
const PORT_READY: u16 = 3;
const PORT_OPEN: u16 = 6;
const PORT_NAME: u16 = 7;

/// A message of the device about a port, of the kinds that the driver handles.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Told<'a> {
    /// The port exists.
    Add,
    /// The port was removed.
    Remove,
    /// The host side of the port was opened or closed.
    Open(bool),
    /// The port's name.
    Name(&'a [u8]),
}

/// Parses a message. Returns the port and what the device tells about it, `None` for a short or an unknown message.
pub(crate) fn parse(message: &[u8]) -> Option<(u32, Told<'_>)> {
    let (header, payload) = message.split_first_chunk::<HEADER_BYTES>()?;
    let [i0, i1, i2, i3, e0, e1, v0, v1] = *header;
    let told = match (u16::from_le_bytes([e0, e1]), u16::from_le_bytes([v0, v1])) {
        (PORT_ADD, _) => Told::Add,
        (PORT_REMOVE, _) => Told::Remove,
        (PORT_OPEN, 0) => Told::Open(false),
        (PORT_OPEN, 1) => Told::Open(true),
        // The specification has no NUL at the end, but QEMU sends one.
        (PORT_NAME, _) => Told::Name(payload.split(|&byte| byte == 0).next().unwrap_or(payload)),
        // CONSOLE_PORT, too: the driver opens the named port only, whether it is a console or not.
        _ => return None,
    };
    Some((u32::from_le_bytes([i0, i1, i2, i3]), told))
}

/// Messages that the driver must still send to the device. Each is kept once, however often the device asks for it.
#[derive(Default)]
pub(crate) struct Answers {
    device_ready: bool,
    port_ready: PortSet,
    port_open: Option<u32>,
}

impl Answers {
    /// The first message to a device.
    pub(crate) fn device_ready() -> Self {
        Self { device_ready: true, ..Self::default() }
    }

    /// Adds PORT_READY, upon which the device sends the port's name.
    pub(crate) fn port_ready(&mut self, port: u32) {
        self.port_ready.insert(port);
    }

    /// Adds PORT_OPEN, upon which the device accepts bytes and delivers them.
    pub(crate) fn port_open(&mut self, port: u32) {
        self.port_open = Some(port);
    }

    /// Removes all messages about a port, because the port was removed.
    pub(crate) fn forget(&mut self, port: u32) {
        self.port_ready.remove(port);
        self.port_open = self.port_open.filter(|&open| open != port);
    }

    /// Returns the next message to send. It stays the next one until `sent` is called.
    pub(crate) fn next(&self) -> Option<[u8; HEADER_BYTES]> {
        self.choose().map(|(port, event)| {
            let [i0, i1, i2, i3] = port.to_le_bytes();
            let [e0, e1] = event.to_le_bytes();
            let [v0, v1] = 1u16.to_le_bytes();
            [i0, i1, i2, i3, e0, e1, v0, v1]
        })
    }

    /// Removes the message that `next` has returned. Returns whether it was PORT_OPEN.
    pub(crate) fn sent(&mut self) -> bool {
        match self.choose() {
            Some((_, DEVICE_READY)) => self.device_ready = false,
            Some((port, PORT_READY)) => self.port_ready.remove(port),
            _ => return self.port_open.take().is_some(),
        }
        false
    }

    fn choose(&self) -> Option<(u32, u16)> {
        // DEVICE_READY has no port; the specification says that its number is ignored.
        let device_ready = self.device_ready.then_some((0, DEVICE_READY));
        // PORT_OPEN comes after PORT_READY of the same port, but need not wait for that of others.
        let port_open = self.port_open.filter(|&port| !self.port_ready.contains(port)).map(|port| (port, PORT_OPEN));
        device_ready.or(port_open).or_else(|| self.port_ready.first().map(|port| (port, PORT_READY)))
    }
}

/// A set of ports less than `MAX_PORTS`. Larger ones are never in it.
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
