//! The driver and a device written from the specification, honest or not (virtio 1.2, sections 2.7 and 5.6; SPC-4, SBC-3).

use std::cell::RefCell;
use std::rc::Rc;
use std::vec::Vec;

use virtio_drivers::transport::{DeviceType, InterruptStatus};
use virtio_drivers::{PhysAddr, Result as VirtioResult};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::*;
use crate::exchange::PATIENCE_NS;
use crate::testing::dma::{Host, NOW, PAGES_OUT, clock, field, nap, read, write};

const BLOCKS: usize = 128;
const AT: Address = Address { target: 3, unit: 300 };

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Manner {
    #[default]
    Honest,
    /// Never answers a request.
    Silent,
    /// Answers requests that nobody made.
    WrongId,
    /// Responds with this, whatever was asked.
    Responds(u8),
    /// Ends commands with this status.
    Status(u8),
    /// Ends commands with sense data of this key, in the fixed or the descriptor format.
    Sense(u8, bool),
    /// Has so many bytes less than was asked for.
    Short(u32),
    /// Says that lists and pages are longer than they are.
    Boasts,
    /// Takes no blocks back: it has no such page, its page says so, or it does not know the command.
    Keeps(u8),
}

#[derive(Debug, Default)]
struct State {
    manner: Manner,
    status: u32,
    queues: [([u64; 3], u64, u16); 3],
    configuration: Vec<u8>,
    disk: Vec<u8>,
    /// How many commands meet an attention condition first.
    attentions: u32,
    commands: Vec<u8>,
    kind: u8,
    capacity: [u8; 8],
    is_protected: bool,
    absent: bool,
    /// What it has taken back: first blocks, and how many.
    unmapped: Vec<(u64, u32)>,
}

#[derive(Clone, Debug)]
struct Device(Rc<RefCell<State>>);

fn device() -> Device {
    let mut configuration = std::vec![0; 36];
    configuration[8..12].copy_from_slice(&0xffffu32.to_le_bytes());
    configuration[30..32].copy_from_slice(&5u16.to_le_bytes());
    let disk = (0..BLOCKS * SECTOR).map(|place| (place / 3) as u8).collect();
    let capacity = ((BLOCKS as u64 - 1) << 32 | SECTOR as u64).to_be_bytes();
    Device(Rc::new(RefCell::new(State { configuration, disk, capacity, ..State::default() })))
}

