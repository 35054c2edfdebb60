//! A device that lies in whatever way the next bytes say, and a driver that is used meanwhile. Whatever happens, what must
//! hold of the driver is checked here; and once the device tells the truth again, so does everything.

use embedded_io::{ReadReady, WriteReady};
use virtio_serial::{Event, MAX_UNREAD};

use crate::bench::{Host, Serial, connected};
use crate::device::*;
use crate::memory::{load, pages_in_use, store};

/// All that the driver sends. No device sends it, nor does memory hold it at first.
const SENT: u8 = b'x';
/// What the device writes as data begins here, so that it is not taken for anything else in memory.
const DATA: u8 = 0x80;

/// Lets a device lie as `bytes` say, to their end.
///
/// # Panics
/// When the driver does what it must not.
pub fn lie(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let device = if bytes.flag() { Device::legacy() } else { Device::modern() };
    let legacy = device.legacy;
    let (host, mut serial) = connected(device.with_port(2, "com.example.other"), 1);
    let single = bytes.flag();
    if single {
        // It has the same port, and may have a single one when it is reset.
        drop(serial);
        serial = host.start_single().unwrap();
    }
    host.device().lies = true;
    while !bytes.0.is_empty() {
        tell_a_lie(&host, &mut serial, &mut bytes);
        use_the_driver(&mut serial, &mut bytes);
        check(&host, &mut serial, single);
        if serial.failure().is_some() && bytes.flag() {
            serial.restart();
        }
    }

    host.device().tell_the_truth(legacy);
    serial.restart();
    assert_eq!(serial.failure(), None);
    let events = host.settle(&mut serial);
    assert!(events.ends_with(&[Event::Found]), "{events:?}");
    host.device().connect(1);
    assert_eq!(host.settle(&mut serial), [Event::Opened]);
    host.device().write(1, b"ping");
    let mut buffer = [0; 8];
    assert_eq!(serial.receive(&mut buffer), 4);
    assert_eq!(&buffer[..4], b"ping");
    assert_eq!(serial.send(b"pong"), 4);
    assert_eq!(host.device().read(1), b"pong");
}

/// What decides, byte by byte; zeros when there is no more.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    fn flag(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes([(); 4].map(|()| self.byte()))
    }

    /// A number that is mostly one that means something, below `bound`, and sometimes any.
    fn number(&mut self, bound: u32) -> u32 {
        match self.byte() {
            255 => self.word(),
            254 => u32::MAX,
            byte => u32::from(byte) % bound,
        }
    }

    /// What can be said about a port.
    fn payload(&mut self) -> Vec<u8> {
        let agent = AGENT.as_bytes();
        let length = usize::from(self.byte());
        match self.byte() % 6 {
            0 => Vec::new(),
            1 => agent.to_vec(),
            2 => [agent, &[0]].concat(),
            3 => [agent, &vec![0; length]].concat(),
            4 => [agent, &vec![b'!'; length]].concat(),
            _ => vec![b'n'; length],
        }
    }
}

