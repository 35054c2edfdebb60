//! Reads a disk by its sectors.

use crate::disk::{BLOCK, BlockDevice, SECTOR};
use crate::error::Error;

const SECTORS: u64 = (BLOCK / SECTOR) as u64;

/// Reads the block in which a sector lies. Returns it with the sector's offset in it. What is not on the disk is zeros.
///
/// # Errors
/// If the disk cannot be read.
pub fn block_with(device: &mut dyn BlockDevice, sector: u64) -> Result<([u8; BLOCK], usize), Error> {
    let mut block = [0; BLOCK];
    let first = sector - sector % SECTORS;
    let sectors = device.sectors().saturating_sub(first).min(SECTORS) as usize;
    if let Some(there) = block.get_mut(..sectors * SECTOR).filter(|there| !there.is_empty()) {
        device.read(first, there)?;
    }
    Ok((block, (sector - first) as usize * SECTOR))
}