impl State {
    /// The next buffers of a queue: its head, what the device reads, and the places that it writes.
    fn next(&mut self, queue: usize) -> Option<(u16, Vec<u8>, Vec<u64>)> {
        let ([descriptors, available, _], size, seen) = self.queues[queue];
        if size == 0 || seen == read::<u16>(available + 2) {
            return None;
        }
        let head = read::<u16>(available + 4 + u64::from(seen) % size * 2);
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
                return Some((head, inputs, outputs));
            }
            next = read(descriptor + 14);
        }
    }

    fn complete(&mut self, queue: usize, id: u32, written: u32) {
        let ([.., used], size, seen) = &mut self.queues[queue];
        let element = *used + 4 + u64::from(*seen) % *size * 8;
        write(element, id);
        write(element + 4, written);
        *seen = seen.wrapping_add(1);
        write(*used + 2, *seen);
    }

    fn serve(&mut self) {
        while let Some((head, request, outputs)) = self.next(REQUESTS.into()) {
            assert!(request.len() >= HEADER && outputs.len() >= ANSWER);
            let (answer, room) = outputs.split_at(ANSWER);
            let mut header = [0; ANSWER];
            let mut data = Vec::new();
            match self.manner {
                Manner::Responds(response) => header[RESPONSE] = response,
                Manner::Status(status) => header[STATUS] = status,
                _ if self.absent || request[..2] != [1, AT.target] => header[RESPONSE] = BAD_TARGET,
                Manner::Sense(key, is_fixed) => header = sense(key, is_fixed),
                _ if self.attentions > 0 => {
                    self.attentions -= 1;
                    header = sense(UNIT_ATTENTION, true);
                }
                manner => {
                    self.commands.push(request[CDB]);
                    match self.answer(&request) {
                        Some(found) => data = found,
                        None => header = sense(ILLEGAL_REQUEST, true),
                    }
                    let asked = room.len().max(request.len() - HEADER);
                    let had = if room.is_empty() { asked } else { data.len().min(asked) };
                    let less = if let Manner::Short(less) = manner { less } else { 0 };
                    header[RESIDUAL..][..4].copy_from_slice(&((asked - had) as u32).saturating_add(less).to_le_bytes());
                }
            }
            answer.iter().zip(header).for_each(|(&place, byte)| write(place, byte));
            room.iter().zip(data).for_each(|(&place, byte)| write(place, byte));
            // As the kernel's vhost devices: it says nothing of how much it has written.
            self.complete(REQUESTS.into(), if self.manner == Manner::WrongId { 77 } else { head.into() }, 0);
        }
    }

    /// `None`: it does not know that.
    fn answer(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let (cdb, out) = (&request[CDB..HEADER], &request[HEADER..]);
        let boasts = self.manner == Manner::Boasts;
        let is_here = request[2..4] == [0x40 | 1, 300u16 as u8];
        match cdb[0] {
            0xa0 => {
                let mut list = std::vec![0; 8];
                list[3] = 16;
                if boasts {
                    list[..4].fill(0xff);
                }
                list.extend([0x41, 300u16 as u8, 0, 0, 0, 0, 0, 0]);
                // Of two levels, which are left out.
                list.extend([0x80, 1, 2, 3, 0, 0, 0, 0]);
                Some(list)
            }
            0x12 if cdb[1] == 0 => Some(std::vec![if is_here { self.kind } else { 0x7f }; 36]),
            0x12 if cdb[2] == 0x80 => Some([&[0, 0x80, 0, if boasts { 255 } else { 6 }][..], b"serial"].concat()),
            0x12 if cdb[2] == 0xb0 && self.manner != Manner::Keeps(0) => {
                let mut page = std::vec![0; 64];
                (page[1], page[3], page[31]) = (0xb0, 60, 8);
                page[23] = if self.manner == Manner::Keeps(1) { 0 } else { 24 };
                Some(page)
            }
            0x42 if self.manner != Manner::Keeps(2) => {
                assert_eq!((cdb[8], out.len(), &out[..8]), (24, 24, &[0, 22, 0, 16, 0, 0, 0, 0][..]));
                let block = u64::from_be_bytes(out[8..16].try_into().unwrap());
                self.unmapped.push((block, u32::from_be_bytes(out[16..20].try_into().unwrap())));
                Some(Vec::new())
            }
            0x00 => Some(Vec::new()),
            0x25 => Some(self.capacity.into()),
            0x9e => Some([&(1u64 << 33).to_be_bytes()[..], &[0, 0, 2, 0]].concat()),
            0x1a => Some(std::vec![3, 0, if self.is_protected { 0x80 } else { 0 }, 0]),
            0x28 => {
                let (place, length) = extent(cdb);
                Some(self.disk[place..place + length].into())
            }
            0x2a => {
                let (place, length) = extent(cdb);
                assert_eq!(out.len(), length);
                self.disk[place..place + length].copy_from_slice(out);
                Some(Vec::new())
            }
            0x88 | 0x8a => Some(cdb[2..14].into()),
            _ => None,
        }
    }
}

fn extent(cdb: &[u8]) -> (usize, usize) {
    let block = u32::from_be_bytes(cdb[2..6].try_into().unwrap()) as usize;
    let count = u16::from_be_bytes(cdb[7..9].try_into().unwrap()) as usize;
    (block * SECTOR, count * SECTOR)
}

fn sense(key: u8, is_fixed: bool) -> [u8; ANSWER] {
    let mut header = [0; ANSWER];
    header[STATUS] = CHECK_CONDITION;
    (header[SENSE], header[SENSE + 1], header[SENSE + 2]) = if is_fixed { (0x70, 0, key) } else { (0x72, key, 0) };
    header
}

