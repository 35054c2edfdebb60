//! The driver and a device written from the specification, honest or not (virtio 1.2, sections 2.7 and 5.2).

use std::boxed::Box;
use std::cell::RefCell;
use std::rc::Rc;
use std::vec::Vec;

use virtio_drivers::transport::{DeviceType, InterruptStatus};
use virtio_drivers::{PhysAddr, Result as VirtioResult};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::*;
use crate::testing::dma::{AT_NAPS, Host, NAPS, NOW, PAGES_OUT, clock, field, fine_clock, nap, read, write};

const VERSION_1: u64 = 1 << 32;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Manner {
    #[default]
    Honest,
    /// Never answers a request.
    Silent,
    /// Answers requests that nobody made.
    WrongId,
    /// Fails with this status.
    Status(u8),
    /// Answers at once, and all at the same time.
    Repeating,
}

#[derive(Debug, Default)]
struct State {
    manner: Manner,
    status: u32,
    features: u64,
    never_resets: bool,
    queue: [u64; 3],
    legacy: bool,
    /// The largest queue that the device has, and the one that the driver chose.
    largest: u32,
    size: u64,
    seen: u16,
    configuration: Vec<u8>,
    disk: Vec<u8>,
    flushes: u32,
    discarded: Vec<(u64, u32)>,
}

#[derive(Clone, Debug)]
struct Device(Rc<RefCell<State>>);

fn device(sectors: usize) -> Device {
    let mut configuration = std::vec![0; 60];
    configuration[..8].copy_from_slice(&(sectors as u64).to_le_bytes());
    configuration[20..24].copy_from_slice(&512u32.to_le_bytes());
    configuration[36..40].copy_from_slice(&16u32.to_le_bytes());
    configuration[44..48].copy_from_slice(&8u32.to_le_bytes());
    let disk = (0..sectors * SECTOR).map(|place| (place / 3) as u8).collect();
    let features = FLUSH | DISCARD | BLOCK_SIZE | VERSION_1;
    Device(Rc::new(RefCell::new(State { features, configuration, disk, largest: 256, ..State::default() })))
}

impl State {
    fn serve(&mut self) {
        let [descriptors, available, used] = self.queue;
        while self.seen != read::<u16>(available + 2) {
            let head = read::<u16>(available + 4 + u64::from(self.seen) % self.size * 2);
            let (mut inputs, mut outputs, mut next) = (Vec::new(), Vec::new(), head);
            loop {
                let descriptor = descriptors + u64::from(next) * 16;
                let (address, length, flags): (u64, u32, u16) =
                    (read(descriptor), read(descriptor + 8), read(descriptor + 12));
                match flags & 2 {
                    0 => inputs.extend((0..u64::from(length)).map(|place| read::<u8>(address + place))),
                    _ => outputs.extend((0..u64::from(length)).map(|place| address + place)),
                }
                if flags & 1 == 0 {
                    break;
                }
                next = read(descriptor + 14);
            }
            let status = outputs.pop().expect("a status");
            let answer = self.answer(&inputs, &outputs);
            write(status, if let Manner::Status(status) = self.manner { status } else { answer });
            let id = if self.manner == Manner::WrongId { 77 } else { u32::from(head) };
            let element = used + 4 + u64::from(self.seen) % self.size * 8;
            write(element, id);
            write(element + 4, u32::MAX);
            self.seen = self.seen.wrapping_add(1);
            let ahead = if self.manner == Manner::Repeating { 40_000 } else { 0 };
            write(used + 2, self.seen.wrapping_add(ahead));
        }
    }

    fn answer(&mut self, request: &[u8], room: &[u64]) -> u8 {
        let sector = u64::from_le_bytes(request[8..16].try_into().unwrap());
        let place = sector as usize * SECTOR;
        match request[0] {
            0 => room.iter().zip(&self.disk[place..]).for_each(|(&address, &byte)| write(address, byte)),
            1 => self.disk[place..place + request.len() - 16].copy_from_slice(&request[16..]),
            4 => self.flushes += 1,
            8 => room.iter().zip(b"serial\0").for_each(|(&address, &byte)| write(address, byte)),
            11 => {
                let first = u64::from_le_bytes(request[16..24].try_into().unwrap());
                self.discarded.push((first, u32::from_le_bytes(request[24..28].try_into().unwrap())));
            }
            _ => return 2,
        }
        0
    }
}

