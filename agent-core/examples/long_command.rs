//! A command that takes long. The engine waits for nobody, so the command only starts the work and returns a number; another
//! command tells how far it is. QEMU's `guest-exec` and `guest-exec-status` work like that.
//!
//! ```sh
//! cargo run -q -p nanoqga --example long_command
//! ```

use std::convert::Infallible;

use nanoqga::commands::sync;
use nanoqga::serve::answer;
use nanoqga::{Agent, Buffers, Command, CommandSet, Error, Reply, Request, Step};
use serde::Serialize;

/// A guest that checks its disk when it is told to, a block at a time between two requests.
#[derive(Debug, Default)]
pub struct Guest {
    checks: Vec<Check>,
}

#[derive(Debug)]
struct Check {
    blocks: u64,
    checked: u64,
}

impl Guest {
    /// Does some of the work. The kernel's main loop calls it whenever there is nothing else to do.
    pub fn work(&mut self) {
        for check in &mut self.checks {
            check.checked = check.blocks.min(check.checked + 1);
        }
    }
}

#[derive(Serialize)]
struct Started {
    check: usize,
}

#[derive(Serialize)]
struct Status {
    done: bool,
    percent: u64,
}

/// Starts a check of `blocks` blocks; returns its number.
fn start(guest: &mut Guest, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let blocks = arguments.required("blocks")?;
    arguments.finish()?;
    guest.checks.push(Check { blocks, checked: 0 });
    Ok(reply.whole(&Started { check: guest.checks.len() - 1 })?)
}

/// How far a check is.
fn status(guest: &mut Guest, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let number: u32 = arguments.required("check")?;
    arguments.finish()?;
    let unknown = Error::Number("there is no check ", number.into(), "");
    let Check { blocks, checked } = guest.checks.get(number as usize).ok_or(unknown)?;
    let percent = if *blocks == 0 { 100 } else { checked * 100 / blocks };
    Ok(reply.whole(&Status { done: checked == blocks, percent })?)
}

const OWN: &[Command<Guest>] = &[Command::new("example-check", start), Command::new("example-check-status", status)];
static COMMANDS: CommandSet<Guest> = CommandSet::new(&[sync::commands(), OWN]);

/// Asks for a check and polls until it is done; returns what was said.
pub fn conversation() -> String {
    let mut buffers: Buffers = Buffers::new();
    let mut agent = Agent::new(&COMMANDS, buffers.memory());
    let mut guest = Guest::default();
    let mut said = String::new();
    let mut ask = |request: &str, guest: &mut Guest| {
        let mut reply = String::new();
        let Ok(()) = answer(&mut agent, guest, request.as_bytes(), &mut [0; 256], |bytes| {
            reply.push_str(&String::from_utf8_lossy(bytes));
            Ok::<_, Infallible>(())
        });
        said += &format!("-> {request}\n<- {reply}");
        reply
    };
    ask(r#"{"execute": "example-check", "arguments": {"blocks": 4}}"#, &mut guest);
    while !ask(r#"{"execute": "example-check-status", "arguments": {"check": 0}}"#, &mut guest).contains("true") {
        // A host polls every second or so, and the guest works meanwhile.
        (0..2).for_each(|_| guest.work());
    }
    said
}

fn main() {
    print!("{}", conversation());
}
