//! The agent for Linux beside qemu-ga and a server that only echoes, as processes of this host: the processor time that each
//! takes for the same requests of the same client, in turns.

use std::env;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Result;
use debian::executable::Executable;
use debian::reference;
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::progress::step;

use super::awake::Awake;
use super::contender::Contender::{self, Floor, LinuxAgent, LinuxAgentBefore, QemuGa};
use super::exchange::{PING, command, exchange, pipelined, read_file, round_trips};
use super::measures::{COMMANDS, LISTINGS, blank};
use super::results::{Measure, Ratio};
use super::usage::{microseconds, resident_kib};
use crate::image::{self, LINUX};
use crate::setup;
use crate::targets;

/// How often each side has its turn. Turns are short: what disturbs the host disturbs all sides of a turn alike, or few turns.
const TURNS: usize = 91;
const QUICK_TURNS: usize = 61;
/// What is asked in one turn.
const REQUESTS: usize = 60;
const PIPELINES: usize = 3;
/// Requests sent together, and bytes read at once: their replies fit into a socket. Of longer ones, qemu-ga tries to send the
/// rest again and again until the client has made room.
const PIPELINED: usize = 100;
const PIECE: usize = 48 << 10;
const PIECES: usize = 6;

/// The option by which this program becomes the server that only echoes, at the socket that follows.
const ECHO: &str = "--echo";

/// How many seconds a server may take to listen at its socket.
const START: u64 = 60;

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
const QUESTIONS_ASKED: usize = 10_000;

/// The ratio of the agent's guest-ping to an echo.
const ECHOES: &str = "linux-ping-cpu/in-echoes";
/// Measures of which the agent's own figure has a budget, in KiB, and the name of that.
const FIGURES: [(&str, &str); 2] = [("linux-memory", "linux-memory/kib"), ("linux-program", "linux-program/kib")];

/// The names of the ratios that only this part has.
pub(super) const RATIOS: [&str; 3] = [ECHOES, FIGURES[0].1, FIGURES[1].1];

/// Measures all.
pub(super) fn measure(quick: bool) -> Result<Vec<Measure>> {
    setup::linux()?;
    let agent = image::build(targets::LINUX_TARGET, &LINUX)?;
    let reference = reference::QemuGa::find()?;
    let turns = if quick { QUICK_TURNS } else { TURNS };
    step("Measuring the agent for Linux beside qemu-ga", || {
        beside(&[(LinuxAgent, &Executable::new(agent)), (QemuGa, reference.executable())], turns)
    })
}

/// Measures this commit's agent beside that of another one.
pub(super) fn against(agent: &Path) -> Result<Vec<Measure>> {
    let [before, now] = [Executable::new(agent), Executable::new(image::build(targets::LINUX_TARGET, &LINUX)?)];
    step("Measuring the agents for Linux beside each other", || {
        beside(&[(LinuxAgent, &now), (LinuxAgentBefore, &before)], TURNS)
    })
}

fn beside(programs: &[(Contender, &Executable)], turns: usize) -> Result<Vec<Measure>> {
    let start = |(contender, program): &(Contender, &Executable)| Ok((*contender, Side::agent(program)?));
    let mut agents = programs.iter().map(start).collect::<Result<Vec<_>>>()?;
    // A process like the others: between threads of one it would be quicker.
    let mut echo = Side::start(Command::new(env::current_exe()?).args(["bench", ECHO]))?;
    let folder = PrivateFolder::new()?;
    let file = folder.path().join("file");
    File::create(&file)?.write_all(&vec![b'x'; PIECES * PIECE])?;
    let file = file.display().to_string();
    let asked = || COMMANDS.iter().chain(&LISTINGS);
    let mut commands: Vec<_> = asked().map(|(_, short)| blank(&format!("linux-{short}-cpu"))).collect();
    let [mut pipeline, mut read, mut memory, mut program] =
        ["pipelined-cpu", "read-cpu", "memory", "program"].map(|name| blank(&format!("linux-{name}")));
    for _ in 0..turns {
        for ((name, _), measure) in asked().zip(&mut commands) {
            for (contender, side) in &mut agents {
                measure.add(*contender, side.cost_of(&command(name))?);
            }
        }
        commands[0].add(Floor, echo.cost_of(PING)?);
        for (contender, side) in &mut agents {
            let pipelines = |agent: &mut Awake| (0..PIPELINES).try_for_each(|_| pipelined(agent, PIPELINED).map(drop));
            pipeline.add(*contender, side.cost(pipelines)? / (PIPELINES * PIPELINED) as f64);
            let length = PIECES * PIECE;
            read.add(*contender, side.cost(|agent| read_file(agent, &file, length, PIECE))? / (length as f64 / 1e6));
        }
    }
    for ((contender, side), (_, file)) in agents.iter_mut().zip(programs) {
        memory.add(*contender, side.memory_after_commands()?);
        program.add(*contender, fs::metadata(file.program())?.len() as f64 / 1024.0);
    }
    Ok(commands.into_iter().chain([pipeline, read, memory, program]).collect())
}

/// The ratios that only this part has.
pub(super) fn ratios(measures: &[Measure]) -> Vec<Ratio> {
    let measure = |name: &str| measures.iter().find(|measure| measure.name == name);
    let echoes = measure("linux-ping-cpu").and_then(|ping| {
        let spread = ping.times_better(Floor, LinuxAgent)?;
        Some(Ratio { name: ECHOES.into(), measure: ping.name.clone(), sides: vec![LinuxAgent, Floor], spread })
    });
    let figures = FIGURES.iter().filter_map(|(name, figure)| {
        let spread = measure(name)?.figure(LinuxAgent)?.spread;
        Some(Ratio { name: (*figure).into(), measure: (*name).into(), sides: vec![LinuxAgent], spread })
    });
    echoes.into_iter().chain(figures).collect()
}

/// A server at a socket of its own, and its client.
#[derive(Debug)]
struct Side {
    child: Child,
    agent: Awake,
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
            Ok(agent) => Ok(Self { child, agent, _folder: folder }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// Microseconds of processor time that it takes for what the client does.
    fn cost<T>(&mut self, work: impl FnOnce(&mut Awake) -> Result<T>) -> Result<f64> {
        let (cost, _) = microseconds(self.child.id(), || work(&mut self.agent))?;
        Ok(cost)
    }

    /// Microseconds for one request of many.
    fn cost_of(&mut self, request: &str) -> Result<f64> {
        Ok(self.cost(|agent| round_trips(agent, request, REQUESTS))? / REQUESTS as f64)
    }

    /// In KiB.
    fn memory_after_commands(&mut self) -> Result<f64> {
        for name in QUESTIONS.iter().cycle().take(QUESTIONS_ASKED) {
            exchange(&mut self.agent, &command(name))?;
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

fn connect(socket: &Path) -> Result<Awake> {
    Awake::over(Deadline::seconds(START).poll("an agent at its socket", || Ok(UnixStream::connect(socket).ok()))?)
}

/// A server that gives back what it gets, to one client.
pub(super) fn echo(socket: &Path) -> Result<()> {
    let (mut stream, _) = UnixListener::bind(socket)?.accept()?;
    let mut room = [0; 4096];
    loop {
        match stream.read(&mut room)? {
            0 => return Ok(()),
            count => stream.write_all(&room[..count])?,
        }
    }
}
