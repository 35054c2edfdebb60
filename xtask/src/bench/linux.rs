//! The agent for Linux beside qemu-ga and a server that only echoes: the same client, the same requests, in turns.

use std::env;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::deadline::Deadline;
use crate::guest::PrivateFolder;
use crate::image::{self, LINUX};
use crate::machine;
use crate::options::{Argument, Options, Usage};
use crate::process::find;
use crate::progress::step;
use crate::setup;

/// How often each side has its turn. Odd, so that the median is one of them.
const TURNS: usize = 11;
const QUICK_TURNS: usize = 3;

/// The word of the command line by which this program becomes the server that only echoes.
pub(super) const ECHO: &str = "echo";

const START: u64 = 20;
const SILENCE: Duration = Duration::from_secs(30);

const PING: &str = r#"{"execute":"guest-ping"}"#;
/// Both agents' answer, byte for byte.
const PONG: &[u8] = b"{\"return\": {}}\n";
const INFO: &str = r#"{"execute":"guest-info"}"#;

/// What is asked for again and again before the memory is measured.
const QUESTIONS: [&str; 12] = [
    "guest-ping",
    "guest-info",
    "guest-get-osinfo",
    "guest-get-time",
    "guest-get-host-name",
    "guest-get-timezone",
    "guest-network-get-interfaces",
    "guest-get-fsinfo",
    "guest-get-disks",
    "guest-get-vcpus",
    "guest-get-cpustats",
    "guest-get-users",
];
const COMMANDS: usize = 10_000;

/// The file that is read, and how much at once.
const FILE: usize = 16 << 20;
const CHUNK: usize = 1 << 20;

/// What the figures must be.
const PING_BAR: f64 = 1.5;
const INFO_BAR: f64 = 0.2;
const PIPELINED_BAR: f64 = 8.0;
const READ_BAR: f64 = 2.0;
const MEMORY_BAR: f64 = 600.0;
const SIZE_BAR: f64 = 400.0;

/// A figure of each side, and whether ours is what it must be.
struct Row {
    what: &'static str,
    sides: String,
    bar: String,
    holds: bool,
}

pub(super) fn main(quick: bool) -> Result<()> {
    setup::linux()?;
    let agent = image::build(machine::LINUX.target, &LINUX)?;
    let reference = find("qemu-ga").context("qemu-ga is not installed; `cargo xtask setup` does that")?;
    let turns = if quick { QUICK_TURNS } else { TURNS };
    let rows = step("Measuring beside qemu-ga", || measure(&agent, &reference, turns))?;
    for Row { what, sides, bar, holds } in &rows {
        println!("{what:36}  {sides:60}  ({bar}: {})", if *holds { "holds" } else { "MISSED" });
    }
    match rows.iter().filter(|row| !row.holds).count() {
        0 => Ok(()),
        missed => bail!("bars missed: {missed}"),
    }
}

fn measure(agent: &Path, reference: &Path, turns: usize) -> Result<Vec<Row>> {
    let (mut ours, mut theirs) = (Side::agent(agent)?, Side::agent(reference)?);
    // A process like the others: between threads of one it would be quicker.
    let mut echo = Side::start(Command::new(env::current_exe()?).args(["bench", ECHO]))?;
    let mut rows = Vec::new();

    let each = |turn: &mut dyn FnMut() -> Result<[f64; 3]>| -> Result<[f64; 3]> {
        let turns = (0..turns).map(|_| turn()).collect::<Result<Vec<_>>>()?;
        Ok([0, 1, 2].map(|side| median(turns.iter().map(|turn| turn[side]).collect())))
    };
    let [ping, their_ping, echoed] = each(&mut || {
        Ok([
            round_trip(&mut ours.stream, PING)?,
            round_trip(&mut theirs.stream, PING)?,
            round_trip(&mut echo.stream, PING)?,
        ])
    })?;
    rows.push(at_most(
        "guest-ping, in echoes",
        format!("{:.1} us, an echo {:.1} us, qemu-ga {:.1} us", ping * 1e6, echoed * 1e6, their_ping * 1e6),
        ping / echoed,
        PING_BAR,
    ));
    let [info, their_info, _] =
        each(&mut || Ok([round_trip(&mut ours.stream, INFO)?, round_trip(&mut theirs.stream, INFO)?, 0.0]))?;
    rows.push(at_most(
        "guest-info, in qemu-ga's",
        format!("{:.1} us, qemu-ga {:.1} us", info * 1e6, their_info * 1e6),
        info / their_info,
        INFO_BAR,
    ));
    let [rate, their_rate, _] = each(&mut || Ok([pipelined(&mut ours.stream)?, pipelined(&mut theirs.stream)?, 0.0]))?;
    rows.push(at_least(
        "pipelined guest-pings, in qemu-ga's",
        format!("{rate:.0}/s, qemu-ga {their_rate:.0}/s"),
        rate / their_rate,
        PIPELINED_BAR,
    ));
    let folder = PrivateFolder::new()?;
    let file = folder.path().join("file");
    File::create(&file)?.write_all(&[b'x'; FILE])?;
    let [speed, their_speed, _] =
        each(&mut || Ok([read(&mut ours.stream, &file)?, read(&mut theirs.stream, &file)?, 0.0]))?;
    rows.push(at_least(
        "guest-file-read, in qemu-ga's",
        format!("{:.0} MB/s, qemu-ga {:.0} MB/s", speed / 1e6, their_speed / 1e6),
        speed / their_speed,
        READ_BAR,
    ));
    let [memory, their_memory] = [ours.memory_after_commands()?, theirs.memory_after_commands()?];
    let sides = format!("{memory:.0} KiB, qemu-ga {their_memory:.0} KiB");
    rows.push(at_most("resident KiB after 10,000 commands", sides, memory, MEMORY_BAR));
    let [size, their_size] = [agent, reference].map(|file| fs::metadata(file).map(|file| file.len() as f64 / 1024.0));
    let (size, their_size) = (size?, their_size?);
    let sides = format!("{size:.0} KiB, qemu-ga {their_size:.0} KiB and its libraries");
    rows.push(at_most("KiB of the program", sides, size, SIZE_BAR));
    Ok(rows)
}

