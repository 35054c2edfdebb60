//! Files of the guest: the commands, and copies of whole files there and back.

use std::io::{ErrorKind, Read, Write};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use crate::agent::Agent;
use crate::error::{Error, Kind};

/// The largest piece in bytes that is read at once.
const LARGEST_READ: usize = 1 << 20;

/// The smallest piece in bytes that is tried: it fits with its request into a kernel's buffer of 4 KiB.
const SMALLEST: usize = 1 << 10;

/// How many times smaller the next piece is when one is refused.
const SMALLER: usize = 4;

/// A file that the agent has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle(i64);

/// What was read of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The bytes, at most as many as were asked for.
    pub bytes: Vec<u8>,
    /// Whether the file's end was met.
    pub eof: bool,
}

/// What a seek counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// The beginning of the file.
    Set,
    /// The position.
    Cur,
    /// The end of the file.
    End,
}

/// Each has the errors of [`Agent::execute`].
impl Agent {
    /// guest-file-open, with a mode as fopen(3) has it.
    pub fn file_open(&mut self, path: &str, mode: &str) -> Result<Handle> {
        self.call("guest-file-open", Some(&json!({"path": path, "mode": mode}))).map(Handle)
    }

    /// guest-file-read: at most `count` bytes.
    pub fn file_read(&mut self, Handle(handle): Handle, count: usize) -> Result<Piece> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Read {
            count: usize,
            buf_b64: String,
            eof: bool,
        }
        let arguments = json!({"handle": handle, "count": count});
        let read: Read = self.call("guest-file-read", Some(&arguments))?;
        let bytes = decoded("guest-file-read", &read.buf_b64)?;
        if bytes.len() != read.count || bytes.len() > count {
            let message = format!(
                "guest-file-read returned {} bytes and a count of {}, where {count} were asked for",
                bytes.len(),
                read.count
            );
            return Err(Error::new(Kind::Malformed, message).into());
        }
        Ok(Piece { bytes, eof: read.eof })
    }

    /// guest-file-write: returns how many of the bytes were written.
    pub fn file_write(&mut self, Handle(handle): Handle, bytes: &[u8]) -> Result<usize> {
        #[derive(Deserialize)]
        struct Written {
            count: usize,
        }
        let arguments = json!({"handle": handle, "buf-b64": STANDARD.encode(bytes)});
        let Written { count } = self.call("guest-file-write", Some(&arguments))?;
        if count > bytes.len() {
            let message = format!("guest-file-write says that it has written {count} of {} bytes", bytes.len());
            return Err(Error::new(Kind::Malformed, message).into());
        }
        Ok(count)
    }

    /// guest-file-seek: returns the new position, from the file's beginning.
    pub fn file_seek(&mut self, Handle(handle): Handle, offset: i64, whence: Whence) -> Result<u64> {
        #[derive(Deserialize)]
        struct Seek {
            position: u64,
        }
        let whence = match whence {
            Whence::Set => 0,
            Whence::Cur => 1,
            Whence::End => 2,
        };
        let arguments = json!({"handle": handle, "offset": offset, "whence": whence});
        Ok(self.call::<Seek>("guest-file-seek", Some(&arguments))?.position)
    }

    /// guest-file-flush.
    pub fn file_flush(&mut self, Handle(handle): Handle) -> Result<()> {
        self.execute("guest-file-flush", Some(&json!({"handle": handle}))).map(drop)
    }

    /// guest-file-close.
    pub fn file_close(&mut self, Handle(handle): Handle) -> Result<()> {
        self.execute("guest-file-close", Some(&json!({"handle": handle}))).map(drop)
    }
}

/// Writes all that `source` has to a file of the guest, which it makes or replaces, in pieces as large as the agent takes.
/// `progress` is told how many bytes were written so far. Returns how many it were.
///
/// # Errors
/// When `source` cannot be read, or as [`Agent::execute`]. The file in the guest is closed then, and the message names it if it
/// was begun.
pub fn push(agent: &mut Agent, source: &mut dyn Read, path: &str, progress: &mut dyn FnMut(u64)) -> Result<u64> {
    let handle = agent.file_open(path, "wb")?;
    let mut done = 0;
    let written = write_all(agent, handle, source, &mut |count| {
        done = count;
        progress(count);
    });
    // What the guest has in a buffer is written only now.
    let closed = agent.tidy_up(|agent| agent.file_close(handle));
    written
        .and(closed)
        .with_context(|| format!("{path} in the guest is incomplete: {done} bytes of it were written"))?;
    Ok(done)
}

