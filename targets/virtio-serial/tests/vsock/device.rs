//! A socket device: virtio 1.2, section 5.10. It carries packets, and checks what the specification says of a driver.

use std::collections::{BTreeMap, VecDeque};

use crate::memory;
use crate::packet::{HEADER_BYTES, Packet};
use crate::queue::{Chain, Queue};

pub const VERSION_1: u64 = 1 << 32;
pub const FEATURES_OK: u32 = 8;
pub const DRIVER_OK: u32 = 4;
pub const NEEDS_RESET: u32 = 64;

pub const RECEIVE: u16 = 0;
pub const TRANSMIT: u16 = 1;
pub const EVENT: u16 = 2;

pub struct Device {
    pub legacy: bool,
    pub device_type: u8,
    pub offered: u64,
    pub cid: u64,
    pub queue_size: u32,
    pub refuses_features: bool,
    /// Does not take what the driver sends.
    pub busy: bool,
    /// Gives back what it has not taken, so that what the driver says is any bytes.
    pub lies: bool,

    pub status: u32,
    pub accepted: u64,
    pub interrupt: u32,
    pub queues: BTreeMap<u16, Queue>,
    /// Packets for which the driver has left no buffer yet.
    pub to_guest: VecDeque<Vec<u8>>,
    pub from_guest: VecDeque<Packet>,
}

impl Device {
    pub fn new() -> Self {
        Self {
            legacy: false,
            device_type: 19,
            // With SEQPACKET, INDIRECT_DESC and EVENT_IDX, which a driver need not accept.
            offered: VERSION_1 | 1 | 2 | 1 << 28 | 1 << 29,
            cid: 42,
            queue_size: 128,
            refuses_features: false,
            busy: false,
            lies: false,
            status: 0,
            accepted: 0,
            interrupt: 0,
            queues: BTreeMap::new(),
            to_guest: VecDeque::new(),
            from_guest: VecDeque::new(),
        }
    }

    pub fn set_status(&mut self, status: u32) {
        if status == 0 {
            memory::set_in_use(Vec::new());
            (self.status, self.accepted, self.interrupt) = (0, 0, 0);
            self.queues.clear();
            self.to_guest.clear();
            return;
        }
        assert_eq!(self.status & !status & !NEEDS_RESET, 0, "the driver cleared a status bit (2.1.1)");
        if status & !self.status & FEATURES_OK != 0 {
            assert_eq!(self.accepted & !self.offered, 0, "features accepted that were not offered (2.2.1)");
            assert_eq!(self.accepted, VERSION_1 | self.offered & 1, "no feature that changes what is sent");
        }
        self.status = if self.refuses_features { status & !FEATURES_OK } else { status };
        if self.status & DRIVER_OK != 0 {
            memory::set_in_use(self.queues.values().map(|queue| queue.descriptors).collect());
        }
    }

    pub fn set_queue(&mut self, index: u16, size: u32, descriptors: u64, available: u64, used: u64) {
        assert_eq!(self.status & DRIVER_OK, 0, "queues are set up before DRIVER_OK (3.1.1)");
        let queue = Queue::new(size as u16, descriptors, available, used);
        assert!(self.queues.insert(index, queue).is_none(), "the queue was set up twice");
    }

    pub fn notify(&mut self, _index: u16) {
        assert!(self.status & DRIVER_OK != 0, "no notification before DRIVER_OK (3.1.1)");
        self.run();
    }

    /// Takes what the driver has sent, and gives it what waits.
    pub fn run(&mut self) {
        while !self.busy && !self.lies {
            let Some(queue) = self.queues.get_mut(&TRANSMIT) else { break };
            let Some(chain) = queue.pop() else { break };
            self.from_guest.push_back(Packet::parse(&chain.read()));
            // VIRTQ_AVAIL_F_NO_INTERRUPT, 2.7.7
            let is_wanted = u16::from_le_bytes(memory::load(queue.available)) & 1 == 0;
            queue.push(chain.head.into(), 0);
            self.interrupt |= u32::from(is_wanted);
        }
        while let Some(bytes) = self.to_guest.front() {
            let Some(chain) = self.queues.get_mut(&RECEIVE).and_then(Queue::pop) else { break };
            assert!(chain.room() >= HEADER_BYTES, "a buffer has room for a header");
            assert!(chain.room() >= bytes.len() || self.lies, "the test's packets fit");
            let bytes = self.to_guest.pop_front().unwrap();
            self.fill(RECEIVE, &chain, &bytes, bytes.len() as u32);
        }
    }

    /// Returns a buffer with these bytes, claiming that it wrote so many.
    pub fn fill(&mut self, index: u16, chain: &Chain, bytes: &[u8], claim: u32) {
        chain.write(bytes.iter().copied());
        self.queues.get_mut(&index).unwrap().push(chain.head.into(), claim);
        self.interrupt |= 1;
    }

    pub fn send(&mut self, packet: &Packet) {
        self.to_guest.push_back(packet.bytes());
        self.run();
    }

    /// The guest was moved to another host: all connections have ended.
    pub fn move_guest(&mut self, cid: u64) {
        self.cid = cid;
        let chain = self.queues.get_mut(&EVENT).and_then(Queue::pop).unwrap();
        self.fill(EVENT, &chain, &[0; 4], 4);
    }
}
