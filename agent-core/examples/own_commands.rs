//! Commands of a guest's own: parameters in lists and objects, a reply in steps, and errors that name what failed.
//!
//! ```sh
//! echo '{"execute": "example-mount", "arguments": {"volumes": [{"name": "data", "path": "/data"}]}}
//! {"execute": "example-list-mounts"}' | cargo run -q -p nanoqga --example own_commands
//! ```

use std::fmt::Write as _;
use std::io::{self, Read, Write};

use nanoqga::commands::sync;
use nanoqga::serve::answer;
use nanoqga::{
    Agent, Buffers, Command, CommandSet, Error, Failure, List, Parameter, Reply, Request, Step, Text, Value,
};
use serde::Serialize;

/// A guest that knows two disks, and where they are mounted.
#[derive(Debug, Default)]
pub struct Guest {
    mounts: Vec<(String, String)>,
}

const DISKS: [&str; 2] = ["data", "logs"];

/// What `example-mount` is told of each volume.
struct Volume<'m> {
    name: Text<'m>,
    path: Text<'m>,
    access: Access,
}

#[derive(Clone, Copy, PartialEq)]
enum Access {
    ReadOnly,
    ReadWrite,
}

impl<'m> Parameter<'m> for Volume<'m> {
    fn decode(value: Value<'m>) -> Result<Self, Error> {
        let mut members = value.object()?;
        let volume = Self {
            name: members.required("name")?,
            path: members.required("path")?,
            access: members.optional("access")?.unwrap_or(Access::ReadWrite),
        };
        members.finish()?;
        Ok(volume)
    }
}

impl<'m> Parameter<'m> for Access {
    fn decode(value: Value<'m>) -> Result<Self, Error> {
        Text::decode(value)?.one_of(&[("read-only", Self::ReadOnly), ("read-write", Self::ReadWrite)])
    }
}

/// Mounts volumes; returns how many.
fn mount(guest: &mut Guest, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let volumes: List<'_, Volume<'_>> = arguments.required("volumes")?;
    arguments.finish()?;
    for Volume { name, path, access } in volumes.iter() {
        if !DISKS.iter().any(|disk| name == **disk) {
            // The client is told "failed to mount /data: there is no disk 'date'".
            let _ = write!(reply.cause(), "{path}: there is no disk '{name}'");
            return Err(Failure("failed to mount ").into());
        }
        let mode = if access == Access::ReadOnly { " (read-only)" } else { "" };
        guest.mounts.push((format!("{name}{mode}"), path.to_string()));
    }
    Ok(reply.whole(&volumes.len())?)
}

#[derive(Serialize)]
struct Mount<'g> {
    volume: &'g str,
    path: &'g str,
}

/// Lists what is mounted, an element a step: a list may be longer than the agent's memory.
fn list(guest: &mut Guest, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    if request.step() == 0 {
        request.arguments().finish()?;
    }
    reply.element(Ok(guest.mounts.get(request.step()).map(|(volume, path)| Mount { volume, path })))
}

const OWN: &[Command<Guest>] =
    &[Command::new("example-mount", mount), Command::new("example-list-mounts", list).packed()];
static COMMANDS: CommandSet<Guest> = CommandSet::new(&[sync::commands(), OWN]);

/// Answers all requests of `input`.
pub fn serve(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut buffers: Buffers = Buffers::new();
    let mut agent = Agent::new(&COMMANDS, buffers.memory());
    let mut guest = Guest::default();
    let mut requests = Vec::new();
    input.read_to_end(&mut requests)?;
    answer(&mut agent, &mut guest, &requests, &mut [0; 512], |reply| output.write_all(reply))
}

fn main() -> io::Result<()> {
    serve(io::stdin(), io::stdout())
}