impl Transport for Device {
    fn device_type(&self) -> DeviceType {
        DeviceType::ScsiHost
    }

    fn read_device_features(&mut self) -> u64 {
        HOTPLUG | 1 << 32
    }

    fn write_driver_features(&mut self, features: u64) {
        assert_eq!(features, HOTPLUG | 1 << 32);
    }

    fn max_queue_size(&mut self, _: u16) -> u32 {
        64
    }

    fn notify(&mut self, queue: u16) {
        let mut state = self.0.borrow_mut();
        if queue == REQUESTS && state.manner != Manner::Silent {
            state.serve();
        }
    }

    fn get_status(&self) -> DeviceStatus {
        DeviceStatus::from_bits_retain(self.0.borrow().status)
    }

    fn set_status(&mut self, status: DeviceStatus) {
        let mut state = self.0.borrow_mut();
        state.status = status.bits();
        if status.is_empty() {
            state.queues = Default::default();
        }
    }

    fn set_guest_page_size(&mut self, _: u32) {}

    fn requires_legacy_layout(&self) -> bool {
        false
    }

    fn queue_set(&mut self, queue: u16, size: u32, descriptors: PhysAddr, driver: PhysAddr, device: PhysAddr) {
        self.0.borrow_mut().queues[usize::from(queue)] = ([descriptors, driver, device], size.into(), 0);
    }

    fn queue_unset(&mut self, _: u16) {}

