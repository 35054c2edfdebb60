//! `guest-file-open`, `-close`, `-read`, `-write`, `-seek` and `-flush`: files by handle, as with C's `FILE`.

pub use embedded_io::SeekFrom;
use serde::Serialize;

use crate::arguments::{Parameter, Text, Value};
use crate::cause::Cause;
use crate::command::{Command, Request};
use crate::error::{Error, Failure};
use crate::reply::{Kind, Reply, Step};

/// The most that one `guest-file-read` reads.
const MAX_READ: i64 = 48 << 20;
const DEFAULT_READ: i64 = 4096;

/// How a file is opened: `fopen`'s `r`, `w` or `a`, and its `+`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenMode {
    /// What the file is opened for.
    pub access: Access,
    /// Whether it is opened for the other direction, too.
    pub update: bool,
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To be read, from its beginning. It must exist.
    Read,
    /// To be written. It is created, or emptied if it exists.
    Write,
    /// To be written at its end, wherever the position is. It is created unless it exists.
    Append,
}

/// What the family needs of its guest. All calls but [`open`](Self::open) are for handles that are open.
pub trait Files {
    /// Opens the file at `path`; returns its handle, which should be none that was given out before.
    ///
    /// # Errors
    /// The cause alone, such as `No such file or directory`: path and mode are put before it.
    fn open(&mut self, path: Text<'_>, mode: OpenMode, cause: &mut Cause) -> Result<i64, Failure>;

    /// Whether this is the handle of an open file.
    fn is_open(&mut self, handle: i64) -> bool;

    /// Closes the file. The handle is gone then, whatever is returned.
    ///
    /// # Errors
    /// If what was written has not all arrived.
    fn close(&mut self, handle: i64) -> Result<(), Failure>;

    /// Reads from the file's position on; returns how many bytes. It fills all of `into` unless the file ends before. A
    /// client's read may take many calls.
    ///
    /// # Errors
    /// If the file cannot be read. A read that fails after its first call is a short one for the client.
    fn read(&mut self, handle: i64, into: &mut [u8]) -> Result<usize, Failure>;

    /// Writes at the file's position; returns how many of `bytes`.
    ///
    /// # Errors
    /// If nothing can be written.
    fn write(&mut self, handle: i64, bytes: &[u8]) -> Result<usize, Failure>;

    /// Moves the file's position; returns the new one, in bytes from the beginning.
    ///
    /// # Errors
    /// If there is no such position.
    fn seek(&mut self, handle: i64, to: SeekFrom) -> Result<u64, Failure>;

    /// Passes on what was written to where other readers of the file see it.
    ///
    /// # Errors
    /// If that fails.
    fn flush(&mut self, handle: i64) -> Result<(), Failure>;
}

/// The family's commands.
#[must_use]
pub const fn commands<G: Files>() -> &'static [Command<G>] {
    const {
        &[
            Command::new("guest-file-open", open),
            Command::new("guest-file-close", close),
            Command::new("guest-file-read", read),
            Command::new("guest-file-write", write),
            Command::new("guest-file-seek", seek),
            Command::new("guest-file-flush", flush),
        ]
    }
}

/// Opens a file.
///
/// - `path`: a string
/// - `mode` (optional): a string as C's `fopen` has it: `r` (the default), `w` or `a`, with `+` and `b` or without
///
/// Returns the handle, an integer that is never given again.
///
/// Errors: another mode, and why the file cannot be opened.
fn open<G: Files>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let path: Text<'_> = arguments.required("path")?;
    let mode: Option<Text<'_>> = arguments.optional("mode")?;
    arguments.finish()?;
    let parsed = match mode {
        None => Some(OpenMode { access: Access::Read, update: false }),
        Some(mode) => OpenMode::parse(mode),
    };
    let quoted = mode.map(|mode| mode.span());
    let parsed = parsed.ok_or(Error::Quote("invalid file open mode '", quoted.unwrap_or_default(), "'"))?;
    let handle = guest.open(path, parsed, reply.cause()).map_err(|cause| Error::Open(path.span(), quoted, cause))?;
    Ok(reply.whole(&handle)?)
}

impl OpenMode {
    /// A letter, and `b` (which says nothing) and `+` in any order, each at most once.
    fn parse(mode: Text<'_>) -> Option<Self> {
        let mut characters = mode.chars();
        let access = match characters.next()? {
            'r' => Access::Read,
            'w' => Access::Write,
            'a' => Access::Append,
            _ => return None,
        };
        let update = match (characters.next(), characters.next(), characters.next()) {
            (None | Some('b'), None, None) => false,
            (Some('+'), None | Some('b'), None) | (Some('b'), Some('+'), None) => true,
            _ => return None,
        };
        Some(Self { access, update })
    }
}

/// The arguments of a command that has only a handle.
fn only_handle<G: Files>(guest: &mut G, request: &Request<'_>) -> Result<i64, Error> {
    let mut arguments = request.arguments();
    let handle = arguments.required("handle")?;
    arguments.finish()?;
    check_open(guest, handle)?;
    Ok(handle)
}

fn check_open<G: Files>(guest: &mut G, handle: i64) -> Result<(), Error> {
    if guest.is_open(handle) { Ok(()) } else { Err(Error::Number("handle '", handle, "' has not been found")) }
}

/// Closes a file. What was written has arrived when this has succeeded.
///
/// - `handle`: an integer
///
/// Errors: no such handle, data that could not be written.
fn close<G: Files>(guest: &mut G, request: &mut Request<'_>, _: &mut Reply<'_>) -> Result<Step, Error> {
    let handle = only_handle(guest, request)?;
    guest.close(handle)?;
    Ok(Step::Done)
}

