//! The agent for Linux beside qemu-ga and a server that only echoes, as processes of this host: the same client, the same
//! requests, in turns.

use std::env;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Result;

use super::contender::Contender::{Floor, LinuxAgent, QemuGa};
use super::exchange::{PING, command, exchange, pipelined, read_file, round_trips, with_limits};
use super::measures::blank;
use super::results::{Measure, Ratio};
use super::session::resident_kib;
use super::statistics::Spread;
use crate::deadline::Deadline;
use crate::executable::Executable;
use crate::guest::PrivateFolder;
use crate::image::{self, LINUX};
use crate::machine;
use crate::options::{Argument, Options, Usage};
use crate::progress::step;
use crate::reference;
use crate::setup;

/// How often each side has its turn.
const TURNS: usize = 11;
const QUICK_TURNS: usize = 3;
const ROUND_TRIPS: usize = 2000;
const PIPELINED: usize = 5000;

/// The word of the command line by which this program becomes the server that only echoes.
pub(super) const ECHO: &str = "echo";

const START: u64 = 20;

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

/// What is said beside how many times better it is than qemu-ga: how many echoes a guest-ping takes, and KiB.
const ECHOES: &str = "linux-ping/in-echoes";
const FIGURES: [(&str, &str); 2] = [("linux-memory", "linux-memory/kib"), ("linux-program", "linux-program/kib")];

/// The names of the ratios that only this part has.
pub(super) const RATIOS: [&str; 3] = [ECHOES, FIGURES[0].1, FIGURES[1].1];

/// Measures all.
pub(super) fn measure(quick: bool) -> Result<Vec<Measure>> {
    setup::linux()?;
    let agent = image::build(machine::LINUX.target, &LINUX)?;
    let reference = reference::QemuGa::find()?;
    let turns = if quick { QUICK_TURNS } else { TURNS };
    step("Measuring the agent for Linux beside qemu-ga", || {
        beside(&Executable::new(agent), reference.executable(), turns)
    })
}

fn beside(agent: &Executable, reference: &Executable, turns: usize) -> Result<Vec<Measure>> {
    let mut agents = [(LinuxAgent, Side::agent(agent)?), (QemuGa, Side::agent(reference)?)];
    // A process like the others: between threads of one it would be quicker.
    let mut echo = Side::start(Command::new(env::current_exe()?).args(["bench", ECHO]))?;
    let folder = PrivateFolder::new()?;
    let file = folder.path().join("file");
    File::create(&file)?.write_all(&[b'x'; FILE])?;
    let file = file.display().to_string();
    let names = ["ping", "info", "pipelined", "read", "memory", "program"];
    let [mut ping, mut info, mut rate, mut read, mut memory, mut program] =
        names.map(|name| blank(&format!("linux-{name}")));
    for _ in 0..turns {
        for (contender, side) in &mut agents {
            ping.add(*contender, mean_trip(side, PING)?);
            info.add(*contender, mean_trip(side, &command("guest-info"))?);
            rate.add(*contender, pipelined(&mut side.stream, PIPELINED)?);
            read.add(*contender, read_file(&mut side.stream, &file, FILE, CHUNK)? / 1e6);
        }
        ping.add(Floor, mean_trip(&mut echo, PING)?);
    }
    for ((contender, side), file) in agents.iter_mut().zip([agent, reference]) {
        memory.add(*contender, side.memory_after_commands()?);
        program.add(*contender, fs::metadata(file.program())?.len() as f64 / 1024.0);
    }
    Ok(vec![ping, info, rate, read, memory, program])
}

/// Microseconds.
fn mean_trip(side: &mut Side, request: &str) -> Result<f64> {
    let times = round_trips(&mut side.stream, request, ROUND_TRIPS)?;
    Ok(times.iter().sum::<f64>() / times.len() as f64 * 1e6)
}

/// The ratios that only this part has.
pub(super) fn ratios(measures: &[Measure]) -> Vec<Ratio> {
    let measure = |name: &str| measures.iter().find(|measure| measure.name == name);
    let ratio = |name: &str, spread: Option<Spread>| spread.map(|spread| Ratio { name: name.into(), spread });
    let echoes = measure("linux-ping").and_then(|ping| ping.times_better(Floor, LinuxAgent));
    let figures = FIGURES.iter().filter_map(|(name, figure)| {
        ratio(figure, measure(name).and_then(|measure| measure.figure(LinuxAgent)).map(|figure| figure.spread))
    });
    ratio(ECHOES, echoes).into_iter().chain(figures).collect()
}

/// A server at a socket of its own, and its client.
#[derive(Debug)]
struct Side {
    child: Child,
    stream: UnixStream,
    _folder: PrivateFolder,
}

impl Side {
    fn agent(program: &Executable) -> Result<Self> {
        Self::start(program.command().args(["-m", "unix-listen", "-t", ".", "-p"]))
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
        for name in QUESTIONS.iter().cycle().take(COMMANDS) {
            exchange(&mut self.stream, &command(name))?;
        }
        resident_kib(self.child.id())
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
    with_limits(stream)
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
