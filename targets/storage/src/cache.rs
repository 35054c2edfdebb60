//! A write-back cache for blocks of a disk.
//!
//! Written blocks stay here until the caller asks for them to be written back, or until no block can be replaced without that.
//! They are written in this order: data of files, then the table of clusters, then directories. So a directory on the disk
//! never names clusters that are not written yet, as long as no cluster is reused that a directory on the disk still names, and no
//! two directories lie in blocks that have data of each other's files.
//!
//! The data of files is read some blocks ahead, in one request to the disk, and written back so. A disk that lies in memory needs
//! none of this: what is read and written is copied.
//!
//! Own code, because no crate has a cache that orders its writes by content.

use core::fmt;
use core::ops::Range;

use heapless::Vec;

use crate::disk::{BLOCK, BlockDevice, MAX_TRANSFER, SECTOR};
use crate::error::Error;

const SECTORS: u64 = (BLOCK / SECTOR) as u64;
const MAX_BLOCKS: usize = 32;

/// What an unwritten block contains, in the order in which blocks are written back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Content {
    Data,
    Table,
    /// A directory and, in another cluster, data of a file, which another directory may name.
    DirectoryAndData,
    Directory,
}

impl Content {
    /// What a block contains that is written again. It is written back with the last that it contains.
    fn and(self, before: Option<Self>) -> Self {
        match (self, before) {
            (Self::Data, Some(Self::Directory)) | (Self::Directory, Some(Self::Data)) => Self::DirectoryAndData,
            (Self::Directory, Some(Self::DirectoryAndData)) => Self::DirectoryAndData,
            (content, before) => before.map_or(content, |before| before.max(content)),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Tag {
    /// `None` if reading it failed.
    block: Option<u64>,
    unwritten: Option<Content>,
    last_use: u64,
}

/// Neighbouring blocks that were read together. One that was written since counts only as it is in its slot.
struct Ahead {
    memory: &'static mut [u8],
    first: u64,
    /// Number of bytes.
    length: usize,
}

/// A cache.
pub struct Cache {
    memory: &'static mut [u8],
    ahead: Ahead,
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
    pub const MAX_BYTES: usize = MAX_BLOCKS * BLOCK + MAX_TRANSFER;

    /// A cache in `memory`, which has room for at least one block. A fifth of it is for blocks that are read ahead.
    pub fn new(memory: &'static mut [u8]) -> Self {
        let blocks = memory.len() / BLOCK;
        let ahead = (blocks / 5 * BLOCK).min(MAX_TRANSFER);
        let (ahead, memory) = memory.split_at_mut_checked(ahead).unwrap_or_default();
        let ahead = Ahead { memory: ahead, first: 0, length: 0 };
        Self { memory, ahead, tags: Vec::new(), uses: 0, latest: 0 }
    }

    /// Whether a block is not written back yet.
    pub(super) fn has_unwritten(&self) -> bool {
        self.tags.iter().any(|tag| tag.unwritten.is_some())
    }

    /// Whether it has the byte at `position` of the disk.
    pub(super) fn has(&self, position: u64) -> bool {
        let block = position / BLOCK as u64;
        self.ahead.block(block).is_some() || self.tags.iter().any(|tag| tag.block == Some(block))
    }

    /// Drops all blocks, also unwritten ones.
    pub(super) fn clear(&mut self) {
        self.tags.clear();
        self.ahead.length = 0;
    }

    /// Fills `into` with what the disk has from byte `position` on. All of it must lie on the disk. The next `ahead` bytes will
    /// be read soon.
    pub(super) fn read(
        &mut self,
        device: &mut dyn BlockDevice,
        mut position: u64,
        mut into: &mut [u8],
        ahead: u64,
    ) -> Result<(), Error> {
        if let Some(memory) = device.memory() {
            return copy(part(memory, position, into.len())?, into);
        }
        while !into.is_empty() {
            let (block, offset) = (position / BLOCK as u64, (position % BLOCK as u64) as usize);
            let bytes =
                self.block(device, block, (offset + into.len()) as u64 + ahead)?.get(offset..).ok_or(Error::Io)?;
            let (now, later) = into.split_at_mut(bytes.len().min(into.len()));
            copy(bytes.get(..now.len()).unwrap_or_default(), now)?;
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
        if let Some(memory) = device.memory() {
            return copy(from, part(memory, position, from.len())?);
        }
        while !from.is_empty() {
            let (block, offset) = (position / BLOCK as u64, (position % BLOCK as u64) as usize);
            let (now, later) = from.split_at(from.len().min(BLOCK - offset));
            let slot = self.slot(device, block, now.len() < BLOCK)?;
            copy(now, self.bytes(slot).get_mut(offset..offset + now.len()).unwrap_or_default())?;
            self.tags[slot].unwritten = Some(content.and(self.tags[slot].unwritten));
            position += now.len() as u64;
            from = later;
        }
        Ok(())
    }

    /// Writes all unwritten blocks back. If that fails, drops all blocks.
    pub(super) fn write_back(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        let written = [Content::Data, Content::Table, Content::DirectoryAndData, Content::Directory]
            .iter()
            .try_for_each(|&content| self.write_back_only(device, content));
        if written.is_err() {
            self.clear();
        }
        written
    }

    /// Writes the unwritten blocks with one kind of content back, in the order of their places on the disk, neighbours together.
    fn write_back_only(&mut self, device: &mut dyn BlockDevice, content: Content) -> Result<(), Error> {
        // It may be older than what is written, and its memory is needed.
        self.ahead.length = 0;
        let is_due = |tag: &Tag| tag.unwritten == Some(content);
        while let Some(first) = self.tags.iter().filter(|tag| is_due(tag)).filter_map(|tag| tag.block).min() {
            let (mut next, mut together) = (first, 0);
            while let Some(slot) = self.tags.iter().position(|tag| tag.block == Some(next) && is_due(tag)) {
                let bytes = part(self.memory, (slot * BLOCK) as u64, length_of(device, next))?;
                let Ok(place) = part(self.ahead.memory, together as u64, bytes.len()) else { break };
                copy(bytes, place)?;
                together += bytes.len();
                next += 1;
            }
            if next > first {
                device.write(first * SECTORS, part(self.ahead.memory, 0, together)?)?;
            } else if let Some(slot) = self.tags.iter().position(|tag| tag.block == Some(first)) {
                // There is no memory to put neighbours together in.
                device.write(first * SECTORS, part(self.memory, (slot * BLOCK) as u64, length_of(device, first))?)?;
                next += 1;
            }
            let written = |tag: &&mut Tag| is_due(tag) && tag.block.is_some_and(|tag| (first..next).contains(&tag));
            self.tags.iter_mut().filter(written).for_each(|tag| tag.unwritten = None);
        }
        Ok(())
    }

    /// The bytes of a block. If the disk must be read, it is for all of the next `wanted` bytes, as far as there is room.
    fn block(&mut self, device: &mut dyn BlockDevice, block: u64, wanted: u64) -> Result<&[u8], Error> {
        let blocks = wanted.div_ceil(BLOCK as u64).min((self.ahead.memory.len() / BLOCK) as u64);
        let is_here = self.tags.iter().any(|tag| tag.block == Some(block));
        if !is_here && blocks > 1 && self.ahead.block(block).is_none() {
            // Blocks that are here may be newer than on the disk.
            let here = self.tags.iter().filter_map(|tag| tag.block?.checked_sub(block));
            let blocks = here.fold(blocks, u64::min);
            let length = (0..blocks).map(|next| length_of(device, block + next)).sum();
            self.ahead.length = 0;
            device.read(block * SECTORS, self.ahead.memory.get_mut(..length).ok_or(Error::Io)?)?;
            (self.ahead.first, self.ahead.length) = (block, length);
        }
        if !is_here && let Some(place) = self.ahead.block(block) {
            return self.ahead.memory.get(place).ok_or(Error::Io);
        }
        let slot = self.slot(device, block, true)?;
        Ok(self.bytes(slot))
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

impl Ahead {
    /// Where the bytes of a block lie, if it was read ahead.
    fn block(&self, block: u64) -> Option<Range<usize>> {
        let start = usize::try_from(block.checked_sub(self.first)?).ok()?.checked_mul(BLOCK)?;
        (start < self.length).then(|| start..self.length.min(start + BLOCK))
    }
}

/// Copies bytes to a place of the same length.
fn copy(from: &[u8], to: &mut [u8]) -> Result<(), Error> {
    if from.len() != to.len() {
        return Err(Error::Io);
    }
    to.copy_from_slice(from);
    Ok(())
}

/// So many bytes of some memory.
fn part(memory: &mut [u8], position: u64, length: usize) -> Result<&mut [u8], Error> {
    let start = usize::try_from(position).ok();
    start.and_then(|start| memory.get_mut(start..)?.get_mut(..length)).ok_or(Error::Io)
}

/// The size of a block in bytes: the last one of a disk may be shorter, and one beyond has none.
fn length_of(device: &dyn BlockDevice, block: u64) -> usize {
    let sectors = block.checked_mul(SECTORS).map_or(0, |first| device.sectors().saturating_sub(first));
    sectors.min(SECTORS) as usize * SECTOR
}
