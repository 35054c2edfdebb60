//! A scripted guest, and a host that talks to it through the agent's public contract.
#![allow(dead_code, reason = "each test file uses its part")]

use agent_core::commands::{info, os, power, sync, time};
use agent_core::{Agent, Command, CommandSet, Failure};

/// A guest whose answers are known, and that remembers what was asked of it.
#[derive(Default)]
pub struct Guest {
    pub time: i64,
    pub machine_time: i64,
    pub went: Vec<power::Shutdown>,
    pub power_fails: bool,
    pub host_name: String,
}

impl info::Identity for Guest {
    fn version(&self) -> &str {
        "0.1.0"
    }
}

impl os::Os for Guest {
    fn os_info(&self) -> os::OsInfo<'_> {
        os::OsInfo { id: Some("nanoqga"), name: Some("nanoqga"), machine: Some("x86_64"), ..Default::default() }
    }

    fn host_name(&self) -> Result<&str, Failure> {
        if self.host_name.is_empty() { Err(Failure("the guest has no name")) } else { Ok(&self.host_name) }
    }
}

impl time::Time for Guest {
    fn time(&mut self) -> Result<i64, Failure> {
        Ok(self.time)
    }

    fn set_time(&mut self, time: i64) -> Result<(), Failure> {
        (self.time, self.machine_time) = (time, time);
        Ok(())
    }

    fn set_time_from_machine(&mut self) -> Result<(), Failure> {
        self.time = self.machine_time;
        Ok(())
    }
}

impl power::Power for Guest {
    fn shutdown(&mut self, how: power::Shutdown) -> Result<(), Failure> {
        if self.power_fails {
            return Err(Failure("the machine has no power switch"));
        }
        self.went.push(how);
        Ok(())
    }
}

pub const TABLES: &[&[Command<Guest>]] =
    &[sync::commands(), info::commands(), os::commands(), time::commands(), power::commands()];

pub static COMMANDS: CommandSet<Guest> = CommandSet::new(TABLES);

/// Sends `request` in pieces of `piece` bytes, with room for `room` bytes of reply at a time; returns all that came back.
pub fn talk_in<const R: usize, const S: usize>(
    agent: &mut Agent<'_, Guest, R, S>,
    guest: &mut Guest,
    request: &[u8],
    piece: usize,
    room: usize,
) -> Vec<u8> {
    let mut replies = Vec::new();
    let mut room = vec![0; room];
    for mut bytes in request.chunks(piece) {
        loop {
            let taken = agent.receive(bytes);
            bytes = &bytes[taken..];
            loop {
                let given = agent.transmit(guest, &mut room);
                replies.extend_from_slice(&room[..given]);
                if given == 0 {
                    break;
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
    }
    replies
}

/// Sends `request` to a fresh agent and returns all that comes back.
pub fn ask(request: &[u8]) -> String {
    ask_guest(&mut Guest::default(), request)
}

/// The same with a guest of the test's own. A delimiter stands as `<FF>`.
pub fn ask_guest(guest: &mut Guest, request: &[u8]) -> String {
    let mut agent: Agent<Guest> = Agent::new(&COMMANDS);
    readable(&talk_in(&mut agent, guest, request, usize::MAX, 4096))
}

pub fn readable(reply: &[u8]) -> String {
    reply.iter().map(|&byte| if byte == 0xFF { "<FF>".into() } else { char::from(byte).to_string() }).collect()
}

/// The reply of an agent that has a GenericError to tell.
pub fn error(text: &str) -> String {
    format!("{{\"error\": {{\"class\": \"GenericError\", \"desc\": \"{text}\"}}}}\n")
}
