//! An agent in memory that C gives: from its beginning on the state, then the buffer for requests.

use core::ffi::{c_char, c_void};
use core::mem::offset_of;
use core::ops::Range;
use core::{ptr, slice};

use heapless::{String, Vec};
use nanoqga::commands::{info, sync};
use nanoqga::machine::{Lent, Machine};
use nanoqga::{Command, CommandSet};

use crate::guest::{Guest, NANOQGA_MAX_OWN_COMMANDS};
use crate::status::Status;
use crate::text;

/// What an agent needs of its memory for itself. The rest is for requests.
pub const NANOQGA_STATE: usize = 5120;

/// How its memory must be aligned.
pub const NANOQGA_ALIGNMENT: usize = 8;

/// The least memory in which requests of any use fit.
const SMALLEST: usize = NANOQGA_STATE + 128;

/// The engine tells places in a request by 32 bits.
const LONGEST_REQUEST: usize = u32::MAX as usize;

/// No slice may be longer, whatever C says.
const LONGEST_SLICE: usize = isize::MAX as usize;

/// The longest piece of a reply. Replies are of any length.
const STAGE: usize = 1024;

/// Those of all families.
const MAX_COMMANDS: usize = 40 + NANOQGA_MAX_OWN_COMMANDS;

/// Says that there is an agent.
const READY: usize = 0x6167_716f_6e61_6e01;
/// Says that there is one, and that it is at work.
const AT_WORK: usize = READY + 1;

/// An agent.
// In two parts: a callback that calls the agent reads the state while the rest is borrowed.
#[derive(Debug)]
pub struct Nanoqga {
    state: usize,
    parts: Parts,
}

const _: () = assert!(size_of::<Nanoqga>() <= NANOQGA_STATE && align_of::<Nanoqga>() <= NANOQGA_ALIGNMENT);

#[derive(Debug)]
pub(crate) struct Parts {
    machine: Machine<Guest>,
    commands: Vec<Command<Guest>, MAX_COMMANDS>,
    frozen: bool,
    pub(crate) guest: Guest,
    stage: [u8; STAGE],
    message: &'static mut [u8],
}

impl Parts {
    /// Adds those of `commands` that are there, or none of them.
    // Kept whole: every family calls it.
    #[inline(never)]
    pub(crate) fn add(&mut self, commands: &[Command<Guest>], there: &[bool]) -> Status {
        let added = || commands.iter().zip(there).filter(|(_, there)| **there).map(|(command, _)| *command);
        let has = |added: Command<Guest>| self.commands.iter().any(|command| command.name() == added.name());
        if added().any(has) {
            return Status::Exists;
        }
        if added().count() > MAX_COMMANDS.saturating_sub(self.commands.len()) {
            return Status::Full;
        }
        for command in added() {
            // There is room, as was just seen.
            let _ = self.commands.push(command);
        }
        Status::Ok
    }

