//! A scripted guest, and a host that talks to it through the agent's public contract.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod families;

use std::collections::BTreeMap;

use nanoqga::commands::{
    cpu, device, disk, exec, file, filesystem, fsfreeze, info, memory, network, os, power, ssh, suspend, sync, time,
    user,
};
use nanoqga::{Agent, Buffers, Command, CommandSet, Failure};

pub use families::{File, Finished};

/// A guest whose answers are known, and that remembers what was asked of it.
#[derive(Default)]
pub struct Guest {
    pub time: i64,
    pub machine_time: i64,
    pub went: Vec<power::Shutdown>,
    pub power_fails: bool,
    pub host_name: String,
    /// How long each list is.
    pub count: usize,
    /// How long each list inside an element is.
    pub inner: usize,
    /// Whether optional members are there.
    pub full: bool,
    /// The element of each list that cannot be had.
    pub fails_at: Option<usize>,
    /// Why everything that changes something fails.
    pub refuses: Option<Failure>,
    /// How often a part of a file, an output or a key was asked for.
    pub reads: usize,
    /// What was asked for that changes something.
    pub asked: Vec<String>,
    /// How many file systems were trimmed.
    pub trimmed: usize,
    pub files: BTreeMap<String, Vec<u8>>,
    pub handles: BTreeMap<i64, File>,
    /// How many bytes files can be read up to.
    pub readable: Option<u64>,
    pub held: usize,
    pub programs: BTreeMap<i64, Option<Finished>>,
    pub keys: Vec<String>,
}

impl info::Identity for Guest {
    fn version(&self) -> &str {
        "0.1.0"
    }
}

impl os::Os for Guest {
    fn os_info(&mut self) -> os::OsInfo<'_> {
        os::OsInfo { id: Some("nanoqga"), name: Some("nanoqga"), machine: Some("x86_64"), ..Default::default() }
    }
}

impl os::LocalTime for Guest {}

impl os::HostName for Guest {
    fn host_name(&mut self) -> Result<&str, Failure> {
        if self.host_name.is_empty() { Err(Failure("the guest has no name")) } else { Ok(&self.host_name) }
    }
}

impl time::Clock for Guest {
    fn time(&mut self) -> Result<i64, Failure> {
        Ok(self.time)
    }
}

impl time::SetClock for Guest {
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

pub const TABLES: &[&[Command<Guest>]] = &[
    sync::commands(),
    info::commands(),
    os::commands(),
    os::name_commands(),
    os::timezone_commands(),
    time::commands(),
    time::set_commands(),
    power::commands(),
    file::commands(),
    fsfreeze::commands(),
    filesystem::commands(),
    filesystem::trim_commands(),
    disk::commands(),
    disk::statistics_commands(),
    network::commands(),
    network::route_commands(),
    cpu::commands(),
    cpu::set_commands(),
    cpu::statistics_commands(),
    cpu::load_commands(),
    memory::commands(),
    memory::set_commands(),
    exec::commands(),
    user::commands(),
    user::password_commands(),
    ssh::commands(),
    suspend::ram_commands(),
    suspend::disk_commands(),
    device::commands(),
];

pub static COMMANDS: CommandSet<Guest> = CommandSet::new(TABLES);

/// A guest whose lists are `count` long, with every optional member or none.
pub fn guest_with(count: usize, inner: usize, full: bool) -> Guest {
    Guest { count, inner, full, host_name: "guest".into(), ..Guest::default() }
}

/// A guest that has something of everything: lists, a file that is open, a program that has ended.
pub fn busy_guest() -> Guest {
    let mut guest = Guest { time: 1, host_name: "caf\u{e9} \u{1F600}".into(), ..guest_with(3, 2, true) };
    guest.files.insert("/f".into(), (0..=255).collect());
    guest.handles.insert(5, File { path: "/f".into(), position: 0, appends: false });
    guest.keys = vec!["k\u{1F600}".repeat(40), "l".repeat(200)];
    let exit = exec::Exit { code: Some(1), ..exec::Exit::default() };
    guest.programs.insert(1, Some(Finished { exit, out: vec![b'o'; 100], err: vec![b'e'; 301] }));
    guest
}

/// An agent with buffers of the usual sizes.
pub fn agent<'a, G>(commands: &'a CommandSet<'a, G>) -> Agent<'a, G> {
    agent_of::<4096, 1024, G>(commands)
}

/// An agent with buffers of these sizes, which are never given back.
pub fn agent_of<'a, const REQUEST: usize, const REPLY: usize, G>(commands: &'a CommandSet<'a, G>) -> Agent<'a, G> {
    Agent::new(commands, Box::leak(Box::new(Buffers::<REQUEST, REPLY>::new())).memory())
}

/// Gives `agent` a request, all of which it takes.
pub fn hear<G>(agent: &mut Agent<'_, G>, request: &[u8]) {
    assert_eq!(agent.receive(request), request.len());
}

/// Sends `request` in pieces of `piece` bytes, with room for `room` bytes of reply at a time; returns all that came back.
pub fn talk_in(agent: &mut Agent<'_, Guest>, guest: &mut Guest, request: &[u8], piece: usize, room: usize) -> Vec<u8> {
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
    // Of its own, so that no other test's freeze is seen.
    let commands = CommandSet::new(TABLES);
    let mut agent = agent(&commands);
    readable(&talk_in(&mut agent, guest, request, usize::MAX, 4096))
}

/// Asks for `command` with `arguments`, which may be empty.
pub fn call(guest: &mut Guest, command: &str, arguments: &str) -> String {
    ask_guest(guest, format!(r#"{{"execute":"{command}","arguments":{{{arguments}}}}}"#).as_bytes())
}

/// The reply of an agent that succeeds.
pub fn returns(value: &str) -> String {
    format!("{{\"return\": {value}}}\n")
}

/// The `return` of a reply.
pub fn returned(reply: &str) -> serde_json::Value {
    let mut reply: serde_json::Value = serde_json::from_str(reply).unwrap();
    assert!(reply["error"].is_null(), "{reply}");
    reply["return"].take()
}

/// Asserts that each of `cases` (arguments, text) is refused with that text, and that nothing was asked of the guest.
pub fn assert_refused(guest: &mut Guest, command: &str, cases: &[(&str, &str)]) {
    for (arguments, text) in cases {
        assert_eq!(call(guest, command, arguments), error(text), "{command} {arguments}");
    }
    assert_eq!(guest.asked, <[String; 0]>::default());
}

pub fn readable(reply: &[u8]) -> String {
    reply.iter().map(|&byte| char::from(byte)).collect::<String>().replace('\u{FF}', "<FF>")
}

/// The reply of an agent that has a GenericError to tell.
pub fn error(text: &str) -> String {
    format!("{{\"error\": {{\"class\": \"GenericError\", \"desc\": \"{text}\"}}}}\n")
}
