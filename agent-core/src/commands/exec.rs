//! `guest-exec` and `guest-exec-status`: programs of the guest.

use serde::Serialize;

use crate::arguments::{List, Parameter, Text, Value};
use crate::cause::Cause;
use crate::command::{Command, Request};
use crate::error::{Error, Failure};
use crate::reply::{Full, Kind, Reply, Step};

/// A program to be run.
#[derive(Clone, Copy, Debug)]
pub struct Program<'m> {
    /// Its path, or its name where the guest looks programs up.
    pub path: Text<'m>,
    /// Its arguments; the path is not among them.
    pub arguments: Option<List<'m, Text<'m>>>,
    /// Its environment, each as `NAME=value`; without a list the agent's own.
    pub environment: Option<List<'m, Text<'m>>>,
    /// What it reads from its standard input, if that is not empty.
    pub input: Option<&'m [u8]>,
    /// What is kept of its output.
    pub capture: Capture,
}

/// What is kept of a program's output: QEMU's `GuestExecCaptureOutputMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Capture {
    /// Nothing.
    #[default]
    None,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Both, each for itself.
    Separated,
    /// Both in one, as standard output.
    Merged,
}

impl<'m> Parameter<'m> for Capture {
    /// QEMU's `GuestExecCaptureOutput`: a boolean or a name.
    fn decode(value: Value<'m>) -> Result<Self, Error> {
        let names = [
            ("none", Self::None),
            ("stdout", Self::Stdout),
            ("stderr", Self::Stderr),
            ("separated", Self::Separated),
            ("merged", Self::Merged),
        ];
        match value.json() {
            b"true" => Ok(Self::Separated),
            b"false" => Ok(Self::None),
            [b'"', ..] => Text::decode(value)?.one_of(&names),
            _ => Err(value.type_error("GuestExecCaptureOutput")),
        }
    }
}

/// What has become of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It runs.
    Running,
    /// It has ended.
    Exited(Exit),
}

/// How a program has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// With this code, if it ended by itself.
    pub code: Option<i32>,
    /// By this signal, if it was killed.
    pub signal: Option<i32>,
    /// Whether not all of its standard output was kept.
    pub out_truncated: bool,
    /// Whether not all of its standard error was kept.
    pub err_truncated: bool,
}

/// An output of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, or both if they are merged.
    Out,
    /// Standard error.
    Err,
}

/// What the family needs of its guest.
pub trait Exec {
    /// Runs `program`; returns its number, which no other program has whose end was not told yet.
    ///
    /// # Errors
    /// The cause alone, such as `No such file or directory`: that it cannot be run, and its path, are put before it.
    fn spawn(&mut self, program: Program<'_>, cause: &mut Cause) -> Result<i64, Failure>;

    /// What has become of the program `pid`; `None` if the guest knows no such program.
    ///
    /// # Errors
    /// If the guest cannot tell.
    fn status(&mut self, pid: i64) -> Result<Option<Status>, Failure>;

    /// Copies what is kept of an output of the ended program `pid`, from the `offset`-th byte on; returns how many bytes.
    /// It fills all of `into` unless the output ends before; a program that another agent had forgotten has none left. QEMU
    /// keeps 16 MiB of each output; no more than 4 GiB can be told.
    fn output(&mut self, pid: i64, stream: Stream, offset: usize, into: &mut [u8]) -> usize;

    /// Forgets the ended program `pid`, if it is not forgotten yet: its end was told.
    fn forget(&mut self, pid: i64);
}

/// The family's commands.
#[must_use]
pub const fn commands<G: Exec>() -> &'static [Command<G>] {
    const { &[Command::new("guest-exec", exec), Command::new("guest-exec-status", status)] }
}

/// QEMU's `GuestExec`.
#[derive(Serialize)]
struct Started {
    pid: i64,
}