    /// Whether a buffer lies in the agent's memory.
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

/// Has `work` done with the agent at `agent`, unless there is none or it is at work already.
///
/// # Safety
/// `agent` may be read as an agent's state. If there is an agent, its memory is as it left it, and nobody else uses it.
pub(crate) unsafe fn with(agent: *mut Nanoqga, work: impl FnOnce(&mut Parts) -> Status) -> Status {
    if agent.is_null() {
        return Status::Null;
    }
    if !agent.is_aligned() {
        return Status::Misaligned;
    }
    // SAFETY: By the caller's promise it can be read. Only this function looks at it while the parts are borrowed.
    match unsafe { (&raw const (*agent).state).read() } {
        READY => {}
        AT_WORK => return Status::Busy,
        _ => return Status::NotAnAgent,
    }
    // SAFETY: There is an agent, and it is not at work: nobody else has borrowed its parts.
    let parts = unsafe {
        (&raw mut (*agent).state).write(AT_WORK);
        &mut (*agent).parts
    };
    let status = work(parts);
    // SAFETY: As above; the parts are not borrowed any more.
    unsafe { (&raw mut (*agent).state).write(READY) };
    status
}

/// Makes an agent in `size` bytes at `memory`, and tells at `*agent` where it is. It answers `guest-sync`,
/// `guest-sync-delimited`, `guest-ping` and `guest-info`; nanoqga_add_... add more.
///
/// `memory` is aligned to `NANOQGA_ALIGNMENT`, of `NANOQGA_MEMORY(longest_request)` bytes, and the agent's alone for as long as
/// it is used: nothing has to be released. Whatever is in it is overwritten, so a callback may not do this to its own agent.
/// `version` is what clients are told, three numbers with dots between, such as "1.0.0", of at most `NANOQGA_MAX_VERSION`
/// bytes; it is copied. `context` is passed to every callback and may be NULL.
///
/// NULL, MISALIGNED, TOO_SMALL, OVERLAP; TOO_LONG or INVALID_TEXT for the version.
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
    if !memory.addr().is_multiple_of(NANOQGA_ALIGNMENT) || !agent.is_aligned() {
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
            machine: Machine::new(),
            commands: Vec::new(),
            frozen: false,
            guest: Guest::new(context, version),
            stage: [0; STAGE],
            message,
        };
        place.write(Nanoqga { state: READY, parts });
        agent.write(place);
        with(place, |parts| {
            // There is room for these, and nothing else yet.
            parts.add(sync::commands(), &[true; 2]);
            parts.add(info::commands(), &[true; 2])
        })
    }
}

/// Takes in `length` bytes that came from the host, and tells at `*taken` how many: those up to the end of a request. The rest
/// is to be given again when that request is answered: while there is something to transmit, none is taken.
///
/// NULL, EMPTY, MISALIGNED, OVERLAP, NOT_AN_AGENT, BUSY.
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
        let count = parts.machine.receive(parts.message, bytes);
        // SAFETY: The caller lends this for the call, too.
        unsafe { taken.write(count) };
        Status::Ok
    };
    // SAFETY: The caller's promise.
    unsafe { with(agent, receive) }
}

/// Runs the request that was received, if any, and fills the `size` bytes at `room` with its reply for the host; tells at
/// `*filled` how many. Call it until that is 0, and send what it fills: then the reply is whole, and more can be received. It is
/// here that callbacks are called.
///
/// A command such as `guest-shutdown` may not return, so what was filled before should be on its way to the host before more
/// is received.
///
/// NULL, EMPTY, MISALIGNED, OVERLAP, NOT_AN_AGENT, BUSY; TOO_LARGE and INVALID_REPLY when a callback did wrong: the
/// bytes in `room` are then good all the same.
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
        let Parts { machine, commands, frozen, guest, stage, message } = parts;
        let tables = [commands.as_slice()];
        let commands = CommandSet::new(&tables);
        commands.set_frozen(*frozen);
        let count = machine.transmit(Lent { commands: &commands, message, stage }, guest, room);
        *frozen = commands.is_frozen();
        // SAFETY: The caller lends this for the call, too.
        unsafe { filled.write(count) };
        guest.misuse.take().unwrap_or(Status::Ok)
    };
    // SAFETY: The caller's promise.
    unsafe { with(agent, transmit) }
}

/// Forgets the request that was half received and the rest of the reply: the host has connected or disconnected.
///
/// NULL, MISALIGNED, NOT_AN_AGENT, BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_reset(agent: *mut Nanoqga) -> Status {
    let reset = |parts: &mut Parts| {
        parts.machine.reset();
        Status::Ok
    };
    // SAFETY: The caller's promise.
    unsafe { with(agent, reset) }
}

/// Says that file systems are frozen from now on, or no more: for a second agent of the same kernel, which knows nothing of what
/// the first one was asked. While they are, only commands that write nothing are enabled.
///
/// NULL, MISALIGNED, NOT_AN_AGENT, BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_set_frozen(agent: *mut Nanoqga, frozen: crate::Flag) -> Status {
    let set = |parts: &mut Parts| {
        parts.frozen = frozen.is_set();
        Status::Ok
    };
    // SAFETY: The caller's promise.
    unsafe { with(agent, set) }
}
