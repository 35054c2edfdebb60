//! An agent in an async task, beside others: it waits for its channel and holds nobody up.
//!
//! ```sh
//! cargo run -q -p nanoqga --features async --example async_task
//! ```

use std::io;

use embedded_io_adapters::tokio_1::FromTokio;
use nanoqga::commands::{power, sync};
use nanoqga::serve::Pump;
use nanoqga::{Agent, Buffers, CommandSet, Failure};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex, split};

/// A guest that can be switched off.
#[derive(Debug, Default)]
pub struct Guest {
    goes_down: bool,
}

impl power::Power for Guest {
    fn shutdown(&mut self, _: power::Shutdown) -> Result<(), Failure> {
        self.goes_down = true;
        Ok(())
    }
}

static COMMANDS: CommandSet<Guest> = CommandSet::new(&[sync::commands(), power::commands()]);

/// The task: serves one host until it hangs up; says whether the guest was told to go down.
async fn agent(channel: DuplexStream) -> io::Result<bool> {
    let mut buffers: Buffers = Buffers::new();
    let mut agent = Agent::new(&COMMANDS, buffers.memory());
    let mut guest = Guest::default();
    <Pump>::new().serve(&mut agent, &mut guest, &mut FromTokio::new(channel)).await?;
    Ok(guest.goes_down)
}

/// A host that asks and then switches the guest off; returns the reply to what it asked.
async fn host(channel: DuplexStream) -> io::Result<String> {
    let (read, mut write) = split(channel);
    write.write_all(b"{\"execute\": \"guest-sync\", \"arguments\": {\"id\": 7}}\n").await?;
    let mut reply = String::new();
    BufReader::new(read).read_line(&mut reply).await?;
    write.write_all(b"{\"execute\": \"guest-shutdown\"}\n").await?;
    Ok(reply)
}

/// Runs both; returns the reply, and whether the guest was told to go down.
pub async fn conversation() -> io::Result<(String, bool)> {
    let (ours, theirs) = duplex(64);
    let (goes_down, reply) = tokio::join!(agent(ours), host(theirs));
    Ok((reply?, goes_down?))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let (reply, goes_down) = conversation().await?;
    println!("<- {}   the guest goes down: {goes_down}", reply.trim_end());
    Ok(())
}
