//! What is a FAT volume: what Linux mounts.

use super::*;
use crate::Width;

/// How a volume is made.
#[derive(Clone, Copy)]
struct Make {
    sector: usize,
    per_cluster: usize,
    reserved: usize,
    copies: usize,
    /// Sectors of a copy of the table.
    table: usize,
    root_entries: usize,
    clusters: usize,
    /// The sector of a FAT32 volume that is said to have the number of free clusters.
    information: u16,
}

/// A FAT32 volume of as many clusters as Linux, but not Microsoft's specification, allows.
const SMALL_32: Make = Make {
    sector: 512,
    per_cluster: 2,
    reserved: 4,
    copies: 2,
    table: 8,
    root_entries: 0,
    clusters: 1000,
    information: 1,
};
const FAT_16: Make =
    Make { per_cluster: 1, reserved: 1, table: 20, root_entries: 128, clusters: 5000, information: 0, ..SMALL_32 };

impl Make {
    fn is_32(&self) -> bool {
        self.root_entries == 0
    }

    fn root(&self) -> usize {
        (self.reserved + self.copies * self.table) * self.sector
    }

    fn data(&self) -> usize {
        self.root() + self.root_entries * 32
    }

    fn disk(&self) -> Memory {
        let total = self.data() / self.sector + self.clusters * self.per_cluster;
        let mut disk = Memory { bytes: std::vec![0; total * self.sector], ..Memory::default() };
        let (narrow, wide) = if self.is_32() { (0, self.table) } else { (self.table, 0) };
        for (at, length, value) in [
            (0, 1, 0xeb),
            (11, 2, self.sector),
            (13, 1, self.per_cluster),
            (14, 2, self.reserved),
            (16, 1, self.copies),
            (17, 2, self.root_entries),
            (21, 1, 0xf8),
            (22, 2, narrow),
            (32, 4, total),
        ] {
            disk.put(at, length, value);
        }
        if self.is_32() {
            disk.put(36, 4, wide);
            disk.put(44, 4, 2);
            disk.put(48, 2, self.information.into());
            let information = usize::from(self.information.max(1)) * self.sector;
            if usize::from(self.information) < self.reserved {
                disk.bytes[information..information + 4].copy_from_slice(b"RRaA");
                disk.bytes[information + 484..information + 488].copy_from_slice(b"rrAa");
                disk.put(information + 488, 8, 0xffff_ffff_ffff_ffff);
            }
        }
        disk.bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
        for copy in 0..self.copies {
            let table = (self.reserved + copy * self.table) * self.sector;
            // Two entries of no cluster, and the root directory of FAT32.
            let head = if self.is_32() {
                12
            } else if self.clusters < 4085 {
                3
            } else {
                4
            };
            disk.bytes[table..table + head].fill(0xff);
        }
        disk
    }
}

impl Memory {
    fn put(&mut self, at: usize, length: usize, value: usize) {
        self.bytes[at..at + length].copy_from_slice(&value.to_le_bytes()[..length]);
    }
}

/// Fills the volume, and sees that all is there on the next machine.
fn is_used(disk: Memory, space: u64) -> Memory {
    let mut machine = Machine::new(disk);
    let free = machine.volume.space(&mut machine.disk).unwrap().free;
    assert_eq!(free, space);
    machine.put("a file with a long name", &pattern(3000)).unwrap();
    let left = machine.volume.space(&mut machine.disk).unwrap().free as usize;
    machine.put("big", &pattern(left)).unwrap();
    assert_eq!(machine.put("more", b"more"), Err(Error::NoSpace));
    machine.volume.rest(&mut machine.disk).unwrap();
    let mut machine = machine.again();
    assert_eq!(machine.get("a file with a long name").unwrap(), pattern(3000));
    assert!(machine.get("big").unwrap() == pattern(left));
    machine.disk
}

#[test]
fn a_fat32_volume_may_have_few_clusters() {
    let disk = SMALL_32.disk();
    let geometry = Geometry::parse(&disk.bytes, disk.sectors()).unwrap();
    assert_eq!((geometry.width, geometry.clusters), (Width::Bits32, 1000));
    // A cluster is the root directory's.
    let disk = is_used(disk, 999 * 1024);
    let copy = 8 * 512;
    let tables = &disk.bytes[4 * 512..][..2 * copy];
    assert!(tables[..copy] == tables[copy..], "both copies of the table are the same");
    assert_eq!(disk.bytes[512 + 488..][..4], [0; 4], "no cluster is free");
}

#[test]
fn a_volume_needs_no_information_sector() {
    for information in [0, 2, 0xffff] {
        let disk = is_used(Make { information, ..SMALL_32 }.disk(), 999 * 1024);
        assert_eq!(
            disk.bytes[..4 * 512].windows(4).filter(|bytes| bytes == b"rrAa").count(),
            usize::from(information < 4)
        );
    }
    let mut wiped = SMALL_32.disk();
    wiped.bytes[512..1024].fill(0x11);
    let before = wiped.bytes[512..1024].to_vec();
    assert!(is_used(wiped, 999 * 1024).bytes[512..1024] == before, "what is no information sector stays as it is");
    // The boot sector is the only reserved one, so there can be none.
    is_used(Make { reserved: 1, information: 1, ..SMALL_32 }.disk(), 999 * 1024);
}

