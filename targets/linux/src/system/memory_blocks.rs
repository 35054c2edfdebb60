//! The blocks of memory in sysfs.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use nanoqga::Failure;
use nanoqga::commands::memory::{MemoryBlock, MemoryBlockError};
use rustix::io::Errno;

use super::errno::failed;
use super::files::{numbers, open_directory, read_at, read_text, write_attribute};

const BLOCKS: &str = "/sys/devices/system/memory";

/// All blocks: none where the kernel has no hotplug of memory.
pub fn all() -> Result<Vec<MemoryBlock>, Failure> {
    match numbers(BLOCKS, "memory") {
        Ok(numbers) => numbers.into_iter().map(block).collect(),
        Err(Errno::NOENT) => Ok(Vec::new()),
        Err(error) => Err(failed("failed to list the memory blocks", error)),
    }
}

fn block(phys_index: u64) -> Result<MemoryBlock, Failure> {
    let attribute = |name| match read_text(&format!("{BLOCKS}/memory{phys_index}/{name}")) {
        Ok(text) => Ok(Some(text)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(failed("failed to read the state of a memory block", error)),
    };
    let state: Option<String> = attribute("state")?;
    // A block without a state can only be online.
    let online = state.as_ref().is_none_or(|state| is_online(state.as_bytes()));
    let removable = attribute("removable")?.is_some_and(|removable| !removable.starts_with('0'));
    Ok(MemoryBlock { phys_index, online, can_offline: Some(state.is_some() && removable) })
}

/// Sees to it that a block is in use, or is not.
pub fn set_online(phys_index: u64, online: bool) -> Result<(), MemoryBlockError> {
    let code = |error: Errno| Some(error.raw_os_error());
    let failed = |error: Errno| MemoryBlockError::Failed(code(error));
    open_directory(BLOCKS).map_err(|error| match error {
        Errno::NOENT => MemoryBlockError::NotSupported(code(error)),
        other => failed(other),
    })?;
    let directory = open_directory(&format!("{BLOCKS}/memory{phys_index}")).map_err(|error| match error {
        Errno::NOENT => MemoryBlockError::NotFound(code(error)),
        other => failed(other),
    })?;
    match read_at(&directory, "state") {
        Err(Errno::NOENT) if online => Ok(()),
        Err(error @ Errno::NOENT) => Err(MemoryBlockError::NotSupported(code(error))),
        Err(error) => Err(failed(error)),
        Ok(state) if is_online(&state) == online => Ok(()),
        Ok(_) => {
            let state: &[u8] = if online { b"online" } else { b"offline" };
            write_attribute(&format!("{BLOCKS}/memory{phys_index}/state"), state).map_err(failed)
        }
    }
}

fn is_online(state: &[u8]) -> bool {
    state.starts_with(b"online")
}

/// How large each is, in bytes.
pub fn size() -> Result<u64, Failure> {
    let path = format!("{BLOCKS}/block_size_bytes");
    let text = read_text(&path).map_err(|error| failed("failed to read the size of memory blocks", error))?;
    u64::from_str_radix(text.trim(), 16)
        .map_err(|_| Failure("block_size_bytes in /sys/devices/system/memory is no hexadecimal number"))
}
