//! A disk that an input describes: its size in blocks of 4 KiB, the size of its logical blocks as a power of two, a byte that is
//! not used, then sectors, each after its number. All numbers have two bytes, little-endian; other sectors are zeros.

use crc::{CRC_32_ISO_HDLC, Crc};
use storage::{BLOCK, BlockDevice, Error, SECTOR};

const MAX_BLOCKS: usize = 2048;
const SIGNATURE: &[u8] = b"EFI PART";

/// The disk, and how often it was read or written.
#[derive(Debug)]
pub struct Disk {
    bytes: Vec<u8>,
    logical_block: usize,
    /// Reads, writes and flushes.
    pub calls: u64,
}

impl Disk {
    /// The disk of an input. `None` if that is too short for one.
    #[must_use]
    pub fn parse(input: &[u8]) -> Option<Self> {
        let (&[low, high, shift, _], rest) = input.split_first_chunk()?;
        let blocks = usize::from(u16::from_le_bytes([low, high])) % (MAX_BLOCKS + 1);
        let mut disk = Self { bytes: vec![0; blocks * BLOCK], logical_block: SECTOR << (shift % 4), calls: 0 };
        for chunk in rest.chunks(2 + SECTOR) {
            let Some((&number, content)) = chunk.split_first_chunk() else { continue };
            let start = usize::from(u16::from_le_bytes(number)) * SECTOR;
            if let Some(sector) = disk.bytes.get_mut(start..start + content.len()) {
                sector.copy_from_slice(content);
            }
        }
        Some(disk)
    }

    /// Corrects the sums of GUID partition tables, which an input that is changed by chance never has.
    pub fn correct_sums(&mut self) {
        let last = (self.bytes.len() / self.logical_block).saturating_sub(1);
        for header in [self.logical_block, last * self.logical_block] {
            _ = self.correct_sum(header);
        }
    }

    fn correct_sum(&mut self, header: usize) -> Option<()> {
        let sum = |bytes: &[u8]| Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(bytes);
        let of_header = self.bytes.get(header..header + SECTOR)?;
        let word = |at: usize| of_header.get(at..)?.first_chunk().map(|raw| u32::from_le_bytes(*raw) as usize);
        let (size, first, count, length) = (word(12)?, word(72)?, word(80)?, word(84)?);
        if !of_header.starts_with(SIGNATURE) || !(92..=SECTOR).contains(&size) {
            return None;
        }
        let first = first.checked_mul(self.logical_block)?;
        let entries = sum(self.bytes.get(first..first.checked_add(count.checked_mul(length)?)?)?);
        self.bytes[header + 88..header + 92].copy_from_slice(&entries.to_le_bytes());
        self.bytes[header + 16..header + 20].fill(0);
        let own = sum(&self.bytes[header..header + size]);
        self.bytes[header + 16..header + 20].copy_from_slice(&own.to_le_bytes());
        Some(())
    }

    fn part(&mut self, sector: u64, length: usize) -> &mut [u8] {
        assert!(sector.is_multiple_of(8) && length.is_multiple_of(SECTOR) && (1..=BLOCK).contains(&length));
        self.calls += 1;
        &mut self.bytes[sector as usize * SECTOR..][..length]
    }
}

impl BlockDevice for Disk {
    fn sectors(&self) -> u64 {
        (self.bytes.len() / SECTOR) as u64
    }

    fn logical_block(&self) -> usize {
        self.logical_block
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn read(&mut self, sector: u64, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.copy_from_slice(self.part(sector, bytes.len()));
        Ok(())
    }

    fn write(&mut self, sector: u64, bytes: &[u8]) -> Result<(), Error> {
        self.part(sector, bytes.len()).copy_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.calls += 1;
        Ok(())
    }

    fn discard(&mut self, sector: u64, count: u64) -> Result<u64, Error> {
        self.bytes[sector as usize * SECTOR..][..count as usize * SECTOR].fill(0xdd);
        Ok(count)
    }
}