/// Writes what is still in memory to where other readers of the file see it.
///
/// - `handle`: an integer
///
/// Errors: no such handle, data that could not be written.
fn flush<G: Files>(guest: &mut G, request: &mut Request<'_>, _: &mut Reply<'_>) -> Result<Step, Error> {
    let handle = only_handle(guest, request)?;
    guest.flush(handle)?;
    Ok(Step::Done)
}

/// Reads from a file's position on.
///
/// - `handle`: an integer
/// - `count` (optional): how many bytes at most, 0 to 50331648; default 4096
///
/// Returns `count`, how many were read, `buf-b64`, the bytes in base64, and `eof`, whether the file ended.
///
/// Errors: no such handle, a count out of range, a file that cannot be read.
fn read<G: Files>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    // A `GuestFileRead`, a chunk a step. The members that are known last go out last.
    let mut arguments = request.arguments();
    let handle: i64 = arguments.required("handle")?;
    let count: Option<i64> = arguments.optional("count")?;
    arguments.finish()?;
    let first = request.step() == 0;
    // Another agent may close the file between two steps.
    let open = check_open(guest, handle);
    if first {
        open?;
        reply.open(Kind::Object)?;
        reply.open_member("buf-b64", Kind::Text)?;
    }
    let count = match count.unwrap_or(DEFAULT_READ) {
        count @ 0..=MAX_READ => count.unsigned_abs(),
        invalid => return Err(invalid_count(invalid)),
    };
    let done = *request.carry();
    let mut wanted = 0;
    let got = reply.base64_part(",\"count\":50331648,\"eof\":false".len(), |room| {
        wanted = usize::try_from(count.saturating_sub(done)).unwrap_or(usize::MAX).min(room.len());
        open?;
        let got = guest.read(handle, room.get_mut(..wanted).unwrap_or_default())?;
        Ok::<_, Error>(got.min(wanted))
    });
    let (got, eof) = match got {
        Ok(got) => (got, got < wanted),
        Err(error) if first => return Err(error),
        Err(_) => (0, false),
    };
    let done = done.saturating_add(got as u64);
    if got > 0 && !eof && done < count {
        *request.carry() = done;
        return Ok(Step::More);
    }
    reply.close();
    reply.member("count", &done)?;
    reply.member("eof", &eof)?;
    Ok(Step::Done)
}

const fn invalid_count(count: i64) -> Error {
    Error::Number("value '", count, "' is invalid for argument count")
}

/// QEMU's `GuestFileWrite`.
#[derive(Serialize)]
struct Written {
    count: usize,
    eof: bool,
}

/// Writes at a file's position.
///
/// - `handle`: an integer
/// - `buf-b64`: the bytes, in base64
/// - `count` (optional): how many of them; default all
///
/// Returns `count`, how many were written, and `eof`, which is false.
///
/// Errors: no such handle, text that is no base64, a count that is negative or more than there are bytes, a full disk.
fn write<G: Files>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let handle: i64 = arguments.required("handle")?;
    let _: Text<'_> = arguments.required("buf-b64")?;
    let count: Option<i64> = arguments.optional("count")?;
    arguments.finish()?;
    check_open(guest, handle)?;
    request.decode_base64("buf-b64")?;
    let bytes = request.decoded();
    let bytes = match count {
        None => bytes,
        Some(count) => {
            let part = usize::try_from(count).ok().and_then(|count| bytes.get(..count));
            part.ok_or(invalid_count(count))?
        }
    };
    let count = guest.write(handle, bytes)?;
    Ok(reply.whole(&Written { count, eof: false })?)
}

/// QEMU's `GuestFileSeek`.
#[derive(Serialize)]
struct Sought {
    position: u64,
    eof: bool,
}

/// QEMU's `GuestFileWhence`: a number, or a name for it.
struct Whence(i64);

impl<'m> Parameter<'m> for Whence {
    fn decode(value: Value<'m>) -> Result<Self, Error> {
        match value.json().first() {
            Some(b'"') => {
                let names = [("set", 0), ("cur", 1), ("end", 2)];
                Text::decode(value)?.one_of(&names).map(Self)
            }
            Some(b'-' | b'0'..=b'9') => i64::decode(value).map(Self),
            _ => Err(value.type_error("GuestFileWhence")),
        }
    }
}

/// Moves a file's position.
///
/// - `handle`: an integer
/// - `offset`: bytes, which may be negative
/// - `whence`: from where: `set` or 0 for the beginning, `cur` or 1 for the position, `end` or 2
///
/// Returns `position`, in bytes from the beginning, and `eof`, which is false.
///
/// Errors: no such handle, a position before the beginning.
fn seek<G: Files>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let handle: i64 = arguments.required("handle")?;
    let offset: i64 = arguments.required("offset")?;
    let Whence(whence) = arguments.required("whence")?;
    arguments.finish()?;
    check_open(guest, handle)?;
    let to = match whence {
        0 => SeekFrom::Start(u64::try_from(offset).map_err(|_| BEFORE_THE_BEGINNING)?),
        1 => SeekFrom::Current(offset),
        2 => SeekFrom::End(offset),
        other => return Err(Error::Number("invalid whence code ", other, "")),
    };
    let position = guest.seek(handle, to)?;
    Ok(reply.whole(&Sought { position, eof: false })?)
}

const BEFORE_THE_BEGINNING: Failure = Failure("failed to seek file: Invalid argument");
