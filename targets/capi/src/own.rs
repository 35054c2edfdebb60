//! Commands of the kernel's own.

use core::ffi::{c_char, c_void};

use nanoqga::json::Span;
use nanoqga::json::members::Stored;
use nanoqga::json::scanner::Scanner;
use nanoqga::{Command, Error, Failure, Reply, Request, Step};

use crate::agent::{Nanoqga, Parts, with};
use crate::callbacks::own::{Outgoing, Own, OwnReply};
use crate::guest::{Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::{self, outcome};

/// The longest name of a command, in bytes.
pub const NANOQGA_MAX_NAME: usize = 63;

/// Adds a command of the kernel's own, called `name`, which `run` runs. guest-info lists it. `run` is passed `context`, which may
/// be NULL, and not that of nanoqga_init; and the command's arguments as JSON: an object of `arguments_length` bytes, valid and
/// without spaces, that is there until `run` returns. No NUL ends it.
///
/// `name` is of letters, digits, `-`, `_` and `.`, of at most `NANOQGA_MAX_NAME` bytes, and must stay as it is as long as the agent
/// is used. New commands' names begin with their maker's, not with "guest-".
///
/// NULL, MISALIGNED, NOT_AN_AGENT, BUSY, EMPTY, TOO_LONG, INVALID_TEXT, EXISTS, FULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_command(
    agent: *mut Nanoqga,
    name: *const c_char,
    run: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            arguments: *const c_char,
            arguments_length: usize,
            reply: *mut OwnReply,
        ) -> *const c_char,
    >,
    context: *mut c_void,
) -> Status {
    // SAFETY: It is a text that stays, by the caller's promise.
    let (Some(name), Some(run)) = (unsafe { text::from_c::<'static>(name) }, run) else { return Status::Null };
    if name.is_empty() {
        return Status::Empty;
    }
    if name.len() > NANOQGA_MAX_NAME {
        return Status::TooLong;
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Status::InvalidText;
    }
    let add = |parts: &mut Parts| {
        if parts.guest.own.is_full() {
            return Status::Full;
        }
        let status = parts.add(&[Command::new(name, run_own)], &[true]);
        if status == Status::Ok {
            // There is room, as was just seen.
            let _ = parts.guest.own.push(Own { name, run, context });
        }
        status
    };
    // SAFETY: The caller's promise.
    unsafe { with(agent, add) }
}

/// The handler of all of them: runs the command in the first step; then what it returned goes out, a piece a step.
fn run_own(guest: &mut Guest, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let (first, name) = (request.step() == 0, request.command_name());
    let (arguments, spare) = request.json_and_spare();
    let half = spare.len() / 2;
    let (room, store) = spare.split_at_mut_checked(half).unwrap_or_default();
    if first {
        guest.outgoing = Outgoing::default();
        let length = call(guest, name, arguments, room)?;
        let Some(written @ &[_, ..]) = room.get(..length) else { return Ok(Step::Done) };
        let Some(json) = normalise(written, store) else {
            guest.misuse = Some(Status::InvalidReply);
            return Err(Failure("the command's reply is not valid, or is too large").into());
        };
        guest.outgoing.json = json;
    }
    let Outgoing { json, cursor } = &mut guest.outgoing;
    let json = json.of(store);
    reply.json_part(json, cursor);
    Ok(if cursor.is_at_end(json) { Step::Done } else { Step::More })
}

/// Has the kernel run the command; returns how many bytes of `room` it wrote.
fn call(guest: &mut Guest, name: &str, arguments: &[u8], room: &mut [u8]) -> Result<usize, Error> {
    let arguments = if arguments.is_empty() { b"{}" } else { arguments };
    let own = guest.own.iter().find(|own| own.name == name).ok_or(NO_CALLBACK)?;
    let mut reply = OwnReply { json: room.as_mut_ptr().cast(), room: room.len(), length: 0 };
    // SAFETY: All pointers are good for the call, and what it returns is NULL or a text.
    unsafe { outcome((own.run)(own.context, arguments.as_ptr().cast(), arguments.len(), &raw mut reply)) }?;
    if reply.length > room.len() {
        guest.misuse = Some(Status::TooLarge);
        return Err(Failure("the command's reply is larger than its room").into());
    }
    Ok(reply.length)
}

/// Stores `json` as the engine stores JSON, if it is one value and fits; returns where.
fn normalise(json: &[u8], store: &mut [u8]) -> Option<Span> {
    // In brackets, or a number would have no end.
    let mut scanner = Scanner::new();
    for inside in [b"[", json] {
        let (_, None) = scanner.push(inside, store) else { return None };
    }
    let (1, Some(Ok(_))) = scanner.push(b"]", store) else { return None };
    let stored = Stored { bytes: store, hole: Span::default() };
    let mut elements = stored.elements(Span::new(0, store.len()));
    let element = elements.next()?;
    elements.next().is_none().then_some(element)
}
