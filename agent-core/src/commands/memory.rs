//! `guest-get-memory-blocks`, `guest-set-memory-blocks` and `guest-get-memory-block-info`: memory that can be taken away
//! and given back, in blocks of one size.

use serde::Serialize;

use crate::arguments::{List, Parameter, Value};
use crate::command::{Command, Request};
use crate::error::{Error, Failure};
use crate::reply::{Reply, Step};

/// A block of memory: QEMU's `GuestMemoryBlock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MemoryBlock {
    /// Its physical address, in blocks.
    pub phys_index: u64,
    /// Whether it is in use.
    pub online: bool,
    /// Whether it can be taken offline.
    pub can_offline: Option<bool>,
}

impl<'m> Parameter<'m> for MemoryBlock {
    fn decode(value: Value<'m>) -> Result<Self, Error> {
        let mut members = value.object()?;
        let block = Self {
            phys_index: members.required("phys-index")?,
            online: members.required("online")?,
            can_offline: members.optional("can-offline")?,
        };
        members.finish()?;
        Ok(block)
    }
}

/// Why a block of memory was not taken online or offline, with the system's error number if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryBlockError {
    /// There is no such block.
    NotFound(Option<i32>),
    /// The guest can do this with no block.
    NotSupported(Option<i32>),
    /// It failed.
    Failed(Option<i32>),
}

/// QEMU's `GuestMemoryBlockResponse`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Response {
    phys_index: u64,
    response: &'static str,
    error_code: Option<i32>,
}

/// QEMU's `GuestMemoryBlockInfo`.
#[derive(Serialize)]
struct BlockInfo {
    size: u64,
}

/// What `guest-get-memory-blocks` and `guest-get-memory-block-info` need of their guest.
pub trait MemoryBlocks {
    /// The `index`-th block, if there are as many.
    ///
    /// # Errors
    /// If the guest cannot tell.
    fn memory_block(&mut self, index: usize) -> Result<Option<MemoryBlock>, Failure>;

    /// The size of a block in bytes.
    ///
    /// # Errors
    /// If the guest has no blocks.
    fn memory_block_size(&mut self) -> Result<u64, Failure>;
}

/// What `guest-set-memory-blocks` needs of its guest.
pub trait SetMemoryBlocks {
    /// Takes a block online or offline. One that is so already is no error.
    ///
    /// # Errors
    /// If that cannot be done.
    fn set_memory_block(&mut self, phys_index: u64, online: bool) -> Result<(), MemoryBlockError>;
}

/// `guest-get-memory-blocks` and `guest-get-memory-block-info`.
#[must_use]
pub const fn commands<G: MemoryBlocks>() -> &'static [Command<G>] {
    const {
        &[
            Command::new("guest-get-memory-blocks", blocks).packed(),
            Command::new("guest-get-memory-block-info", block_info),
        ]
    }
}

/// `guest-set-memory-blocks`.
#[must_use]
pub const fn set_commands<G: SetMemoryBlocks>() -> &'static [Command<G>] {
    const { &[Command::new("guest-set-memory-blocks", set_blocks).to_the_end()] }
}

/// Tells the blocks of memory that can be taken away and given back.
///
/// Returns a list: of each its number `phys-index` (its physical address, in blocks), whether it is `online`, and whether it
/// `can-offline`.
fn blocks<G: MemoryBlocks>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let step = request.step();
    if step == 0 {
        request.arguments().finish()?;
    }
    reply.element(guest.memory_block(step))
}

/// Takes blocks of memory online or offline.
///
/// - `mem-blks`: a list of objects with `phys-index`, an integer, and `online`, a boolean
///
/// Returns a list: of each its `phys-index`, a `response` (`success`, `not-found`, `operation-not-supported` or
/// `operation-failed`), and the system's `error-code` where there is one.
fn set_blocks<G: SetMemoryBlocks>(
    guest: &mut G,
    request: &mut Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Step, Error> {
    // A block a step, each set when its answer is due.
    if request.step() == 0 {
        let mut arguments = request.arguments();
        let blocks: List<'_, MemoryBlock> = arguments.required("mem-blks")?;
        arguments.finish()?;
        *request.carry() = blocks.place() as u64;
    }
    let place = *request.carry();
    let response = request.element(place).map(|(block, next)| {
        *request.carry() = next;
        set_block(guest, block)
    });
    reply.element(Ok(response))
}

fn set_block<G: SetMemoryBlocks>(guest: &mut G, MemoryBlock { phys_index, online, .. }: MemoryBlock) -> Response {
    let (response, error_code) = match guest.set_memory_block(phys_index, online) {
        Ok(()) => ("success", None),
        Err(MemoryBlockError::NotFound(code)) => ("not-found", code),
        Err(MemoryBlockError::NotSupported(code)) => ("operation-not-supported", code),
        Err(MemoryBlockError::Failed(code)) => ("operation-failed", code),
    };
    Response { phys_index, response, error_code }
}

/// Tells how large a block of memory is.
///
/// Returns `size`, in bytes.
fn block_info<G: MemoryBlocks>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.arguments().finish()?;
    Ok(reply.whole(&BlockInfo { size: guest.memory_block_size()? })?)
}
