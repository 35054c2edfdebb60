//! Commands of the kernel's own.

use core::ffi::{c_char, c_void};

use nanoqga::{Cause, Command, Error, Failure, Reply, Request, Step};

use crate::agent::{Nanoqga, Parts, with};
use crate::callbacks::own::{Own, OwnReply};
use crate::guest::{Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::{self, outcome_with};

/// The longest name of a command, in bytes.
pub const NANOQGA_MAX_NAME: usize = 63;

/// Adds a command of the kernel's own, called `name`, which `run` runs. guest-info lists it. `run` is passed this `context`, which
/// may be NULL, instead of that of nanoqga_init. The command's arguments are JSON: an object of `arguments_length` bytes without
/// spaces between tokens. No NUL follows it.
///
/// `name` has letters, digits, `-`, `_` and `.`, at most `NANOQGA_MAX_NAME` bytes, and must not change as long as the agent is
/// used. The name of a new command should begin with that of its maker, not with "guest-".
///
/// Errors: NULL, MISALIGNED, NOT_AN_AGENT, BUSY, EMPTY, TOO_LONG, INVALID_TEXT, EXISTS, FULL.
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
        let status = parts.add_own(Command::new(name, run_own));
        if status == Status::Ok {
            // There is room for as many as there are commands.
            let _ = parts.guest.own.push(Own { name, run, context });
        }
        status
    };
    // SAFETY: The caller's promise.
    unsafe { with(agent, add) }
}

/// The handler of all of them.
fn run_own(guest: &mut Guest, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let name = request.command_name();
    let (arguments, spare) = request.json_and_spare();
    // The checked JSON is stored behind it, in two brackets.
    let half = spare.len().saturating_sub(2) / 2;
    let room = spare.get_mut(..half).unwrap_or_default();
    let length = call(guest, name, arguments, room, reply.cause())?;
    if length == 0 {
        return Ok(Step::Done);
    }
    request.check_json(length).inspect_err(|_| guest.misuse = Some(Status::InvalidReply))?;
    Ok(Step::Checked)
}

/// Has the kernel run the command; returns how many bytes of `room` it wrote.
fn call(guest: &mut Guest, name: &str, arguments: &[u8], room: &mut [u8], cause: &mut Cause) -> Result<usize, Failure> {
    let arguments = if arguments.is_empty() { b"{}" } else { arguments };
    let own = guest.own.iter().find(|own| own.name == name).ok_or(NO_CALLBACK)?;
    let mut reply = OwnReply { json: room.as_mut_ptr().cast(), room: room.len(), length: 0 };
    // SAFETY: All pointers are good for the call, and what it returns is NULL or a text.
    unsafe { outcome_with((own.run)(own.context, arguments.as_ptr().cast(), arguments.len(), &raw mut reply), cause) }?;
    if reply.length > room.len() {
        guest.misuse = Some(Status::TooLarge);
        return Err(Failure("the command's reply is larger than its room"));
    }
    Ok(reply.length)
}
