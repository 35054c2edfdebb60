//! An agent in memory of the C kernel: first the state, then the buffer for requests.

use core::ffi::{c_char, c_void};
use core::mem::offset_of;
use core::ops::Range;
use core::{ptr, slice};

use heapless::{String, Vec};
use nanoqga::commands::{info, sync};
use nanoqga::engine::Received;
use nanoqga::{Command, CommandSet, Engine, Memory};

use crate::guest::{Guest, NANOQGA_MAX_OWN_COMMANDS};
use crate::status::Status;
use crate::text;

/// The size of an agent's state in bytes. The rest of its memory is for requests.
#[cfg(target_pointer_width = "64")]
pub const NANOQGA_STATE: usize = 4672;

/// The size of an agent's state in bytes. The rest of its memory is for requests.
#[cfg(target_pointer_width = "32")]
pub const NANOQGA_STATE: usize = 3744;

/// The alignment of an agent's memory in bytes.
pub const NANOQGA_ALIGNMENT: usize = 8;

/// The smallest memory: no useful request fits less.
const SMALLEST: usize = NANOQGA_STATE + 128;

/// The engine has 32 bits for a place in a request.
const LONGEST_REQUEST: usize = u32::MAX as usize;

/// Rust has no longer slices, whatever length C passes.
const LONGEST_SLICE: usize = isize::MAX as usize;

/// The longest piece of a reply. A reply may have any length.
const STAGE: usize = 1024;

/// The commands of all families.
const FAMILY_COMMANDS: usize = 42;

/// The state of an agent that no call uses.
const READY: u32 = 0x6e71_6761;
/// The state of an agent while a call uses it.
const AT_WORK: u32 = READY + 1;

/// An agent.
// Two parts, because a callback that calls its agent reads the state while the other part is borrowed.
#[derive(Debug)]
pub struct Nanoqga {
    state: u32,
    parts: Parts,
}

const _: () = {
    assert!(size_of::<Nanoqga>() <= NANOQGA_STATE, "the state does not fit: raise NANOQGA_STATE");
    assert!(align_of::<Nanoqga>() <= align_of::<u64>() && align_of::<u64>() <= NANOQGA_ALIGNMENT);
    assert!(NANOQGA_STATE - size_of::<Nanoqga>() < 256, "the state is smaller: lower NANOQGA_STATE");
};

#[derive(Debug)]
pub(crate) struct Parts {
    engine: Engine<Guest>,
    commands: Vec<&'static Command<Guest>, FAMILY_COMMANDS>,
    own_commands: Vec<Command<Guest>, NANOQGA_MAX_OWN_COMMANDS>,
    frozen: bool,
    pub(crate) guest: Guest,
    stage: [u8; STAGE],
    message: &'static mut [u8],
}

