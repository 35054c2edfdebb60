//! A write-back cache for blocks of a disk.
//!
//! Written blocks stay here until the caller asks for them to be written back, or until no block can be replaced without that.
//! They are written in this order: data of files, then the table of clusters, then directories. So a directory on the disk
//! never names clusters that are not written yet, as long as no cluster is reused that a directory on the disk still names.
//!
//! Own code, because no crate has a cache that orders its writes by content.

use core::fmt;

use heapless::Vec;

use crate::disk::{BLOCK, BlockDevice, SECTOR};
use crate::error::Error;

const SECTORS: u64 = (BLOCK / SECTOR) as u64;
const MAX_BLOCKS: usize = 32;

/// What an unwritten block contains, in the order in which blocks are written back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Data,
    Table,
    Directory,
}

#[derive(Clone, Copy, Debug)]
struct Tag {
    /// `None` if reading it failed.
    block: Option<u64>,
    unwritten: Option<Content>,
    last_use: u64,
}

/// A cache.
pub struct Cache {
    memory: &'static mut [u8],
    tags: Vec<Tag, MAX_BLOCKS>,
    uses: u64,
    latest: usize,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("tags", &self.tags).finish_non_exhaustive()
    }
}

impl Cache {
    /// The most memory that a cache can use, in bytes.
    pub const MAX_BYTES: usize = MAX_BLOCKS * BLOCK;

    /// A cache in `memory`, which has room for at least one block.
    pub fn new(memory: &'static mut [u8]) -> Self {
        Self { memory, tags: Vec::new(), uses: 0, latest: 0 }
    }

    /// Whether a block is not written back yet.
    pub(super) fn has_unwritten(&self) -> bool {
        self.tags.iter().any(|tag| tag.unwritten.is_some())
    }

    /// Drops all blocks, also unwritten ones.
    pub(super) fn clear(&mut self) {
        self.tags.clear();
    }

    /// Fills `into` with what the disk has from byte `position` on. All of it must lie on the disk.
    pub(super) fn read(
        &mut self,
        device: &mut dyn BlockDevice,
        mut position: u64,
        mut into: &mut [u8],
    ) -> Result<(), Error> {
        while !into.is_empty() {
            let (block, offset) = (position / BLOCK as u64, (position % BLOCK as u64) as usize);
            let slot = self.slot(device, block, true)?;
            let bytes = self.bytes(slot).get(offset..).ok_or(Error::Io)?;
            let (now, later) = into.split_at_mut(bytes.len().min(into.len()));
            now.copy_from_slice(&bytes[..now.len()]);
            position += now.len() as u64;
            into = later;
        }
        Ok(())
    }

    /// Writes `from` at byte `position` of the disk. All of it must lie on the disk.
    pub(super) fn write(
        &mut self,
        device: &mut dyn BlockDevice,
        mut position: u64,
        mut from: &[u8],
        content: Content,
    ) -> Result<(), Error> {
        while !from.is_empty() {
            let (block, offset) = (position / BLOCK as u64, (position % BLOCK as u64) as usize);
            let (now, later) = from.split_at(from.len().min(BLOCK - offset));
            let slot = self.slot(device, block, now.len() < BLOCK)?;
            self.bytes(slot).get_mut(offset..offset + now.len()).ok_or(Error::Io)?.copy_from_slice(now);
            // A block with several kinds of content is written back with the last of them.
            let unwritten = self.tags[slot].unwritten;
            self.tags[slot].unwritten = unwritten.filter(|&before| before as u8 > content as u8).or(Some(content));
            position += now.len() as u64;
            from = later;
        }
        Ok(())
    }

    /// Writes all unwritten blocks back. If that fails, drops all blocks.
    pub(super) fn write_back(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        let written = [Content::Data, Content::Table, Content::Directory]
            .iter()
            .try_for_each(|&content| self.write_back_only(device, content));
        if written.is_err() {
            self.clear();
        }
        written
    }

    /// Writes the unwritten blocks with one kind of content back, in the order of their places on the disk.
    fn write_back_only(&mut self, device: &mut dyn BlockDevice, content: Content) -> Result<(), Error> {
        loop {
            let waiting = self.tags.iter().enumerate().filter(|(_, tag)| tag.unwritten == Some(content));
            let Some((slot, block)) =
                waiting.filter_map(|(slot, tag)| Some((slot, tag.block?))).min_by_key(|&(_, block)| block)
            else {
                return Ok(());
            };
            let length = length_of(device, block);
            device.write(block * SECTORS, &self.bytes(slot)[..length])?;
            self.tags[slot].unwritten = None;
        }
    }

    /// Returns the slot of a block, which is filled if the block was not here. `read` says whether to read it from the disk
    /// then, or whether the caller will overwrite it.
    fn slot(&mut self, device: &mut dyn BlockDevice, block: u64, read: bool) -> Result<usize, Error> {
        self.uses += 1;
        let is_it = |tag: &Tag| tag.block == Some(block);
        let found = match self.tags.get(self.latest) {
            Some(tag) if is_it(tag) => Some(self.latest),
            _ => self.tags.iter().position(is_it),
        };
        let slot = match found {
            Some(slot) => slot,
            None => self.fill(device, block, read)?,
        };
        self.tags[slot].last_use = self.uses;
        self.latest = slot;
        Ok(slot)
    }

    fn fill(&mut self, device: &mut dyn BlockDevice, block: u64, read: bool) -> Result<usize, Error> {
        let length = length_of(device, block);
        if length == 0 {
            return Err(Error::Io);
        }
        let fresh = Tag { block: None, unwritten: None, last_use: 0 };
        let slot = if (self.tags.len() + 1) * BLOCK <= self.memory.len() && self.tags.push(fresh).is_ok() {
            self.tags.len() - 1
        } else {
            self.free_slot(device)?
        };
        self.tags[slot] = fresh;
        if read {
            let start = slot * BLOCK;
            device.read(block * SECTORS, &mut self.memory[start..start + length])?;
        }
        self.tags[slot].block = Some(block);
        Ok(slot)
    }

    /// The least recently used slot of those whose blocks are written.
    fn free_slot(&mut self, device: &mut dyn BlockDevice) -> Result<usize, Error> {
        if self.tags.iter().all(|tag| tag.unwritten.is_some()) {
            self.write_back(device)?;
        }
        let written = self.tags.iter().enumerate().filter(|(_, tag)| tag.unwritten.is_none());
        written.min_by_key(|(_, tag)| tag.last_use).map(|(slot, _)| slot).ok_or(Error::Io)
    }

    fn bytes(&mut self, slot: usize) -> &mut [u8] {
        &mut self.memory[slot * BLOCK..][..BLOCK]
    }
}

/// The size of a block in bytes: the last one of a disk may be shorter, and one beyond has none.
fn length_of(device: &dyn BlockDevice, block: u64) -> usize {
    let sectors = block.checked_mul(SECTORS).map_or(0, |first| device.sectors().saturating_sub(first));
    sectors.min(SECTORS) as usize * SECTOR
}
