//! The smallest agent: it answers requests on standard input, on standard output.
//!
//! ```sh
//! echo '{"execute": "guest-ping", "id": "hello"}' | cargo run -q -p nanoqga --example echo
//! ```

use std::io::{self, Read, Write};

use nanoqga::commands::{info, sync};
use nanoqga::serve::answer;
use nanoqga::{Agent, Buffers, CommandSet};

/// What a host can ask of this program.
struct Program;

impl info::Identity for Program {
    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }
}

static COMMANDS: CommandSet<Program> = CommandSet::new(&[sync::commands(), info::commands()]);

/// Answers all requests of `input`.
pub fn serve(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut buffers: Buffers = Buffers::new();
    let mut agent = Agent::new(&COMMANDS, buffers.memory());
    let (mut bytes, mut room) = ([0; 512], [0; 512]);
    loop {
        let count = input.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        answer(&mut agent, &mut Program, &bytes[..count], &mut room, |reply| output.write_all(reply))?;
        output.flush()?;
    }
}

fn main() -> io::Result<()> {
    serve(io::stdin().lock(), io::stdout().lock())
}