    fn queue_used(&mut self, queue: u16) -> bool {
        self.0.borrow().queues[usize::from(queue)].1 != 0
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

type Driver = VirtioScsi<Host, Device>;

fn driver(device: &Device) -> Driver {
    Driver::new(device.clone(), clock, nap).unwrap()
}

fn found(driver: &mut Driver) -> Vec<Address> {
    let mut all = Vec::new();
    driver.find(&mut |_, address| all.push(address));
    all
}

fn unit(driver: &mut Driver) -> Unit {
    driver.unit(AT).unwrap().unwrap()
}

#[test]
fn a_disk_is_found_read_written_and_flushed() {
    let device = device();
    device.0.borrow_mut().attentions = 2;
    let mut scsi = driver(&device);
    assert_eq!(found(&mut scsi), [AT]);
    device.0.borrow_mut().attentions = 3;
    let mut disk = unit(&mut scsi);
    assert_eq!((disk.sectors(), disk.logical_block(), disk.is_read_only(), disk.is_cd()), (128, 512, false, false));
    assert_eq!(scsi.serial(&disk).unwrap()[..7], *b"serial\0");
    let many: Vec<u8> = (0..MAX_TRANSFER).map(|place| (place / 7) as u8).collect();
    scsi.write(&mut disk, 5, &many).unwrap();
    let mut bytes = std::vec![0; MAX_TRANSFER];
    scsi.read(&mut disk, 5, &mut bytes).unwrap();
    assert_eq!(bytes, many);
    scsi.read(&mut disk, 4, &mut bytes[..SECTOR]).unwrap();
    assert_eq!(bytes[..SECTOR], std::array::from_fn::<_, SECTOR, _>(|place| ((place + 4 * SECTOR) / 3) as u8));
    // A disk without a cache does not know the command.
    scsi.flush(&mut disk).unwrap();
    let Statistics { reads, writes, .. } = *disk.statistics();
    assert_eq!((reads.requests, reads.sectors, writes.requests, writes.sectors), (2, 65, 1, 64));
}

#[test]
fn whole_granules_are_given_back_as_many_at_once_as_the_unit_takes() {
    let device = device();
    let mut scsi = driver(&device);
    let mut disk = unit(&mut scsi);
    assert_eq!(scsi.discard(&mut disk, 3, 60), Ok(Some(48)));
    assert_eq!(device.0.borrow().unmapped, [(8, 24), (32, 24)]);
    assert_eq!(scsi.discard(&mut disk, 9, 6), Ok(Some(0)));
    let discards = disk.statistics().discards;
    assert_eq!((discards.requests, discards.sectors), (2, 48));
    for (sector, count) in [(128, 1), (0, 129), (u64::MAX, 1), (1, u64::MAX)] {
        assert_eq!(scsi.discard(&mut disk, sector, count), Err(Refusal::Beyond), "{sector} {count}");
    }
    for keeps in [0, 1, 2] {
        device.0.borrow_mut().manner = Manner::Keeps(keeps);
        assert_eq!(scsi.discard(&mut disk, 0, 128), Ok(None), "{keeps}");
    }
    device.0.borrow_mut().manner = Manner::Sense(3, true);
    assert_eq!(scsi.discard(&mut disk, 0, 128), Err(Refusal::Sense(3)));

    // Blocks of 4 KiB: eight of them are a granule.
    device.0.borrow_mut().manner = Manner::Honest;
    device.0.borrow_mut().capacity = [0, 0, 0, 31, 0, 0, 16, 0];
    device.0.borrow_mut().unmapped.clear();
    let mut disk = unit(&mut scsi);
    assert_eq!(scsi.discard(&mut disk, 8, 248), Ok(Some(192)));
    assert_eq!(device.0.borrow().unmapped, [(8, 24)]);
}

#[test]
fn nothing_beyond_the_unit_or_in_half_blocks_is_asked_for() {
    let device = device();
    let mut scsi = driver(&device);
    let mut disk = unit(&mut scsi);
    let before = device.0.borrow().commands.len();
    let mut bytes = std::vec![0; MAX_TRANSFER + SECTOR];
    for (sector, length) in [(128, 512), (127, 1024), (u64::MAX, 512), (0, 100), (0, MAX_TRANSFER + SECTOR)] {
        assert_eq!(scsi.read(&mut disk, sector, &mut bytes[..length]), Err(Refusal::Beyond), "{sector} {length}");
        assert_eq!(scsi.write(&mut disk, sector, &bytes[..length]), Err(Refusal::Beyond), "{sector} {length}");
    }
    assert_eq!(device.0.borrow().commands.len(), before);
}

#[test]
fn what_a_unit_is_decides_how_it_is_used() {
    let looked = |adjust: &dyn Fn(&mut State)| {
        let device = device();
        adjust(&mut device.0.borrow_mut());
        driver(&device).unit(AT)
    };
    let cd = looked(&|unit| (unit.kind, unit.capacity) = (CD, [0, 0, 0, 9, 0, 0, 8, 0])).unwrap().unwrap();
    assert_eq!((cd.sectors(), cd.logical_block(), cd.is_read_only(), cd.is_cd()), (40, 2048, true, true));
    assert!(looked(&|unit| unit.is_protected = true).unwrap().unwrap().is_read_only());
    let huge = looked(&|unit| unit.capacity = [0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0]).unwrap().unwrap();
    assert_eq!(huge.sectors(), (1 << 33) + 1);
    assert_eq!(looked(&|unit| unit.kind = 0x7f).unwrap().map(|unit| unit.address()), None);
    assert!(looked(&|unit| unit.kind = 1).is_err_and(|reason| reason.contains("no driver")));
    for block in [0u32, 1, 513, 8192, u32::MAX] {
        let odd = looked(&|unit| unit.capacity[4..].copy_from_slice(&block.to_be_bytes()));
        assert!(odd.is_err_and(|reason| reason.contains("odd size")), "{block}");
    }
}

#[test]
fn blocks_behind_the_first_two_to_the_32_are_asked_for_by_long_commands() {
    let device = device();
    device.0.borrow_mut().capacity = [0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0];
    let mut scsi = driver(&device);
    let mut disk = unit(&mut scsi);
    let mut bytes = [0; SECTOR];
    // The model returns the place that it was asked for, of which the rest is missing.
    assert_eq!(scsi.read(&mut disk, 1 << 32, &mut bytes), Err(Refusal::Device));
    assert_eq!(device.0.borrow().commands.last(), Some(&0x88));
    assert_eq!(scsi.data(12), [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn what_a_unit_says_becomes_an_error_in_words() {
    let device = device();
    let mut scsi = driver(&device);
    let mut disk = unit(&mut scsi);
    let refusals = [
        (Manner::Sense(2, true), "it is not ready, or has no medium"),
        (Manner::Sense(3, false), "the medium is damaged"),
        (Manner::Sense(7, true), "it is write-protected"),
        (Manner::Sense(UNIT_ATTENTION, false), "it has failed"),
        (Manner::Status(BUSY), "it is busy"),
        (Manner::Status(RESERVED), "it is reserved for another machine"),
        (Manner::Status(0x77), "the controller has failed"),
        (Manner::Responds(BAD_TARGET), "it is gone"),
        (Manner::Responds(DEVICE_BUSY), "it is busy"),
        (Manner::Responds(UNANSWERED), "the controller has failed"),
        (Manner::Short(1), "the controller has failed"),
        (Manner::Short(u32::MAX), "the controller has failed"),
    ];
    for (manner, words) in refusals {
        device.0.borrow_mut().manner = manner;
        let refusal = scsi.write(&mut disk, 0, &[0; SECTOR]).unwrap_err();
        assert_eq!(refusal.reason(), words, "{manner:?}");
    }
    device.0.borrow_mut().manner = Manner::Honest;
    scsi.read(&mut disk, 0, &mut [0; BLOCK]).unwrap();
}

#[test]
fn a_device_that_breaks_the_rules_is_reset_and_left_alone() {
    for manner in [Manner::Silent, Manner::WrongId] {
        let device = device();
        let mut scsi = driver(&device);
        let mut disk = unit(&mut scsi);
        let before = NOW.get();
        device.0.borrow_mut().manner = manner;
        assert_eq!(scsi.read(&mut disk, 0, &mut [0; BLOCK]), Err(Refusal::Device));
        assert!(NOW.get() - before < 2 * PATIENCE_NS, "{manner:?}");
        assert_eq!(device.0.borrow().status, 0, "{manner:?}: it was reset");
        let before = NOW.get();
        assert_eq!((found(&mut scsi).len(), scsi.take_changes()), (0, false));
        assert_eq!(NOW.get(), before, "nobody waits for it again");
        device.0.borrow_mut().manner = Manner::Honest;
        scsi.restart().unwrap();
        scsi.read(&mut disk, 0, &mut [0; BLOCK]).unwrap();
    }
}

#[test]
fn lengths_that_are_too_long_are_not_believed() {
    let device = device();
    let mut scsi = driver(&device);
    let disk = unit(&mut scsi);
    device.0.borrow_mut().manner = Manner::Boasts;
    assert_eq!(found(&mut scsi), [AT]);
    assert_eq!(scsi.serial(&disk).unwrap()[..8], *b"serial\0\0");
    device.0.borrow_mut().manner = Manner::Short(u32::MAX);
    assert_eq!(found(&mut scsi), []);
    assert!(scsi.serial(&disk).is_err());
}

#[test]
fn events_say_that_units_came_or_left() {
    let device = device();
    let mut scsi = driver(&device);
    assert!(!scsi.take_changes());
    for _ in 0..20 {
        let (head, _, room) = device.0.borrow_mut().next(EVENTS.into()).expect("a buffer for an event");
        assert_eq!(room.len(), SPARE);
        device.0.borrow_mut().complete(EVENTS.into(), head.into(), u32::MAX);
        assert!(scsi.take_changes());
        assert!(!scsi.take_changes());
    }
    device.0.borrow_mut().next(EVENTS.into()).unwrap();
    device.0.borrow_mut().complete(EVENTS.into(), 4000, 0);
    assert!(scsi.take_changes(), "its units are looked for, and are gone");
    assert_eq!((device.0.borrow().status, found(&mut scsi).len()), (0, 0));
}

#[test]
fn pages_go_back() {
    let before = PAGES_OUT.get();
    let device = device();
    let mut scsi = driver(&device);
    scsi.restart().unwrap();
    drop(scsi);
    assert_eq!((PAGES_OUT.get(), device.0.borrow().status), (before, 0));
}