impl Parts {
    /// Adds those of `commands` that are there, or none of them.
    // Kept whole, for size: every family calls it.
    #[inline(never)]
    pub(crate) fn add(&mut self, commands: &[&'static [Command<Guest>]], there: &[bool]) -> Status {
        let commands = commands.iter().copied().flatten().zip(there);
        let added = || commands.clone().filter(|(_, there)| **there).map(|(command, _)| command);
        if added().any(|command| self.has(command.name())) {
            return Status::Exists;
        }
        for command in added() {
            // There is room for the commands of all families.
            let _ = self.commands.push(command);
        }
        Status::Ok
    }

    /// Adds a command of the kernel's own.
    pub(crate) fn add_own(&mut self, command: Command<Guest>) -> Status {
        if self.own_commands.is_full() {
            return Status::Full;
        }
        if self.has(command.name()) {
            return Status::Exists;
        }
        // There is room, as was just seen.
        let _ = self.own_commands.push(command);
        Status::Ok
    }

    fn has(&self, name: &str) -> bool {
        self.commands.iter().copied().chain(&self.own_commands).any(|command| command.name() == name)
    }

    /// Whether a buffer lies in the agent's memory.
    // Kept whole, for size: it is called four times.
    #[inline(never)]
    fn overlaps(&self, buffer: *const u8, length: usize) -> bool {
        // The parts are never anywhere else than in an agent, whose state may lie before them.
        let begin = ptr::from_ref(self).addr().wrapping_sub(offset_of!(Nanoqga, parts));
        let end = self.message.as_ptr().addr().saturating_add(self.message.len());
        overlap(begin..end, buffer, length)
    }
}

fn overlap(memory: Range<usize>, buffer: *const u8, length: usize) -> bool {
    buffer.addr() < memory.end && memory.start < buffer.addr().saturating_add(length)
}

/// Calls `work` with the agent at `agent`, unless there is none or it is at work.
///
/// # Safety
/// `agent` may be read as an agent's state. If there is an agent, its memory is as it left it, and nobody else uses it.
pub(crate) unsafe fn with(agent: *mut Nanoqga, work: impl FnOnce(&mut Parts) -> Status) -> Status {
    // SAFETY: The caller's promise.
    match unsafe { enter(agent) } {
        Ok(parts) => {
            let status = work(parts);
            // SAFETY: There is an agent, and its parts are not borrowed any more.
            unsafe { (&raw mut (*agent).state).write(READY) };
            status
        }
        Err(status) => status,
    }
}

/// Marks the agent as at work, and borrows its parts.
///
/// # Safety
/// As for [`with`].
// Kept whole, for size: every function of the library calls it.
#[inline(never)]
unsafe fn enter<'a>(agent: *mut Nanoqga) -> Result<&'a mut Parts, Status> {
    if agent.is_null() {
        return Err(Status::Null);
    }
    if !agent.is_aligned() {
        return Err(Status::Misaligned);
    }
    // SAFETY: By the caller's promise it can be read. Only this function reads it while the parts are borrowed.
    match unsafe { (&raw const (*agent).state).read() } {
        READY => {}
        AT_WORK => return Err(Status::Busy),
        _ => return Err(Status::NotAnAgent),
    }
    // SAFETY: There is an agent, and it is not at work: nobody else has borrowed its parts.
    unsafe {
        (&raw mut (*agent).state).write(AT_WORK);
        Ok(&mut (*agent).parts)
    }
}

/// Makes an agent in the `size` bytes at `memory`, and sets `*agent` to it. It answers `guest-sync`, `guest-sync-delimited`,
/// `guest-ping` and `guest-info`; nanoqga_add_... add more commands.
///
/// `memory` must be aligned to `NANOQGA_ALIGNMENT` and have `NANOQGA_MEMORY(longest_request)` bytes. Nothing else may use it as
/// long as the agent is used; nothing has to be released. This call overwrites it, so a callback must not make it for the memory
/// of its own agent. `version` is the agent's version for clients: three numbers with dots between, such as "1.0.0", of at most
/// `NANOQGA_MAX_VERSION` bytes. It is copied. `context` is passed to every callback and may be NULL.
///
/// Errors: NULL, MISALIGNED, TOO_SMALL, OVERLAP; TOO_LONG and INVALID_TEXT for the version.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_init(
    memory: *mut c_void,
    size: usize,
    version: *const c_char,
    context: *mut c_void,
    agent: *mut *mut Nanoqga,
) -> Status {
    if memory.is_null() || version.is_null() || agent.is_null() {
        return Status::Null;
    }
    // On i686 this is 4: an array of `uint64_t` need not be aligned to more.
    if !memory.addr().is_multiple_of(align_of::<u64>()) || !agent.is_aligned() {
        return Status::Misaligned;
    }
    if size < SMALLEST {
        return Status::TooSmall;
    }
    if overlap(memory.addr()..memory.addr().saturating_add(size), agent.cast(), size_of::<*mut Nanoqga>()) {
        return Status::Overlap;
    }
    #[cfg(feature = "panicking")]
    assert!(size != usize::MAX, "no memory is as large");
    // SAFETY: It is a text, by the caller's promise.
    let version = unsafe { text::from_c(version) }.unwrap_or_default();
    if version.is_empty() || !version.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.')) {
        return Status::InvalidText;
    }
    let Ok(version) = String::try_from(version) else { return Status::TooLong };
    let length = (size - NANOQGA_STATE).min(LONGEST_REQUEST);
    // SAFETY: The caller gives all of that memory. The state ends before the buffer begins, which is zeroed before it is
    // borrowed.
    unsafe {
        let buffer = memory.cast::<u8>().add(NANOQGA_STATE);
        buffer.write_bytes(0, length);
        let message = slice::from_raw_parts_mut(buffer, length);
        let place = memory.cast::<Nanoqga>();
        let parts = Parts {
            engine: Engine::new(),
            commands: Vec::new(),
            own_commands: Vec::new(),
            frozen: false,
            guest: Guest::new(context, version),
            stage: [0; STAGE],
            message,
        };
        place.write(Nanoqga { state: READY, parts });
        agent.write(place);
        with(place, |parts| {
            // There is room for these, and nothing else yet.
            parts.add(&[sync::commands(), info::commands()], &[true; 4])
        })
    }
}

