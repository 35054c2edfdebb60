//! For `guest-get-memory-blocks`, `guest-set-memory-blocks` and `guest-get-memory-block-info`.

use core::ffi::{c_char, c_void};

use crate::flag::Flag;

/// A block of memory. All have one size.
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

/// What the memory family needs of a kernel.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryCallbacks {
    /// For guest-get-memory-blocks.
    pub memory_block: Option<unsafe extern "C" fn(context: *mut c_void, index: usize, block: *mut MemoryBlock) -> Flag>,
    /// For guest-set-memory-blocks: takes a block online or offline. One that is so already is no error. Clients are not told
    /// the error's text, only that there was one.
    pub set_memory_block:
        Option<unsafe extern "C" fn(context: *mut c_void, phys_index: u64, online: Flag) -> *const c_char>,
    /// For guest-get-memory-block-info: tells the size of a block in bytes at `*size`.
    pub memory_block_size: Option<unsafe extern "C" fn(context: *mut c_void, size: *mut u64) -> *const c_char>,
}
