//! A contender's guest that has given its first reply.

use std::io::Read;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::{Client, shown};
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::qemu::Config;
use nanoqga_testkit::sync::synchronise;

use super::awake::Awake;
use super::contender::Contender;
use super::exchange::{PING, PONG, must_succeed};

/// How many seconds a first reply may take: on a busy machine, many guests at once.
const PATIENCE: u64 = 600;

/// What the bare ELF prints when it is there. Firmware may have something to say before.
const FIRST_BYTE: u8 = b'!';

/// A guest, and its only client.
#[derive(Debug)]
pub(super) struct Session {
    pub contender: Contender,
    pub agent: Awake,
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

    /// Boots a guest on a serial line. What is sent before Linux has opened it is lost, so this sends until there is a reply.
    pub(super) fn start_on_a_line(contender: Contender, config: &Config) -> Result<Self> {
        let deadline = Deadline::seconds(PATIENCE);
        let mut guest = Guest::start(config)?;
        let mut agent = guest.connect(deadline)?;
        // Twice: the second one drops late replies to the first.
        for _ in 0..2 {
            synchronise(&mut agent, deadline).with_context(|| contender.to_string())?;
        }
        let first_reply = guest.started().elapsed();
        Ok(Self { contender, agent: Awake::over(agent.into_stream()?)?, first_reply, guest })
    }

    /// Sees to it that a command works before it is measured. The floor has none.
    pub(super) fn check(&mut self, command: &str) -> Result<()> {
        if self.contender == Contender::Floor {
            return Ok(());
        }
        must_succeed(&mut self.agent, command).with_context(|| self.contender.to_string())
    }

    /// Leaves, and comes back as another host.
    pub(super) fn reconnect(&mut self) -> Result<()> {
        let deadline = Deadline::seconds(PATIENCE);
        // QEMU takes the next host when the last one has left.
        let next = self.guest.connect(deadline)?.into_stream()?;
        self.agent = Awake::over(next)?;
        Ok(())
    }

    /// QEMU's process id.
    pub(super) fn pid(&self) -> u32 {
        self.guest.pid()
    }
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
                let mut console = guest.take_console(deadline)?;
                console.set_read_timeout(deadline.remaining())?;
                let mut byte = [0];
                while byte != [FIRST_BYTE] {
                    console.read_exact(&mut byte).context("the bare ELF printed nothing")?;
                }
                console
            }
        };
        let first_reply = guest.started().elapsed();
        Ok(Session { contender, agent: Awake::over(stream)?, first_reply, guest })
    }
}
