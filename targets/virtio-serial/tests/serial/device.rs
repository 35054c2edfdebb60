//! A virtio console device with multiple ports: virtio 1.2, section 5.3. It does what the specification says of a
//! device, checks what it says of a driver, and lies where a test asks it to.

use std::collections::{BTreeMap, VecDeque};

use crate::memory;
use crate::queue::{Chain, Queue};

/// The name of the agent's port.
pub const AGENT: &str = "org.qemu.guest_agent.0";

pub const MULTIPORT: u64 = 1 << 1;
pub const VERSION_1: u64 = 1 << 32;
pub const ACCESS_PLATFORM: u64 = 1 << 33;

pub const ACKNOWLEDGE: u32 = 1;
pub const DRIVER: u32 = 2;
pub const DRIVER_OK: u32 = 4;
pub const FEATURES_OK: u32 = 8;
pub const NEEDS_RESET: u32 = 64;

pub const DEVICE_READY: u16 = 0;
pub const PORT_ADD: u16 = 1;
pub const PORT_REMOVE: u16 = 2;
pub const PORT_READY: u16 = 3;
pub const CONSOLE_PORT: u16 = 4;
pub const PORT_OPEN: u16 = 6;
pub const PORT_NAME: u16 = 7;

pub const CONTROL_RECEIVE: u16 = 2;
pub const CONTROL_TRANSMIT: u16 = 3;

pub struct Device {
    /// Speaks the legacy interface: one block of pages for each queue, no VERSION_1, no FEATURES_OK.
    pub legacy: bool,
    pub device_type: u8,
    pub offered: u64,
    pub max_ports: u32,
    pub control_queue_size: u32,
    pub data_queue_size: u32,
    /// The names it tells end in a NUL, as QEMU's do.
    pub name_ends_in_nul: bool,
    /// It says nothing about FEATURES_OK but no.
    pub refuses_features: bool,
    /// Its status never becomes 0 again.
    pub reset_sticks: bool,
    /// It does not read what the driver sends on the control queue.
    pub deaf: bool,
    /// It gives back what it has not taken, and so may never hear what the driver said first.
    pub lies: bool,
    /// What it does when notified waits for `run`.
    pub busy: bool,
    /// It tells the driver not to notify it.
    pub wants_no_notify: bool,
    /// What happens next time the driver looks for an interrupt: between two steps of its own.
    pub meanwhile: Option<fn(&mut Self)>,

    pub status: u32,
    pub accepted: u64,
    pub interrupt: u32,
    pub resets: usize,
    pub notified: usize,
    /// It was notified of a port's buffers when it knew that the port is open.
    pub notified_of_open_port: bool,
    /// Messages for which the driver had left no buffer, and which therefore are lost.
    pub lost_messages: usize,
    /// What the driver said since the last reset: port, event, value.
    pub heard: Vec<(u32, u16, u16)>,
    pub ports: BTreeMap<u32, Port>,
    pub queues: BTreeMap<u16, Queue>,
}

#[derive(Default)]
pub struct Port {
    pub name: Vec<u8>,
    pub console: bool,
    pub host_open: bool,
    pub guest_open: bool,
    /// Bytes of the host for which the driver has left no buffer yet.
    pub to_guest: VecDeque<u8>,
    pub from_guest: Vec<u8>,
    /// The host does not read, so the device keeps the driver's buffers.
    pub throttled: bool,
    /// It forgets them when that host leaves, and never gives them back, as QEMU does.
    pub forgetful: bool,
}

impl Device {
    pub fn modern() -> Self {
        Self {
            legacy: false,
            device_type: 3,
            // With things that a driver need not accept: SIZE, EMERG_WRITE, INDIRECT_DESC, EVENT_IDX.
            offered: MULTIPORT | VERSION_1 | 1 | 1 << 2 | 1 << 28 | 1 << 29,
            max_ports: 31,
            control_queue_size: 32,
            data_queue_size: 128,
            name_ends_in_nul: true,
            refuses_features: false,
            reset_sticks: false,
            deaf: false,
            lies: false,
            busy: false,
            wants_no_notify: false,
            meanwhile: None,
            status: 0,
            accepted: 0,
            interrupt: 0,
            resets: 0,
            notified: 0,
            notified_of_open_port: false,
            lost_messages: 0,
            heard: Vec::new(),
            ports: BTreeMap::new(),
            queues: BTreeMap::new(),
        }
    }