#[test]
fn neither_the_jump_nor_the_signature_makes_a_volume() {
    for make in [SMALL_32, FAT_16] {
        let mut disk = make.disk();
        disk.bytes[0] = 0;
        disk.bytes[510..512].fill(0);
        Machine::new(disk).put("file", b"content").unwrap();
    }
}

#[test]
fn a_disk_may_be_shorter_than_its_volume() {
    for make in [SMALL_32, FAT_16, Make { clusters: 4100, ..FAT_16 }, Make { clusters: 1000, ..FAT_16 }] {
        let cluster = make.per_cluster * make.sector;
        let mut disk = make.disk();
        // A hundred clusters, and half of one more if that has two sectors.
        disk.bytes.truncate(disk.bytes.len() - 101 * cluster + cluster / 2 / 512 * 512);
        let there = (disk.bytes.len() - make.data()) / cluster;
        let used = usize::from(make.is_32());
        is_used(disk, ((there - used) * cluster) as u64);
    }
    // One file lies behind the disk's end, and the others are read.
    let mut machine = Machine::new(FAT_16.disk());
    machine.put("there", &pattern(1_000_000)).unwrap();
    machine.put("behind", &pattern(100_000)).unwrap();
    machine.volume.rest(&mut machine.disk).unwrap();
    machine.disk.bytes.truncate(FAT_16.data() + 1_024_000);
    let mut machine = machine.again();
    assert!(machine.get("there").unwrap() == pattern(1_000_000));
    assert_eq!(machine.open("behind", READ), Err(Error::Corrupt));
    assert_eq!(machine.put("new", b"new"), Err(Error::NoSpace), "what is free lies behind the end, too");
}

#[test]
fn a_volume_has_sectors_of_4_kib() {
    for make in [
        Make { sector: 4096, per_cluster: 1, table: 1, ..SMALL_32 },
        Make { sector: 4096, table: 3, clusters: 4100, ..FAT_16 },
        Make { sector: 2048, table: 2, clusters: 1000, ..FAT_16 },
    ] {
        let mut disk = make.disk();
        disk.logical_block = Some(make.sector);
        let used = usize::from(make.is_32());
        is_used(disk, ((make.clusters - used) * make.sector * make.per_cluster) as u64);
    }
}

#[test]
fn only_the_active_copy_of_a_table_is_used_if_they_differ() {
    let mut disk = SMALL_32.disk();
    disk.put(40, 2, 0x81);
    let first = disk.bytes[4 * 512..][..8 * 512].to_vec();
    let mut machine = Machine::new(disk);
    machine.put("file", &pattern(50_000)).unwrap();
    assert!(machine.disk.bytes[4 * 512..][..8 * 512] == first);
    assert!(machine.again().get("file").unwrap() == pattern(50_000));
}

#[test]
fn a_table_that_is_too_short_limits_the_clusters() {
    let make = Make { clusters: 2000, ..SMALL_32 };
    // 8 sectors have 1024 entries, two of which belong to no cluster.
    is_used(make.disk(), 1021 * 1024);
}

#[test]
fn what_is_no_volume_is_none_and_a_damaged_one_is_told() {
    let reason = |mut disk: Memory| mount(&mut disk).map(drop);
    assert_eq!(reason(Memory::default()), Err(Error::NoVolume));
    for (length, byte) in [(SECTOR, 0), (1 << 20, 0xff), (1 << 20, 0)] {
        let disk = Memory { bytes: std::vec![byte; length], ..Memory::default() };
        assert_eq!(reason(disk), Err(Error::NoVolume));
    }
    let changed = |make: Make, at, length, value| {
        let mut disk = make.disk();
        disk.put(at, length, value);
        reason(disk)
    };
    // Sectors of 0 and 513 bytes, clusters of 3 sectors, no reserved sectors, no table, an unknown medium.
    for (at, length, value) in [(11, 2, 0), (11, 2, 513), (13, 1, 3), (14, 2, 0), (16, 1, 0), (21, 1, 0xf7), (22, 2, 0)]
    {
        assert_eq!(changed(FAT_16, at, length, value), Err(Error::NoVolume), "{value} at {at}");
    }
    // A table behind the disk's end, no root directory, half a sector of it; a root directory in no cluster; no active table.
    for (make, at, length, value) in [
        (FAT_16, 22, 2, 0xffff),
        (FAT_16, 17, 2, 0),
        (FAT_16, 17, 2, 120),
        (SMALL_32, 44, 4, 1),
        (SMALL_32, 44, 4, 1002),
        (SMALL_32, 40, 2, 0x82),
    ] {
        assert_eq!(changed(make, at, length, value), Err(Error::Corrupt), "{value} at {at}");
    }
    let mut cut = FAT_16.disk();
    cut.bytes.truncate(FAT_16.root());
    assert_eq!(reason(cut), Err(Error::Corrupt));
    let boot = &FAT_16.disk().bytes[..50];
    assert!(Geometry::parse(boot, 1 << 20).is_ok());
    assert!((0..50).all(|length| Geometry::parse(&boot[..length], 1 << 20).is_err()));
}
