//! Volumes on partitions.

use crc::{CRC_32_ISO_HDLC, Crc};

use super::*;

const EXTENDED: u8 = 0x0f;
const SYSTEM: [u8; 16] = *b"\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b";
const DATA: [u8; 16] = [0xa2; 16];

impl Memory {
    /// A disk of so many sectors, with a volume from sector `start` on.
    fn with_volume_at(start: usize, sectors: usize) -> Self {
        let inner = Self::filled();
        let mut disk = Self { bytes: std::vec![0; sectors * SECTOR], ..Self::default() };
        disk.bytes[start * SECTOR..][..inner.bytes.len()].copy_from_slice(&inner.bytes);
        disk
    }

    /// Fills an entry of the record in a sector. Numbers are in logical blocks.
    fn enter(&mut self, sector: usize, entry: usize, kind: u8, start: u32, blocks: u32) {
        let record = &mut self.bytes[sector * SECTOR..][..SECTOR];
        record[510..].copy_from_slice(&[0x55, 0xaa]);
        let entry = &mut record[446 + 16 * entry..][..16];
        entry[4] = kind;
        entry[8..12].copy_from_slice(&start.to_le_bytes());
        entry[12..].copy_from_slice(&blocks.to_le_bytes());
    }

    /// Writes a table to the logical block `at` with its entries from the block `entries` on: index, type, first and last block.
    fn write_table(&mut self, at: u64, entries: u64, partitions: &[(usize, [u8; 16], u64, u64)]) {
        let block = self.logical_block();
        let sum = |bytes: &[u8]| Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(bytes);
        let mut table = std::vec![0; 128 * 128];
        for &(index, kind, first, last) in partitions {
            let entry = &mut table[index * 128..][..128];
            entry[..16].copy_from_slice(&kind);
            entry[32..40].copy_from_slice(&first.to_le_bytes());
            entry[40..48].copy_from_slice(&last.to_le_bytes());
        }
        self.bytes[entries as usize * block..][..table.len()].copy_from_slice(&table);
        let mut header = [0; 92];
        header[..8].copy_from_slice(b"EFI PART");
        header[12..16].copy_from_slice(&92u32.to_le_bytes());
        header[24..32].copy_from_slice(&at.to_le_bytes());
        header[72..80].copy_from_slice(&entries.to_le_bytes());
        for (at, value) in [(80, 128), (84, 128), (88, sum(&table))] {
            header[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
        }
        let own = sum(&header);
        header[16..20].copy_from_slice(&own.to_le_bytes());
        self.bytes[at as usize * block..][..92].copy_from_slice(&header);
    }

    fn numbers(&mut self) -> Vec<(u8, u64)> {
        find_partitions(self).unwrap().iter().map(|part| (part.number, part.start)).collect()
    }
}

fn is_used(disk: Memory) {
    let mut machine = Machine::new(disk);
    machine.put("top", &pattern(10_000)).unwrap();
    machine.volume.rest(&mut machine.disk).unwrap();
    assert_eq!(machine.again().get("top").unwrap(), pattern(10_000));
}

#[test]
fn a_volume_is_found_on_a_partition() {
    let mut disk = Memory::with_volume_at(63, 600);
    // It reaches beyond the disk.
    disk.enter(0, 0, 1, 2048, u32::MAX);
    disk.enter(0, 1, 1, 63, 512);
    assert_eq!(disk.numbers(), [(2, 63)]);
    is_used(disk);
}

#[test]
fn a_volume_is_found_in_a_chain_of_records() {
    let mut disk = Memory::with_volume_at(400, 1000);
    disk.enter(0, 0, 1, 10, 10);
    disk.enter(0, 2, EXTENDED, 100, 900);
    disk.enter(100, 0, 1, 5, 20);
    disk.enter(100, 1, 0x05, 50, 50);
    disk.enter(150, 0, 1, 5, 20);
    disk.enter(150, 1, 0x05, 200, 600);
    disk.enter(300, 0, 1, 100, 512);
    assert_eq!(disk.numbers(), [(1, 10), (3, 100), (5, 105), (6, 155), (7, 400)]);
    is_used(disk);
}

#[test]
fn a_chain_that_leads_back_or_nowhere_comes_to_an_end() {
    let mut disk = Memory::with_volume_at(400, 1000);
    disk.enter(0, 0, EXTENDED, 100, 900);
    disk.enter(100, 0, 1, 5, 20);
    disk.enter(100, 1, EXTENDED, 0, 50);
    assert_eq!(disk.numbers().len(), crate::Partitions::new().capacity());
    for next in [u32::MAX, 900, 899, 50] {
        disk.enter(100, 1, EXTENDED, next, 50);
        assert_eq!(disk.numbers(), [(1, 100), (5, 105)]);
    }
}

#[test]
fn a_disk_counts_in_its_logical_blocks() {
    let mut disk = Memory { logical_block: Some(4096), ..Memory::with_volume_at(80, 1200) };
    disk.enter(0, 0, 1, 10, 100);
    disk.enter(0, 1, EXTENDED, 120, 20);
    disk.enter(960, 0, 1, 2, 4);
    assert_eq!(disk.numbers(), [(1, 80), (2, 960), (5, 976)]);
    is_used(disk);
    let mut disk = Memory { logical_block: Some(4096), ..Memory::with_volume_at(80, 1200) };
    disk.enter(0, 0, 0xee, 1, u32::MAX);
    disk.write_table(1, 2, &[(0, DATA, 10, 100)]);
    assert_eq!(disk.numbers(), [(1, 80)]);
    is_used(disk);
}

fn with_table(partitions: &[(usize, [u8; 16], u64, u64)]) -> Memory {
    let mut disk = Memory::with_volume_at(400, 1000);
    disk.enter(0, 0, 0xee, 1, u32::MAX);
    disk.write_table(1, 2, partitions);
    disk.write_table(999, 960, partitions);
    disk
}

#[test]
fn a_volume_is_found_on_any_partition_of_a_guid_table() {
    for index in [0, 8, 127] {
        let others = (0..index.min(8)).map(|other| (other, DATA, 50 + other as u64, 50 + other as u64));
        let partitions: Vec<_> = others.chain([(index, DATA, 400, 911)]).collect();
        let mut disk = with_table(&partitions);
        assert_eq!(disk.numbers().last(), Some(&(index as u8 + 1, 400)));
        is_used(disk);
    }
}

#[test]
fn a_damaged_guid_table_is_read_at_the_disks_end() {
    let partitions = [(8, DATA, 400, 911)];
    let damages: [(usize, u8); 4] = [(512, 0), (512 + 24, 9), (512 + 90, 1), (1024 + 8 * 128 + 33, 3)];
    for (place, byte) in damages {
        let mut disk = with_table(&partitions);
        disk.bytes[place] = byte;
        assert_eq!(disk.numbers(), [(9, 400)], "{byte} at {place}");
        is_used(disk.clone());
        disk.bytes[999 * SECTOR] = 0;
        assert_eq!(disk.numbers(), [], "neither is sound");
    }
}

#[test]
fn what_firmware_boots_from_is_no_volume_for_data() {
    let found = |mut disk: Memory| (disk.numbers().len(), mount(&mut disk).map(drop));
    for (kind, expected) in [(0x01, Ok(())), (0xef, Err(Error::FirmwareOnly))] {
        let mut disk = Memory::with_volume_at(64, 600);
        disk.enter(0, 0, kind, 64, 512);
        assert_eq!(found(disk), (1, expected), "a disk's partition all the same");
    }
    assert_eq!(found(with_table(&[(0, DATA, 400, 911)])), (1, Ok(())));
    assert_eq!(found(with_table(&[(0, SYSTEM, 400, 911)])), (1, Err(Error::FirmwareOnly)));
    let with_another = [(0, SYSTEM, 400, 911), (1, DATA, 100, 120)];
    assert_eq!(found(with_table(&with_another)), (2, Err(Error::NoVolume)));
}
