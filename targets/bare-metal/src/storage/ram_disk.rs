//! A disk in memory, for a machine that has none with a volume.

use core::fmt;

use fatfs::{FormatVolumeOptions, IoBase, Read, Seek, SeekFrom, Write, format_volume};

use super::{BLOCK, BlockDevice, Error, SECTOR};

/// Memory as a disk.
pub struct RamDisk(&'static mut [u8]);

impl fmt::Debug for RamDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RamDisk").field(&self.0.len()).finish()
    }
}

impl RamDisk {
    /// A disk with an empty FAT volume in `memory`, of which it takes whole blocks.
    ///
    /// # Errors
    /// If there is too little of it.
    pub fn formatted(memory: &'static mut [u8]) -> Result<Self, Error> {
        let (memory, _) = memory.split_at_mut(memory.len() / BLOCK * BLOCK);
        let options =
            FormatVolumeOptions::new().total_sectors((memory.len() / SECTOR) as u32).volume_label(*b"NANOQGA RAM");
        format_volume(&mut Formatted { memory, position: 0 }, options).map_err(|_| Error::NoSpace)?;
        Ok(Self(memory))
    }

    fn part(&mut self, sector: u64, length: usize) -> Result<&mut [u8], Error> {
        let start = usize::try_from(sector).ok().and_then(|sector| sector.checked_mul(SECTOR));
        start.and_then(|start| self.0.get_mut(start..)?.get_mut(..length)).ok_or(Error::Io)
    }
}

impl BlockDevice for RamDisk {
    fn sectors(&self) -> u64 {
        (self.0.len() / SECTOR) as u64
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn read(&mut self, sector: u64, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.copy_from_slice(self.part(sector, bytes.len())?);
        Ok(())
    }

    fn write(&mut self, sector: u64, bytes: &[u8]) -> Result<(), Error> {
        self.part(sector, bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn discard(&mut self, _: u64, _: u64) -> Result<u64, Error> {
        Err(Error::Unsupported)
    }
}

/// How the memory is seen while it is formatted.
pub(super) struct Formatted<'a> {
    pub(super) memory: &'a mut [u8],
    pub(super) position: usize,
}

impl IoBase for Formatted<'_> {
    type Error = Error;
}

impl Read for Formatted<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        let rest = self.memory.get(self.position..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.position += count;
        Ok(count)
    }
}

impl Write for Formatted<'_> {
    fn write(&mut self, from: &[u8]) -> Result<usize, Error> {
        let rest = self.memory.get_mut(self.position..).unwrap_or_default();
        let count = rest.len().min(from.len());
        rest[..count].copy_from_slice(&from[..count]);
        self.position += count;
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Seek for Formatted<'_> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64, Error> {
        let position = match to {
            SeekFrom::Start(start) => i64::try_from(start).ok(),
            SeekFrom::Current(by) => (self.position as i64).checked_add(by),
            SeekFrom::End(by) => (self.memory.len() as i64).checked_add(by),
        };
        self.position = position.and_then(|position| usize::try_from(position).ok()).ok_or(Error::Io)?;
        Ok(self.position as u64)
    }
}