/// Starts a program.
///
/// - `path`: a string, looked up in PATH
/// - `arg` (optional): a list of strings
/// - `env` (optional): a list of strings such as `NAME=value`; default the agent's own
/// - `input-data` (optional): what the program reads, in base64
/// - `capture-output` (optional): `none` (the default), `stdout`, `stderr`, `merged` or `separated`, or a boolean: true
///   is `separated`
///
/// Returns `pid`, by which guest-exec-status knows it.
///
/// Errors: why it cannot be started.
fn exec<G: Exec>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    // All arguments are checked before the input is decoded. That is in place and ends the view, so they are taken again.
    let has_input = program(request)?.1;
    request.decode_base64("input-data")?;
    let (mut program, _) = program(request)?;
    program.input = has_input.then(|| request.decoded());
    let pid = guest.spawn(program, reply.cause()).map_err(|cause| Error::Spawn(program.path.span(), cause))?;
    Ok(reply.whole(&Started { pid })?)
}

/// The arguments, without the input but with whether there is one.
fn program<'m>(request: &'m Request<'_>) -> Result<(Program<'m>, bool), Error> {
    let mut arguments = request.arguments();
    let path = arguments.required("path")?;
    let list = arguments.optional("arg")?;
    let environment = arguments.optional("env")?;
    let input: Option<Text<'_>> = arguments.optional("input-data")?;
    let capture = arguments.optional("capture-output")?.unwrap_or_default();
    arguments.finish()?;
    Ok((Program { path, arguments: list, environment, input: None, capture }, input.is_some()))
}

/// QEMU's `GuestExecStatus` without the output.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Ended {
    exited: bool,
    exitcode: Option<i32>,
    signal: Option<i32>,
}

impl From<Exit> for Ended {
    fn from(Exit { code, signal, .. }: Exit) -> Self {
        Self { exited: true, exitcode: code, signal }
    }
}

/// Tells what has become of a program. One whose end was told is forgotten.
///
/// - `pid`: an integer
///
/// Returns `exited`, and when that is true `exitcode` or `signal`, `out-data` and `err-data` in base64 where output was captured, and
/// `out-truncated` and `err-truncated`.
///
/// Errors: no such program.
fn status<G: Exec>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    // What has become of a program, then its outputs a chunk a step. Only when all is out the program is forgotten.
    let mut arguments = request.arguments();
    let pid: i64 = arguments.required("pid")?;
    arguments.finish()?;
    let (section, offset) = request.place();
    let (stream, names) = match section {
        0 => {
            match guest.status(pid)? {
                None => return Err(Error::Number("PID ", pid, " does not exist")),
                Some(Status::Running) => {
                    return Ok(reply.whole(&Ended { exited: false, exitcode: None, signal: None })?);
                }
                Some(Status::Exited(exit)) => reply.open_with(None, &Ended::from(exit))?,
            }
            request.set_place(1, 0);
            return Ok(Step::More);
        }
        1 => (Stream::Out, ["out-data", "out-truncated"]),
        2 => (Stream::Err, ["err-data", "err-truncated"]),
        _ => {
            guest.forget(pid);
            return Ok(Step::Done);
        }
    };
    match add_output(guest, (pid, stream, offset), names, reply) {
        Some(offset) => request.set_place(section, offset),
        None => request.set_place(section.saturating_add(1), 0),
    }
    Ok(Step::More)
}

/// Adds the next chunk of an output; returns where the one after it begins. At its end comes whether all was kept. An output
/// that is empty is left out.
fn add_output<G: Exec>(
    guest: &mut G,
    (pid, stream, offset): (i64, Stream, usize),
    [data, truncated]: [&str; 2],
    reply: &mut Reply<'_>,
) -> Option<usize> {
    let mut wanted = 0;
    let added = reply.attempt(|reply| {
        if offset == 0 {
            reply.open_member(data, Kind::Text)?;
        }
        let copied = reply.base64_part(",\"out-truncated\":false".len(), |room| {
            wanted = room.len();
            Ok(guest.output(pid, stream, offset, room).min(wanted))
        })?;
        if offset == 0 && copied == 0 { Err(Full) } else { Ok(copied) }
    });
    let copied = added.ok()?;
    if copied > 0 && copied == wanted {
        return Some(offset.saturating_add(copied));
    }
    reply.close();
    let was_cut = match (guest.status(pid), stream) {
        (Ok(Some(Status::Exited(exit))), Stream::Out) => exit.out_truncated,
        (Ok(Some(Status::Exited(exit))), Stream::Err) => exit.err_truncated,
        _ => false,
    };
    // There is room for it.
    let _ = reply.member(truncated, &was_cut);
    None
}
