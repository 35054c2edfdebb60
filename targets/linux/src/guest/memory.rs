//! `memory`: blocks of memory, in use or not.

use nanoqga::Failure;
use nanoqga::commands::memory::{MemoryBlock, MemoryBlockError, MemoryBlocks, SetMemoryBlocks};

use super::Guest;
use crate::log::audit;
use crate::system::memory_blocks;

impl MemoryBlocks for Guest {
    fn memory_block(&mut self, index: usize) -> Result<Option<MemoryBlock>, Failure> {
        self.lists.memory_blocks.element(index, memory_blocks::all).map(|block| block.copied())
    }

    fn memory_block_size(&mut self) -> Result<u64, Failure> {
        memory_blocks::size()
    }
}

impl SetMemoryBlocks for Guest {
    fn set_memory_block(&mut self, phys_index: u64, online: bool) -> Result<(), MemoryBlockError> {
        audit("guest-set-memory-blocks", &format_args!("{phys_index} online: {online}"));
        memory_blocks::set_online(phys_index, online)
    }
}
