//! A device that lies in whatever way the next bytes say, and a driver that is used meanwhile.

use embedded_io::{ReadReady, Write, WriteReady};
use virtio_serial::vsock::Peers as Allowed;

use crate::device::{Device, NEEDS_RESET};
use crate::memory::pages_in_use;
use crate::packet::*;
use crate::peer::{Peers, State};
use crate::queue::Queue;
use crate::wire::{Driver, Host, PORT, WINDOW, read, settle};

/// Lets a device lie as `bytes` say, to their end.
///
/// # Panics
/// When the driver does what it must not.
pub fn lie(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let host = Host::new(Device::new());
    let allowed = if bytes.byte().is_multiple_of(2) { Allowed::Host } else { Allowed::Any };
    let mut memory = vec![0; 4 * WINDOW];
    let mut driver = host.start_in(&mut memory, allowed).unwrap();
    host.device().lies = true;
    while !bytes.0.is_empty() {
        tell_a_lie(&host, &mut bytes);
        use_the_driver(&mut driver, &mut bytes);
        // Fewer, if the device allows fewer buffers.
        let pages = if driver.failure().is_none() { 1..=40 } else { 0..=0 };
        assert!(pages.contains(&pages_in_use()), "{} pages", pages_in_use());
        if driver.failure().is_some() && bytes.byte().is_multiple_of(2) {
            driver.restart();
        }
    }

    // Once the device tells the truth, all is well.
    let mut device = host.device();
    let (queues, status) = (std::mem::take(&mut device.queues), device.status);
    *device = Device { queues, status, ..Device::new() };
    drop(device);
    driver.restart();
    assert_eq!(driver.failure(), None);
    for place in 0..4 {
        read(&mut driver, place);
        driver.stream(place).unwrap().finish();
    }
    let mut peers = Peers::default();
    peers.connect(&host, 5, 100);
    settle(&mut driver);
    peers.listen(&host);
    assert_eq!(peers.of(5).state, State::Open);
    let place = (0..4).find(|&place| driver.stream(place).unwrap().is_open()).unwrap();
    peers.write(&host, 5, b"ping");
    settle(&mut driver);
    assert_eq!(read(&mut driver, place), b"ping");
    assert_eq!(driver.stream(place).unwrap().write(b"pong").unwrap(), 4);
    peers.listen(&host);
    assert_eq!(peers.of(5).received, b"pong");
}

/// What decides, byte by byte; zeros when there is no more.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number below `bound` mostly, and sometimes any.
    fn number(&mut self, bound: u32) -> u32 {
        match self.byte() {
            255 => u32::from_le_bytes([(); 4].map(|()| self.byte())),
            254 => u32::MAX,
            byte => u32::from(byte) % bound,
        }
    }

    fn packet(&mut self) -> Packet {
        let length = self.number(300).min(5000) as usize;
        Packet {
            from: (u64::from(self.number(4)), self.number(6)),
            to: (42 + u64::from(self.byte() == 7), if self.byte() == 7 { 1 } else { PORT }),
            kind: if self.byte() == 7 { 2 } else { STREAM },
            operation: self.number(9) as u16,
            flags: self.number(4),
            window: self.number(200),
            taken: self.number(200),
            data: vec![self.byte(); length],
        }
    }
}

fn tell_a_lie(host: &Host, bytes: &mut Bytes<'_>) {
    let mut device = host.device();
    let queue = u16::from(bytes.byte() % 3);
    match bytes.byte() % 12 {
        // Packets of anybody, true or not, whose length need not be theirs.
        0..=4 => {
            let packet = bytes.packet();
            let claim = if bytes.byte().is_multiple_of(4) { bytes.number(5000) } else { packet.data.len() as u32 };
            device.to_guest.push_back(packet.claiming(claim));
            device.run();
        }
        // Any bytes, of any length.
        5 => {
            let noise: Vec<u8> = (0..bytes.byte()).map(|_| bytes.byte()).collect();
            let claim = bytes.number(5000);
            let chain = device.queues.get_mut(&queue).filter(|_| queue != 1).and_then(Queue::pop);
            if let Some(chain) = chain {
                device.fill(queue, &chain, &noise, claim);
            }
        }
        // It takes what was sent.
        6 | 7 => {
            while let Some(chain) = device.queues.get_mut(&1).and_then(Queue::pop) {
                device.queues.get_mut(&1).unwrap().push(chain.head.into(), 0);
            }
        }
        // Buffers that were not lent, returned twice, or do not exist.
        8 => {
            let (id, length) = (bytes.number(33), bytes.number(600));
            if let Some(queue) = device.queues.get_mut(&queue) {
                queue.lie(id, length);
            }
        }
        9 => {
            let index = bytes.number(0x1_0000) as u16;
            if let Some(queue) = device.queues.get_mut(&queue) {
                queue.lie_about_index(index);
            }
        }
        10 => device.status |= if device.status != 0 && bytes.byte().is_multiple_of(4) { NEEDS_RESET } else { 0 },
        _ => {
            device.interrupt = u32::from(bytes.byte() % 4);
            device.cid = u64::from(bytes.number(50));
            device.queue_size = if bytes.byte() == 1 { 1 << (bytes.byte() % 8) } else { 128 };
        }
    }
}

fn use_the_driver(driver: &mut Driver<'_>, bytes: &mut Bytes<'_>) {
    for _ in 0..bytes.byte() % 5 {
        let place = usize::from(bytes.byte() % 4);
        match bytes.byte() % 6 {
            0 => driver.acknowledge_interrupt(),
            1 => _ = driver.poll(),
            2 => {
                let mut stream = driver.stream(place).unwrap();
                if stream.read_ready() == Ok(true) {
                    read(driver, place);
                }
            }
            3 => {
                let mut stream = driver.stream(place).unwrap();
                // `write` would wait.
                if stream.write_ready() == Ok(true) {
                    let sent = vec![1; 10 * usize::from(bytes.byte())];
                    let _ = stream.write(&sent).map(|count| assert!(count <= sent.len()));
                }
            }
            4 => driver.stream(place).unwrap().finish(),
            _ => driver.stream(place).unwrap().reset(),
        }
    }
}
