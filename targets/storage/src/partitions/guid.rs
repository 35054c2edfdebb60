//! The GUID partition table (UEFI 2.10, chapter 5), at the beginning of a disk and again at its end.

use crc::{CRC_32_ISO_HDLC, Crc, Digest, NoTable};

use super::block::block_with;
use super::partition::{Partitions, add};
use crate::disk::{BLOCK, BlockDevice, SECTOR};
use crate::error::Error;
use crate::little_endian::{u32_at, u64_at};

/// The sum of header and entries. Without a table, which would take a kilobyte of the image.
const SUM: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);
const HEADER: usize = 92;
/// Where the header has its own sum, which is zero while it is summed up.
const HEADER_SUM: usize = 16;
/// The most entries that are read.
const MAX_ENTRIES: u32 = 1024;
/// The type of an EFI system partition. It has a FAT volume, too, but for firmware.
const SYSTEM: [u8; 16] = *b"\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b";

/// The entries of a table.
struct Table {
    /// The first byte on the disk.
    first: u64,
    count: u32,
    /// The size of an entry in bytes: a power of two from 128 to [`BLOCK`].
    length: u32,
    sum: u32,
}

/// Adds the partitions of the table at the disk's beginning or, if that is damaged, of the one at its end.
pub(super) fn find(device: &mut dyn BlockDevice, partitions: &mut Partitions) -> Result<(), Error> {
    let unit = (device.logical_block() / SECTOR) as u64;
    for at in [1, device.sectors().checked_div(unit).unwrap_or(0).saturating_sub(1)] {
        let table = Table::read(device, at)?;
        if let Some(table) = table
            && table.is_sound(device)?
        {
            return table.each(device, |device, index, entry| add_entry(device, partitions, index, entry));
        }
    }
    Ok(())
}

fn add_entry(device: &dyn BlockDevice, partitions: &mut Partitions, index: u32, entry: &[u8]) {
    let (Some(kind), Some(first), Some(last)) = (entry.get(..16), u64_at(entry, 32), u64_at(entry, 40)) else { return };
    if kind.iter().any(|&byte| byte != 0) {
        let count = last.checked_sub(first).and_then(|count| count.checked_add(1));
        add(device, partitions, index as usize + 1, count.map(|count| (first, count)), *kind == SYSTEM);
    }
}

impl Table {
    /// Reads the header in a logical block. `None` if it is none, or a damaged one.
    fn read(device: &mut dyn BlockDevice, at: u64) -> Result<Option<Self>, Error> {
        let block = device.logical_block() as u64;
        let (bytes, offset) = block_with(device, at.saturating_mul(block / SECTOR as u64))?;
        let header = bytes.get(offset..).unwrap_or_default();
        Ok(Self::parse(header, at, block))
    }

    fn parse(header: &[u8], at: u64, block: u64) -> Option<Self> {
        let size = usize::try_from(u32_at(header, 12)?).ok().filter(|size| (HEADER..=SECTOR).contains(size))?;
        let mut digest = SUM.digest();
        digest.update(header.get(..HEADER_SUM)?);
        digest.update(&[0; 4]);
        digest.update(header.get(HEADER_SUM + 4..size)?);
        let is_sound = header.starts_with(b"EFI PART")
            && u32_at(header, HEADER_SUM)? == digest.finalize()
            && u64_at(header, 24)? == at;
        let first = u64_at(header, 72)?.checked_mul(block)?;
        let (count, length, sum) = (u32_at(header, 80)?, u32_at(header, 84)?, u32_at(header, 88)?);
        let fits = (128..=BLOCK as u32).contains(&length) && length.is_power_of_two() && count <= MAX_ENTRIES;
        (is_sound && fits).then_some(Self { first, count, length, sum })
    }

    fn is_sound(&self, device: &mut dyn BlockDevice) -> Result<bool, Error> {
        let mut digest: Digest<'_, u32, NoTable> = SUM.digest();
        self.each(device, |_, _, entry| digest.update(entry))?;
        Ok(digest.finalize() == self.sum)
    }

    /// Calls `visit` with each entry.
    fn each(
        &self,
        device: &mut dyn BlockDevice,
        mut visit: impl FnMut(&dyn BlockDevice, u32, &[u8]),
    ) -> Result<(), Error> {
        let (first, length) = (self.first, self.length as usize);
        let mut read = None;
        for index in 0..self.count {
            let Some(place) = first.checked_add(u64::from(index) * u64::from(self.length)) else { break };
            let (number, offset) = (place / BLOCK as u64, (place % BLOCK as u64) as usize);
            let block = match read {
                Some((before, block)) if before == number => block,
                _ => read.insert((number, block_with(device, number * (BLOCK / SECTOR) as u64)?.0)).1,
            };
            // An entry lies in one block: its place is a multiple of its length, or of a logical block that is.
            visit(device, index, block.get(offset..).and_then(|rest| rest.get(..length)).unwrap_or_default());
        }
        Ok(())
    }
}