impl Transport for Device {
    fn device_type(&self) -> DeviceType {
        DeviceType::Block
    }

    fn read_device_features(&mut self) -> u64 {
        self.0.borrow().features
    }

    fn write_driver_features(&mut self, features: u64) {
        assert_eq!(features & !self.0.borrow().features, 0, "nothing that was not offered");
    }

    fn max_queue_size(&mut self, _: u16) -> u32 {
        self.0.borrow().largest
    }

    fn notify(&mut self, _: u16) {
        let mut state = self.0.borrow_mut();
        if state.manner != Manner::Silent {
            state.serve();
        }
    }

    fn get_status(&self) -> DeviceStatus {
        DeviceStatus::from_bits_retain(self.0.borrow().status)
    }

    fn set_status(&mut self, status: DeviceStatus) {
        let mut state = self.0.borrow_mut();
        if !status.is_empty() || !state.never_resets {
            state.status = status.bits();
        }
        if status.is_empty() {
            (state.queue, state.seen) = ([0; 3], 0);
        }
    }

    fn set_guest_page_size(&mut self, _: u32) {}

    fn requires_legacy_layout(&self) -> bool {
        self.0.borrow().legacy
    }

    fn queue_set(&mut self, _: u16, size: u32, descriptors: PhysAddr, driver: PhysAddr, device: PhysAddr) {
        let mut state = self.0.borrow_mut();
        state.queue = [descriptors, driver, device];
        if state.legacy {
            // Such a device knows only where the descriptors are, and its own size (2.7.2).
            let available = descriptors + u64::from(state.largest) * 16;
            let used = (available + 6 + u64::from(state.largest) * 2).next_multiple_of(4096);
            assert_eq!(state.queue, [descriptors, available, used]);
        }
        state.size = if state.legacy { state.largest.into() } else { size.into() };
    }

    fn queue_unset(&mut self, _: u16) {}

    fn queue_used(&mut self, _: u16) -> bool {
        self.0.borrow().queue != [0; 3]
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        InterruptStatus::empty()
    }