    pub fn legacy() -> Self {
        let modern = Self::modern();
        Self { legacy: true, offered: modern.offered & !VERSION_1, ..modern }
    }

    /// A device with a single port, which has no name.
    pub fn single(self) -> Self {
        Self { offered: self.offered & !MULTIPORT, max_ports: 0, ..self }.with_port(0, "")
    }

    pub fn with_port(mut self, id: u32, name: &str) -> Self {
        self.ports.insert(id, Port { name: name.into(), ..Port::default() });
        self
    }

    /// Forgets all lies: a device of one port, the agent's.
    pub fn tell_the_truth(&mut self, legacy: bool) {
        let truth = if legacy { Self::legacy() } else { Self::modern() };
        *self = Self { status: self.status, queues: std::mem::take(&mut self.queues), ..truth.with_port(1, AGENT) };
    }

    /// The receive queue of the port that the driver uses.
    pub fn port_queue(&self) -> Option<u16> {
        self.queues.keys().copied().find(|&index| index % 2 == 0 && index != CONTROL_RECEIVE)
    }

    pub fn port(&mut self, id: u32) -> &mut Port {
        self.ports.get_mut(&id).expect("the test made this port")
    }

    // What the driver does to the device through its transport.

    pub fn set_status(&mut self, status: u32) {
        if status == 0 {
            self.reset();
            return;
        }
        assert_eq!(self.status & !status & !NEEDS_RESET, 0, "the driver cleared a status bit (2.1.1)");
        let set = status & !self.status;
        if set & FEATURES_OK != 0 {
            assert!(!self.legacy, "legacy devices have no FEATURES_OK (3.1.2)");
            assert_eq!(self.accepted & !self.offered, 0, "features accepted that were not offered (2.2.1)");
            assert!(self.accepted & VERSION_1 != 0, "VERSION_1 must be accepted (6.1)");
            assert_eq!(self.accepted & ACCESS_PLATFORM, self.offered & ACCESS_PLATFORM, "an IOMMU must be known (6.1)");
        }
        if set & DRIVER_OK != 0 {
            let before = if self.legacy { ACKNOWLEDGE | DRIVER } else { ACKNOWLEDGE | DRIVER | FEATURES_OK };
            assert_eq!(self.status, before, "the order of initialisation (3.1.1)");
        }
        self.status = if self.refuses_features { status & !FEATURES_OK } else { status };
        if self.status & DRIVER_OK != 0 {
            // Without the feature nobody says so.
            let single = self.accepted & MULTIPORT == 0;
            self.ports.get_mut(&0).into_iter().for_each(|port| port.guest_open |= single);
            memory::set_in_use(self.queues.values().map(|queue| queue.descriptors).collect());
        }
    }

    fn reset(&mut self) {
        self.status = if self.reset_sticks { self.status } else { 0 };
        if self.status == 0 {
            memory::set_in_use(Vec::new());
        }
        self.accepted = 0;
        self.interrupt = 0;
        self.resets += 1;
        self.queues.clear();
        self.heard.clear();
        self.ports.values_mut().for_each(|port| port.guest_open = false);
    }

    pub fn acknowledge_interrupt(&mut self) -> u32 {
        self.interrupt_status();
        std::mem::take(&mut self.interrupt)
    }

    /// The reasons for its interrupt, which stay until they are acknowledged.
    pub fn interrupt_status(&mut self) -> u32 {
        if let Some(happens) = self.meanwhile.take() {
            happens(self);
        }
        self.interrupt
    }

