//! The families of commands: for each the function that adds its table of callbacks to an agent.
//!
//! A command whose callback is NULL does not exist for clients. A family that is never added is not linked.

pub mod background;
pub mod cpu;
pub mod file;
pub mod filesystem;
pub mod freeze;
pub mod memory;
pub mod network;
pub mod os;
pub mod power;
pub mod suspend;
pub mod testing;
pub mod time;
pub mod user;

use core::ffi::c_void;

use nanoqga::Command;

use crate::agent::{Nanoqga, with};
use crate::flag::Flag;
use crate::guest::{Family, Guest};
use crate::status::Status;

/// Adds a family. `is_there` returns for each of `commands`, in their order, whether the table has its callback; `keep` where the
/// table is kept.
///
/// # Safety
/// `agent` is as `with` needs it; `callbacks` is NULL or may be read.
pub(crate) unsafe fn add<C: Copy, const N: usize>(
    agent: *mut Nanoqga,
    family: Family,
    callbacks: *const C,
    commands: &'static [&'static [Command<Guest>]],
    is_there: impl FnOnce(&C) -> [bool; N],
    keep: impl FnOnce(&mut Guest) -> &mut C,
) -> Status {
    if callbacks.is_null() {
        return Status::Null;
    }
    if !callbacks.is_aligned() {
        return Status::Misaligned;
    }
    // SAFETY: The caller's promise.
    let callbacks = unsafe { callbacks.read() };
    let there = is_there(&callbacks);
    // SAFETY: The caller's promise.
    unsafe {
        with(agent, |parts| {
            if parts.guest.families.has(family) {
                return Status::Exists;
            }
            let status = parts.add(commands, &there);
            if status == Status::Ok {
                parts.guest.families.add(family);
                *keep(&mut parts.guest) = callbacks;
            }
            status
        })
    }
}

/// Returns the `index`-th element of a list. The callback fills in the default of `T`.
///
/// # Safety
/// `callback` is one of the kernel's, and `context` what it is passed.
pub(crate) unsafe fn element<T: Default>(
    callback: Option<unsafe extern "C" fn(*mut c_void, usize, *mut T) -> Flag>,
    context: *mut c_void,
    index: usize,
) -> Option<T> {
    let mut element = T::default();
    // SAFETY: The callback may write the element.
    unsafe { callback?(context, index, &raw mut element) }.is_set().then_some(element)
}
