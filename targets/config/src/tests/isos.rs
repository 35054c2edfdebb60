//! ISO 9660 volumes that are put together here. `tests/qemu/settings.rs` has some of genisoimage.

use std::vec::Vec;
use std::{format, vec};

use proptest::prelude::*;

use crate::iso::{BLOCK, Blocks, Volume};

struct Disk(Vec<u8>);

impl Blocks for Disk {
    fn read(&mut self, block: u32, into: &mut [u8; BLOCK]) -> bool {
        let bytes = (block as usize).checked_mul(BLOCK).and_then(|start| self.0.get(start..start + BLOCK));
        bytes.is_some_and(|bytes| {
            into.copy_from_slice(bytes);
            true
        })
    }
}

fn record(block: u32, bytes: u32, flags: u8, name: &[u8], system: &[u8]) -> Vec<u8> {
    let mut record = vec![0; 33];
    record[2..6].copy_from_slice(&block.to_le_bytes());
    record[10..14].copy_from_slice(&bytes.to_le_bytes());
    record[25] = flags;
    record[32] = name.len() as u8;
    record.extend_from_slice(name);
    if name.len().is_multiple_of(2) {
        record.push(0);
    }
    record.extend_from_slice(system);
    record[0] = record.len() as u8;
    record
}

fn rock_ridge(name: &[u8]) -> Vec<u8> {
    [&b"RR\x05\x01\x00NM"[..], &[5 + name.len() as u8, 1, 0], name].concat()
}

/// A volume with these records in its folders, the root's in block 20, Joliet's in 21 and those of the others from 22 on.
fn volume(folders: &[&[Vec<u8>]]) -> Disk {
    let mut disk = vec![0; 40 * BLOCK];
    for (block, kind, root) in [(16, 1, 20u32), (17, 2, 21), (18, 255, 0)] {
        let at = block * BLOCK;
        disk[at] = kind;
        disk[at + 1..at + 6].copy_from_slice(b"CD001");
        disk[at + 40..at + 72].fill(b' ');
        disk[at + 40..at + 46].copy_from_slice(b"cidata");
        if kind == 2 {
            disk[at + 88..at + 91].copy_from_slice(b"%/E");
        }
        let root = record(root, BLOCK as u32, 2, b"\0", b"");
        disk[at + 156..at + 156 + root.len()].copy_from_slice(&root);
    }
    for (folder, block) in folders.iter().zip(20..) {
        let records = folder.concat();
        disk[block * BLOCK..][..records.len()].copy_from_slice(&records);
    }
    disk[30 * BLOCK..31 * BLOCK].fill(b'x');
    disk[31 * BLOCK..31 * BLOCK + 5].copy_from_slice(b"hello");
    Disk(disk)
}

fn read(disk: &mut Disk, path: &str) -> Result<Vec<u8>, &'static str> {
    let mut room = vec![0; 3000];
    let size = Volume::find(disk).unwrap().read(disk, path, &mut room)?;
    room.truncate(size);
    Ok(room)
}

#[test]
fn files_are_found_by_each_kind_of_name() {
    let ucs2: Vec<u8> = "joliet-name".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let mut disk = volume(&[
        &[
            record(20, BLOCK as u32, 2, b"\0", b""),
            record(22, BLOCK as u32, 2, b"FOLDER", b""),
            record(31, 5, 0, b"META_DAT.;1", &rock_ridge(b"meta-data")),
            record(31, 5, 0, b"PLAIN.;1", b""),
            record(30, 2053, 0, b"TWO.TXT;1", b""),
        ],
        &[record(31, 5, 0, &ucs2, b"")],
        &[record(31, 5, 0, b"IN.;1", b"")],
    ]);
    for path in ["meta-data", "plain", "PLAIN", "joliet-name", "folder/in"] {
        assert_eq!(read(&mut disk, path).unwrap(), b"hello", "{path}");
    }
    assert_eq!(read(&mut disk, "two.txt").unwrap(), [&[b'x'; BLOCK][..], b"hello"].concat());
    for path in ["META-DATA", "META_DAT", "folder", "plain/in", "missing", ""] {
        assert!(read(&mut disk, path).is_err(), "{path}");
    }
    assert_eq!(&Volume::find(&mut disk).unwrap().label, b"cidata                          ");
}

#[test]
fn folders_that_contain_themselves_and_sizes_beyond_the_disk_end() {
    let circle = record(20, u32::MAX, 2, b"CIRCLE", b"");
    let last = record(u32::MAX, 5000, 2, b"LAST", b"");
    let mut disk =
        volume(&[&[circle, last, record(31, u32::MAX, 0, b"LARGE.;1", b""), record(39, 3000, 0, b"CUT.;1", b"")]]);
    let path = format!("{}large", "circle/".repeat(50));
    assert_eq!(read(&mut disk, &path), Err("it is too large"));
    assert_eq!(read(&mut disk, "cut"), Err("the disk cannot be read"));
    for path in ["circle/missing", "last/missing"] {
        assert_eq!(read(&mut disk, path), Err("there is no such file"));
    }
}

proptest! {
    #[test]
    fn any_disk_is_survived(changes in proptest::collection::vec((16usize * BLOCK..24 * BLOCK, any::<u8>()), 0..40)) {
        let mut disk = volume(&[&[record(22, BLOCK as u32, 2, b"A", b""), record(31, 5, 0, b"B", &rock_ridge(b"b"))]]);
        for (at, byte) in changes {
            disk.0[at] = byte;
        }
        if let Some(volume) = Volume::find(&mut disk) {
            for path in ["a/b", "b", "a"] {
                let _ = volume.read(&mut disk, path, &mut [0; 100]);
            }
        }
    }
}