    pub fn max_queue_size(&self, index: u16) -> u32 {
        let pairs = if self.offered & MULTIPORT != 0 { self.max_ports.min(512) as u16 + 1 } else { 1 };
        match index {
            CONTROL_RECEIVE | CONTROL_TRANSMIT if pairs > 1 => self.control_queue_size,
            index if index / 2 < pairs => self.data_queue_size,
            _ => 0,
        }
    }

    pub fn set_queue(&mut self, index: u16, size: u32, descriptors: u64, available: u64, used: u64) {
        assert_eq!(self.status & DRIVER_OK, 0, "queues are set up before DRIVER_OK (3.1.1)");
        assert!(self.legacy || self.status & FEATURES_OK != 0, "queues are set up after FEATURES_OK (3.1.1)");
        assert!(size <= self.max_queue_size(index), "the queue is longer than the device allows");
        if self.legacy {
            assert!(descriptors.is_multiple_of(4096), "legacy queues begin on a page (2.7.2)");
            assert_eq!(available, descriptors + 16 * u64::from(size), "the legacy layout (2.7.2)");
            assert_eq!(used, (available + 6 + 2 * u64::from(size)).next_multiple_of(4096), "the legacy layout (2.7.2)");
        }
        let mut queue = Queue::new(size as u16, descriptors, available, used);
        queue.set_notify(!self.wants_no_notify);
        assert!(self.queues.insert(index, queue).is_none(), "the queue was set up twice");
    }

    pub fn notify(&mut self, index: u16) {
        assert!(self.status & DRIVER_OK != 0, "no notification before DRIVER_OK (3.1.1)");
        assert!(self.queues.contains_key(&index), "a notification of a queue that does not exist");
        self.notified += 1;
        let opened = |&(port, event, _): &(u32, u16, u16)| event == PORT_OPEN && index == receive_queue(port);
        self.notified_of_open_port |= self.heard.iter().any(opened);
        if !self.busy {
            self.run();
        }
    }

    // What the device does.

    /// Works off everything that waits.
    pub fn run(&mut self) {
        while let Some(message) = self.take(CONTROL_TRANSMIT, self.deaf) {
            self.hear(&message);
        }
        for id in self.ports.keys().copied().collect::<Vec<_>>() {
            self.transmitted(id);
            self.flush_to_guest(id);
        }
    }

    fn hear(&mut self, message: &[u8]) {
        let (header, []) = message.split_first_chunk::<8>().expect("a control message has 8 bytes") else {
            panic!("the driver's control messages have no payload")
        };
        let id = u32::from_le_bytes(*header.first_chunk().unwrap());
        let event = u16::from_le_bytes([header[4], header[5]]);
        let value = u16::from_le_bytes([header[6], header[7]]);
        if self.heard.is_empty() && !self.lies {
            assert_eq!(event, DEVICE_READY, "DEVICE_READY comes first (5.3.5)");
        }
        self.heard.push((id, event, value));
        match (event, self.ports.get_mut(&id)) {
            (DEVICE_READY, _) => {
                for id in self.ports.keys().copied().collect::<Vec<_>>() {
                    self.tell(id, PORT_ADD, 1, b"");
                }
            }
            (PORT_READY, Some(port)) => {
                let (console, open, mut name) = (port.console, port.host_open, port.name.clone());
                if console {
                    self.tell(id, CONSOLE_PORT, 1, b"");
                }
                if !name.is_empty() {
                    name.extend(self.name_ends_in_nul.then_some(0));
                    self.tell(id, PORT_NAME, 1, &name);
                }
                if open {
                    self.tell(id, PORT_OPEN, 1, b"");
                }
            }
            (PORT_OPEN, Some(port)) => {
                assert!(self.queues.contains_key(&receive_queue(id)), "a port was opened that has no queues");
                port.guest_open = value == 1;
            }
            // A port that was removed while the driver spoke of it.
            (PORT_READY | PORT_OPEN, None) => {}
            _ => panic!("the driver sent event {event} for port {id}"),
        }
    }

