//! What lies where on a boot disk.
//!
//! A BIOS finds its part between the master boot record and the first partition, UEFI firmware a program on that partition.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::guest::PrivateFolder;

use super::tool::tool;

/// The size of a sector, in bytes.
pub(super) const SECTOR: u64 = 512;
/// Where the partition begins, in sectors: at 1 MiB, as usual.
const PARTITION: u32 = 2048;
/// Room for the partition's own tables and folders.
const TABLES: u64 = 64 << 10;
/// The type of the partition.
const EFI_SYSTEM: u8 = 0xef;

/// What firmware boots.
#[derive(Debug)]
pub(super) struct Bootable {
    /// What a BIOS boots, from the disk's first sector on. May be empty.
    pub bios: Vec<u8>,
    /// The program that UEFI firmware boots, and the name by which it finds that.
    pub program: Vec<u8>,
    pub name: &'static str,
}

/// Writes a disk as the file `raw` into a folder.
pub(super) fn write(folder: &PrivateFolder, bootable: &Bootable) -> Result<()> {
    ensure!(
        bootable.bios.len() as u64 <= u64::from(PARTITION) * SECTOR,
        "GRUB and the image are too large to lie before a partition"
    );
    let sectors = (bootable.program.len() as u64 + TABLES).div_ceil(SECTOR);
    let sectors = u32::try_from(sectors).context("the image is too large")?;
    let raw = File::create(folder.path().join("raw"))?;
    raw.set_len(u64::from(PARTITION + sectors) * SECTOR)?;
    raw.write_all_at(&bootable.bios, 0)?;
    raw.write_all_at(&partition_table(sectors), 446)?;

    fs::write(folder.path().join("program"), &bootable.program)?;
    let volume = ["-i", "raw@@1M"];
    tool(folder, "mformat", &[&volume[..], &["-T", &sectors.to_string(), "-h", "1", "-s", "1", "::"]].concat())?;
    tool(folder, "mmd", &[&volume[..], &["::EFI", "::EFI/BOOT"]].concat())?;
    let place = format!("::EFI/BOOT/{}", bootable.name);
    tool(folder, "mcopy", &[&volume[..], &["program", &place]].concat())
}

/// The end of a master boot record: one active partition of so many sectors, and the signature. The partition's cylinders, heads
/// and sectors are left out; nobody reads them any more.
fn partition_table(sectors: u32) -> [u8; 66] {
    let mut table = [0; 66];
    table[0] = 0x80;
    table[4] = EFI_SYSTEM;
    table[8..12].copy_from_slice(&PARTITION.to_le_bytes());
    table[12..16].copy_from_slice(&sectors.to_le_bytes());
    table[64..].copy_from_slice(&[0x55, 0xaa]);
    table
}
