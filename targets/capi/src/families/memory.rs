//! `guest-get-memory-blocks`, `guest-set-memory-blocks` and `guest-get-memory-block-info`.

use nanoqga::Failure;
use nanoqga::commands::memory::{self, MemoryBlockError};

use super::{add, element};
use crate::agent::Nanoqga;
use crate::callbacks::memory::{MemoryBlock, MemoryCallbacks};
use crate::guest::{Family, Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::outcome;

/// Adds the memory family.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_memory(agent: *mut Nanoqga, callbacks: *const MemoryCallbacks) -> Status {
    let is_there = |callbacks: &MemoryCallbacks| {
        [callbacks.memory_block.is_some(), callbacks.memory_block_size.is_some(), callbacks.set_memory_block.is_some()]
    };
    // SAFETY: The caller's promise.
    unsafe {
        add(
            agent,
            Family::Memory,
            callbacks,
            const { &[memory::commands(), memory::set_commands()] },
            is_there,
            |guest| &mut guest.memory,
        )
    }
}

impl memory::MemoryBlocks for Guest {
    fn memory_block(&mut self, index: usize) -> Result<Option<memory::MemoryBlock>, Failure> {
        // SAFETY: The kernel's callback, with its context.
        let block = unsafe { element(self.memory.memory_block, self.context, index) };
        Ok(block.map(|MemoryBlock { phys_index, online, can_offline }| memory::MemoryBlock {
            phys_index,
            online: online.is_set(),
            can_offline: Some(can_offline.is_set()),
        }))
    }

    fn memory_block_size(&mut self) -> Result<u64, Failure> {
        let mut size = 0;
        let tell = self.memory.memory_block_size.ok_or(NO_CALLBACK)?;
        // SAFETY: The kernel's callback, with its context, which may write the size; what it returns is NULL or a text.
        unsafe { outcome(tell(self.context, &raw mut size)) }?;
        Ok(size)
    }
}

impl memory::SetMemoryBlocks for Guest {
    fn set_memory_block(&mut self, phys_index: u64, online: bool) -> Result<(), MemoryBlockError> {
        let set = self.memory.set_memory_block.ok_or(MemoryBlockError::NotSupported(None))?;
        // SAFETY: The kernel's callback, with its context; what it returns is NULL or a text.
        unsafe { outcome(set(self.context, phys_index, online.into())) }.map_err(|_| MemoryBlockError::Failed(None))
    }
}