    fn transmitted(&mut self, id: u32) {
        let held = self.port(id).throttled && self.port(id).host_open;
        while let Some(bytes) = self.take(receive_queue(id) + 1, held) {
            let port = self.port(id);
            if port.host_open {
                port.from_guest.extend(bytes);
            }
        }
    }

    /// Takes what the driver sent on a queue, unless it is held.
    fn take(&mut self, index: u16, held: bool) -> Option<Vec<u8>> {
        let queue = self.queues.get_mut(&index).filter(|_| !held)?;
        let chain = queue.pop()?;
        let bytes = chain.read();
        queue.push(chain.head.into(), 0);
        self.interrupt |= 1;
        Some(bytes)
    }

    fn flush_to_guest(&mut self, id: u32) {
        while self.port(id).guest_open && !self.port(id).to_guest.is_empty() {
            let Some(chain) = self.free_buffer(receive_queue(id)) else { break };
            let to_guest = &mut self.port(id).to_guest;
            let count = chain.room().min(to_guest.len());
            let bytes: Vec<u8> = to_guest.drain(..count).collect();
            self.fill(receive_queue(id), &chain, &bytes, count as u32);
        }
    }

    /// Sends a control message, which is cut to the driver's buffer.
    pub fn tell(&mut self, id: u32, event: u16, value: u16, payload: &[u8]) {
        if self.accepted & MULTIPORT == 0 {
            return;
        }
        self.tell_raw(&message(id, event, value, payload), None);
    }

    /// Sends any bytes as a control message, and claims any length for it.
    pub fn tell_raw(&mut self, bytes: &[u8], claim: Option<u32>) {
        match self.free_buffer(CONTROL_RECEIVE) {
            Some(chain) => self.fill(CONTROL_RECEIVE, &chain, bytes, claim.unwrap_or(bytes.len() as u32)),
            None => self.lost_messages += 1,
        }
    }

    pub fn free_buffer(&mut self, index: u16) -> Option<Chain> {
        self.queues.get_mut(&index)?.pop()
    }

    /// Returns a buffer with these bytes, claiming that it wrote so many.
    pub fn fill(&mut self, index: u16, chain: &Chain, bytes: &[u8], claim: u32) {
        chain.write(bytes.iter().copied());
        self.queues.get_mut(&index).expect("its buffer exists").push(chain.head.into(), claim);
        self.interrupt |= 1;
    }

    // What happens on the host.

    pub fn connect(&mut self, id: u32) {
        self.port(id).host_open = true;
        self.tell(id, PORT_OPEN, 1, b"");
    }

    pub fn disconnect(&mut self, id: u32) {
        if self.port(id).throttled && self.port(id).forgetful {
            self.free_buffer(receive_queue(id) + 1);
        }
        self.port(id).host_open = false;
        self.transmitted(id);
        self.tell(id, PORT_OPEN, 0, b"");
    }

    pub fn write(&mut self, id: u32, bytes: &[u8]) {
        self.port(id).to_guest.extend(bytes);
        self.flush_to_guest(id);
    }

    pub fn read(&mut self, id: u32) -> Vec<u8> {
        std::mem::take(&mut self.port(id).from_guest)
    }

    pub fn throttle(&mut self, id: u32, throttled: bool) {
        self.port(id).throttled = throttled;
        self.transmitted(id);
    }

    pub fn plug(&mut self, id: u32, name: &str) {
        self.ports.insert(id, Port { name: name.into(), ..Port::default() });
        self.tell(id, PORT_ADD, 1, b"");
    }

    pub fn unplug(&mut self, id: u32) {
        self.port(id).host_open = false;
        self.transmitted(id);
        self.ports.remove(&id);
        self.tell(id, PORT_REMOVE, 1, b"");
    }
}

/// A control message (5.3.6.2).
pub fn message(id: u32, event: u16, value: u16, payload: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], &event.to_le_bytes(), &value.to_le_bytes(), payload].concat()
}

/// Where a port's receive queue is (5.3.2).
pub fn receive_queue(id: u32) -> u16 {
    if id == 0 { 0 } else { 2 + 2 * id as u16 }
}