fn write_all(agent: &mut Agent, handle: Handle, source: &mut dyn Read, progress: &mut dyn FnMut(u64)) -> Result<()> {
    let mut buffer = vec![0; agent.largest_piece()];
    let mut size = Size::new(buffer.len());
    let mut done = 0_u64;
    loop {
        let filled = fill(source, &mut buffer).context("cannot read what is to be written")?;
        if filled == 0 {
            return Ok(());
        }
        let mut rest = &buffer[..filled];
        while !rest.is_empty() {
            let piece = &rest[..size.bytes.min(rest.len())];
            match agent.file_write(handle, piece) {
                Ok(0) => {
                    let message = "guest-file-write writes nothing and says nothing of an error";
                    return Err(Error::new(Kind::Malformed, message).into());
                }
                Ok(count) => {
                    size.works(piece.len());
                    done += count as u64;
                    rest = &rest[count..];
                    progress(done);
                }
                Err(error) => {
                    size.shrink(piece.len(), error)?;
                    // Nothing says how much of the refused piece was written.
                    agent.file_seek(handle, i64::try_from(done)?, Whence::Set)?;
                }
            }
        }
    }
}

/// Writes all that a file of the guest has to `target`, in pieces as large as the agent takes. `progress` is told how many
/// bytes there were so far. Returns how many it were. A file that never ends is read until `target` takes no more, or the
/// agent's time has passed ([`Agent::until`]).
///
/// # Errors
/// When `target` cannot be written, or as [`Agent::execute`]. The file in the guest is closed then.
pub fn pull(agent: &mut Agent, path: &str, target: &mut dyn Write, progress: &mut dyn FnMut(u64)) -> Result<u64> {
    let handle = agent.file_open(path, "rb")?;
    let read = read_all(agent, handle, target, progress);
    let closed = agent.tidy_up(|agent| agent.file_close(handle));
    let done = read.with_context(|| format!("cannot read all of {path} in the guest"))?;
    closed?;
    Ok(done)
}

fn read_all(agent: &mut Agent, handle: Handle, target: &mut dyn Write, progress: &mut dyn FnMut(u64)) -> Result<u64> {
    let mut size = Size::new(LARGEST_READ);
    let mut done = 0;
    loop {
        let piece = match agent.file_read(handle, size.bytes) {
            Ok(piece) => piece,
            Err(error) => {
                size.shrink(size.bytes, error)?;
                continue;
            }
        };
        size.works(size.bytes);
        target.write_all(&piece.bytes).context("cannot write what was read")?;
        done += piece.bytes.len() as u64;
        progress(done);
        if piece.eof {
            return Ok(done);
        }
        if piece.bytes.is_empty() {
            let message = "guest-file-read returns nothing and says nothing of the file's end";
            return Err(Error::new(Kind::Malformed, message).into());
        }
    }
}

/// How large the next piece is. Agents differ in what they take, and none says what that is.
struct Size {
    bytes: usize,
    /// The largest piece that was taken: that one like it is refused later has another reason.
    proven: usize,
}

impl Size {
    fn new(bytes: usize) -> Self {
        Self { bytes, proven: 0 }
    }

    fn works(&mut self, bytes: usize) {
        self.proven = self.proven.max(bytes);
    }

    /// After `error` about a piece of `refused` bytes: the next one is smaller.
    fn shrink(&mut self, refused: usize, error: anyhow::Error) -> Result<()> {
        if Error::kind_of(&error) != Some(Kind::Refused) || refused <= self.proven.max(SMALLEST) {
            return Err(error);
        }
        self.bytes = (refused / SMALLER).max(SMALLEST);
        Ok(())
    }
}

fn fill(source: &mut dyn Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// What a reply has in base64. Some agents break its lines.
pub(crate) fn decoded(command: &str, text: &str) -> Result<Vec<u8>> {
    let bytes = match text.contains('\n') {
        true => STANDARD.decode(text.replace('\n', "")),
        false => STANDARD.decode(text),
    };
    bytes.map_err(|error| Error::new(Kind::Malformed, format!("{command} returned bad base64: {error}")).into())
}