fn at_most(what: &'static str, sides: String, figure: f64, bar: f64) -> Row {
    Row { what, sides: format!("{figure:6.2} = {sides}"), bar: format!("at most {bar}"), holds: figure <= bar }
}

fn at_least(what: &'static str, sides: String, figure: f64, bar: f64) -> Row {
    Row { what, sides: format!("{figure:6.2} = {sides}"), bar: format!("at least {bar}"), holds: figure >= bar }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// A server at a socket of its own, and its client.
struct Side {
    child: Child,
    stream: UnixStream,
    _folder: PrivateFolder,
}

impl Side {
    fn agent(program: &Path) -> Result<Self> {
        Self::start(Command::new(program).args(["-m", "unix-listen", "-t", ".", "-p"]))
    }

    /// Starts a server in a folder of its own; the last word of its command line is added, its socket.
    fn start(command: &mut Command) -> Result<Self> {
        let folder = PrivateFolder::new()?;
        let socket = folder.path().join("server.sock");
        command.arg(&socket).current_dir(folder.path());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        match connect(&socket) {
            Ok(stream) => Ok(Self { child, stream, _folder: folder }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// In KiB.
    fn memory_after_commands(&mut self) -> Result<f64> {
        for command in QUESTIONS.iter().cycle().take(COMMANDS) {
            exchange(&mut self.stream, &format!(r#"{{"execute":"{command}"}}"#))?;
        }
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|rest| rest.trim().strip_suffix(" kB")).context("a process has memory")?;
        Ok(kib.trim().parse()?)
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // Fails only when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(socket: &Path) -> Result<UnixStream> {
    let stream = Deadline::seconds(START).poll("an agent at its socket", || Ok(UnixStream::connect(socket).ok()))?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    Ok(stream)
}

/// A server that gives back what it gets, to one client.
pub(super) fn echo(mut options: Options) -> Result<()> {
    let Some(Argument::Word(socket)) = options.argument()? else {
        return Err(Usage::new("the socket is missing").into());
    };
    let (mut stream, _) = UnixListener::bind(socket)?.accept()?;
    let mut room = [0; 4096];
    loop {
        match stream.read(&mut room)? {
            0 => return Ok(()),
            count => stream.write_all(&room[..count])?,
        }
    }
}

/// Sends a request and reads one line; returns its length.
fn exchange(stream: &mut UnixStream, request: &str) -> Result<usize> {
    stream.write_all(format!("{request}\n").as_bytes())?;
    let mut room = [0; 64 << 10];
    let mut length = 0;
    loop {
        let count = stream.read(&mut room)?;
        ensure!(count > 0, "the other end is gone");
        length += count;
        if room[count - 1] == b'\n' {
            return Ok(length);
        }
    }
}

/// Seconds from a request to its reply.
fn round_trip(stream: &mut UnixStream, request: &str) -> Result<f64> {
    const TIMES: u32 = 2000;
    let start = Instant::now();
    for _ in 0..TIMES {
        exchange(stream, request)?;
    }
    Ok(start.elapsed().as_secs_f64() / f64::from(TIMES))
}

/// Replies in a second, to requests that do not wait for them.
fn pipelined(stream: &mut UnixStream) -> Result<f64> {
    const TIMES: usize = 5000;
    let mut writer = stream.try_clone()?;
    let start = Instant::now();
    let sending = thread::spawn(move || writer.write_all(PING.repeat(TIMES).as_bytes()));
    let mut room = [0; 64 << 10];
    let mut left = TIMES * PONG.len();
    while left > 0 {
        let count = stream.read(&mut room)?;
        ensure!(count > 0 && count <= left, "other replies than were due");
        left -= count;
    }
    let seconds = start.elapsed().as_secs_f64();
    sending.join().ok().context("the sender failed")??;
    Ok(TIMES as f64 / seconds)
}

/// Bytes of a file in a second.
fn read(stream: &mut UnixStream, file: &Path) -> Result<f64> {
    let open = format!(r#"{{"execute":"guest-file-open","arguments":{{"path":"{}"}}}}"#, file.display());
    stream.write_all(open.as_bytes())?;
    let mut room = [0; 4096];
    let count = stream.read(&mut room)?;
    let reply: serde_json::Value = serde_json::from_slice(&room[..count])?;
    let handle = reply["return"].as_i64().with_context(|| format!("guest-file-open: {reply}"))?;
    let request = |command: &str, more: &str| {
        format!(r#"{{"execute":"guest-file-{command}","arguments":{{"handle":{handle}{more}}}}}"#)
    };
    let read = request("read", &format!(r#","count":{CHUNK}"#));
    let start = Instant::now();
    for _ in 0..FILE / CHUNK {
        let length = exchange(stream, &read)?;
        ensure!(length > CHUNK, "a short read: {length}");
    }
    let seconds = start.elapsed().as_secs_f64();
    exchange(stream, &request("close", ""))?;
    Ok(FILE as f64 / seconds)
}