/// Takes bytes that the host has sent, up to the end of a request, and sets `*taken` to how many of the `length` bytes. Pass the
/// rest again when the request is answered: as long as there is something to transmit, no bytes are taken.
///
/// Errors: NULL, EMPTY, MISALIGNED, OVERLAP, NOT_AN_AGENT, BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_receive(
    agent: *mut Nanoqga,
    bytes: *const u8,
    length: usize,
    taken: *mut usize,
) -> Status {
    if bytes.is_null() || taken.is_null() {
        return Status::Null;
    }
    if length == 0 {
        return Status::Empty;
    }
    if !taken.is_aligned() {
        return Status::Misaligned;
    }
    let receive = |parts: &mut Parts| {
        if parts.overlaps(bytes, length) || parts.overlaps(taken.cast(), size_of::<usize>()) {
            return Status::Overlap;
        }
        // SAFETY: The caller lends so many bytes for the call, and they are not the agent's.
        let bytes = unsafe { slice::from_raw_parts(bytes, length.min(LONGEST_SLICE)) };
        let Parts { engine, stage, message, .. } = parts;
        let count = match engine.receive(&mut Memory { request: message, reply: stage }, bytes) {
            Received::Taken(count) => count,
            Received::NeedsRoom => {
                engine.refuse();
                0
            }
        };
        // SAFETY: The caller lends this for the call, too.
        unsafe { taken.write(count) };
        Status::Ok
    };
    // SAFETY: The caller's promise.
    unsafe { with(agent, receive) }
}

/// Runs the request that was received, if any, fills the `size` bytes at `room` with its reply, and sets `*filled` to how many of
/// them. This call alone calls callbacks. Repeat it, and send what it fills, until it fills nothing: then the reply is complete,
/// and more can be received.
///
/// A command such as `guest-shutdown` may not return, so send every earlier reply before more is received.
///
/// Errors: NULL, EMPTY, MISALIGNED, OVERLAP, NOT_AN_AGENT, BUSY; TOO_LARGE and INVALID_REPLY for the mistake of a callback: `room`
/// is filled, and must be sent, as without it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_transmit(
    agent: *mut Nanoqga,
    room: *mut u8,
    size: usize,
    filled: *mut usize,
) -> Status {
    if room.is_null() || filled.is_null() {
        return Status::Null;
    }
    if size == 0 {
        return Status::Empty;
    }
    if !filled.is_aligned() {
        return Status::Misaligned;
    }
    let transmit = |parts: &mut Parts| {
        if parts.overlaps(room, size) || parts.overlaps(filled.cast(), size_of::<usize>()) {
            return Status::Overlap;
        }
        // SAFETY: The caller lends so many bytes for the call, and they are not the agent's.
        let room = unsafe { slice::from_raw_parts_mut(room, size.min(LONGEST_SLICE)) };
        let Parts { engine, commands, own_commands, frozen, guest, stage, message } = parts;
        let mut tables = [own_commands.as_slice(); FAMILY_COMMANDS + 1];
        for (table, command) in tables.iter_mut().zip(commands.iter()) {
            *table = slice::from_ref(*command);
        }
        let tables = tables.get(..=commands.len()).unwrap_or_default();
        let commands = CommandSet::new(tables);
        commands.set_frozen(*frozen);
        let count = engine.transmit(&commands, &mut Memory { request: message, reply: stage }, guest, room);
        *frozen = commands.is_frozen();
        // SAFETY: The caller lends this for the call, too.
        unsafe { filled.write(count) };
        guest.misuse.take().unwrap_or(Status::Ok)
    };
    // SAFETY: The caller's promise.
    unsafe { with(agent, transmit) }
}

/// Drops the request that was half received and the rest of the reply, because the host has connected or disconnected. A command
/// that acts on several things, such as `guest-fstrim`, still completes, in the next nanoqga_transmit and without its reply.
///
/// Errors: NULL, MISALIGNED, NOT_AN_AGENT, BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_reset(agent: *mut Nanoqga) -> Status {
    let reset = |parts: &mut Parts| {
        parts.engine.reset();
        Status::Ok
    };
    // SAFETY: The caller's promise.
    unsafe { with(agent, reset) }
}

/// Tells an agent whether file systems are frozen, because another agent of the same kernel has frozen or thawed them. While they
/// are frozen, only commands that write nothing are enabled.
///
/// Errors: NULL, MISALIGNED, NOT_AN_AGENT, BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_set_frozen(agent: *mut Nanoqga, frozen: crate::Flag) -> Status {
    let set = |parts: &mut Parts| {
        parts.frozen = frozen.is_set();
        Status::Ok
    };
    // SAFETY: The caller's promise.
    unsafe { with(agent, set) }
}
