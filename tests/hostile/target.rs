//! What is attacked: an agent at the other end of some channel.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::{Client, shown};
use nanoqga_testkit::deadline::{Deadline, factor};
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel;
use tests::booted::{config_of, resynchronise_after_another, synchronise};
use tests::images::Profile;
use tests::program::ours;
use tests::sockets::{PORT, Vsock};
use tests::{Program, soon};

use crate::pumped::Pumped;

/// After how long without a word a host connects again, on an idle machine. If it was only early, that does no harm.
const FORGOTTEN: Duration = Duration::from_secs(20);

fn forgotten() -> Deadline {
    Deadline::after(FORGOTTEN * factor())
}

/// What there is to be attacked.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// The engine's pump over a channel of short reads and writes.
    Pump,
    /// The agent for Linux at a unix socket.
    Linux,
    /// An image under QEMU: its profile, its machine, the channel that is attacked, and the one beside it.
    Image(&'static Profile, &'static str, Channel, Option<Channel>),
    /// The appliance on a machine with a virtio socket device. A second host is beside the attacking one.
    Vsock(&'static str),
}

/// What a new host may hear of that which others have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOver {
    /// Each host has a connection of its own.
    Nothing,
    /// The guest learns of hosts and of bytes in two queues. Of a host that has come already when it learns that another has
    /// left, it cannot tell what was sent by whom: it answers what was asked, and what it has sent goes to who is there.
    Replies,
    /// A line that does not tell of hosts.
    Anything,
}

/// One of them, running.
#[derive(Debug)]
pub struct Target {
    kind: Kind,
    agent: Agent,
    /// How many hosts had to connect again, since QEMU kept their replies to itself.
    pub forgotten: usize,
}

#[derive(Debug)]
enum Agent {
    Pump(Pumped),
    Linux(Program),
    Image(Guest),
    Vsock(Vsock),
}

impl Target {
    /// Starts it. Where it is cut into pieces by chance, that comes from `seed`.
    pub fn start(kind: Kind, seed: u64) -> Result<Self> {
        let agent = match kind {
            Kind::Pump => Agent::Pump(Pumped::start(seed)?),
            // Attacks are larger than its requests may be.
            Kind::Linux => Agent::Linux(Program::start(&ours()?, &["--request-limit", "131072"])?),
            Kind::Image(profile, machine, channel, beside) => {
                let mut config = config_of(profile, machine, channel)?;
                config.channels.extend(beside);
                Agent::Image(Guest::start(&config)?)
            }
            Kind::Vsock(machine) => Agent::Vsock(Vsock::boot(machine, &format!("agent=vsock:{PORT}"), &[], |_| ())?),
        };
        let mut target = Self { kind, agent, forgotten: 0 };
        resynchronise_after_another(&mut target.connect()?, 1)?;
        Ok(target)
    }

    /// A host at its channel, the only one.
    pub fn connect(&mut self) -> Result<Client> {
        match &mut self.agent {
            Agent::Pump(pumped) => Client::connect(&pumped.socket, soon()),
            Agent::Linux(program) => program.connect(),
            Agent::Image(guest) => guest.connect(soon()),
            Agent::Vsock(vsock) => vsock.connect(),
        }
    }

    /// A host at the channel beside the one that is attacked, where there is one.
    pub fn connect_beside(&mut self) -> Result<Option<Client>> {
        match (&mut self.agent, self.kind) {
            (Agent::Image(guest), Kind::Image(_, _, _, Some(_))) => guest.connect_to(1, soon()).map(Some),
            (Agent::Vsock(vsock), _) => vsock.connect().map(Some),
            _ => Ok(None),
        }
    }

    /// A host that takes the place of one that has left, once it has heard its own reply.
    pub fn connect_after_another(&mut self, id: i64) -> Result<Client> {
        self.connect_and_hear(id).map(|(agent, _)| agent)
    }