    fn read_config_generation(&self) -> u32 {
        0
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> VirtioResult<T> {
        field(&self.0.borrow().configuration, offset)
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, _: usize, _: T) -> VirtioResult<()> {
        unreachable!("there is nothing to configure")
    }
}

type Driver = VirtioBlk<Host, Device>;

fn driver(device: &Device) -> Driver {
    Driver::new(device.clone(), clock, nap).unwrap()
}

#[test]
fn an_honest_device_is_read_written_flushed_and_trimmed() {
    let device = device(64);
    let mut disk = driver(&device);
    assert_eq!((disk.sectors(), disk.is_read_only()), (64, false));
    let mut block = [0; BLOCK];
    for round in 0..20u8 {
        disk.write(8, &[round; BLOCK]).unwrap();
        disk.read(8, &mut block).unwrap();
        assert_eq!(block, [round; BLOCK]);
    }
    let many: Vec<u8> = (0..MAX_TRANSFER).map(|place| (place / 7) as u8).collect();
    disk.write(0, &many).unwrap();
    let mut read = std::vec![0; MAX_TRANSFER];
    disk.read(0, &mut read).unwrap();
    assert_eq!(read, many);
    assert_eq!(disk.read(0, &mut [0; MAX_TRANSFER + SECTOR]), Err(Error::Io));
    disk.flush().unwrap();
    assert_eq!(device.0.borrow().flushes, 1);
    assert_eq!(disk.serial().unwrap()[..8], *b"serial\0\0");
    // Only whole units of 8, at most 16 at a time.
    assert_eq!(disk.discard(3, 50), Ok(40));
    assert_eq!(device.0.borrow().discarded, [(8, 16), (24, 16), (40, 8)]);
    assert_eq!(disk.discard(9, 6), Ok(0));
    let Statistics { reads, writes, flushes, discards } = *disk.statistics();
    assert_eq!((reads.requests, reads.sectors, writes.requests, writes.sectors), (21, 224, 21, 224));
    assert_eq!((flushes.requests, discards.requests, discards.sectors), (1, 3, 40));
    assert!(reads.ns >= 20_000_000_000);
}

#[test]
fn a_queue_has_the_size_that_its_device_says() {
    for (legacy, largest, chosen) in
        [(false, 1024, 4), (false, 4, 4), (false, 3, 2), (true, 4, 4), (true, 128, 128), (true, 1024, 1024)]
    {
        let device = device(64);
        (device.0.borrow_mut().legacy, device.0.borrow_mut().largest) = (legacy, largest);
        let driver = Driver::new(device.clone(), clock, nap);
        if chosen < CHAIN as u64 {
            assert_eq!(driver.err(), Some(Unusable::Queue), "{largest}");
            continue;
        }
        let mut disk = driver.unwrap();
        assert_eq!(device.0.borrow().size, chosen, "{legacy} {largest}");
        // More than a ring has places.
        for round in 0..1200u32 {
            disk.write(8, &round.to_le_bytes().repeat(128)).unwrap();
        }
        let mut read = [0; SECTOR];
        disk.read(8, &mut read).unwrap();
        assert_eq!(read[..4], 1199u32.to_le_bytes());
    }
}

#[test]
fn nothing_beyond_the_disk_is_asked_for() {
    let mut disk = driver(&device(64));
    let mut block = [0; BLOCK];
    assert_eq!(disk.read(64, &mut block), Err(Error::Io));
    assert_eq!(disk.read(57, &mut block), Err(Error::Io));
    assert_eq!(disk.write(u64::MAX, &block), Err(Error::Io));
    assert_eq!(disk.discard(60, 8), Err(Error::Io));
    assert_eq!(disk.statistics().reads.requests, 0);
}

#[test]
fn a_status_becomes_an_error_and_the_disk_stays() {
    let device = device(64);
    let mut disk = driver(&device);
    for status in [1, 2, 3, 0xff] {
        device.0.borrow_mut().manner = Manner::Status(status);
        assert_eq!(disk.read(0, &mut [0; BLOCK]), Err(Error::Io), "{status}");
        let discarded = disk.discard(0, 8).unwrap_err();
        assert_eq!(discarded, if status == 2 { Error::Unsupported } else { Error::Io });
    }
    device.0.borrow_mut().manner = Manner::Honest;
    disk.read(0, &mut [0; BLOCK]).unwrap();
}

#[test]
fn a_device_that_breaks_the_rules_is_reset_and_left_alone() {
    for manner in [Manner::Silent, Manner::WrongId] {
        let device = device(64);
        let mut disk = driver(&device);
        let before = NOW.get();
        device.0.borrow_mut().manner = manner;
        assert_eq!(disk.read(0, &mut [0; BLOCK]), Err(Error::Io));
        assert!(NOW.get() - before < 2 * PATIENCE_NS, "{manner:?}");
        assert_eq!(device.0.borrow().status, 0, "{manner:?}: it was reset");
        device.0.borrow_mut().manner = Manner::Honest;
        let before = NOW.get();
        assert_eq!(disk.write(0, &[0; BLOCK]), Err(Error::Io));
        assert_eq!((disk.flush(), disk.serial()), (Err(Error::Io), Err(Error::Io)));
        assert_eq!(NOW.get(), before, "nobody waits for it again");
    }
    // One that claims more than was asked is believed no more than that.
    let device = device(64);
    let mut disk = driver(&device);
    device.0.borrow_mut().manner = Manner::Repeating;
    for _ in 0..10 {
        let _ = disk.read(0, &mut [0; BLOCK]);
    }
}

#[test]
fn what_cannot_be_used_is_not() {
    let unusable = |adjust: &dyn Fn(&mut State)| {
        let device = device(64);
        adjust(&mut device.0.borrow_mut());
        Driver::new(device, clock, nap).err()
    };
    assert_eq!(unusable(&|device| device.features &= !VERSION_1), Some(Unusable::Features));
    assert_eq!(unusable(&|device| device.configuration[21] = 3), Some(Unusable::OddBlocks));
    assert_eq!(unusable(&|device| device.configuration[20..24].fill(0xff)), Some(Unusable::OddBlocks));
    let stuck = |device: &mut State| (device.never_resets, device.status) = (true, 4);
    assert_eq!(unusable(&stuck), Some(Unusable::NoReset));
}

#[test]
fn a_device_without_flushes_or_discards_is_not_asked_for_them() {
    let device = device(64);
    device.0.borrow_mut().features = VERSION_1 | READ_ONLY;
    let mut disk = driver(&device);
    assert_eq!((disk.flush(), disk.discard(0, 8)), (Ok(()), Err(Error::Unsupported)));
    assert!(disk.is_read_only() && device.0.borrow().flushes == 0);
}

#[test]
fn pages_go_back_unless_the_device_may_write_to_them() {
    let before = PAGES_OUT.get();
    drop(driver(&device(64)));
    assert_eq!(PAGES_OUT.get(), before);
    let device = device(64);
    let disk = driver(&device);
    device.0.borrow_mut().never_resets = true;
    drop(disk);
    assert!(PAGES_OUT.get() > before);
}

#[test]
fn a_device_that_was_reset_without_the_driver_is_restarted() {
    let before = PAGES_OUT.get();
    let device = device(64);
    let mut disk = driver(&device);
    disk.write(0, &[7; BLOCK]).unwrap();
    disk.stop();
    assert_eq!((disk.flush(), device.0.borrow().status), (Err(Error::Io), 0));
    // The machine sleeps and wakes: nothing is left of what the device was told.
    device.clone().set_status(DeviceStatus::empty());
    disk.restart().unwrap();
    let mut block = [0; BLOCK];
    disk.read(0, &mut block).unwrap();
    assert_eq!(block, [7; BLOCK]);
    device.0.borrow_mut().features = 0;
    assert_eq!(disk.restart(), Err(Unusable::Features));
    assert_eq!(disk.read(0, &mut block), Err(Error::Io));
    drop(disk);
    assert_eq!(PAGES_OUT.get(), before);
}

/// A driver of a device that answers during the nap of a number, and whether the device may interrupt during each nap. `end_early` says
/// which naps something else ends.
fn read_slowly(answered_at: usize, end_early: fn(usize) -> bool) -> Vec<(u64, bool)> {
    let device = device(64);
    device.0.borrow_mut().manner = Manner::Silent;
    let mut disk = Driver::new(device.clone(), fine_clock, nap).unwrap();
    let (slow, mut nap) = (device.clone(), 0);
    NAPS.take();
    AT_NAPS.set(Some(Box::new(move || {
        nap += 1;
        let mut state = slow.0.borrow_mut();
        assert_eq!(read::<u16>(state.queue[1]), 0, "the device may interrupt");
        if nap == answered_at {
            state.serve();
        }
        nap == answered_at || end_early(nap)
    })));
    let mut bytes = [0; SECTOR];
    disk.read(8, &mut bytes).unwrap();
    assert_eq!(bytes, device.0.borrow().disk[8 * SECTOR..][..SECTOR]);
    assert_eq!(read::<u16>(device.0.borrow().queue[1]), 1, "it need not interrupt any more");
    AT_NAPS.take();
    NAPS.take()
}

#[test]
fn a_slow_request_is_slept_through_until_the_device_interrupts() {
    let naps = read_slowly(10, |_| false);
    assert_eq!(naps.len(), 10);
    assert!(naps.iter().all(|(_, deaf)| !deaf), "{naps:?}");
    // Each is as long as all before it: a device that does not interrupt is waited for twice as long as it takes, at most.
    assert!(naps.windows(2).all(|pair| pair[1].0 >= 2 * pair[0].0), "{naps:?}");
}

#[test]
fn a_device_that_nobody_asks_ends_one_nap() {
    let naps = read_slowly(10, |nap| nap == 3);
    let deaf: Vec<_> = naps.iter().map(|(_, deaf)| *deaf).collect();
    assert_eq!(deaf, [false, false, false, true, true, true, true, true, true, true]);
    // As nothing but time ends them now, they are short.
    assert!(naps[3..].iter().all(|(ns, _)| (10_000..1_000_000).contains(ns)), "{naps:?}");
}

#[test]
fn a_quick_request_needs_no_nap() {
    let mut disk = Driver::new(device(64), fine_clock, nap).unwrap();
    NAPS.take();
    disk.read(8, &mut [0; SECTOR]).unwrap();
    assert_eq!(NAPS.take(), []);
}
