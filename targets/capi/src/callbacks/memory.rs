//! For `guest-get-memory-blocks`, `guest-set-memory-blocks` and `guest-get-memory-block-info`.

use core::ffi::{c_char, c_void};

use crate::flag::Flag;

/// A block of memory. All blocks have the same size.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryBlock {
    /// Its physical address, in blocks.
    pub phys_index: u64,
    /// Whether it is in use.
    pub online: Flag,
    /// Whether it can be taken offline.
    pub can_offline: Flag,
}

/// The callbacks of the memory family.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryCallbacks {
    /// For guest-get-memory-blocks.
    pub memory_block: Option<unsafe extern "C" fn(context: *mut c_void, index: usize, block: *mut MemoryBlock) -> Flag>,
    /// For guest-set-memory-blocks: takes a block online or offline. It is no error if the block is so already. The text of an
    /// error is not sent, only that there was one.
    pub set_memory_block:
        Option<unsafe extern "C" fn(context: *mut c_void, phys_index: u64, online: Flag) -> *const c_char>,
    /// For guest-get-memory-block-info: sets `*size` to the size of a block in bytes.
    pub memory_block_size: Option<unsafe extern "C" fn(context: *mut c_void, size: *mut u64) -> *const c_char>,
}
