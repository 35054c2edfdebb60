#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod boot_sector;
mod cache;
mod disk;
mod error;
mod files;
mod little_endian;
mod partitions;
mod ram_disk;
mod table;
mod volume;

pub use self::boot_sector::{Geometry, Width};
pub use self::cache::Cache;
pub use self::disk::{BLOCK, BlockDevice, MAX_TRANSFER, SECTOR};
pub use self::error::Error;
pub use self::files::{Access, OpenFiles, OpenMode};
pub use self::partitions::{Partition, Partitions, Place, block_with, find_partitions, find_volume};
pub use self::ram_disk::RamDisk;
pub use self::volume::{Space, Volume};

#[cfg(test)]
mod tests;
