//! Blocks of a disk that were read or written lately.
//!
//! What is written stays here until the cache is written back, which happens when that is asked for or there is no other room.
//! Then the data of files goes first, the table of clusters next and directories last: as long as nobody reuses clusters that
//! a directory on the disk still has, it never leads to what is not there yet.

use core::fmt;

use heapless::Vec;

use crate::disk::{BLOCK, BlockDevice, SECTOR};
use crate::error::Error;

const SECTORS: u64 = (BLOCK / SECTOR) as u64;
const MAX_BLOCKS: usize = 32;

/// What a block has for the disk, in the order in which it goes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Data,
    Table,
    Directory,
}

#[derive(Clone, Copy, Debug)]
struct Tag {
    /// `None` after it could not be read.
    block: Option<u64>,
    unwritten: Option<Content>,
    last_use: u64,
}

/// The blocks.
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
    /// The most memory that it can make use of.
    pub const MAX_BYTES: usize = MAX_BLOCKS * BLOCK;

    /// A cache in `memory`, at least a block.
    pub fn new(memory: &'static mut [u8]) -> Self {
        Self { memory, tags: Vec::new(), uses: 0, latest: 0 }
    }

    /// Whether something is not written yet.
    pub(super) fn has_unwritten(&self) -> bool {
        self.tags.iter().any(|tag| tag.unwritten.is_some())
    }

    /// Forgets everything, also what is not written yet.
    pub(super) fn clear(&mut self) {
        self.tags.clear();
    }

    /// Copies what is at byte `position` of the disk. It must lie within.
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

    /// Takes what is to be at byte `position` of the disk. It must lie within.
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
            // A block that has several kinds goes with the last of them.
            let unwritten = self.tags[slot].unwritten;
            self.tags[slot].unwritten = unwritten.filter(|&before| before as u8 > content as u8).or(Some(content));
            position += now.len() as u64;
            from = later;
        }
        Ok(())
    }

    /// Writes what is not written yet. If that fails it is lost.
    pub(super) fn write_back(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        let written = [Content::Data, Content::Table, Content::Directory]
            .iter()
            .try_for_each(|&content| self.write_back_only(device, content));
        if written.is_err() {
            self.clear();
        }
        written
    }

    /// In the order in which they are on the disk.
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

    /// Where a block is; `read` says whether it must have what the disk has.
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

    /// The slot that was not used for longest of those that need not be written.
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

/// How many bytes a block has: the last one of a disk may be shorter.
fn length_of(device: &dyn BlockDevice, block: u64) -> usize {
    let sectors = block.checked_mul(SECTORS).map_or(0, |first| device.sectors().saturating_sub(first));
    sectors.min(SECTORS) as usize * SECTOR
}