fn tell_a_lie(host: &Host, serial: &mut Serial, bytes: &mut Bytes<'_>) {
    let mut device = host.device();
    let queues: Vec<u16> = device.queues.keys().copied().collect();
    let queue = queues.get(usize::from(bytes.byte()) % queues.len().max(1)).copied();
    let id = 1 + u32::from(bytes.byte() % 2);
    match bytes.byte() % 19 {
        // Messages at any moment, about any port, of any length, true or not.
        0 | 1 => {
            let (port, event, value) = (bytes.number(33), bytes.number(10) as u16, bytes.number(3) as u16);
            let message = message(port, event, value, &bytes.payload());
            let length = if bytes.flag() { message.len() } else { usize::from(bytes.byte()).min(message.len()) };
            let claim = bytes.flag().then(|| bytes.number(300));
            device.tell_raw(&message[..length], claim);
        }
        2 => {
            let noise: Vec<u8> = (0..bytes.byte()).map(|_| bytes.byte()).collect();
            device.tell_raw(&noise, bytes.flag().then(|| bytes.word()));
        }
        // Buffers that were not lent, returned twice, or do not exist; lengths of anything.
        3 | 4 => {
            if let Some(queue) = queue.and_then(|queue| device.queues.get_mut(&queue)) {
                queue.lie(bytes.number(33), bytes.number(600));
            }
        }
        5 => {
            if let Some(queue) = queue.and_then(|queue| device.queues.get_mut(&queue)) {
                queue.lie_about_index(bytes.number(0x1_0000) as u16);
            }
        }
        6 | 7 => {
            let queue = device.port_queue().unwrap_or_default();
            if let Some(chain) = device.free_buffer(queue) {
                let written = vec![DATA | bytes.byte(); usize::from(bytes.byte()).min(chain.room())];
                device.fill(queue, &chain, &written, bytes.number(700));
            }
        }
        8 => {
            if device.ports.contains_key(&id) {
                let written = vec![DATA | bytes.byte(); 8 * usize::from(bytes.byte())];
                device.write(id, &written);
            }
        }
        // Ports that come and go, and their hosts.
        9 => device.plug(id, if bytes.flag() { AGENT } else { "com.example.new" }),
        10 => {
            if device.ports.contains_key(&id) {
                device.unplug(id);
            }
        }
        11 | 12 => {
            if device.ports.contains_key(&id) {
                device.port(id).forgetful = bytes.flag();
                if bytes.flag() { device.connect(id) } else { device.disconnect(id) }
            }
        }
        13 => {
            if device.ports.contains_key(&id) {
                device.throttle(id, bytes.flag());
            }
        }
        // Interrupts for nothing, none for something, an error.
        14 => device.interrupt = u32::from(bytes.byte() % 4),
        15 => device.status |= if device.status != 0 { NEEDS_RESET } else { 0 },
        // It does what it was told at a later moment, or never.
        16 => {
            (device.busy, device.deaf, device.wants_no_notify) = (bytes.flag(), bytes.flag(), bytes.flag());
            device.run();
        }
        // What it is changes.
        17 => {
            device.max_ports = bytes.number(40);
            device.control_queue_size = if bytes.flag() { 32 } else { bytes.number(64) };
            device.data_queue_size = if bytes.flag() { 32 } else { bytes.number(64) };
            device.refuses_features = bytes.byte() == 1;
            device.offered ^= if bytes.byte() == 1 { MULTIPORT } else { 0 };
        }
        _ => {
            let busy = std::mem::replace(&mut device.busy, true);
            let descriptor = queue.and_then(|queue| device.queues.get(&queue)).map(|queue| queue.descriptors);
            drop(device);
            scribble(descriptor, host, serial, bytes);
            host.device().busy = busy;
        }
    }
}

/// Changes a descriptor while the driver is used. It is put right before the device looks at it: what that makes of lies of
/// its own is not in question.
fn scribble(descriptors: Option<u64>, host: &Host, serial: &mut Serial, bytes: &mut Bytes<'_>) {
    let Some(place) = descriptors.map(|descriptors| descriptors + 16 * u64::from(bytes.byte() % 32)) else { return };
    let (address, length): ([u8; 8], [u8; 4]) = (load(place), load(place + 8));
    let flags_and_next: [u8; 4] = load(place + 12);
    let lie = bytes.word().to_le_bytes();
    (0..4).for_each(|word| store(place + 4 * word, lie));
    let resets = host.device().resets;
    use_the_driver(serial, bytes);
    // After a reset the memory is no longer the device's.
    if host.device().resets == resets {
        store(place, address);
        store(place + 12, flags_and_next);
        if load(place + 8) == lie {
            store(place + 8, length);
        }
    }
}

fn use_the_driver(serial: &mut Serial, bytes: &mut Bytes<'_>) {
    for _ in 0..bytes.byte() % 4 {
        match bytes.byte() % 6 {
            0..=2 => _ = serial.poll(),
            3 => {
                let mut buffer = vec![SENT; 4 * usize::from(bytes.byte())];
                let count = serial.receive(&mut buffer);
                let given = &buffer[..count];
                assert!(given.iter().all(|&byte| byte == 0 || byte >= DATA), "no device wrote {given:02x?}");
                assert!(buffer[count..].iter().all(|&byte| byte == SENT), "more was written than was said");
            }
            4 => {
                let sent = vec![SENT; 32 * usize::from(bytes.byte())];
                assert!(serial.send(&sent) <= sent.len());
            }
            _ => {
                let _ = (serial.read_ready(), serial.write_ready());
            }
        }
    }
}

fn check(host: &Host, serial: &mut Serial, single: bool) {
    assert!(serial.unread() <= MAX_UNREAD);
    assert!(serial.port().is_some() || !serial.is_open());
    match serial.failure() {
        Some(_) => assert_eq!((pages_in_use(), serial.port()), (0, None)),
        None => {
            let pages: &[usize] = if single { &[6, 9, 12, 15] } else { &[12, 15] };
            assert!(pages.contains(&pages_in_use()), "{} pages", pages_in_use());
        }
    }
    for port in host.device().ports.values_mut() {
        let sent = std::mem::take(&mut port.from_guest);
        assert!(sent.iter().all(|&byte| byte == SENT), "the driver sent {sent:02x?}");
    }
}