    /// The same, with what it has heard before, which is what others have left unread.
    ///
    /// If QEMU finds, as it writes to a host, that it has gone, and the guest has no buffer free just then, it throttles the
    /// port after it has closed it, for as long as the next host stays (seen in 7.2, in its traces). No guest can help that;
    /// hosts connect again.
    pub fn connect_and_hear(&mut self, id: i64) -> Result<(Client, Vec<Vec<u8>>)> {
        let mut agent = self.connect()?;
        match self.synchronise(&mut agent, id, forgotten) {
            Err(_) if self.left_over() == LeftOver::Replies => {
                drop(agent);
                self.forgotten += 1;
                let mut agent = self.connect()?;
                let heard = self.synchronise(&mut agent, id, soon)?;
                Ok((agent, heard))
            }
            heard => Ok((agent, heard?)),
        }
    }

    /// Gets a new host in step with the agent; gives what it hears before, which is what others have left unread.
    fn synchronise(&self, agent: &mut Client, id: i64, limit: fn() -> Deadline) -> Result<Vec<Vec<u8>>> {
        if self.left_over() == LeftOver::Anything {
            return resynchronise_after_another(agent, id);
        }
        agent.send(format!("{{\"execute\":\"guest-sync\",\"arguments\":{{\"id\":{id}}}}}").as_bytes(), soon())?;
        self.lines_within(limit, agent, format!("{{\"return\": {id}}}").as_bytes())
    }

    /// Whether a new host hears this line. If not, QEMU has kept it to itself, as for [`Target::connect_and_hear`]: then the
    /// next host is answered.
    pub fn hears(&mut self, mut agent: Client, expected: &[u8]) -> Result<bool> {
        match self.lines_within(forgotten, &mut agent, expected) {
            Err(_) if self.left_over() == LeftOver::Replies => {
                drop(agent);
                self.forgotten += 1;
                let mut next = self.connect()?;
                self.synchronise(&mut next, 1, soon)?;
                Ok(false)
            }
            heard => heard.map(|_| true),
        }
    }

    /// The lines before this one.
    fn lines_within(&self, limit: fn() -> Deadline, agent: &mut Client, expected: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut before = Vec::new();
        loop {
            let line = agent.line(limit()).with_context(|| format!("no {}", shown(expected)))?;
            // Others' replies may have no end, where the rest was for nobody any more.
            let shared = self.left_over() != LeftOver::Nothing;
            if line == expected || shared && line.ends_with(expected) {
                return Ok(before);
            }
            ensure!(shared, "a new host heard {} before {}", shown(&line), shown(expected));
            before.push(line);
        }
    }

    /// What a new host may hear of that which others have left.
    pub fn left_over(&self) -> LeftOver {
        match self.kind {
            Kind::Pump | Kind::Linux | Kind::Vsock(_) => LeftOver::Nothing,
            Kind::Image(_, _, Channel::Virtio | Channel::VirtioModern, _) => LeftOver::Replies,
            Kind::Image(_, _, Channel::Com1 | Channel::Com2 | Channel::Console, _) => LeftOver::Anything,
        }
    }

    /// Whether its device is vhost-device-vsock's.
    pub fn is_on_vsock(&self) -> bool {
        matches!(self.agent, Agent::Vsock(_))
    }

    /// The process that takes its processor time, if it has one of its own.
    pub fn pid(&self) -> Option<u32> {
        match &self.agent {
            Agent::Pump(_) => None,
            Agent::Linux(program) => Some(program.pid()),
            Agent::Image(guest) => Some(guest.pid()),
            Agent::Vsock(vsock) => Some(vsock.guest.pid()),
        }
    }

    /// Where its files are.
    pub fn path(&self, name: &str) -> String {
        match &self.agent {
            Agent::Linux(program) => program.folder().join(name).display().to_string(),
            Agent::Pump(_) | Agent::Image(_) | Agent::Vsock(_) => format!("/{name}"),
        }
    }

    /// It goes on as ever: it answers, once.
    pub fn goes_on(&mut self) -> Result<()> {
        let mut agent = self.connect_after_another(77)?;
        synchronise(&mut agent, 78)?;
        synchronise(&mut agent, 79)
    }
}
