//! What lies where on a boot disk.
//!
//! A BIOS finds its part between the master boot record and the first partition, UEFI firmware a program on that partition.

use std::io::{Cursor, Write};

use anyhow::{Context, Result};
use lamfat::{FileSystem, FormatVolumeOptions, FsOptions, StdIoWrapper, format_volume};
use mbrman::{BOOT_ACTIVE, MBRHeader, MBRPartitionEntry};

/// The size of a sector, in bytes.
pub(super) const SECTOR: usize = 512;
/// Where the partition begins, in sectors: at 1 MiB, as usual.
const PARTITION: usize = 2048;
/// The types of partitions.
const EFI_SYSTEM: u8 = 0xef;
const FAT: u8 = 0x0c;

/// What firmware boots.
#[derive(Debug)]
pub(super) struct Bootable {
    /// What a BIOS boots, from the disk's first sector on. May be empty.
    pub bios: Vec<u8>,
    /// The program that UEFI firmware boots, and the name by which it finds that.
    pub program: Vec<u8>,
    pub name: &'static str,
}

/// A raw disk that firmware boots from.
pub(super) fn disk(bootable: &Bootable) -> Result<Vec<u8>> {
    let mut disk = vec![0; PARTITION * SECTOR];
    let (size, room) = (bootable.bios.len(), disk.len());
    let bios = disk.get_mut(..size);
    let too_large = || format!("GRUB with the image in it has {size} bytes, and {room} are free before the partition");
    bios.with_context(too_large)?.copy_from_slice(&bootable.bios);

    let volume = volume(bootable)?;
    master_boot_record(&bootable.bios, EFI_SYSTEM, volume.len() / SECTOR)?.write_into(&mut Cursor::new(&mut *disk))?;
    disk.extend(volume);
    Ok(disk)
}

/// A raw disk with an empty FAT volume of so many bytes on its only partition.
pub(super) fn empty_disk(size: usize) -> Result<Vec<u8>> {
    let mut disk = vec![0; PARTITION * SECTOR + size.next_multiple_of(SECTOR)];
    let (before, volume) = disk.split_at_mut(PARTITION * SECTOR);
    format_volume(&mut StdIoWrapper::new(Cursor::new(&mut *volume)), FormatVolumeOptions::new())?;
    master_boot_record(&[], FAT, volume.len() / SECTOR)?.write_into(&mut Cursor::new(before))?;
    Ok(disk)
}

/// The disk's first sector: the code that a BIOS runs, and one active partition of so many sectors. The partition's cylinders,
/// heads and sectors are left out; nobody reads them any more.
fn master_boot_record(bios: &[u8], kind: u8, sectors: usize) -> Result<MBRHeader> {
    let mut record = MBRHeader::new([0; 4]);
    if let Some(code) = bios.first_chunk() {
        record.bootstrap_code = *code;
    }
    record.partition_1 = MBRPartitionEntry {
        boot: BOOT_ACTIVE,
        sys: kind,
        starting_lba: PARTITION as u32,
        sectors: u32::try_from(sectors).with_context(|| {
            format!("a partition of {sectors} sectors does not fit a partition table: the image is too large")
        })?,
        ..MBRPartitionEntry::empty()
    };
    Ok(record)
}

/// A FAT volume with the program where UEFI firmware looks for it.
fn volume(Bootable { program, name, .. }: &Bootable) -> Result<Vec<u8>> {
    let mut volume = vec![0; volume_size(program.len())];
    let mut storage = StdIoWrapper::new(Cursor::new(&mut *volume));
    format_volume(&mut storage, FormatVolumeOptions::new())?;
    let files = FileSystem::new(storage, FsOptions::new())?;
    let folder = files.root_dir().create_dir("EFI")?.create_dir("BOOT")?;
    let mut file = folder.create_file(name)?;
    file.write_all(program)?;
    file.flush()?;
    drop((file, folder));
    files.unmount()?;
    Ok(volume)
}

/// The size of a volume with room for a program, in bytes. Its tables take less than a 32nd of it, and its folders 64 KiB.
fn volume_size(program: usize) -> usize {
    (program + program / 32 + (64 << 10)).next_multiple_of(SECTOR)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn bootable(bios: usize, program: usize) -> Bootable {
        Bootable { bios: vec![0xb1; bios], program: vec![0xef; program], name: "BOOTRISCV64.EFI" }
    }

    #[test]
    fn a_bios_finds_its_code_around_the_partition_table() {
        let disk = disk(&bootable(5000, 1000)).unwrap();
        assert_eq!(disk[..440], [0xb1; 440]);
        assert_eq!(disk[SECTOR..5000], [0xb1; 5000 - SECTOR]);
        // Active, of type 0xef, from sector 2048 on to the disk's end.
        let sectors = (disk.len() / SECTOR - PARTITION) as u8;
        let mut table = [0; 64];
        table[..16].copy_from_slice(&[0x80, 0, 0, 0, 0xef, 0, 0, 0, 0, 8, 0, 0, sectors, 0, 0, 0]);
        assert_eq!(disk[446..510], table);
        assert_eq!(disk[510..512], [0x55, 0xaa]);
    }

    #[test]
    fn what_would_reach_into_the_partition_is_refused() {
        assert!(disk(&bootable(PARTITION * SECTOR, 0)).is_ok());
        assert!(disk(&bootable(PARTITION * SECTOR + 1, 0)).is_err());
    }

    #[test]
    fn firmware_finds_a_program_of_any_size() {
        for size in [0, 1, 500_000, 5 << 20, 40 << 20] {
            let bootable = bootable(0, size);
            let disk = disk(&bootable).unwrap();
            let volume = Cursor::new(disk[PARTITION * SECTOR..].to_vec());
            let files = FileSystem::new(volume, FsOptions::new()).unwrap();
            let mut program = Vec::new();
            let mut file = files.root_dir().open_file("EFI/BOOT/BOOTRISCV64.EFI").unwrap();
            file.read_to_end(&mut program).unwrap();
            assert!(program == bootable.program, "{size} bytes");
        }
    }
}
