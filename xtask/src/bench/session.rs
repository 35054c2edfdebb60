//! A contender's guest that has given its first reply.

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::{Client, shown};
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::qemu::Config;

use super::contender::Contender;
use super::exchange::{PING, PONG, must_succeed, with_limits};

/// How many seconds a first reply may take: on a busy machine, many guests at once.
const PATIENCE: u64 = 600;

/// What the bare ELF prints when it is there. Firmware may have something to say before.
const FIRST_BYTE: u8 = b'!';

/// A guest, and its only client.
#[derive(Debug)]
pub(super) struct Session {
    pub contender: Contender,
    pub stream: UnixStream,
    /// From the start of QEMU to the first reply.
    pub first_reply: Duration,
    guest: Guest,
}

/// A guest that was asked, but has not answered yet.
#[derive(Debug)]
pub(super) struct Booting {
    contender: Contender,
    guest: Guest,
    agent: Option<Client>,
}

impl Session {
    /// Boots a guest, and waits for its first reply.
    pub(super) fn start(contender: Contender, config: &Config) -> Result<Self> {
        let deadline = Deadline::seconds(PATIENCE);
        let mut booting = Booting::start(contender, config)?;
        booting.ask(deadline)?;
        booting.wait(deadline)
    }

    /// Sees to it that a command works before it is measured. The floor has none.
    pub(super) fn check(&mut self, command: &str) -> Result<()> {
        if self.contender == Contender::Floor {
            return Ok(());
        }
        must_succeed(&mut self.stream, command).with_context(|| self.contender.to_string())
    }

    /// Seconds of processor time that QEMU has used.
    pub(super) fn processor_time(&self) -> Result<f64> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.guest.pid()))? {
            // One that ends meanwhile is no guest's processor.
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            let time = text.split_whitespace().next().context("a thread has no time in schedstat")?;
            nanoseconds += time.parse::<u64>()?;
        }
        Ok(nanoseconds as f64 / 1e9)
    }

    /// The memory of QEMU's process that is in RAM, in KiB: the guest's that it has touched, and QEMU's own.
    pub(super) fn resident_kib(&self) -> Result<f64> {
        resident_kib(self.guest.pid())
    }
}

/// The memory of a process that is in RAM.
pub(super) fn resident_kib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|rest| rest.trim().strip_suffix(" kB")).context("a process has memory")?;
    Ok(kib.trim().parse()?)
}

impl Booting {
    /// Starts QEMU.
    pub(super) fn start(contender: Contender, config: &Config) -> Result<Self> {
        Ok(Self { contender, guest: Guest::start(config)?, agent: None })
    }

    /// Asks the agent, which is not there yet. The floor speaks unasked.
    pub(super) fn ask(&mut self, deadline: Deadline) -> Result<()> {
        if self.contender != Contender::Floor {
            let mut agent = self.guest.connect(deadline)?;
            agent.send(format!("{PING}\n").as_bytes(), deadline)?;
            self.agent = Some(agent);
        }
        Ok(())
    }

    /// When QEMU was started.
    pub(super) fn started(&self) -> Instant {
        self.guest.started()
    }

    /// Waits for the first reply, which must be what is due.
    pub(super) fn wait(self, deadline: Deadline) -> Result<Session> {
        let Self { contender, mut guest, agent } = self;
        let stream = match agent {
            Some(mut agent) => {
                let line = agent.line(deadline).with_context(|| contender.to_string())?;
                ensure!(line == PONG, "{contender}: {}", shown(&line));
                agent.into_stream()?
            }
            None => {
                let mut console = with_limits(guest.take_console(deadline)?)?;
                let mut byte = [0];
                while byte != [FIRST_BYTE] {
                    console.read_exact(&mut byte).context("the bare ELF printed nothing")?;
                }
                console
            }
        };
        let first_reply = guest.started().elapsed();
        Ok(Session { contender, stream: with_limits(stream)?, first_reply, guest })
    }
}
