//! The master boot record: four partitions, one of which may be a chain of records with further ones.

use super::block::block_with;
use super::partition::{Partitions, add};
use crate::disk::{BlockDevice, SECTOR};
use crate::error::Error;
use crate::little_endian::u32_at;

const ENTRIES: usize = 446;
/// The type of the partition of a disk with a GUID partition table. It covers the whole disk, so that tools that know only this record
/// leave the disk alone.
const PROTECTIVE: u8 = 0xee;
/// The type of an EFI system partition. It has a FAT volume, too, but for firmware.
const SYSTEM: u8 = 0xef;
/// The types of partitions that are chains of records, by DOS, Windows and Linux.
const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];
/// The number of the first partition in a chain.
const FIRST_LOGICAL: usize = 5;
/// Records of a chain that are read. Each may have a partition.
const MAX_RECORDS: usize = 128;

/// The partitions of one record: type, first logical block, number of logical blocks.
#[derive(Clone, Copy)]
pub(super) struct Record([(u8, u64, u64); 4]);

impl Record {
    /// Reads a sector. `None` if it is no such record.
    pub(super) fn parse(sector: &[u8]) -> Option<Self> {
        if sector.get(510..SECTOR)? != [0x55, 0xaa] {
            return None;
        }
        let mut entries = [(0, 0, 0); 4];
        for (entry, raw) in entries.iter_mut().zip(sector.get(ENTRIES..)?.as_chunks::<16>().0) {
            *entry = (*raw.get(4)?, u32_at(raw, 8)?.into(), u32_at(raw, 12)?.into());
        }
        Some(Self(entries))
    }

    pub(super) fn is_protective(&self) -> bool {
        self.0.iter().any(|&(kind, ..)| kind == PROTECTIVE)
    }
}

/// Adds the partitions of the first record and of its chains.
pub(super) fn find(device: &mut dyn BlockDevice, first: Record, partitions: &mut Partitions) -> Result<(), Error> {
    for ((kind, start, blocks), number) in first.0.into_iter().zip(1..) {
        if kind != 0 {
            add(device, partitions, number, Some((start, blocks)), kind == SYSTEM);
        }
    }
    let mut number = FIRST_LOGICAL;
    for (kind, chain, _) in first.0 {
        if EXTENDED.contains(&kind) {
            follow(device, chain, &mut number, partitions)?;
        }
    }
    Ok(())
}

/// Adds the partitions of the chain that begins at the logical block `chain`.
fn follow(
    device: &mut dyn BlockDevice,
    chain: u64,
    number: &mut usize,
    partitions: &mut Partitions,
) -> Result<(), Error> {
    let unit = (device.logical_block() / SECTOR) as u64;
    let mut at = chain;
    // A chain may lead back into itself.
    for _ in 0..MAX_RECORDS {
        let (block, offset) = block_with(device, at * unit)?;
        let Some(record) = block.get(offset..).and_then(Record::parse) else { return Ok(()) };
        let is_link = |&(kind, ..): &(u8, u64, u64)| EXTENDED.contains(&kind);
        for (kind, start, blocks) in record.0.into_iter().filter(|entry| entry.0 != 0 && !is_link(entry)) {
            // Relative to the record. Neither sum overflows: its parts have 32 bits, and `at` a bit more.
            add(device, partitions, *number, Some((at + start, blocks)), kind == SYSTEM);
            *number += 1;
        }
        // Relative to the chain.
        let Some(&(_, next, _)) = record.0.iter().find(|entry| is_link(entry)) else { return Ok(()) };
        at = chain + next;
    }
    Ok(())
}
